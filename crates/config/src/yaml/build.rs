//! Builds the tree from the parser's events, within the limits of the source: depth, values and bytes after expansion
//! of aliases.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Tag, options};

use super::{Entry, Map, Node, Yaml, problem, scalar};
use crate::diagnostic::Report;
use crate::source::{Source, Span};

/// The documents of a source. What cannot be read is reported; after a syntax error the documents before it are
/// returned.
pub fn documents(source: &Source, report: &mut Report<'_>) -> Vec<Node> {
    let mut builder = Builder::new(source);
    for event in Parser::new_from_str_with_options(&source.text, parser_options(source)) {
        match event {
            Ok((event, span)) => {
                let span = span.byte_range().map_or_else(Span::default, |range| Span::new(range.start, range.end));
                if builder.take(event, span, report).is_none() {
                    break;
                }
            }
            Err(error) => {
                report.push(problem::syntax(source, &error));
                break;
            }
        }
    }
    builder.documents
}

/// How YAML is parsed: within the limits of the source.
pub(crate) fn parser_options(source: &Source) -> Options {
    let depth = source.limits.depth;
    let mut options = options! { flow_nesting_limit: depth, block_nesting_limit: depth };
    options.set_emit_comments(false);
    options
}

/// Cost of a value with everything inside it.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
}

impl Weight {
    fn add(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// A list or mapping that is not closed yet.
struct Open {
    anchor: usize,
    start: usize,
    end: usize,
    weight: Weight,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<Key> },
}

struct Key {
    text: String,
    span: Span,
    is_merge: bool,
}

/// A finished value on its way to its parent.
struct Done {
    node: Node,
    weight: Weight,
    /// The text of an unquoted scalar, which is what it is as a key.
    written: Option<String>,
}

struct Builder<'s> {
    source: &'s Source,
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, Weight)>,
    total: Weight,
}

impl<'s> Builder<'s> {
    fn new(source: &'s Source) -> Self {
        Self { source, documents: Vec::new(), open: Vec::new(), anchors: HashMap::new(), total: Weight::default() }
    }

    /// Takes an event. None when reading has to stop.
    fn take(&mut self, event: Event<'_>, span: Span, report: &mut Report<'_>) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let done = self.scalar(&text, style, tag.as_deref(), span, report);
                self.anchor(anchor, &done);
                self.place(done, report)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(anchor, span, Inside::List(Vec::new()), report),
            Event::MappingStart(_, anchor, _) => {
                self.begin(anchor, span, Inside::Map { entries: Vec::new(), key: None }, report)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span, report),
            Event::Alias(anchor) => self.alias(anchor, span, report),
            _ => Some(()),
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span, report: &mut Report<'_>) -> Done {
        let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        let value = if is_text {
            Yaml::String(text.to_owned())
        } else {
            scalar::resolve(text).unwrap_or_else(|| {
                report.push(
                    report
                        // Not which one: it may be a secret.
                        .at(span, "number-too-large", "this integer is too large")
                        .with_help("put it in quotes if it is meant as text"),
                );
                Yaml::String(text.to_owned())
            })
        };
        let weight = Weight { nodes: 1, bytes: text.len() };
        Done { node: Node { span, value }, weight, written: Some(text.to_owned()) }
    }

    fn begin(&mut self, anchor: usize, span: Span, inside: Inside, report: &mut Report<'_>) -> Option<()> {
        if self.open.len() >= self.source.limits.depth {
            let message = format!("more than {} lists and mappings are nested here", self.source.limits.depth);
            report.push(report.at(span, "too-deep", message).with_help("flatten the structure"));
            return None;
        }
        let weight = Weight { nodes: 1, bytes: 0 };
        self.open.push(Open { anchor, start: span.start, end: span.end, weight, inside });
        Some(())
    }

    fn end(&mut self, span: Span, report: &mut Report<'_>) -> Option<()> {
        let open = self.open.pop()?;
        // The end of an indented collection is where the next thing begins; its last value ends where it ends.
        let end = if span.end > span.start { span.end } else { open.end };
        let value = match open.inside {
            Inside::List(items) => Yaml::List(items),
            Inside::Map { entries, .. } => Yaml::Map(Map { entries }),
        };
        let done = Done { node: Node { span: Span::new(open.start, end), value }, weight: open.weight, written: None };
        self.anchor(open.anchor, &done);
        // The collection itself; what is inside was counted when it was placed.
        self.place(done, report)
    }

    fn alias(&mut self, anchor: usize, span: Span, report: &mut Report<'_>) -> Option<()> {
        let Some(weight) = self.anchors.get(&anchor).map(|(_, weight)| *weight) else {
            report.push(
                report
                    .at(span, "recursive-alias", "this alias stands inside the value that it repeats")
                    .with_help("write the value out"),
            );
            return None;
        };
        // Checked before the value is copied: a few lines of aliases can stand for billions of values.
        self.count(weight, span, report)?;
        let (node, _) = self.anchors.get(&anchor)?;
        let node = Node { span, value: node.value.clone() };
        self.attach(Done { node, weight, written: None }, report)
    }

    fn place(&mut self, done: Done, report: &mut Report<'_>) -> Option<()> {
        let own = match done.node.value {
            Yaml::List(_) | Yaml::Map(_) => Weight { nodes: 1, bytes: 0 },
            _ => done.weight,
        };
        self.count(own, done.node.span, report)?;
        self.attach(done, report)
    }

    fn count(&mut self, weight: Weight, span: Span, report: &mut Report<'_>) -> Option<()> {
        self.total.add(weight);
        let limits = self.source.limits;
        if self.total.nodes <= limits.nodes && self.total.bytes <= limits.expanded_bytes {
            return Some(());
        }
        let message = format!(
            "the file stands for more than {} values or {} bytes once its aliases are written out",
            limits.nodes, limits.expanded_bytes
        );
        let help = "a layer file is small: remove repeated aliases (*name)";
        report.push(report.at(span, "too-many-values", message).with_help(help));
        None
    }

    fn anchor(&mut self, anchor: usize, done: &Done) {
        if anchor != 0 {
            self.anchors.insert(anchor, (done.node.clone(), done.weight));
        }
    }

    fn attach(&mut self, done: Done, report: &mut Report<'_>) -> Option<()> {
        let Some(parent) = self.open.last_mut() else {
            self.documents.push(done.node);
            return Some(());
        };
        parent.end = parent.end.max(done.node.span.end);
        parent.weight.add(done.weight);
        match &mut parent.inside {
            Inside::List(items) => items.push(done.node),
            Inside::Map { entries, key } => match key.take() {
                None => *key = Some(key_of(&done, report)?),
                Some(key) if key.is_merge => merge(entries, key.span, &done.node, report),
                Some(key) => insert(entries, key, done.node, report),
            },
        }
        Some(())
    }
}

