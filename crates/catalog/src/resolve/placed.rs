//! Values of the file after interpolation, each with its place.

use landfall_config::{
    Node, Reference, Report, Segment, Source, Span, Template, Yaml, is_secret_field, is_secret_name,
};
use serde_json::Value;

use super::references::References;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) span: Span,
    pub(super) value: What,
    /// The value came out of a reference: text of digits may then stand for a number.
    pub(super) is_substituted: bool,
    /// The value of a secret's key, or made with a variable of such a name: no diagnostic says what it is.
    pub(super) is_secret: bool,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Placed>),
    Map(Vec<(String, Span, Placed)>),
}

impl Placed {
    /// Interpolates a node. What cannot be resolved is reported and left as an unknown text, so that the rest of the
    /// module is still checked.
    pub(super) fn of(node: &Node, field: &str, references: &mut References<'_>, report: &mut Report<'_>) -> Self {
        Self::under(node, field, is_secret_field(field), references, report)
    }

    /// The same for a value under a key of which it is known whether it is the key of a secret.
    fn under(
        node: &Node,
        field: &str,
        is_secret: bool,
        references: &mut References<'_>,
        report: &mut Report<'_>,
    ) -> Self {
        let value = match &node.value {
            Yaml::Null => What::Null,
            Yaml::Bool(value) => What::Bool(*value),
            Yaml::Int { value, .. } => What::Int(*value),
            Yaml::Float { value, .. } => What::Float(*value),
            Yaml::String(text) => return interpolated(text, node, field, is_secret, references, report),
            Yaml::List(items) => What::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| Self::under(item, &format!("{field}[{index}]"), is_secret, references, report))
                    .collect(),
            ),
            Yaml::Map(map) => {
                // `{name: DB_PASSWORD, value: …}` is the value of a secret, too.
                let is_named = map.get("name").and_then(Node::as_str).is_some_and(is_secret_name);
                What::Map(
                    map.entries
                        .iter()
                        .map(|entry| {
                            let path = format!("{field}.{}", entry.key);
                            let is_secret = is_secret || is_secret_name(&entry.key) || is_named && entry.key == "value";
                            let value = Self::under(&entry.value, &path, is_secret, references, report);
                            (entry.key.clone(), entry.key_span, value)
                        })
                        .collect(),
                )
            }
        };
        Self { span: node.span, value, is_substituted: false, is_secret }
    }

    /// A value that came out of a reference: everything in it has the place of the reference.
    fn from_json(value: &Value, span: Span, is_secret: bool) -> Self {
        let what = match value {
            Value::Null => What::Null,
            Value::Bool(value) => What::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => What::Int(value),
                None => What::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => What::Text(text.clone()),
            Value::Array(items) => {
                What::List(items.iter().map(|item| Self::from_json(item, span, is_secret)).collect())
            }
            Value::Object(map) => What::Map(
                map.iter().map(|(key, value)| (key.clone(), span, Self::from_json(value, span, is_secret))).collect(),
            ),
        };
        Self { span, value: what, is_substituted: true, is_secret }
    }

    /// Whether it is nothing.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, What::Null)
    }

    /// The value of a key, when it is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let What::Map(entries) = &self.value else { return None };
        entries.iter().find(|(known, ..)| known == key).map(|(_, _, value)| value)
    }

    /// Whether it is a secret or holds one.
    pub(super) fn holds_secret(&self) -> bool {
        self.is_secret
            || match &self.value {
                What::List(items) => items.iter().any(Self::holds_secret),
                What::Map(entries) => entries.iter().any(|(.., value)| value.holds_secret()),
                _ => false,
            }
    }

    /// The value with something unknown in the place of every secret.
    pub(super) fn without_secrets(&self) -> Self {
        let value = match &self.value {
            What::List(items) => What::List(items.iter().map(Self::without_secrets).collect()),
            What::Map(entries) => What::Map(
                entries.iter().map(|(key, span, value)| (key.clone(), *span, value.without_secrets())).collect(),
            ),
            _ if self.is_secret => What::Text(References::UNRESOLVED.to_owned()),
            other => other.clone(),
        };
        Self { value, ..*self }
    }

    /// The value as a message names it.
    pub(super) fn named(&self, text: &str) -> String {
        if self.is_secret { "the value".to_owned() } else { format!("`{text}`") }
    }

    /// The value without places.
    pub(super) fn to_json(&self) -> Value {
        match &self.value {
            What::Null => Value::Null,
            What::Bool(value) => Value::Bool(*value),
            What::Int(value) => Value::from(*value),
            What::Float(value) => Value::from(*value),
            What::Text(text) => Value::from(text.as_str()),
            What::List(items) => items.iter().map(Self::to_json).collect(),
            What::Map(entries) => entries.iter().map(|(key, _, value)| (key.clone(), value.to_json())).collect(),
        }
    }

    /// What it is, in words that fit after "found".
    pub(super) fn describe(&self, source: &Source) -> String {
        let written = source.slice(source.first_line_of(self.span));
        let written = written.chars().take(40).collect::<String>();
        match &self.value {
            What::Null => "nothing (null)".to_owned(),
            What::List(_) => "a list".to_owned(),
            What::Map(_) => "a mapping".to_owned(),
            What::Text(_) if self.is_secret => "a string".to_owned(),
            What::Bool(_) if self.is_secret => "a boolean".to_owned(),
            What::Int(_) if self.is_secret => "an integer".to_owned(),
            What::Float(_) if self.is_secret => "a number".to_owned(),
            What::Text(text) => {
                format!("the string \"{}\"", text.chars().take(60).collect::<String>().replace('\n', " "))
            }
            other if self.is_substituted => match other {
                What::Bool(value) => format!("the boolean {value}"),
                What::Int(value) => format!("the integer {value}"),
                What::Float(value) => format!("the number {value}"),
                _ => "another value".to_owned(),
            },
            What::Bool(_) => format!("the boolean {written}"),
            What::Int(_) => format!("the integer {written}"),
            What::Float(_) => format!("the number {written}"),
        }
    }
}

