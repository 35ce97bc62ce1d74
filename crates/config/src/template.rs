//! Interpolation: text with references such as `{parent.domain}` or `${{module.db.db_host}}`, parsed properly so that
//! a reference to nothing is an error with its place and never an empty string.

use std::ops::Range;

use crate::nearest;

/// Names that stand alone in braces.
const SINGLE: [&str; 8] =
    ["env", "layer_name", "parent_name", "region", "state_storage", "kubeconfig", "k8s_access_token", "aws"];
/// Names that are followed by a dot and a name.
const ROOTS: [&str; 5] = ["parent", "vars", "variables", "aws", "module"];

/// A parsed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Literal parts and references in order. Two literals never stand side by side.
    pub segments: Vec<Segment>,
    /// What should be written differently although it is understood.
    pub notes: Vec<Note>,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Text as it is, escapes resolved.
    Literal(String),
    /// A reference and the bytes of the text it was written with.
    Ref {
        /// What is referred to.
        reference: Reference,
        /// Where in the text.
        range: Range<usize>,
    },
}

/// What a reference stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `{parent.X}`: an exported output of the environment.
    Parent(String),
    /// `{vars.X}` or `{variables.X}`.
    Variable(String),
    /// `{env}`: name of the environment.
    Env,
    /// `{layer_name}`.
    LayerName,
    /// `{parent_name}`: name of the environment; `nil` in an environment.
    ParentName,
    /// `{region}` or `{aws.region}`.
    Region,
    /// `{aws.account_id}`.
    AccountId,
    /// `{state_storage}`: the bucket that holds configs and documents.
    StateStorage,
    /// `{kubeconfig}`.
    Kubeconfig,
    /// `{k8s_access_token}`: empty on AWS.
    K8sAccessToken,
    /// `${{module.NAME.OUTPUT}}`: an output of a module of the same file.
    Module {
        /// Name of the module.
        name: String,
        /// Name of the output.
        output: String,
    },
}

/// Something understood that should be written differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where in the text.
    pub range: Range<usize>,
    /// What about it.
    pub message: String,
    /// How to write it.
    pub help: String,
}

/// A reference that is malformed or unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Where in the text.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    /// Every malformed or unknown reference of the text.
    pub fn parse(text: &str) -> Result<Self, Vec<TemplateError>> {
        let mut parser =
            Parser { text, at: 0, literal: String::new(), segments: Vec::new(), notes: Vec::new(), errors: Vec::new() };
        parser.run();
        parser.flush();
        if parser.errors.is_empty() {
            Ok(Self { segments: parser.segments, notes: parser.notes })
        } else {
            Err(parser.errors)
        }
    }

    /// The one reference that the whole text consists of, if it does.
    pub fn whole(&self) -> Option<&Reference> {
        match self.segments.as_slice() {
            [Segment::Ref { reference, .. }] => Some(reference),
            _ => None,
        }
    }

    /// The references with their places.
    pub fn references(&self) -> impl Iterator<Item = (&Reference, &Range<usize>)> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Ref { reference, range } => Some((reference, range)),
            Segment::Literal(_) => None,
        })
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    literal: String,
    segments: Vec<Segment>,
    notes: Vec<Note>,
    errors: Vec<TemplateError>,
}

impl Parser<'_> {
    fn run(&mut self) {
        while let Some(next) = self.text[self.at..].chars().next() {
            let rest = &self.text[self.at..];
            if rest.starts_with("$${{") {
                // The escape of the module form: `$${{X}}` is the text `${X}`.
                self.literal.push_str("${");
                self.at += "$${{".len();
            } else if rest.starts_with("${{") {
                self.expression();
            } else if rest.starts_with("{{") || rest.starts_with("}}") {
                self.literal.push(next);
                self.at += 2;
            } else if next == '{' {
                self.reference();
            } else if next == '}' {
                self.error(self.at..self.at + 1, "this brace closes nothing", "write }} for a brace in the text");
                self.at += 1;
            } else {
                self.literal.push(next);
                self.at += next.len_utf8();
            }
        }
    }

    /// `${{module.NAME.OUTPUT}}`.
    fn expression(&mut self) {
        let start = self.at;
        let inside = start + "${{".len();
        let help = "a reference to a module of this file is ${{module.NAME.OUTPUT}}; for the text ${X} write $${{X}}";
        let Some(length) = self.text[inside..].find("}}") else {
            self.error(start..self.text.len(), "`${{` is not closed by `}}`", help);
            self.at = self.text.len();
            return;
        };
        let range = start..inside + length + "}}".len();
        let expression = self.text[inside..inside + length].trim();
        self.at = range.end;
        match module_reference(expression) {
            Some(reference) => self.push(reference, range),
            None => self.error(range, &format!("`{expression}` is not a reference to an output of a module"), help),
        }
    }

    /// `{…}`.
    fn reference(&mut self) {
        let start = self.at;
        let rest = &self.text[start + 1..];
        let end = rest.find(['{', '}']).filter(|end| rest[*end..].starts_with('}'));
        let Some(length) = end else {
            let shown = start..start + 1;
            let help = if looks_like_json(rest) {
                DOUBLE_BRACES
            } else {
                "close it with }, or write {{ for a brace in the text"
            };
            self.error(shown, "this brace is not closed", help);
            self.at = start + 1;
            // What JSON in a text leaves behind would only repeat the message.
            if looks_like_json(rest) {
                self.at = self.text.len();
            }
            return;
        };
        let range = start..start + 1 + length + 1;
        let inside = &rest[..length];
        self.at = range.end;
        match parse_reference(inside) {
            Ok(reference) => {
                if let Reference::Module { name, output } = &reference {
                    self.notes.push(Note {
                        range: range.clone(),
                        message: format!("`{{module.{name}.{output}}}` is read as `${{{{module.{name}.{output}}}}}`"),
                        help: format!("write ${{{{module.{name}.{output}}}}}"),
                    });
                }
                self.push(reference, range);
            }
            Err((message, help)) => self.error(range, &message, &help),
        }
    }

    fn push(&mut self, reference: Reference, range: Range<usize>) {
        self.flush();
        self.segments.push(Segment::Ref { reference, range });
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.segments.push(Segment::Literal(std::mem::take(&mut self.literal)));
        }
    }

    fn error(&mut self, range: Range<usize>, message: &str, help: &str) {
        self.errors.push(TemplateError { range, message: message.to_owned(), help: help.to_owned() });
    }
}

