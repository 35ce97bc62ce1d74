//! What the YAML parser complains about, in words that say what to do.

use serde_saphyr::granit_parser::{ErrorKind, ScanError};

use crate::diagnostic::Diagnostic;
use crate::mask::masked;
use crate::source::{Source, Span};

/// What to do about `-name: x`, which is a key that begins with a dash.
pub(crate) const SPACE_AFTER_DASH: &str = "put a space after the dash: an item of a list begins with `- `";

/// The diagnostic for a syntax error.
pub(super) fn syntax(source: &Source, error: &ScanError) -> Diagnostic {
    let offset = error.marker().byte_offset().unwrap_or(source.text.len());
    let span = Span::new(offset, offset);
    let (line, _) = source.position(offset);
    let at = |code, message: String| Diagnostic::new(source, span, code, message);
    match error.kind() {
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabAtBlockScalarStart => tab(source, line),
        // Some tabs are noticed only by what they do to the text before them.
        _ if is_indented_by_tab(source.line(line)) => tab(source, line),
        _ if is_indented_by_tab(source.line(line + 1)) => tab(source, line + 1),
        ErrorKind::RecursionLimitExceeded => {
            at("too-deep", "lists and mappings are nested too deeply".to_owned()).with_help("flatten the structure")
        }
        ErrorKind::UnknownAnchor => at("unknown-alias", "this alias names an anchor that is not defined".to_owned())
            .with_help("define it before its use with &NAME, or put the value in quotes if the * is part of a text"),
        kind => at("yaml-syntax", format!("this is not valid YAML: {}", plain(&kind.to_string())))
            .with_help(hint(kind, source, line)),
    }
}

fn tab(source: &Source, line: usize) -> Diagnostic {
    let start = line_start(source, line);
    let at = source.line(line).find('\t').map_or(start, |tab| start + tab);
    Diagnostic::new(source, Span::new(at, at + 1), "tab", "a tab is used for indentation")
        .with_help("YAML is indented with spaces: replace the tab by spaces")
}

fn is_indented_by_tab(line: &str) -> bool {
    line.trim_start_matches(' ').starts_with('\t')
}

fn line_start(source: &Source, line: usize) -> usize {
    source.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum()
}

/// The parser's message in our style: lower case, no full stop.
fn plain(message: &str) -> String {
    let message = message.trim().trim_end_matches('.');
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().collect::<String>() + chars.as_str())
}

fn hint(kind: &ErrorKind, source: &Source, number: usize) -> String {
    let line = source.line(number);
    let value = line.split_once(": ").map_or(line, |(_, value)| value).trim();
    if value.starts_with('{') && !value.ends_with('}') || value.starts_with("{{") {
        let rule = "text that begins with a brace has to stand in quotes";
        // A line of which something is masked in the excerpt is not repeated either.
        let shown =
            masked(source).split('\n').nth(number.saturating_sub(1)).is_some_and(|shown| shown.starts_with(line));
        return if shown { format!("{rule}: \"{}\"", value.replace('"', "\\\"")) } else { rule.to_owned() };
    }
    let lacks_space = |line: &str| {
        let item = line.trim_start().strip_prefix('-');
        item.is_some_and(|item| item.starts_with(char::is_alphabetic))
    };
    if lacks_space(line) || lacks_space(source.line(number.saturating_sub(1))) {
        return SPACE_AFTER_DASH.to_owned();
    }
    match kind {
        ErrorKind::UnclosedQuotedScalar => "close the quotes",
        ErrorKind::UnclosedFlowCollection { .. } => "close the bracket",
        ErrorKind::MappingValueNotAllowed => {
            "text with \": \" in it has to stand in quotes; keys of one mapping stand at the same indentation"
        }
        _ => "check the indentation and the quotes of this line and of the line before it",
    }
    .to_owned()
}
