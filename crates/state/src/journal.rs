//! The journal: for every resource the intent, the physical id, the last applied properties.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StateError;
use crate::keys;
use crate::store::Store;

/// How far a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryStatus {
    /// A call is about to be made, or was made and its answer is not recorded.
    Intent,
    /// AWS works on it.
    Pending,
    /// It is as `properties` say.
    Applied,
    /// It is being removed.
    Deleting,
}

/// What a call is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntentAction {
    /// Make it.
    Create,
    /// Change it.
    Update,
    /// Remove it.
    Delete,
}

/// A resource in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Module.
    pub module: String,
    /// Name in the module.
    pub resource: String,
    /// CloudFormation type name.
    pub kind: String,
    /// How far it is.
    pub status: EntryStatus,
    /// Physical id, once known.
    #[serde(default)]
    pub id: Option<String>,
    /// What the last call was about to do.
    #[serde(default)]
    pub action: Option<IntentAction>,
    /// How often that was begun.
    #[serde(default)]
    pub attempt: u32,
    /// When it was begun last.
    #[serde(default)]
    pub intent_at: Option<Timestamp>,
    /// Client token of the creation, the same for every attempt.
    #[serde(default)]
    pub client_token: Option<String>,
    /// Last applied properties; null before.
    #[serde(with = "json_text")]
    pub properties: Value,
    /// Attributes that others refer to.
    #[serde(with = "json_text")]
    pub attributes: Value,
    /// Resources of the module that it needs: removed after it.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Deployment that touched it last.
    pub number: u64,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Schema of the record.
    pub schema: u32,
}

/// What is about to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct NewIntent<'a> {
    /// Deployment.
    pub number: u64,
    /// Module.
    pub module: &'a str,
    /// Name in the module.
    pub resource: &'a str,
    /// CloudFormation type name.
    pub kind: &'a str,
    /// What.
    pub action: IntentAction,
    /// Physical id, if known.
    pub id: Option<&'a str>,
    /// Client token for a creation.
    pub client_token: &'a str,
    /// Resources of the module that it needs.
    pub needs: &'a [String],
}

/// JSON documents are kept as text: DynamoDB's own maps drop nothing, but cost more and cannot hold every number.
pub(crate) mod json_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    pub(crate) fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(serde::de::Error::custom)
    }
}

impl Store {
    /// Every resource of a layer.
    pub async fn journal(&self, layer: &str) -> Result<Vec<JournalEntry>, StateError> {
        self.query(&keys::layer(layer), "RES#").await
    }

    /// Every resource of one module.
    pub async fn journal_of(&self, layer: &str, module: &str) -> Result<Vec<JournalEntry>, StateError> {
        self.query(&keys::layer(layer), &keys::resources(module)).await
    }
}
