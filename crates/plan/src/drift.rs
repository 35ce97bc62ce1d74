//! Drift that a deployment leaves alone: what the config says to ignore, and what somebody accepted as it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::change::{After, AttributeChange, Before};
use crate::diff::canonical;

/// Why drift is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The module's `ignore_drift` lists it.
    Ignored,
    /// Somebody accepted the value.
    Accepted,
}

/// Drift of one attribute that a plan leaves alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// Name of the resource in its module.
    pub resource: String,
    /// CloudFormation type name.
    pub kind: String,
    /// Why.
    pub why: Why,
    /// The difference.
    pub change: AttributeChange,
}

/// A value that somebody accepted in the place of the recorded one. It counts for as long as both are what they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedDrift {
    /// Name of the resource in its module.
    pub resource: String,
    /// Path of the attribute.
    pub path: String,
    /// Digest of the value that the config wants, see [`digest`].
    pub recorded: String,
    /// Digest of the value that was there.
    pub live: String,
}

impl AcceptedDrift {
    /// Whether this is what was accepted.
    pub fn covers(&self, resource: &str, change: &AttributeChange) -> bool {
        self.resource == resource
            && self.path == change.path
            && self.recorded == digest(wanted(change))
            && self.live == digest(there(change))
    }
}

/// What the config wants of an attribute; nothing when it is to be absent or is not known.
pub fn wanted(change: &AttributeChange) -> Option<&Value> {
    match &change.after {
        After::Value(value) => Some(value),
        After::Absent | After::KnownAfterApply => None,
    }
}

/// What is there of an attribute.
pub fn there(change: &AttributeChange) -> Option<&Value> {
    match &change.before {
        Before::Value(value) => Some(value),
        Before::Absent => None,
    }
}

/// Hex digest of a value, the same whatever the order of its keys; of nothing the word `absent`.
pub fn digest(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| hex::encode(Sha256::digest(canonical(value).to_string())))
}

/// Whether one of the paths is that of an attribute or of something that it lies in.
pub fn is_below(path: &str, paths: &[String]) -> bool {
    paths
        .iter()
        .any(|above| path.strip_prefix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_listed_path_means_what_lies_in_it() {
        let listed = ["tags.CostCenter".to_owned(), "lifecycle".to_owned()];
        for (path, below) in [
            ("tags.CostCenter", true),
            ("lifecycle", true),
            ("lifecycle.rule.days", true),
            ("tags", false),
            ("tags.CostCenterOld", false),
            ("delay", false),
        ] {
            assert_eq!(is_below(path, &listed), below, "{path}");
        }
    }

    #[test]
    fn what_was_accepted_counts_only_while_both_values_stay() {
        let change = |live: Value, wanted: Value| AttributeChange {
            path: "delay".to_owned(),
            before: Before::Value(live),
            after: After::Value(wanted),
            forces_replacement: false,
            drift: true,
        };
        let accepted = AcceptedDrift {
            resource: "queue".to_owned(),
            path: "delay".to_owned(),
            recorded: digest(Some(&json!(5))),
            live: digest(Some(&json!(7))),
        };
        assert!(accepted.covers("queue", &change(json!(7), json!(5))));
        assert!(!accepted.covers("queue", &change(json!(8), json!(5))), "somebody changed it again");
        assert!(!accepted.covers("queue", &change(json!(7), json!(6))), "the config changed");
        assert!(!accepted.covers("other", &change(json!(7), json!(5))));
        assert_eq!(digest(Some(&json!({"a": 1, "b": 2}))), digest(Some(&json!({"b": 2, "a": 1}))));
    }
}
