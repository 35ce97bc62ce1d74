//! Diagnostics as people read them: file, line, column, the source line, a mark under the place, what to do.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::mask::masked;
use crate::source::Source;

/// Beyond this many, the rest is only counted.
const SHOWN: usize = 50;
/// Source lines longer than this are not shown: they would hide the message.
const LONGEST_LINE: usize = 400;
/// Narrower than this, wrapping makes text unreadable.
const NARROWEST: usize = 40;

impl Diagnostics {
    /// Renders all diagnostics, with terminal colours or without, wrapped to a width in characters.
    pub fn render(&self, color: bool, width: usize) -> String {
        let mut out = String::new();
        let excerpts = self.source().map(Excerpts::of);
        for item in self.items().iter().take(SHOWN) {
            out.push_str(&item.rendered(excerpts.as_ref(), color, width));
            out.push('\n');
        }
        let hidden = self.items().len().saturating_sub(SHOWN) + self.omitted();
        if hidden > 0 {
            push_line(&mut out, &format!("… and {hidden} more"));
        }
        push_line(&mut out, &self.summary());
        out
    }

    fn summary(&self) -> String {
        let kept = self.items().iter().filter(|item| item.severity == Severity::Error).count();
        // While a warning is kept, no error is left out.
        let errors = if kept == self.items().len() { kept + self.omitted() } else { kept };
        let warnings = self.items().len() + self.omitted() - errors;
        let file = self.items().first().map_or("", |item| item.file.as_str());
        match (errors, warnings) {
            (errors, 0) => format!("{file}: {}", counted(errors, "error")),
            (0, warnings) => format!("{file}: {}", counted(warnings, "warning")),
            (errors, warnings) => {
                format!("{file}: {}, {}", counted(errors, "error"), counted(warnings, "warning"))
            }
        }
    }
}

impl Diagnostic {
    /// Renders one diagnostic; the source line is shown where the text is given.
    pub fn render(&self, source: Option<&Source>, color: bool, width: usize) -> String {
        self.rendered(source.map(Excerpts::of).as_ref(), color, width)
    }

    fn rendered(&self, excerpts: Option<&Excerpts<'_>>, color: bool, width: usize) -> String {
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(width.max(NARROWEST))
            .with_links(false)
            .with_context_lines(1)
            .with_break_words(false);
        let shown = Shown::of(self, excerpts);
        let mut out = String::new();
        match handler.render_report(&mut out, &shown) {
            Ok(()) => out,
            // Rendering to a string fails only when a span is outside of the text: say it plainly instead.
            Err(_) => format!("{self}\n"),
        }
    }
}

/// A source and what may be shown of its text.
struct Excerpts<'a> {
    source: &'a Source,
    text: String,
}

impl<'a> Excerpts<'a> {
    fn of(source: &'a Source) -> Self {
        Self { source, text: masked(source) }
    }
}

/// A diagnostic in the words of the renderer.
struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    excerpt: Option<(NamedSource<String>, LabeledSpan)>,
}

impl<'a> Shown<'a> {
    fn of(diagnostic: &'a Diagnostic, excerpts: Option<&Excerpts<'_>>) -> Self {
        let excerpt = excerpts
            .filter(|of| of.source.name == diagnostic.file && is_showable(of.source, diagnostic))
            .map(|Excerpts { source, text }| {
                let span = source.first_line_of(diagnostic.span);
                // An empty place, for example the end of the file, is marked by one character.
                let length = (span.end - span.start).max(usize::from(span.start < source.text.len()));
                let label = LabeledSpan::new(diagnostic.label.clone(), span.start, length);
                (NamedSource::new(&source.name, text.clone()), label)
            });
        Self { diagnostic, excerpt }
    }
}

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.diagnostic)
    }
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.excerpt.is_none() {
            return write!(f, "{}", self.diagnostic);
        }
        if !self.diagnostic.field.is_empty() {
            write!(f, "{}: ", self.diagnostic.field)?;
        }
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn std::fmt::Display + 'b>> {
        Some(Box::new(&self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn std::fmt::Display + 'b>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|(source, _)| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, label) = self.excerpt.as_ref()?;
        Some(Box::new(std::iter::once(label.clone())))
    }
}

fn is_showable(source: &Source, diagnostic: &Diagnostic) -> bool {
    let (line, _) = source.position(diagnostic.span.start);
    !source.text.is_empty() && (line.saturating_sub(1)..=line + 1).all(|line| source.line(line).len() <= LONGEST_LINE)
}

fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}
