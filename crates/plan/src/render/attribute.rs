//! How one attribute of a resource reads: `name  before → after`, a list by its items, a document by its lines.

use serde_json::Value;

use crate::change::{After, AttributeChange, Before};
use crate::render::paint::Tone;
use crate::render::value::{Line, document, inline, line_diff, scalars, unpacked};
use crate::render::{Page, UNKNOWN};
use crate::token::{Token, resolve};

/// Attributes stand this far in.
const INDENT: usize = 6;
/// Parts of an attribute stand this far in.
const INSIDE: usize = 10;
/// Names longer than this do not widen the column of values.
const WIDEST_NAME: usize = 28;
/// At most this many lines of one attribute are shown of something new.
const NEW_LINES: usize = 10;
/// At most this many lines of one attribute are shown of a difference: what is approved must be seen.
const CHANGED_LINES: usize = 60;

/// Renders the attributes of one resource.
pub fn attributes(page: &mut Page, changes: &[AttributeChange], is_new: bool) {
    let shown: Vec<AttributeChange> = if is_new && !page.style.full {
        changes.iter().filter_map(without_our_tags).collect()
    } else {
        changes.to_vec()
    };
    let widest = widest(&shown);
    for change in &shown {
        Row { change, name: format!("{:<widest$}", change.path), is_new, note: "" }.render(page);
    }
}

/// Renders differences, each with a note that a reader may skip.
pub fn noted(page: &mut Page, changes: &[(AttributeChange, String)]) {
    let widest = widest(changes.iter().map(|(change, _)| change));
    for (change, note) in changes {
        Row { change, name: format!("{:<widest$}", change.path), is_new: false, note }.render(page);
    }
}

/// How wide the column of names is.
fn widest<'a>(changes: impl IntoIterator<Item = &'a AttributeChange>) -> usize {
    let widths = changes.into_iter().map(|change| width(&change.path));
    widths.filter(|width| *width <= WIDEST_NAME).max().unwrap_or(0)
}

/// Everything that is new carries the tags by which Landfall finds it again: they tell a reader nothing.
fn without_our_tags(change: &AttributeChange) -> Option<AttributeChange> {
    let After::Value(Value::Object(tags)) = &change.after else { return Some(change.clone()) };
    if change.path != "tags" {
        return Some(change.clone());
    }
    let mut others = tags.clone();
    others.retain(|key, _| !key.starts_with("landfall:"));
    (!others.is_empty()).then(|| AttributeChange { after: After::Value(Value::Object(others)), ..change.clone() })
}

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.chars().count()
}

struct Row<'a> {
    change: &'a AttributeChange,
    name: String,
    is_new: bool,
    note: &'a str,
}

