//! The plan of one module of a layer.

use serde::{Deserialize, Serialize};

use crate::change::{Action, ResourceChange, Risk};
use crate::drift::LeftAlone;
use crate::preflight::{Obstacle, Weight};
use crate::quota::Quota;

/// What happens to a module as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleChange {
    /// Nothing: none of its resources and outputs change.
    Unchanged,
    /// It is brought to the config.
    Apply,
    /// It left the config, or the layer is destroyed.
    Destroy,
}

/// The plan of one module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModulePlan {
    /// Name in the layer.
    pub module: String,
    /// Kind, for example `sqs`.
    pub kind: String,
    /// What happens to it as a whole.
    pub change: ModuleChange,
    /// Modules of the layer that it waits for.
    pub needs: Vec<String>,
    /// Its resources in the order in which they are applied. Unchanged ones are listed with [`Action::Keep`].
    pub resources: Vec<ResourceChange>,
    /// Remarks on the module as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What stands in the way of it. Not part of the plan's hash: what is used of a quota changes while people think.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preflight: Vec<Obstacle>,
    /// Quotas that it and others of its function use up, until [`weigh`](crate::weigh) says what they mean for the whole
    /// layer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<Quota>,
    /// Drift that it leaves alone. Not part of the plan's hash: what others change there must not make it another one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftAlone>,
}

impl ModulePlan {
    /// The highest risk among its resources. What AWS will refuse is a high one: begun, it would end half done.
    pub fn risk(&self) -> Risk {
        if self.is_blocked() {
            return Risk::High;
        }
        self.resources.iter().map(|change| change.risk).max().unwrap_or(Risk::Low)
    }

    /// Whether AWS will refuse something of it as things are now.
    pub fn is_blocked(&self) -> bool {
        self.preflight.iter().any(|obstacle| obstacle.weight == Weight::Blocking)
    }

    /// Whether any resource changes.
    pub fn changes(&self) -> bool {
        self.resources.iter().any(|change| change.action != Action::Keep)
    }
}