fn interpolated(
    text: &str,
    node: &Node,
    field: &str,
    mut is_secret: bool,
    references: &mut References<'_>,
    report: &mut Report<'_>,
) -> Placed {
    let plain = |value: String, is_substituted, is_secret| Placed {
        span: node.span,
        value: What::Text(value),
        is_substituted,
        is_secret,
    };
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(_) if is_secret => {
            // Which part of it is taken for a reference is a part of the secret.
            let message = "what stands in braces here is not a reference";
            let help = "for a brace in the text write {{ and }}, better write the ARN of a secret";
            report.push(report.at(node.span, "invalid-reference", message).with_field(field).with_help(help));
            return plain(References::UNRESOLVED.to_owned(), true, true);
        }
        Err(errors) => {
            for error in errors {
                let span = node.span_within(report.source(), error.range);
                report
                    .push(report.at(span, "invalid-reference", error.message).with_field(field).with_help(error.help));
            }
            return plain(References::UNRESOLVED.to_owned(), true, false);
        }
    };
    for note in &template.notes {
        let span = node.span_within(report.source(), note.range.clone());
        let warning =
            report.at(span, "module-reference", note.message.clone()).with_field(field).with_help(note.help.clone());
        report.push(warning.warning());
    }
    let is_whole = template.whole().is_some();
    let mut out = String::new();
    let mut is_substituted = false;
    for segment in template.segments {
        match segment {
            Segment::Literal(text) => out.push_str(&text),
            Segment::Ref { reference, range } => {
                is_substituted = true;
                is_secret |= matches!(&reference, Reference::Variable(name) if is_secret_name(name));
                let span = node.span_within(report.source(), range);
                let value = references.value(&reference, span, field, report);
                if is_whole {
                    return Placed::from_json(&value, node.span, is_secret);
                }
                push_inline(&mut out, &value, span, field, report);
            }
        }
    }
    plain(out, is_substituted, is_secret)
}

/// A value in the middle of a text.
fn push_inline(out: &mut String, value: &Value, span: Span, field: &str, report: &mut Report<'_>) {
    match value {
        Value::Null => {}
        Value::String(text) => out.push_str(text),
        Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::Array(_) | Value::Object(_) => {
            report.push(
                report
                    .at(span, "invalid-reference", "this is a list or a mapping and cannot stand inside of a text")
                    .with_field(field)
                    .with_help("let the reference be the whole value"),
            );
            // What is left of the text is not judged as well.
            out.push_str(References::UNRESOLVED);
        }
    }
}
