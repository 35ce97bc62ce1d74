//! IAM policies with their `${…}` placeholders turned into CloudFormation substitutions.

use serde_json::{Map, Value, json};

const MODULE: &str = include_str!("../policies/module.json");
const CONTROL: &str = include_str!("../policies/control.json");

/// What every module function may do beside its own policy.
pub(crate) fn module() -> Value {
    serde_json::from_str(MODULE).unwrap_or_default()
}

/// What every control function may do beside its own policy.
pub(crate) fn control() -> Value {
    serde_json::from_str(CONTROL).unwrap_or_default()
}

/// A document with `Fn::Sub` around every text that holds a placeholder. IAM's own variables (`${aws:…}`) are kept.
pub(crate) fn substituted(value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains("${") => {
            let text = text.replace("${aws:", "${!aws:");
            json!({ "Fn::Sub": text })
        }
        Value::Array(items) => items.iter().map(substituted).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), substituted(value))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// Statements of several documents as one.
pub(crate) fn joined(documents: &[&Value], more: Vec<Value>) -> Value {
    let mut statements: Vec<Value> = documents
        .iter()
        .flat_map(|document| document["Statement"].as_array().cloned().unwrap_or_default())
        .map(|statement| substituted(&statement))
        .collect();
    statements.extend(more);
    json!({ "Version": "2012-10-17", "Statement": statements })
}
