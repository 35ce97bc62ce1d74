//! What stands in the way of a module's plan before anything is made: quotas, permissions, and what could not be looked
//! at. Remarks of the moment: they are read with the plan and are no part of what an approval binds to.

use serde::{Deserialize, Serialize};

/// How much an obstacle weighs. Ordered from harmless to certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// It was not looked at, so nothing is known.
    Unchecked,
    /// The plan fits, and little room is left.
    Near,
    /// It may be refused: AWS does not tell for certain before it is tried.
    Doubtful,
    /// AWS will refuse it as things are now.
    Blocking,
}

/// Something that stands in the way, or may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// How much it weighs.
    pub weight: Weight,
    /// What it is about: an action (`sqs:CreateQueue`), or the name of a quota (`VPCs per Region`).
    pub about: String,
    /// What is the matter: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

impl Obstacle {
    /// The message, and what to do about it.
    pub fn sentence(&self) -> String {
        if self.hint.is_empty() { self.message.clone() } else { format!("{}: {}", self.message, self.hint) }
    }
}
