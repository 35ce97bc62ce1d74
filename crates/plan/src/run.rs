//! The run document: everything that the steps of one deployment work from, written once by the planner. Step
//! Functions carries a reference to it, and the document itself to whoever makes the plan, where it is small.

use std::collections::BTreeMap;

use landfall_catalog::{EnvironmentContext, Layer};
use serde::{Deserialize, Serialize};

use crate::drift::AcceptedDrift;
use crate::module::ModuleChange;
use crate::plan::PlanRequest;

/// What one deployment works from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunDocument {
    /// The layer with all inputs filled in. When a layer is destroyed: its name and place, without modules.
    pub layer: Layer,
    /// Deployment number.
    pub number: u64,
    /// The deployment of the layer that it goes on with: what the journal says was done is believed, and AWS is asked
    /// only about the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<u64>,
    /// What was asked.
    pub request: PlanRequest,
    /// The environment that a service lives in.
    #[serde(default)]
    pub environment: Option<EnvironmentContext>,
    /// AWS partition: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Modules in topological order: those of the config, then those to destroy.
    pub modules: Vec<RunModule>,
    /// Files that travelled with the config.
    #[serde(default)]
    pub files: Vec<SupportFile>,
    /// Diagnostics of the config that do not stop it, rendered.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Drift that was accepted, by module.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accepted: BTreeMap<String, Vec<AcceptedDrift>>,
}

/// One module of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunModule {
    /// Name in the layer.
    pub name: String,
    /// Kind in the catalogue.
    pub kind: String,
    /// `apply` or `destroy`; whether an applied module changes at all is known after it is planned.
    pub change: ModuleChange,
    /// ARN of the version of its function that this deployment uses.
    pub function: String,
    /// Modules that must be settled before it: what it needs, or, when it is destroyed, what needs it.
    #[serde(default)]
    pub needs: Vec<String>,
}

/// A file that lies beside the layer file in the config bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportFile {
    /// Path relative to the layer file, with `/`.
    pub path: String,
    /// Key in the config bucket.
    pub key: String,
    /// Version of the object.
    #[serde(default)]
    pub version_id: Option<String>,
    /// ETag of the object, without quotes: changes when the content changes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
}
