//! How values read: on one line, as a document of several lines, as the lines that differ between two documents.

use std::borrow::Cow;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::diff::canonical;

/// Lines around a changed line that help to find it in its document.
const CONTEXT: usize = 3;
/// Parts of a document up to this many columns stay on one line.
const SHORT: usize = 64;
/// Fields by which a reader recognises a policy statement or another part of a document: they come first.
const HEADS: [&str; 4] = ["Version", "Sid", "Effect", "Principal"];

/// A value on one line.
pub fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(key, item)| format!("{key}: {}", inline(item))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// AWS returns many documents (policies above all) as JSON inside a string: those read better unpacked.
pub fn unpacked(value: &Value) -> Cow<'_, Value> {
    if let Value::String(text) = value
        && text.starts_with(['{', '['])
        && let Ok(document) = serde_json::from_str::<Value>(text)
    {
        return Cow::Owned(document);
    }
    Cow::Borrowed(value)
}

/// The lines of a value that is written as a document; none for one that is a plain scalar.
pub fn document(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) if text.trim_end().contains('\n') => Some(text.lines().map(str::to_owned).collect()),
        Value::Array(_) | Value::Object(_) => {
            let mut lines = Vec::new();
            lay_out(&canonical(value), 0, "", "", &mut lines);
            Some(lines)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Lays a document out in lines: what is short stays on one, so that a changed line carries its meaning.
fn lay_out(value: &Value, indent: usize, before: &str, after: &str, lines: &mut Vec<String>) {
    let margin = " ".repeat(indent);
    let short = value.to_string().len() + before.len() <= SHORT && depth(value) <= 2;
    match value {
        Value::Object(fields) if !short => {
            lines.push(format!("{margin}{before}{{"));
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| HEADS.iter().position(|head| head == name).unwrap_or(HEADS.len()));
            let last = fields.len().saturating_sub(1);
            for (index, (name, item)) in fields.into_iter().enumerate() {
                lay_out(item, indent + 2, &format!("{name}: "), if index < last { "," } else { "" }, lines);
            }
            lines.push(format!("{margin}}}{after}"));
        }
        Value::Array(items) if !short => {
            lines.push(format!("{margin}{before}["));
            for (index, item) in items.iter().enumerate() {
                lay_out(item, indent + 2, "", if index + 1 < items.len() { "," } else { "" }, lines);
            }
            lines.push(format!("{margin}]{after}"));
        }
        _ => lines.push(format!("{margin}{before}{}{after}", inline(value))),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The items of a list of scalars.
pub fn scalars(value: &Value) -> Option<&[Value]> {
    let items = value.as_array()?;
    items.iter().all(|item| !item.is_object() && !item.is_array()).then_some(items)
}

/// A line of the difference between two documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Stands in both.
    Same(String),
    /// Only after.
    Added(String),
    /// Only before.
    Removed(String),
    /// This many lines that are equal on both sides are left out here.
    Skipped(usize),
}

/// The lines that differ between two documents, each with a little of what stands around it.
pub fn line_diff(before: &[String], after: &[String]) -> Vec<Line> {
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let after: Vec<&str> = after.iter().map(String::as_str).collect();
    let diff = TextDiff::from_slices(&before, &after);
    let mut lines = Vec::new();
    let mut seen = 0;
    for group in diff.grouped_ops(CONTEXT) {
        let start = group.first().map_or(seen, |operation| operation.old_range().start);
        if start > seen {
            lines.push(Line::Skipped(start - seen));
        }
        for operation in &group {
            for change in diff.iter_changes(operation) {
                let text = (*change.value()).to_owned();
                lines.push(match change.tag() {
                    ChangeTag::Equal => Line::Same(text),
                    ChangeTag::Insert => Line::Added(text),
                    ChangeTag::Delete => Line::Removed(text),
                });
            }
            seen = operation.old_range().end;
        }
    }
    if seen < before.len() {
        lines.push(Line::Skipped(before.len() - seen));
    }
    lines
}