const DOUBLE_BRACES: &str = "braces mark references: for JSON or other text with braces write {{ and }}";

fn looks_like_json(inside: &str) -> bool {
    let inside = inside.trim_start();
    inside.starts_with(['"', '\'', '[', '{', '\n', '%']) || inside.contains("\":")
}

fn parse_reference(inside: &str) -> Result<Reference, (String, String)> {
    if inside.trim() != inside
        || inside.chars().any(|c| c.is_whitespace() || matches!(c, '"' | '\'' | ','))
        || inside.is_empty()
    {
        return match parse_reference_name(inside.trim()) {
            Ok(_) => {
                Err((format!("`{{{inside}}}` has spaces inside of the braces"), format!("write {{{}}}", inside.trim())))
            }
            Err(_) => {
                Err((format!("`{{{}}}` is not a reference", crate::yaml::shortened(inside)), DOUBLE_BRACES.to_owned()))
            }
        };
    }
    if let Some((name, _)) = inside.split_once(['!', ':']) {
        let help = match parse_reference_name(name) {
            Ok(_) => format!("write {{{name}}}"),
            Err(_) => DOUBLE_BRACES.to_owned(),
        };
        return Err((format!("`{{{inside}}}`: format specifications are not supported"), help));
    }
    parse_reference_name(inside)
}

fn parse_reference_name(name: &str) -> Result<Reference, (String, String)> {
    let reference = match name {
        "env" => Reference::Env,
        "layer_name" => Reference::LayerName,
        "parent_name" => Reference::ParentName,
        "region" | "aws.region" => Reference::Region,
        "aws.account_id" => Reference::AccountId,
        "state_storage" => Reference::StateStorage,
        "kubeconfig" => Reference::Kubeconfig,
        "k8s_access_token" => Reference::K8sAccessToken,
        _ => return parse_dotted(name),
    };
    Ok(reference)
}

fn parse_dotted(name: &str) -> Result<Reference, (String, String)> {
    let unknown = || format!("`{{{name}}}` refers to nothing");
    let Some((root, rest)) = name.split_once('.') else {
        let help = match nearest(name, SINGLE.into_iter().chain(ROOTS).filter(|known| *known != "aws")) {
            Some(known) if ROOTS.contains(&known) => format!("did you mean {{{known}.NAME}}?"),
            Some(known) => format!("did you mean {{{known}}}?"),
            None => "known are {env}, {layer_name}, {parent_name}, {region}, {aws.account_id}, {parent.OUTPUT}, {vars.NAME} and \
                 ${{module.NAME.OUTPUT}}; for a brace in the text write {{ and }}".to_owned(),
        };
        return Err((unknown(), help));
    };
    match root {
        "parent" if is_identifier(rest) => Ok(Reference::Parent(rest.to_owned())),
        "vars" | "variables" if is_identifier(rest) => Ok(Reference::Variable(rest.to_owned())),
        "module" => module_reference(name)
            .ok_or_else(|| (unknown(), "a reference to a module of this file is ${{module.NAME.OUTPUT}}".to_owned())),
        "aws" => {
            let known = nearest(rest, ["region", "account_id"]).unwrap_or("account_id");
            Err((unknown(), format!("did you mean {{aws.{known}}}?")))
        }
        "parent" | "vars" | "variables" => Err((
            format!("`{{{name}}}` is not a reference"),
            format!("write {{{root}.NAME}} with letters, digits, _ and -"),
        )),
        _ => match nearest(root, ROOTS) {
            Some(known) => Err((unknown(), format!("did you mean {{{known}.{rest}}}?"))),
            None => Err((unknown(), DOUBLE_BRACES.to_owned())),
        },
    }
}

fn module_reference(expression: &str) -> Option<Reference> {
    let (name, output) = expression.strip_prefix("module.")?.split_once('.')?;
    let is_reference = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && output.split('.').all(is_identifier);
    is_reference.then(|| Reference::Module { name: name.to_owned(), output: output.to_owned() })
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
