//! The JSON Schema of layer files, generated from the kinds.

use serde_json::{Value, json};

use crate::kind::Kind;
use crate::kinds;
use crate::ty::field_schema;

/// JSON Schema (draft 2020-12) for editors.
pub fn schema() -> Value {
    let modules: Vec<Value> = kinds::all().iter().map(|kind| module(kind)).collect();
    let types: Vec<&str> = kinds::all().iter().flat_map(|kind| kind.type_names).copied().collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Landfall layer",
        "type": "object",
        "required": ["name", "modules"],
        "properties": {
            "name": { "type": "string", "pattern": "^[A-Za-z0-9-]+$", "description": "Name of the layer" },
            "org_name": { "type": "string", "pattern": "^[a-z0-9-]{0,15}$", "description": "Organisation; environments only" },
            "providers": {
                "type": "object",
                "description": "Where an environment is deployed",
                "properties": { "aws": {
                    "type": "object",
                    "properties": { "region": { "type": "string" }, "account_id": { "type": ["string", "integer"] } },
                    "required": ["region", "account_id"],
                    "additionalProperties": false,
                } },
                "required": ["aws"],
                "additionalProperties": false,
            },
            "environments": {
                "type": "array",
                "minItems": 1,
                "description": "Environments that a service can be deployed to",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": { "type": "string" }, "path": { "type": "string" },
                        "variables": { "type": ["object", "null"] }, "vars": { "type": ["object", "null"] },
                    },
                    "required": ["name", "path"],
                    "additionalProperties": false,
                },
            },
            "input_variables": { "type": ["array", "null"], "items": { "type": "object", "required": ["name"] } },
            "landfall": { "type": "object", "description": "Settings of the deployment" },
            "modules": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["type"],
                    "properties": { "type": { "enum": types } },
                    "allOf": modules,
                },
            },
        },
        "additionalProperties": false,
        "$defs": {
            "reference": { "type": "string", "pattern": "\\{[a-z_]+[^{}]*\\}" },
            "output": { "type": "string", "pattern": "\\$?\\{\\{?module\\.[^{}]+\\}\\}?" },
            "links": { "type": "array", "items": { "anyOf": [{ "type": "string" }, { "type": "object" }] } },
        },
    })
}

fn module(kind: &Kind) -> Value {
    let mut properties = serde_json::Map::new();
    properties.insert("type".into(), json!({ "enum": kind.type_names, "description": kind.summary }));
    properties.insert("name".into(), json!({ "type": "string", "pattern": "^[A-Za-z0-9]+$" }));
    properties.insert("depends_on".into(), json!({ "type": ["array", "null"], "items": { "type": "string" } }));
    for input in kind.inputs {
        properties.insert(input.name.to_owned(), field_schema(input));
    }
    let required: Vec<&str> = kind.inputs.iter().filter(|input| input.required).map(|input| input.name).collect();
    json!({
        "if": { "properties": { "type": { "enum": kind.type_names } }, "required": ["type"] },
        "then": { "properties": properties, "required": required, "additionalProperties": false },
    })
}
