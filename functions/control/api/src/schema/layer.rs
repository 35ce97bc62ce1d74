//! Answers about the installation and its layers.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What is installed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Installation {
    /// Version of the function that answers.
    pub version: String,
    /// Release that was installed.
    pub release: String,
    /// AWS region.
    pub region: String,
    /// AWS account.
    pub account_id: String,
    /// Bucket that layer files are uploaded to.
    pub config_bucket: String,
    /// Module kinds whose function is installed.
    pub kinds: Vec<String>,
}

/// All layers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Layers {
    /// By name.
    pub layers: Vec<LayerSummary>,
}

/// What exists of a layer.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
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

/// Whether a layer is an environment or a service.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// An environment.
    Environment,
    /// A service in an environment.
    Service,
}

/// The config that a layer was last brought to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeployedConfig {
    /// Deployment that did it.
    pub number: u64,
    /// Version of the object.
    pub version_id: Option<String>,
    /// The file's text.
    pub document: super::DocumentRef,
    /// When that was, if all of the layer was compared with AWS for it.
    #[schema(format = DateTime)]
    pub compared_at: Option<String>,
}

/// What is recorded of a layer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LayerRecord {
    /// Name.
    pub layer: String,
    /// What exists.
    pub status: LayerStatus,
    /// Number of the newest deployment.
    pub counter: u64,
    /// Key of the config bucket that owns the name.
    pub key: Option<String>,
    /// Environment or service, once deployed.
    pub scope: Option<Scope>,
    /// Environment that it is or lives in, once deployed.
    pub environment: Option<String>,
    /// Organisation.
    pub org_name: Option<String>,
    /// AWS region.
    pub region: Option<String>,
    /// AWS account.
    pub account_id: Option<String>,
    /// The deployment that ended last.
    pub last_deployment: Option<u64>,
    /// The config it was last brought to.
    pub config: Option<DeployedConfig>,
    /// Times in which no deployment of it or of its services begins, as its config says.
    pub freeze_windows: Vec<FreezeWindow>,
    /// When the record changed last.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Schema of the record.
    pub schema: u32,
}

/// A time in which no deployment of a layer begins.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FreezeWindow {
    /// From when.
    #[schema(format = DateTime)]
    pub from: String,
    /// Until when.
    #[schema(format = DateTime)]
    pub until: String,
    /// Why.
    pub reason: String,
}

/// A freeze that somebody set.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Freeze {
    /// Layer.
    pub layer: String,
    /// Until when.
    #[schema(format = DateTime)]
    pub until: String,
    /// Why.
    pub reason: String,
    /// Who: an ARN.
    pub by: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
}

/// A layer in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LayerSummary {
    /// What is recorded.
    #[serde(flatten)]
    pub record: LayerRecord,
    /// Number of the deployment that runs.
    pub running: Option<u64>,
    /// Number of the deployment that waits.
    pub waiting: Option<u64>,
    /// The freeze that somebody set.
    pub freeze: Option<Freeze>,
    /// What drifted and is neither ignored nor accepted.
    pub drift: Option<super::DriftSince>,
}

/// A layer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LayerDetail {
    /// What is recorded.
    #[serde(flatten)]
    pub record: LayerRecord,
    /// Number of the deployment that runs.
    pub running: Option<u64>,
    /// Number of the deployment that waits.
    pub waiting: Option<u64>,
    /// The freeze that somebody set.
    pub freeze: Option<Freeze>,
    /// What drifted and is neither ignored nor accepted.
    pub drift: Option<super::DriftSince>,
    /// Who holds it.
    pub lease: Option<Lease>,
    /// Its deployed modules.
    pub modules: Vec<Module>,
    /// Services that live in it.
    pub services: Vec<String>,
}

/// Who holds a layer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Lease {
    /// Layer.
    pub layer: String,
    /// ARN of the execution that holds it.
    pub holder: String,
    /// Fencing token.
    pub token: u64,
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
    /// Until when, unless it is renewed.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// What it is doing.
    pub doing: String,
    /// The environment that is held with it.
    pub environment: Option<String>,
}

/// A deployed module.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Module {
    /// Name in the layer.
    pub name: String,
    /// Kind in the catalogue.
    pub kind: String,
    /// Deployment that brought it here.
    pub number: u64,
    /// Whether all of it exists.
    pub complete: bool,
}

/// Outputs of a layer. References to secrets only, never secrets.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Outputs {
    /// Layer.
    pub layer: String,
    /// Outputs by module, then by name.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Value>>)]
    pub outputs: serde_json::Map<String, Value>,
}

/// What became of a lease that was taken away.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Unlocked {
    /// Layer.
    pub layer: String,
    /// Who held it.
    pub was_held_by: Lease,
    /// Whether the holder still runs. It can write nothing any more.
    pub still_running: bool,
}
