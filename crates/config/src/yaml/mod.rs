//! YAML as a tree in which every value knows its place.

mod build;
mod problem;
mod scalar;

use serde_json::Value;

pub use build::documents;
pub(crate) use build::parser_options;
pub(crate) use problem::SPACE_AFTER_DASH;

use crate::mask::is_secret_field;
use crate::source::{Source, Span};

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands. For an alias, where the alias stands.
    pub span: Span,
    /// What it is.
    pub value: Yaml,
}

/// A YAML value of the 1.2 core schema. Numbers keep the text they were written with.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`; `yes` and `no` are strings.
    Bool(bool),
    /// An integer.
    Int {
        /// Its value.
        value: i64,
        /// As it was written, for example `000123456789`.
        raw: String,
    },
    /// A number with a fraction or an exponent.
    Float {
        /// Its value.
        value: f64,
        /// As it was written, for example `1.20`.
        raw: String,
    },
    /// Text.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Map),
}

/// A mapping in the order of the file. Keys are unique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as text.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Map {
    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }
}

impl Node {
    /// The text, where it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Yaml::String(text) => Some(text),
            _ => None,
        }
    }

    /// The mapping, where it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Yaml::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, where it is one.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Yaml::List(items) => Some(items),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Yaml::Null)
    }

    /// The value without places. Numbers that JSON does not know (`.inf`, `.nan`) become their text.
    pub fn to_json(&self) -> Value {
        match &self.value {
            Yaml::Null => Value::Null,
            Yaml::Bool(value) => Value::Bool(*value),
            Yaml::Int { value, .. } => Value::from(*value),
            Yaml::Float { value, raw } => {
                serde_json::Number::from_f64(*value).map_or_else(|| Value::from(raw.as_str()), Value::Number)
            }
            Yaml::String(text) => Value::from(text.as_str()),
            Yaml::List(items) => items.iter().map(Self::to_json).collect(),
            Yaml::Map(map) => map.entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
        }
    }

    /// What it is, in words that fit into "expected a number, found …".
    pub fn describe(&self) -> String {
        match &self.value {
            Yaml::Null => "nothing (null)".to_owned(),
            Yaml::Bool(value) => format!("the boolean {value}"),
            Yaml::Int { raw, .. } => format!("the integer {}", shortened(raw)),
            Yaml::Float { raw, .. } => format!("the number {}", shortened(raw)),
            Yaml::String(text) => format!("the string \"{}\"", shortened(text)),
            Yaml::List(_) => "a list".to_owned(),
            Yaml::Map(_) => "a mapping".to_owned(),
        }
    }

    /// What the value of a field is, in the same words: what a secret is, and not which one, where the path of the field
    /// says that it is one.
    pub fn describe_at(&self, field: &str) -> String {
        if !is_secret_field(field) {
            return self.describe();
        }
        match &self.value {
            Yaml::Bool(_) => "a boolean".to_owned(),
            Yaml::Int { .. } => "an integer".to_owned(),
            Yaml::Float { .. } => "a number".to_owned(),
            Yaml::String(_) => "a string".to_owned(),
            Yaml::Null | Yaml::List(_) | Yaml::Map(_) => self.describe(),
        }
    }

    /// A mapping like `{env}` is what YAML makes of an unquoted reference: its text, to say that quotes are missing.
    pub fn unquoted_reference(&self, source: &Source) -> Option<String> {
        let text = source.slice(self.span);
        let map = self.as_map()?;
        let is_reference = map.entries.len() == 1 && map.entries[0].value.is_null() && text.starts_with('{');
        is_reference.then(|| text.to_owned())
    }

    /// The place of a part of a string: found by its text, because escapes and folding move offsets. The whole value
    /// where it cannot be found.
    pub fn span_within(&self, source: &Source, part: std::ops::Range<usize>) -> Span {
        let Some((text, raw)) = self.as_str().map(|text| (text, source.slice(self.span))) else {
            return self.span;
        };
        let Some(wanted) = text.get(part.clone()).filter(|wanted| !wanted.is_empty()) else {
            return self.span;
        };
        let earlier = text[..part.start].matches(wanted).count();
        match raw.match_indices(wanted).nth(earlier) {
            Some((at, _)) => Span::new(self.span.start + at, self.span.start + at + wanted.len()),
            None => self.span,
        }
    }
}

/// Text short enough to be quoted in a message.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    let line = text.lines().next().unwrap_or("");
    if line.chars().count() <= LONGEST && line.len() == text.len() {
        return line.to_owned();
    }
    format!("{}…", line.chars().take(LONGEST).collect::<String>())
}
