//! The text of a file with its name: made from bytes within limits, and able to say where an offset lies.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Diagnostics};

/// How much a file may hold. The defaults are far above any layer file a person would write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Lists and mappings inside one another.
    pub depth: usize,
    /// Values after expansion of all aliases.
    pub nodes: usize,
    /// Bytes of all scalars after expansion of all aliases.
    pub expanded_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1024 * 1024, depth: 64, nodes: 50_000, expanded_bytes: 4 * 1024 * 1024 }
    }
}

/// A range of bytes of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte after the last one.
    pub end: usize,
}

impl Span {
    /// The range from `start` up to `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }
}

/// The text of a file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name for people: the path or key of the file.
    pub name: String,
    /// Its text.
    pub text: Arc<str>,
    /// The limits that it was read with.
    pub limits: Limits,
    line_starts: Arc<[usize]>,
}

impl Source {
    /// Takes the bytes of a file.
    ///
    /// # Errors
    /// When the file is larger than the limit, is not UTF-8 or holds characters that only binary files hold.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8], limits: &Limits) -> Result<Self, Diagnostics> {
        let name = name.into();
        if bytes.len() > limits.bytes {
            let message = format!("the file is too large: {} bytes, the limit is {}", bytes.len(), limits.bytes);
            let help = "a layer file describes modules; put large content into separate files and refer to them";
            return Err(Diagnostic::at_start(&name, "too-large", message).with_help(help).into());
        }
        let help = "save the file as plain text in UTF-8";
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => {
                let message = format!("the file is not text: byte {} is not valid UTF-8", error.valid_up_to());
                let what = Diagnostic::at_byte(&name, bytes, error.valid_up_to(), "not-text", message);
                return Err(what.with_help(help).into());
            }
        };
        if let Some(at) = text.find(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}')) {
            let message = format!("the file is not text: byte {at} is a control character");
            let what = Diagnostic::at_byte(&name, text.as_bytes(), at, "not-text", message);
            return Err(what.with_help(help).into());
        }
        let mut line_starts = vec![0];
        line_starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Ok(Self { name, text: text.into(), limits: *limits, line_starts: line_starts.into() })
    }

    /// Line and column, both 1-based, of a byte; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line.saturating_sub(1)];
        (line, self.text[start..offset].chars().count() + 1)
    }

    /// The text of a 1-based line without its line break; empty beyond the end.
    pub fn line(&self, line: usize) -> &str {
        let Some(start) = line.checked_sub(1).and_then(|index| self.line_starts.get(index)) else {
            return "";
        };
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        self.text[*start..end].trim_end_matches(['\n', '\r'])
    }

    /// The part of a span that lies on its first line.
    pub fn first_line_of(&self, span: Span) -> Span {
        let rest = self.text.get(span.start..span.end.min(self.text.len())).unwrap_or("");
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        Span::new(span.start, span.start + rest[..length].trim_end().len())
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end.min(self.text.len())).unwrap_or("")
    }
}
