//! Where secrets stand by what the parser understands: every value below a secret's key.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Parser};

use super::{CONTENTS, is_reference, is_secret_name, without_glued_secret};
use crate::source::{Source, Span};
use crate::yaml::parser_options;

/// A list or mapping that is not closed yet.
struct Level {
    is_map: bool,
    /// Everything in it is the value of a secret's key.
    is_hidden: bool,
    anchor: usize,
    span: Span,
    /// The key whose value comes next; none where a key comes next.
    key: Option<String>,
    /// Whether its `name` is one of a secret.
    is_named: bool,
    contents: Vec<Span>,
}

impl Level {
    fn hides_next(&self) -> bool {
        self.is_hidden || self.key.as_deref().is_some_and(is_secret_name)
    }

    /// Takes a finished key or value; `text` where it is a scalar.
    fn take(&mut self, text: Option<&str>, span: Span) {
        self.span.end = self.span.end.max(span.end);
        if !self.is_map {
            return;
        }
        match self.key.take() {
            None => self.key = Some(text.unwrap_or_default().to_owned()),
            Some(key) if key == "name" => self.is_named = text.is_some_and(is_secret_name),
            Some(key) if CONTENTS.contains(&key.as_str()) => self.contents.push(span),
            Some(_) => {}
        }
    }
}

/// Where secrets stand, up to the first mistake in the syntax. By events and not by the tree, which leaves out what
/// stands twice or where it cannot be.
pub(super) fn secret_places(source: &Source) -> Vec<Span> {
    let mut found = Vec::new();
    let mut levels: Vec<Level> = Vec::new();
    let mut anchors: HashMap<usize, Span> = HashMap::new();
    for event in Parser::new_from_str_with_options(&source.text, parser_options(source)) {
        let Ok((event, place)) = event else { break };
        let span = place.byte_range().map_or_else(Span::default, |range| Span::new(range.start, range.end));
        let is_hidden = levels.last().is_some_and(Level::hides_next);
        let mut begin = |is_map, anchor| {
            let key = None;
            levels.push(Level { is_map, is_hidden, anchor, span, key, is_named: false, contents: Vec::new() });
        };
        let (text, span) = match event {
            Event::SequenceStart(_, anchor, _) => {
                begin(false, anchor);
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                begin(true, anchor);
                continue;
            }
            Event::Scalar(text, _, anchor, _) => {
                let is_key = levels.last().is_some_and(|level| level.is_map && level.key.is_none());
                let is_glued = is_key && matches!(without_glued_secret(&text), Cow::Owned(_));
                if is_glued || is_hidden && !is_reference(&text) {
                    found.push(span);
                }
                anchors.insert(anchor, span);
                (Some(text), span)
            }
            Event::Alias(anchor) => {
                let target = anchors.get(&anchor).filter(|target| !is_reference(source.slice(**target)));
                found.extend(target.filter(|_| is_hidden));
                (None, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(level) = levels.pop() else { break };
                if level.is_named {
                    found.extend(&level.contents);
                }
                anchors.insert(level.anchor, level.span);
                (None, level.span)
            }
            _ => continue,
        };
        if let Some(level) = levels.last_mut() {
            level.take(text.as_deref(), span);
        }
    }
    found
}
