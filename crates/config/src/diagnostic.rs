//! What is wrong in a file and where: one diagnostic, and the collection that a failed reading returns.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::mask::{path_without_glued_secrets, without_glued_secrets};
use crate::source::{Source, Span};

/// At most this many diagnostics of a file are kept: nobody reads more, and they travel through the state table.
const KEPT: usize = 200;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The file cannot be used.
    #[default]
    Error,
    /// The file can be used; something in it should be changed.
    Warning,
}

/// One thing that is wrong at one place of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Stable word for programs, for example `unknown-field`.
    pub code: Cow<'static, str>,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Name of the file.
    pub file: String,
    /// Bytes of the file that it is about.
    pub span: Span,
    /// Line, 1-based.
    pub line: usize,
    /// Column in characters, 1-based.
    pub column: usize,
    /// Path of the field, for example `modules[2].fifo`; empty when it is about the whole file.
    #[serde(default)]
    pub field: String,
    /// A few words to stand under the place; the place alone is marked when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error about a span of a source.
    pub fn new(source: &Source, span: Span, code: &'static str, message: impl Into<String>) -> Self {
        let (line, column) = source.position(span.start);
        Self {
            code: Cow::Borrowed(code),
            severity: Severity::Error,
            message: message.into(),
            file: source.name.clone(),
            span,
            line,
            column,
            field: String::new(),
            label: None,
            help: None,
        }
    }

    /// An error about a file as a whole, whose text may not even be readable.
    pub fn at_start(file: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            severity: Severity::Error,
            message: message.into(),
            file: file.to_owned(),
            span: Span::default(),
            line: 1,
            column: 1,
            field: String::new(),
            label: None,
            help: None,
        }
    }

    /// An error about a byte of a file that is not text, so that no source can be made of it.
    pub(crate) fn at_byte(file: &str, bytes: &[u8], at: usize, code: &'static str, message: impl Into<String>) -> Self {
        let before = bytes.get(..at).unwrap_or(bytes);
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
        Self {
            span: Span::new(at, at + 1),
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: String::from_utf8_lossy(&before[start..]).trim_start_matches('\u{feff}').chars().count() + 1,
            ..Self::at_start(file, code, message)
        }
    }

    /// With the path of the field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// With a few words for the place.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With what to do about it, where there is something to say.
    #[must_use]
    pub fn with_help_if(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// As a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong in a file, in the order of the file. Never empty. Serialises as a list of diagnostics.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    omitted: usize,
    source: Option<Source>,
}

impl Diagnostics {
    /// The diagnostics, in the order of the file.
    pub fn items(&self) -> &[Diagnostic] {
        &self.items
    }

    /// How many more there were than are kept.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// The text they are about, where it could be read.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// The diagnostics as a list.
    pub fn into_items(self) -> Vec<Diagnostic> {
        self.items
    }

    /// Diagnostics that were kept as data, for example in the state table; they render without the source line
    /// unless the text is given. None when the list is empty.
    pub fn from_items(items: Vec<Diagnostic>, source: Option<Source>) -> Option<Self> {
        (!items.is_empty()).then(|| Self::sorted(items, 0, source))
    }

    /// These, and so many more that were not kept.
    #[must_use]
    pub fn with_omitted(mut self, omitted: usize) -> Self {
        self.omitted += omitted;
        self
    }

    fn sorted(mut items: Vec<Diagnostic>, omitted: usize, source: Option<Source>) -> Self {
        let by_place = |a: &Diagnostic, b: &Diagnostic| {
            (&a.file, a.span.start, a.span.end, &a.message).cmp(&(&b.file, b.span.start, b.span.end, &b.message))
        };
        items.sort_by(by_place);
        items.dedup_by(|a, b| a.span == b.span && a.code == b.code && a.message == b.message && a.file == b.file);
        let beyond = items.len().saturating_sub(KEPT);
        if beyond > 0 {
            // Warnings go first: a file with an error must not pass for one without.
            items.sort_by_key(|item| item.severity == Severity::Warning);
            items.truncate(KEPT);
            items.sort_by(by_place);
        }
        Self { items, omitted: omitted + beyond, source }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { items: vec![diagnostic], omitted: 0, source: None }
    }
}

impl Serialize for Diagnostics {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.items.serialize(serializer)
    }
}

impl std::fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{item}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Collects diagnostics of one file while it is read.
#[derive(Debug)]
pub struct Report<'s> {
    source: &'s Source,
    items: Vec<Diagnostic>,
    omitted: usize,
}

impl<'s> Report<'s> {
    /// An empty report on a source.
    pub fn new(source: &'s Source) -> Self {
        Self { source, items: Vec::new(), omitted: 0 }
    }

    /// The source reported on.
    pub fn source(&self) -> &'s Source {
        self.source
    }

    /// A diagnostic of this source that is not yet part of the report.
    pub fn at(&self, span: Span, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.source, span, code, message)
    }

    /// Adds a diagnostic.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.message = without_glued_secrets(&diagnostic.message);
        diagnostic.help = diagnostic.help.as_deref().map(without_glued_secrets);
        diagnostic.field = path_without_glued_secrets(&diagnostic.field);
        // Ten times what is kept, because what comes later in time may stand earlier in the file.
        if self.items.len() < KEPT * 10 {
            self.items.push(diagnostic);
        } else {
            self.omitted += 1;
        }
    }

    /// How many errors it holds.
    pub fn errors(&self) -> usize {
        self.items.iter().filter(|item| item.severity == Severity::Error).count()
    }

    /// The warnings, if there are no errors.
    ///
    /// # Errors
    /// Everything found, warnings included, when there is at least one error.
    pub fn finish(self) -> Result<Vec<Diagnostic>, Diagnostics> {
        if self.errors() > 0 {
            return Err(Diagnostics::sorted(self.items, self.omitted, Some(self.source.clone())));
        }
        Ok(Diagnostics::sorted(self.items, self.omitted, None).items)
    }

    /// How many were found beyond those that it holds.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Everything found so far.
    pub fn into_items(self) -> Vec<Diagnostic> {
        self.items
    }
}
