//! The JSON Schema of layer files, generated from the kinds. It says all that can be said of one field; rules between
//! fields, modules and files are the parser's alone.

mod digits;
mod types;

use serde_json::{Map, Value, json};

use crate::kind::{Kind, Place};
use crate::kinds;
use crate::settings::SETTINGS;
use types::{definitions, field, object, or_null};

/// JSON Schema (draft 2020-12) for editors.
pub fn schema() -> Value {
    let choices: Vec<Value> = kinds::all().iter().map(|kind| choice(kind)).collect();
    let types: Vec<&str> = kinds::all().iter().flat_map(|kind| kind.type_names).copied().collect();
    let mut defs = definitions();
    defs.insert("ignore_drift".to_owned(), ignore_drift());
    defs.extend(kinds::all().iter().map(|kind| (kind.name.to_owned(), module(kind))));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Landfall layer",
        "description": "An environment has org_name and providers; a service has environments",
        "type": "object",
        "required": ["name", "modules"],
        "properties": {
            "name": {
                "type": "string",
                "pattern": "^[A-Za-z0-9-]+$",
                "description": "Name of the layer: letters, digits and dashes",
            },
            "org_name": {
                "type": "string",
                "pattern": "^[a-z0-9-]{0,15}$",
                "description": "Organisation that the environment belongs to",
            },
            "providers": providers(),
            "environments": environments(),
            "input_variables": input_variables(),
            "landfall": or_null(object(SETTINGS)),
            "modules": {
                "type": "array",
                "description": "What is deployed; the order does not matter",
                "items": {
                    "type": "object",
                    "required": ["type"],
                    "properties": { "type": { "enum": types, "description": "Type of the module" } },
                    "allOf": choices,
                },
            },
        },
        "if": { "required": ["environments"] },
        "then": { "properties": { "org_name": false, "providers": false } },
        "else": { "required": ["org_name", "providers"] },
        "additionalProperties": false,
        "$defs": defs,
    })
}

fn providers() -> Value {
    let region = json!({
        "type": "string",
        "pattern": "^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$",
        "examples": ["us-east-1"],
        "description": "AWS region",
    });
    let account_id = json!({
        "description": "AWS account, 12 digits; in quotes when it begins with 0",
        "anyOf": [
            { "type": "string", "pattern": "^[0-9]{1,12}$" },
            { "type": "integer", "minimum": 0, "maximum": 999_999_999_999_i64 },
        ],
    });
    json!({
        "type": "object",
        "description": "Where the environment is deployed",
        "properties": { "aws": {
            "type": "object",
            "properties": { "region": region, "account_id": account_id },
            "required": ["region", "account_id"],
            "additionalProperties": false,
        } },
        "required": ["aws"],
        "additionalProperties": false,
    })
}

fn environments() -> Value {
    let variables = json!({
        "type": ["object", "null"],
        "description": "Values of variables in this environment",
        "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
    });
    json!({
        "type": "array",
        "minItems": 1,
        "description": "Environments that the service can be deployed to",
        "items": {
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 1, "description": "Label by which the entry is chosen" },
                "path": { "type": "string", "minLength": 1, "description": "File of the environment, relative to this one" },
                "variables": variables,
                "vars": variables,
            },
            "required": ["name", "path"],
            "additionalProperties": false,
        },
    })
}

fn input_variables() -> Value {
    json!({
        "type": ["array", "null"],
        "description": "Variables, used as {vars.NAME}",
        "items": {
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 1, "description": "Name of the variable" },
                "default": { "description": "Value when an environment gives none" },
                "description": { "description": "What it is for" },
            },
            "required": ["name"],
        },
    })
}

/// The rules of a kind, for modules of its types.
fn choice(kind: &Kind) -> Value {
    json!({
        "if": { "properties": { "type": { "enum": kind.type_names } }, "required": ["type"] },
        "then": { "$ref": format!("#/$defs/{}", kind.name) },
    })
}

fn module(kind: &Kind) -> Value {
    let mut properties = Map::new();
    properties.insert("type".into(), json!({ "enum": kind.type_names, "description": kind.summary }));
    let name = or_null(json!({ "type": "string", "pattern": "^[A-Za-z0-9]+$" }));
    properties.insert("name".into(), described(name, "Name of the module, unique in the file: letters and digits"));
    let depends_on = or_null(json!({ "type": "array", "items": { "type": "string" } }));
    properties.insert("depends_on".into(), described(depends_on, "Modules that are applied before this one"));
    properties.insert("ignore_drift".into(), json!({ "$ref": "#/$defs/ignore_drift" }));
    for input in kind.inputs {
        properties.insert(input.name.to_owned(), field(input));
    }
    let required: Vec<&str> = kind.inputs.iter().filter(|input| input.required).map(|input| input.name).collect();
    let place = match kind.place {
        Place::Anywhere => "",
        Place::Environment => ". For environments",
    };
    json!({
        "description": format!("{}{place}", kind.summary),
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn ignore_drift() -> Value {
    let path =
        json!({ "type": "string", "pattern": r"^[A-Za-z][^.\s*]*(\.[^.\s*]+)*$", "examples": ["tags.CostCenter"] });
    let about = "Attributes that others may change: what AWS has there stays until the config says something else";
    described(or_null(json!({ "type": "array", "items": path, "uniqueItems": true })), about)
}

fn described(mut schema: Value, text: &str) -> Value {
    schema["description"] = json!(text);
    schema
}
