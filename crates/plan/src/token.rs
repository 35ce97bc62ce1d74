//! Values known after apply: tokens inside strings that stand for an attribute of a resource of the same module
//! (`${landfall:queue.arn}`) or for an output of another module of the layer (`${landfall:module.db.db_host}`).

use serde_json::Value;

const OPEN: &str = "${landfall:";

/// What a token stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Token {
    /// An attribute of a resource of the same module.
    Attribute {
        /// Name of the resource in its module, for example `queue`.
        resource: String,
        /// Name of the attribute, for example `arn`.
        attribute: String,
    },
    /// An output of another module of the same layer.
    Output {
        /// Name of the module in its layer.
        module: String,
        /// Name of the output.
        output: String,
    },
}

impl Token {
    /// The attribute `attribute` of the resource `resource`.
    pub fn attribute(resource: impl Into<String>, attribute: impl Into<String>) -> Self {
        Self::Attribute { resource: resource.into(), attribute: attribute.into() }
    }

    /// The output `output` of the module `module`.
    pub fn output(module: impl Into<String>, output: impl Into<String>) -> Self {
        Self::Output { module: module.into(), output: output.into() }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("module.") {
            let (module, output) = rest.split_once('.')?;
            return Some(Self::output(module, output));
        }
        let (resource, attribute) = text.split_once('.')?;
        Some(Self::attribute(resource, attribute))
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Attribute { resource, attribute } => write!(f, "{OPEN}{resource}.{attribute}}}"),
            Self::Output { module, output } => write!(f, "{OPEN}module.{module}.{output}}}"),
        }
    }
}

/// Every token inside a value, in order of appearance, keys included.
pub fn tokens(value: &Value) -> Vec<Token> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

/// Whether a text is one token and nothing else.
pub(crate) fn is_token(text: &str) -> bool {
    let mut pieces = pieces(text);
    matches!((pieces.next(), pieces.next()), (Some(Piece::Token(_)), None))
}

fn collect(value: &Value, found: &mut Vec<Token>) {
    match value {
        Value::String(text) => found.extend(pieces(text).filter_map(|piece| match piece {
            Piece::Token(token) => Some(token),
            Piece::Text(_) => None,
        })),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => fields.iter().for_each(|(key, item)| {
            collect(&Value::String(key.clone()), found);
            collect(item, found);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A value after its tokens were looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolution {
    /// The value; tokens that are not known yet still stand in it.
    pub value: Value,
    /// The tokens that are not known yet.
    pub unknown: Vec<Token>,
}

/// Replaces every token that `lookup` knows. A string that is one token and nothing else takes the looked-up value
/// as it is, so lists and numbers keep their type; inside longer text scalars are written out.
pub fn resolve(value: &Value, lookup: &dyn Fn(&Token) -> Option<Value>) -> Resolution {
    let mut unknown = Vec::new();
    let value = replace(value, lookup, &mut unknown);
    Resolution { value, unknown }
}

fn replace(value: &Value, lookup: &dyn Fn(&Token) -> Option<Value>, unknown: &mut Vec<Token>) -> Value {
    match value {
        Value::String(text) => replace_text(text, lookup, unknown),
        Value::Array(items) => Value::Array(items.iter().map(|item| replace(item, lookup, unknown)).collect()),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, item)| {
                    let key = match replace_text(key, lookup, unknown) {
                        Value::String(key) => key,
                        other => other.to_string(),
                    };
                    (key, replace(item, lookup, unknown))
                })
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn replace_text(text: &str, lookup: &dyn Fn(&Token) -> Option<Value>, unknown: &mut Vec<Token>) -> Value {
    if !text.contains(OPEN) {
        return Value::String(text.to_owned());
    }
    let pieces: Vec<Piece<'_>> = pieces(text).collect();
    if let [Piece::Token(token)] = pieces.as_slice() {
        return lookup(token).unwrap_or_else(|| {
            unknown.push(token.clone());
            Value::String(text.to_owned())
        });
    }
    let mut out = String::with_capacity(text.len());
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Token(token) => match lookup(&token) {
                Some(Value::String(known)) => out.push_str(&known),
                Some(known) => out.push_str(&known.to_string()),
                None => {
                    out.push_str(&token.to_string());
                    unknown.push(token);
                }
            },
        }
    }
    Value::String(out)
}

enum Piece<'a> {
    Text(&'a str),
    Token(Token),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(inside) = rest.strip_prefix(OPEN)
            && let Some((body, after)) = inside.split_once('}')
            && let Some(token) = Token::parse(body)
        {
            rest = after;
            return Some(Piece::Token(token));
        }
        let skip = rest.chars().next().map_or(1, char::len_utf8);
        let end = rest[skip..].find(OPEN).map_or(rest.len(), |at| at + skip);
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known(token: &Token) -> Option<Value> {
        match token {
            Token::Attribute { resource, .. } if resource == "vpc" => Some(json!("vpc-1")),
            Token::Output { module, .. } if module == "base" => Some(json!(["a", "b"])),
            _ => None,
        }
    }

    #[test]
    fn a_whole_string_token_keeps_its_type() {
        let seen = resolve(&json!({"subnets": "${landfall:module.base.private_subnet_ids}"}), &known);
        assert_eq!(seen.value, json!({"subnets": ["a", "b"]}));
        assert!(seen.unknown.is_empty());
    }

    #[test]
    fn a_token_inside_text_is_written_out_and_unknown_ones_stay() {
        let seen = resolve(&json!("x/${landfall:vpc.id}/${landfall:key.arn}/y"), &known);
        assert_eq!(seen.value, json!("x/vpc-1/${landfall:key.arn}/y"));
        assert_eq!(seen.unknown, vec![Token::attribute("key", "arn")]);
    }

    #[test]
    fn other_dollar_braces_are_text() {
        let text = json!("arn:aws:iam::*:user/${aws:username} ${landfall:broken");
        assert_eq!(resolve(&text, &known).value, text);
        assert!(tokens(&text).is_empty());
    }

    #[test]
    fn tokens_are_found_in_keys_and_lists() {
        let value = json!({"${landfall:oidc.host}:sub": ["${landfall:module.q.queue_arn}"]});
        assert_eq!(tokens(&value), vec![Token::attribute("oidc", "host"), Token::output("q", "queue_arn")]);
    }
}
