//! Layers and their deployed modules: what exists, who owns it, what it told others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::documents::DocumentRef;
use crate::error::StateError;
use crate::freeze::FreezeWindow;
use crate::keys;
use crate::queue::Queue;
use crate::store::{Store, read};
use crate::write::text;

/// Whether a layer is an environment or a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// An environment.
    Environment,
    /// A service in an environment.
    Service,
}

/// What exists of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerStatus {
    /// Nothing yet.
    New,
    /// As its config says.
    Deployed,
    /// The last deployment failed; part of it may exist.
    Failed,
    /// Removed.
    Destroyed,
}

/// The config that a layer was last brought to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedConfig {
    /// Deployment that did it.
    pub number: u64,
    /// Version of the object.
    #[serde(default)]
    pub version_id: Option<String>,
    /// The file's text.
    pub document: DocumentRef,
    /// When that was, if all of the layer was compared with AWS for it.
    #[serde(default)]
    pub compared_at: Option<Timestamp>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// Name.
    pub layer: String,
    /// What exists.
    pub status: LayerStatus,
    /// Number of the newest deployment; numbers are never reused.
    #[serde(default)]
    pub counter: u64,
    /// Key that owns the name.
    #[serde(default)]
    pub key: Option<String>,
    /// Environment or service, once deployed.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// Environment that it is or lives in, once deployed.
    #[serde(default)]
    pub environment: Option<String>,
    /// Organisation.
    #[serde(default)]
    pub org_name: Option<String>,
    /// Region.
    #[serde(default)]
    pub region: Option<String>,
    /// Account.
    #[serde(default)]
    pub account_id: Option<String>,
    /// The deployment that ended last.
    #[serde(default)]
    pub last_deployment: Option<u64>,
    /// The config it was last brought to.
    #[serde(default)]
    pub config: Option<DeployedConfig>,
    /// Times in which no deployment of it or of its services begins.
    #[serde(default)]
    pub freeze_windows: Vec<FreezeWindow>,
    /// Settings of its deployments, for those without a file: what destroys it.
    #[serde(default, with = "crate::journal::json_text")]
    pub settings: Value,
    /// When the record changed last.
    pub updated_at: Timestamp,
    /// Schema of the record.
    pub schema: u32,
}

impl LayerRecord {
    /// Whether the layer exists or is about to, so that its name is taken by its key.
    pub fn is_alive(&self, queue: Queue) -> bool {
        match self.status {
            LayerStatus::Deployed | LayerStatus::Failed => true,
            LayerStatus::New | LayerStatus::Destroyed => queue.is_busy(),
        }
    }
}

/// A deployed module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleRecord {
    /// Name in the layer.
    pub module: String,
    /// Kind in the catalogue.
    pub kind: String,
    /// Deployment that brought it here.
    pub number: u64,
    /// Outputs by name. References to secrets only, never secrets.
    #[serde(with = "crate::journal::json_text")]
    pub outputs: Value,
    /// Defaults that were used, so that a new default does not change it.
    #[serde(default)]
    pub defaults: BTreeMap<String, String>,
    /// Modules of the layer that it needs: destroyed after it.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Whether every resource of it was applied.
    pub complete: bool,
}

impl ModuleRecord {
    /// The pinned defaults as values.
    pub fn pinned(&self) -> BTreeMap<String, Value> {
        self.defaults.iter().filter_map(|(name, text)| Some((name.clone(), serde_json::from_str(text).ok()?))).collect()
    }
}

impl Store {
    /// A layer, or `None` if no change ever named it.
    pub async fn layer(&self, layer: &str) -> Result<Option<LayerRecord>, StateError> {
        self.get(&keys::layer(layer), keys::LAYER).await
    }

    /// All layers by name. Read from the index, so a change of the last second may be missing.
    pub async fn layers(&self) -> Result<Vec<LayerRecord>, StateError> {
        let mut found = Vec::new();
        let mut pages = self
            .ddb
            .query()
            .table_name(&*self.table)
            .index_name("gsi1")
            .key_condition_expression("gsi1pk = :layers")
            .expression_attribute_values(":layers", text(keys::LAYERS))
            .into_paginator()
            .items()
            .send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| StateError::aws("Query", error))?;
            found.push(read(item, keys::LAYERS, keys::LAYER)?);
        }
        Ok(found)
    }

    /// The deployed modules of a layer by name.
    pub async fn modules(&self, layer: &str) -> Result<BTreeMap<String, ModuleRecord>, StateError> {
        let records: Vec<ModuleRecord> = self.query(&keys::layer(layer), "MODULE#").await?;
        Ok(records.into_iter().map(|record| (record.module.clone(), record)).collect())
    }

    /// Names of the services that live in an environment.
    pub async fn services(&self, environment: &str) -> Result<Vec<String>, StateError> {
        #[derive(Deserialize)]
        struct Service {
            service: String,
        }
        let records: Vec<Service> = self.query(&keys::layer(environment), "SERVICE#").await?;
        Ok(records.into_iter().map(|record| record.service).collect())
    }

    /// Names of the services of which something exists or is about to: they keep their environment. One whose changes
    /// were all refused keeps nothing.
    pub async fn living_services(&self, environment: &str) -> Result<Vec<String>, StateError> {
        let mut alive = Vec::new();
        for service in self.services(environment).await? {
            let (record, queue) = tokio::try_join!(self.layer(&service), self.queue(&service))?;
            let lives = record.is_some_and(|record| record.is_alive(queue));
            if lives || !self.modules(&service).await?.is_empty() {
                alive.push(service);
            }
        }
        Ok(alive)
    }
}
