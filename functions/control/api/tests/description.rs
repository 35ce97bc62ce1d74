//! The checked-in description of the API is what the handlers say.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

fn kept() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../docs/openapi.json")
}

#[test]
fn the_description_is_fresh() {
    let generated = serde_json::to_string_pretty(&landfall_api::openapi().unwrap()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(kept(), &generated).unwrap();
    }
    assert!(
        std::fs::read_to_string(kept()).unwrap_or_default() == generated,
        "docs/openapi.json is not what the handlers say now: run `UPDATE=1 cargo test -p landfall-api --test description`"
    );
}

#[test]
fn every_operation_has_an_id_of_its_own_and_says_who_may_call_it() {
    let document = landfall_api::openapi().unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["security"], serde_json::json!([{ "sigv4": [] }]));
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
            let permission = format!("$default/{}{path}", method.to_uppercase());
            assert!(operation["description"].as_str().unwrap().contains(&permission), "{id}");
            for status in ["403", "500", "503"] {
                assert!(operation["responses"][status].is_object(), "{id} {status}");
            }
        }
    }
    assert!(ids.len() >= 12, "{ids:?}");
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = landfall_api::openapi().unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
}
