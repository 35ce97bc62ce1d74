//! Types of inputs: what values they take, in words and as JSON Schema.

use serde_json::{Value, json};

use crate::kind::Input;

/// What values an input takes.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Anything.
    Any,
    /// `true` or `false`.
    Bool,
    /// An integer within bounds.
    Int {
        /// Least.
        min: i64,
        /// Most.
        max: i64,
    },
    /// An integer within bounds, or the same as text of digits.
    IntOrText {
        /// Least.
        min: i64,
        /// Most.
        max: i64,
    },
    /// Text.
    Text,
    /// Text of a form.
    Pattern(&'static Pattern),
    /// One of some words.
    Enum(&'static Enum),
    /// An IPv4 range such as `10.0.0.0/16`.
    Cidr,
    /// A path relative to the layer file.
    Path,
    /// A list.
    List {
        /// Type of its items.
        of: &'static Type,
        /// Least number of items.
        min: usize,
        /// Most items.
        max: usize,
        /// Whether no item may stand in it twice.
        distinct: bool,
    },
    /// A mapping of free keys.
    Map(&'static Type),
    /// A mapping of known fields.
    Object(&'static [Input]),
    /// One of several types; the first that fits.
    Either(&'static [Type]),
    /// Links to other modules.
    Links,
}

/// A form of text.
#[derive(Debug)]
pub struct Pattern {
    /// Regular expression, anchored at both ends; also used in the JSON Schema.
    pub regex: &'static str,
    /// What it is, with article: `a VPC id`.
    pub what: &'static str,
    /// An example.
    pub example: &'static str,
}

/// A choice of words.
#[derive(Debug)]
pub struct Enum {
    /// The words.
    pub words: &'static [&'static str],
    /// Words of former times and what they are read as.
    pub former: &'static [(&'static str, &'static str)],
}

/// Regular expression of an IPv4 range.
pub(crate) const CIDR: &str = "^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])/(3[0-2]|[12]?[0-9])$";
/// Regular expression of a relative path. That no part of it is `..` is checked beside it.
pub(crate) const PATH: &str = "^[^/\\~{][^\\]*$";

impl Type {
    /// A list of any length.
    pub(crate) const fn list(of: &'static Self) -> Self {
        Self::List { of, min: 0, max: usize::MAX, distinct: false }
    }

    /// A number of things, days or seconds: zero or more.
    pub(crate) const COUNT: Self = Self::Int { min: 0, max: i32::MAX as i64 };
    /// A port.
    pub(crate) const PORT: Self = Self::Int { min: 1, max: 65535 };
    /// A list of text.
    pub(crate) const TEXTS: Self = Self::list(&Self::Text);

    /// What it takes, in words that fit after "expected".
    pub fn describe(&self) -> String {
        match self {
            Self::Any => "any value".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Int { min, max } => format!("an integer{}", bounds(*min, *max)),
            Self::IntOrText { min, max } => format!("an integer or digits in quotes{}", bounds(*min, *max)),
            Self::Text => "a string".to_owned(),
            Self::Pattern(pattern) => format!("{} such as `{}`", pattern.what, pattern.example),
            Self::Enum(choice) => one_of(choice.words),
            Self::Cidr => "an IPv4 range such as `10.0.0.0/16`".to_owned(),
            Self::Path => "a path relative to this file".to_owned(),
            Self::List { of, .. } => format!("a list, each item {}", of.describe()),
            Self::Map(of) => format!("a mapping, each value {}", of.describe()),
            Self::Object(fields) => {
                format!(
                    "a mapping with {}",
                    fields.iter().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", ")
                )
            }
            Self::Either(types) => types.iter().map(Self::describe).collect::<Vec<_>>().join(", or "),
            Self::Links => "a list of module names, each with permissions where wanted".to_owned(),
        }
    }

    /// The JSON Schema of its values.
    pub fn schema(&self) -> Value {
        match self {
            Self::Any => json!({}),
            Self::Bool => or_reference(json!({"type": "boolean"})),
            Self::Int { min, max } => or_reference(json!({"type": "integer", "minimum": min, "maximum": max})),
            Self::IntOrText { min, max } => or_reference(json!({"anyOf": [
                {"type": "integer", "minimum": min, "maximum": max},
                {"type": "string", "pattern": "^[0-9]{1,18}$"},
            ]})),
            Self::Text => json!({"type": "string"}),
            Self::Pattern(pattern) => or_any_reference(json!({"type": "string", "pattern": pattern.regex})),
            Self::Enum(choice) => {
                let words: Vec<_> =
                    choice.words.iter().copied().chain(choice.former.iter().map(|(old, _)| *old)).collect();
                or_reference(json!({"enum": words}))
            }
            Self::Cidr => or_reference(json!({"type": "string", "pattern": CIDR})),
            Self::Path => or_reference(json!({"type": "string", "pattern": PATH})),
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
                or_any_reference(schema)
            }
            Self::Map(of) => or_any_reference(json!({"type": "object", "additionalProperties": of.schema()})),
            Self::Object(fields) => or_any_reference(object_schema(fields)),
            Self::Either(types) => json!({"anyOf": types.iter().map(Self::schema).collect::<Vec<_>>()}),
            Self::Links => json!({"$ref": "#/$defs/links"}),
        }
    }
}

/// The JSON Schema of a mapping with these fields and no others.
pub(crate) fn object_schema(fields: &[Input]) -> Value {
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let properties: serde_json::Map<_, _> =
        fields.iter().map(|field| (field.name.to_owned(), field_schema(field))).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// The JSON Schema of one field, with its description and default. Optional fields also take null.
pub(crate) fn field_schema(field: &Input) -> Value {
    let schema = field.ty.schema();
    let mut schema = if field.required { schema } else { json!({"anyOf": [schema, {"type": "null"}]}) };
    schema["description"] = json!(field.doc);
    let default = field.default.to_json();
    if !field.required && !default.is_null() {
        schema["default"] = default;
    }
    schema
}

/// A variable or an output of the environment may stand for any value; it is checked once it is known.
fn or_reference(schema: Value) -> Value {
    json!({"anyOf": [schema, {"$ref": "#/$defs/reference"}]})
}

/// Where text is wanted, an output of another module may stand as well.
fn or_any_reference(schema: Value) -> Value {
    json!({"anyOf": [schema, {"$ref": "#/$defs/reference"}, {"$ref": "#/$defs/output"}]})
}

/// `a`, `b` or `c`.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

fn bounds(min: i64, max: i64) -> String {
    match (min, max) {
        (0, max) if max >= i64::from(i32::MAX) => " of at least 0".to_owned(),
        (i64::MIN, i64::MAX) => String::new(),
        (min, max) if max >= i64::from(i32::MAX) => format!(" of at least {min}"),
        (min, max) => format!(" from {min} to {max}"),
    }
}
