//! Answers about drift.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What of a layer is not as it was deployed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Drift {
    /// Layer.
    pub layer: String,
    /// When it was looked at last.
    #[schema(format = DateTime, required = true)]
    pub looked_at: Option<String>,
    /// The deployment with whose config it was compared then.
    #[schema(required = true)]
    pub compared_with: Option<u64>,
    /// The deployment whose config the layer has.
    #[schema(required = true)]
    pub deployed: Option<u64>,
    /// Since when something drifted that is neither ignored nor accepted.
    #[schema(format = DateTime, required = true)]
    pub since: Option<String>,
    /// What differs, what is ignored and accepted included.
    pub resources: Vec<DriftResource>,
}

/// A resource that is not as it was deployed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftResource {
    /// Module.
    pub module: String,
    /// Name in the module.
    pub resource: String,
    /// CloudFormation type name.
    pub kind: String,
    /// The name to look for in the console.
    #[schema(required = true)]
    pub name: Option<String>,
    /// When it was first seen that it was deleted outside Landfall.
    #[schema(format = DateTime, required = true)]
    pub deleted_since: Option<String>,
    /// When this was seen last.
    #[schema(format = DateTime)]
    pub last_seen: String,
    /// What differs, unless it was deleted.
    pub attributes: Vec<DriftAttribute>,
}

/// An attribute that is not as it was deployed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftAttribute {
    /// Path inside the resource's properties.
    pub path: String,
    /// As it was applied last; null when it was absent. Of a long value the beginning, as text.
    #[schema(required = true)]
    pub recorded: Value,
    /// As it is; null when it is absent. Of a long value the beginning, as text.
    #[schema(required = true)]
    pub live: Value,
    /// When it was seen first.
    #[schema(format = DateTime)]
    pub first_seen: String,
    /// When it was seen last.
    #[schema(format = DateTime)]
    pub last_seen: String,
    /// Whether the config ignores it.
    pub ignored: bool,
    /// That somebody accepted it.
    #[schema(required = true)]
    pub accepted: Option<DriftAcceptance>,
}

/// That somebody accepted drift.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftAcceptance {
    /// Who: an ARN.
    pub by: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
}

/// Drift of a layer in short: what is neither ignored nor accepted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftSince {
    /// When the first of it was seen.
    #[schema(format = DateTime)]
    pub since: String,
    /// Of how many resources.
    pub resources: usize,
}

/// What was accepted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftAccepted {
    /// Layer.
    pub layer: String,
    /// Accepted attributes: `MODULE.RESOURCE.ATTRIBUTE`.
    pub accepted: Vec<String>,
    /// What cannot be accepted.
    pub refused: Vec<DriftRefused>,
}

/// What is not accepted any more.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftWithdrawn {
    /// Layer.
    pub layer: String,
    /// Attributes: `MODULE.RESOURCE.ATTRIBUTE`.
    pub withdrawn: Vec<String>,
}

/// Why drift was not accepted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftRefused {
    /// `MODULE.RESOURCE`, and the attribute.
    pub name: String,
    /// For people: why.
    pub message: String,
    /// For people: what to do instead.
    pub hint: String,
}