impl Row<'_> {
    fn render(&self, page: &mut Page) {
        match (&self.change.before, &self.change.after) {
            (Before::Absent, After::Absent) => {}
            (Before::Absent, After::Value(value)) => self.added(page, &readable(value)),
            (Before::Absent, After::KnownAfterApply) => {
                let before = if self.is_new { "" } else { "(none)" };
                self.arrow(page, before, UNKNOWN);
            }
            (Before::Value(value), After::Absent) => self.removed(page, &unpacked(value)),
            (Before::Value(value), After::KnownAfterApply) => self.unknown(page, &unpacked(value)),
            (Before::Value(before), After::Value(after)) => self.changed(page, &unpacked(before), &readable(after)),
        }
    }

    fn added(&self, page: &mut Page, value: &Value) {
        let text = inline(value);
        let before = if self.is_new { "" } else { "(none)" };
        match document(value) {
            Some(lines) if !self.fits(page, before, &text) => {
                self.head(page, "");
                let lines =
                    lines.into_iter().map(|line| if self.is_new { Line::Same(line) } else { Line::Added(line) });
                self.lines(page, lines.collect(), if self.is_new { NEW_LINES } else { CHANGED_LINES });
            }
            Some(_) | None => self.arrow(page, before, &text),
        }
    }

    fn removed(&self, page: &mut Page, value: &Value) {
        let text = inline(value);
        match document(value) {
            Some(lines) if !self.fits(page, &text, "(none)") => {
                self.head(page, "");
                self.lines(page, lines.into_iter().map(Line::Removed).collect(), CHANGED_LINES);
            }
            Some(_) | None => self.arrow(page, &text, "(none)"),
        }
    }

    fn unknown(&self, page: &mut Page, before: &Value) {
        let text = inline(before);
        if document(before).is_some() && !self.fits(page, &text, UNKNOWN) {
            // The old document in full would bury the plan, and there is nothing yet to compare it with.
            let brief = if before.is_array() { "[…]" } else { "{…}" };
            self.arrow(page, brief, UNKNOWN);
        } else {
            self.arrow(page, &text, UNKNOWN);
        }
    }

    fn changed(&self, page: &mut Page, before: &Value, after: &Value) {
        let (old, new) = (inline(before), inline(after));
        if let (Some(was), Some(will)) = (scalars(before), scalars(after))
            && !self.fits(page, &old, &new)
        {
            self.items(page, was, will);
            return;
        }
        match (document(before), document(after)) {
            (Some(was), Some(will)) if !self.fits(page, &old, &new) || was.len().min(will.len()) > 8 => {
                self.head(page, "");
                self.lines(page, line_diff(&was, &will), CHANGED_LINES);
            }
            _ => self.arrow(page, &old, &new),
        }
    }

    /// A list by what joins and what leaves.
    fn items(&self, page: &mut Page, before: &[Value], after: &[Value]) {
        let added: Vec<&Value> = after.iter().filter(|item| !before.contains(item)).collect();
        let removed: Vec<&Value> = before.iter().filter(|item| !after.contains(item)).collect();
        if added.is_empty() && removed.is_empty() {
            // The same items in another order, or some of them more than once: only the whole list tells.
            let lines = |items: &[Value]| items.iter().map(inline).collect::<Vec<_>>();
            self.head(page, &format!("{} items, in another order", after.len()));
            self.lines(page, line_diff(&lines(before), &lines(after)), CHANGED_LINES);
            return;
        }
        self.head(page, &format!("{} → {} items", before.len(), after.len()));
        let removed = removed.into_iter().map(|item| Line::Removed(inline(item)));
        let added = added.into_iter().map(|item| Line::Added(inline(item)));
        self.lines(page, removed.chain(added).collect(), CHANGED_LINES);
    }

    fn lines(&self, page: &mut Page, mut lines: Vec<Line>, limit: usize) {
        let hidden = if page.style.full { 0 } else { lines.len().saturating_sub(limit) };
        // Hiding one line would take a line.
        if hidden > 1 {
            lines.truncate(lines.len() - hidden);
        }
        for line in lines {
            let text = match line {
                Line::Same(text) => format!("  {text}"),
                Line::Added(text) => page.tone(Tone::Create, format!("+ {text}")),
                Line::Removed(text) => page.tone(Tone::Delete, format!("- {text}")),
                Line::Skipped(count) => page.tone(Tone::Quiet, format!("  … {count} equal {}", lines_word(count))),
            };
            page.line(INSIDE - 2, &text);
        }
        if hidden > 1 {
            page.hides = true;
            let text = page.tone(Tone::Quiet, format!("  … {hidden} more lines"));
            page.line(INSIDE - 2, &text);
        }
    }

    /// The name with what is said about the attribute as a whole; its parts follow.
    fn head(&self, page: &mut Page, text: &str) {
        let remark = self.remark(page);
        let name = if text.is_empty() && remark.is_empty() { self.change.path.as_str() } else { self.name.as_str() };
        let text = if text.is_empty() { String::new() } else { format!("  {text}") };
        page.line(INDENT, format!("{name}{text}{remark}").trim_end());
    }

    /// `before → after` on one line, or on two when they are long.
    fn arrow(&self, page: &mut Page, before: &str, after: &str) {
        let remark = self.remark(page);
        let arrow = page.tone(Tone::Update, "→");
        let shown = |text: &str| if text.starts_with('(') { page.tone(Tone::Quiet, text) } else { text.to_owned() };
        let (old, new) = (shown(before), shown(after));
        if before.is_empty() {
            page.line(INDENT, &format!("{}  {new}{remark}", self.name));
        } else if self.fits(page, before, after) {
            page.line(INDENT, &format!("{}  {old} {arrow} {new}{remark}", self.name));
        } else {
            page.line(INDENT, &format!("{}  {old}", self.name));
            page.line(INDENT + width(&self.name), &format!("{arrow} {new}{remark}"));
        }
    }

    fn fits(&self, page: &Page, before: &str, after: &str) -> bool {
        let arrow = if before.is_empty() { 2 } else { 5 };
        let note = if self.note.is_empty() { 0 } else { 2 + width(self.note) };
        INDENT + width(&self.name) + width(before) + arrow + width(after) + note <= page.style.width
    }

    fn remark(&self, page: &Page) -> String {
        let mut remark = String::new();
        if self.change.forces_replacement && !self.is_new {
            remark.push_str("  ");
            remark.push_str(&page.tone(Tone::Delete, "# forces replacement"));
        }
        // Of something that is made again nothing is left to differ: its resource says that it was gone.
        if self.change.drift && !self.is_new {
            remark.push_str("  ");
            remark.push_str(&page.tone(Tone::Remark, "# changed outside Landfall"));
        }
        if !self.note.is_empty() {
            remark.push_str("  ");
            remark.push_str(&page.tone(Tone::Quiet, self.note));
        }
        remark
    }
}

/// A value with its unknown parts in words.
fn readable(value: &Value) -> Value {
    let words = |token: &Token| {
        let (Token::Attribute { resource: owner, attribute: part } | Token::Output { module: owner, output: part }) =
            token;
        Some(Value::String(format!("({owner}.{part} after apply)")))
    };
    resolve(&unpacked(value), &words).value
}

fn lines_word(count: usize) -> &'static str {
    if count == 1 { "line" } else { "lines" }
}
