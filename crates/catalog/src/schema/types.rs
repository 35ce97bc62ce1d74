//! The JSON Schema of inputs.

use serde_json::{Map, Value, json};

use super::digits::between;
use crate::kind::Input;
use crate::ty::{CIDR, PATH, Type};

/// Text that is no reference, the escapes of braces included.
const LITERAL: &str = r"[^{}$]|\$(?!\{\{)|\$\$\{\{|\{\{|\}\}";
/// References that are known before anything is deployed, or that come from the environment.
const SIMPLE: &str = r"\{(?:env|layer_name|parent_name|region|aws\.region|aws\.account_id|state_storage|kubeconfig|k8s_access_token|(?:parent|vars|variables)\.[A-Za-z0-9_-]+)\}";
/// Outputs of modules of the same file.
const OUTPUT: &str = r"(?:\$\{\{\s*module(?:\.[A-Za-z0-9_-]+){2,}\s*\}\}|\{module(?:\.[A-Za-z0-9_-]+){2,}\})";

/// Definitions that the schemas of inputs refer to.
pub(super) fn definitions() -> Map<String, Value> {
    let text = format!("^(?:{LITERAL}|{SIMPLE}|{OUTPUT})*$");
    let literal = format!("^(?:{LITERAL})*$");
    let reference = format!("^(?:{LITERAL})*{SIMPLE}(?:{LITERAL}|{SIMPLE})*$");
    let output = format!("^(?:{LITERAL}|{SIMPLE})*{OUTPUT}(?:{LITERAL}|{SIMPLE}|{OUTPUT})*$");
    let hint = "Braces mark references: {parent.OUTPUT}, {vars.NAME}, {env}, ${{module.NAME.OUTPUT}}. Write {{ and }} \
                for braces in the text.";
    let names = json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/text"}});
    let grant = json!({"anyOf": [{"$ref": "#/$defs/text"}, names]});
    let grants = json!({"anyOf": [{"type": "array", "items": grant}, {"type": "null"}]});
    let link = json!({"anyOf": [
        {"$ref": "#/$defs/text"},
        {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": grants},
    ]});
    let definitions = json!({
        "text": {"type": "string", "pattern": text, "patternErrorMessage": hint},
        "literal": {"type": "string", "pattern": literal},
        "reference": {
            "description": "A variable or something of the environment, checked once it is known",
            "type": "string",
            "pattern": reference,
        },
        "output": {"description": "An output of another module", "type": "string", "pattern": output},
        "any": {"anyOf": [
            {"type": ["null", "boolean", "number"]},
            {"$ref": "#/$defs/text"},
            {"type": "array", "items": {"$ref": "#/$defs/any"}},
            {"type": "object", "additionalProperties": {"$ref": "#/$defs/any"}},
        ]},
        "links": {"type": "array", "items": link},
    });
    match definitions {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl Type {
    /// The JSON Schema of its values.
    pub fn schema(&self) -> Value {
        match self {
            Self::Any => json!({"$ref": "#/$defs/any"}),
            Self::Bool => or_reference(json!({"type": "boolean"})),
            Self::Int { min, max } => or_reference(json!({"type": "integer", "minimum": min, "maximum": max})),
            Self::IntOrText { min, max } => or_references(vec![
                json!({"type": "integer", "minimum": min, "maximum": max}),
                json!({"type": "string", "pattern": between(min.unsigned_abs(), max.unsigned_abs())}),
            ]),
            Self::Text => json!({"$ref": "#/$defs/text"}),
            Self::NonEmpty => json!({"$ref": "#/$defs/text", "minLength": 1}),
            Self::Pattern(pattern) => {
                let examples = [pattern.example];
                or_output(json!({"$ref": "#/$defs/text", "pattern": pattern.regex, "examples": examples}))
            }
            Self::Version(versions) => {
                let former = versions.former.iter().map(|(old, _)| json!(old));
                let form = json!({
                    "type": "string", "pattern": versions.form.regex, "examples": [versions.form.example],
                });
                or_references(if versions.former.is_empty() {
                    vec![form]
                } else {
                    vec![form, json!({"enum": former.collect::<Vec<_>>(), "deprecated": true})]
                })
            }
            Self::Enum(choice) => {
                let now = json!({"enum": choice.words});
                let former: Vec<_> = choice.former.iter().map(|(old, _)| *old).collect();
                or_references(if former.is_empty() {
                    vec![now]
                } else {
                    vec![now, json!({"enum": former, "deprecated": true})]
                })
            }
            Self::Cidr => or_reference(json!({"type": "string", "pattern": CIDR})),
            Self::Path => or_reference(json!({
                "$ref": "#/$defs/literal",
                // As the parser says it, and no part of it is `..`.
                "pattern": PATH.replacen('^', r"^(?!(?:[\s\S]*/)?\.\.(?:/|$))", 1),
            })),
            Self::List { of, min, max, distinct } => {
                let mut schema = json!({"type": "array", "items": of.schema()});
                if *min > 0 {
                    schema["minItems"] = json!(min);
                }
                if *max < usize::MAX {
                    schema["maxItems"] = json!(max);
                }
                if *distinct {
                    schema["uniqueItems"] = json!(true);
                }
                or_output(schema)
            }
            Self::Map(of) => or_output(json!({"type": "object", "additionalProperties": of.schema()})),
            Self::Object(fields) => or_output(object(fields)),
            Self::Either(types) => json!({"anyOf": types.iter().map(Self::schema).collect::<Vec<_>>()}),
            Self::Links => json!({"$ref": "#/$defs/links"}),
        }
    }
}

/// The JSON Schema of a mapping with these fields and no others.
pub(super) fn object(fields: &[Input]) -> Value {
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let properties: Map<_, _> = fields.iter().map(|input| (input.name.to_owned(), field(input))).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// The JSON Schema of one field, with its description and default. Optional fields also take null.
pub(super) fn field(input: &Input) -> Value {
    let mut schema = input.ty.schema();
    if !input.required {
        schema = or_null(schema);
    } else if matches!(input.ty, Type::Any) {
        schema["not"] = json!({"type": "null"});
    }
    schema["description"] = match input.deprecated {
        Some(instead) => json!(format!("{} (deprecated: {instead})", input.doc)),
        None => json!(input.doc),
    };
    if input.deprecated.is_some() {
        schema["deprecated"] = json!(true);
    }
    let default = input.default.to_json();
    if !input.required && !default.is_null() {
        schema["default"] = default;
    }
    schema
}

/// Adds null to the alternatives.
pub(super) fn or_null(schema: Value) -> Value {
    let nothing = json!({"type": "null"});
    match schema {
        Value::Object(mut map) if map.len() == 1 && map.get("anyOf").is_some_and(Value::is_array) => {
            if let Some(Value::Array(alternatives)) = map.get_mut("anyOf") {
                alternatives.push(nothing);
            }
            Value::Object(map)
        }
        other => json!({"anyOf": [other, nothing]}),
    }
}

/// A variable or an output of the environment may stand for any value; it is checked once it is known.
fn or_reference(schema: Value) -> Value {
    or_references(vec![schema])
}

fn or_references(mut schemas: Vec<Value>) -> Value {
    schemas.push(json!({"$ref": "#/$defs/reference"}));
    json!({"anyOf": schemas})
}

/// Where text, a list or a mapping is wanted, an output of another module may stand as well.
fn or_output(schema: Value) -> Value {
    or_references(vec![schema, json!({"$ref": "#/$defs/output"})])
}
