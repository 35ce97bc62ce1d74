//! The plan of a whole layer: its modules in order, its counts, and the hash that an approval binds to.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::change::{Action, Risk};
use crate::module::ModulePlan;

/// What the deployment was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanRequest {
    /// Bring the layer to its config.
    Deploy,
    /// Remove the layer.
    Destroy,
    /// Bring the layer back to what was deployed last, after a deployment that failed. Nothing that stores data is
    /// deleted or replaced.
    Rollback,
}

/// How many resources change, by what is done to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Created.
    pub create: usize,
    /// Updated in place.
    pub update: usize,
    /// Replaced.
    pub replace: usize,
    /// Deleted.
    pub delete: usize,
    /// Left as they are.
    pub keep: usize,
}

impl Counts {
    /// Counts one action.
    pub fn add(&mut self, action: Action) {
        match action {
            Action::Keep => self.keep += 1,
            Action::Create => self.create += 1,
            Action::Update => self.update += 1,
            Action::Replace => self.replace += 1,
            Action::Delete => self.delete += 1,
        }
    }

    /// Resources that change.
    pub fn changes(&self) -> usize {
        self.create + self.update + self.replace + self.delete
    }
}

/// The plan of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Layer.
    pub layer: String,
    /// Environment that the layer is or lives in.
    pub environment: String,
    /// AWS account id.
    pub account_id: String,
    /// AWS region.
    pub region: String,
    /// What was asked.
    pub request: PlanRequest,
    /// Modules, in the order in which they are applied (destroyed ones last).
    pub modules: Vec<ModulePlan>,
    /// Diagnostics of the config that do not stop it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Plan {
    /// Counts over all modules.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in self.modules.iter().flat_map(|module| &module.resources) {
            counts.add(change.action);
        }
        counts
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.modules.iter().all(|module| !module.changes())
    }

    /// The highest risk in the plan, with that of what AWS will refuse.
    pub fn risk(&self) -> Risk {
        self.modules.iter().map(ModulePlan::risk).max().unwrap_or(Risk::Low)
    }

    /// Hex SHA-256 over the plan's canonical JSON. An approval names it, so it binds to exactly these changes. What
    /// stands in their way and what is left alone is not in it: others change that while people think.
    pub fn hash(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        for module in value.get_mut("modules").and_then(Value::as_array_mut).into_iter().flatten() {
            for aside in ["preflight", "left"] {
                module.as_object_mut().map(|module| module.remove(aside));
            }
        }
        let mut text = String::new();
        write_canonical(&value, &mut text);
        hex::encode(Sha256::digest(text))
    }
}

/// Writes JSON whose object keys are sorted.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (at, (key, item)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_string(key, text);
                text.push(':');
                write_canonical(item, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::String(string) => write_string(string, text),
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
}

fn write_string(string: &str, text: &mut String) {
    text.push_str(&serde_json::to_string(string).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(value: &Value) -> String {
        let mut text = String::new();
        write_canonical(value, &mut text);
        text
    }

    #[test]
    fn the_hash_sees_values_and_not_the_order_of_keys() {
        let document = json!({ "b": [1, 2.5, null, true, { "ü": "\"\n" }], "a": {} });
        assert_eq!(text(&document), crate::diff::canonical(&document).to_string());
        assert_eq!(text(&json!({ "x": 1, "y": 2 })), text(&json!({ "y": 2, "x": 1 })));
        assert_ne!(text(&json!({ "x": [1, 2] })), text(&json!({ "x": [2, 1] })));
    }
}
