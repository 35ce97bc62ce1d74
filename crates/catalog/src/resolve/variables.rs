//! Variables of a file: declared ones with their defaults, and what the entry of the environment gives.

use std::collections::BTreeMap;

use landfall_config::{InputVariable, Report};
use serde_json::Value;

use super::Request;
use super::references::offline;

/// Values by name; what has no value is reported and null.
pub(super) fn variables(request: &Request<'_>, report: &mut Report<'_>) -> BTreeMap<String, Value> {
    let mut values: BTreeMap<String, Value> =
        request.variables.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let entries = request.file.environments();
    if request.environment.is_none() {
        // A service that is checked without its environment: what some entry gives exists, its value is not known.
        for entry in entries.iter().flat_map(|entry| &entry.variables.entries) {
            values.entry(entry.key.clone()).or_insert_with(|| offline(&format!("vars.{}", entry.key)));
        }
    }
    for declared in &request.file.input_variables {
        let name = &declared.name.value;
        match &declared.default {
            Some(default) => {
                values.entry(name.clone()).or_insert_with(|| default.to_json());
            }
            None => {
                if let Some(help) = missing(request, declared) {
                    let message = format!("the variable `{name}` has no value");
                    let diagnostic = report.at(declared.name.span, "variable-without-value", message);
                    report.push(diagnostic.with_field("input_variables").with_help(help));
                    values.entry(name.clone()).or_insert(Value::Null);
                }
            }
        }
    }
    values
}

/// What to do about a variable without a default that has no value.
fn missing(request: &Request<'_>, declared: &InputVariable) -> Option<String> {
    let name = &declared.name.value;
    if request.variables.contains_key(name) {
        return None;
    }
    let entries = request.file.environments();
    let without: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.variables.get(name).is_none_or(landfall_config::Node::is_null))
        .map(|entry| entry.name.value.as_str())
        .collect();
    if request.environment.is_none() && !entries.is_empty() && without.is_empty() {
        return None;
    }
    Some(if entries.is_empty() {
        "give it a `default`".to_owned()
    } else {
        let list = if without.is_empty() { String::new() } else { format!(" ({})", without.join(", ")) };
        format!("give it a `default`, or a value under `variables` of every entry of `environments`{list}")
    })
}