/// A value in the place of a key. None when it cannot be a key.
fn key_of(done: &Done, report: &mut Report<'_>) -> Option<Key> {
    let span = done.node.span;
    let text = match (&done.node.value, &done.written) {
        (Yaml::List(_) | Yaml::Map(_), _) => {
            let text = report.source().slice(report.source().first_line_of(span));
            let message = "a list or a mapping cannot be a key";
            let mut diagnostic = report.at(span, "invalid-key", message);
            if text.starts_with('{') {
                diagnostic = diagnostic.with_help("text with braces has to stand in quotes");
            }
            report.push(diagnostic);
            return None;
        }
        (Yaml::String(text), _) => text.clone(),
        (_, Some(written)) => written.clone(),
        (value, None) => Node { span, value: value.clone() }.to_json().to_string(),
    };
    let is_merge = text == "<<" && report.source().slice(span) == "<<";
    Some(Key { text, span, is_merge })
}

fn insert(entries: &mut Vec<Entry>, key: Key, value: Node, report: &mut Report<'_>) {
    if let Some(first) = entries.iter_mut().find(|entry| entry.key == key.text) {
        // A merged key gives way to the mapping's own key.
        if report.source().slice(first.key_span) == "<<" {
            *first = Entry { key: key.text, key_span: key.span, value };
            return;
        }
        let (line, _) = report.source().position(first.key_span.start);
        report.push(
            report
                .at(key.span, "duplicate-key", format!("the key `{}` stands here a second time", key.text))
                .with_label(format!("first on line {line}"))
                .with_help("remove one of the two"),
        );
        return;
    }
    entries.push(Entry { key: key.text, key_span: key.span, value });
}

/// `<<: *anchor`: takes over the entries that the mapping does not hold itself.
fn merge(entries: &mut Vec<Entry>, key_span: Span, node: &Node, report: &mut Report<'_>) {
    match &node.value {
        Yaml::Map(map) => {
            for entry in &map.entries {
                if !entries.iter().any(|own| own.key == entry.key) {
                    entries.push(Entry { key_span, ..entry.clone() });
                }
            }
        }
        Yaml::List(items) => items.iter().for_each(|item| merge(entries, key_span, item, report)),
        _ => report.push(
            report
                .at(node.span, "invalid-merge", "`<<` merges a mapping or a list of mappings")
                .with_help("use <<: *name"),
        ),
    }
}
