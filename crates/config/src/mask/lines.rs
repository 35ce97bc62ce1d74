//! What is masked by how the lines look, for text that the parser does not understand.

use super::{CONTENTS, is_reference, is_secret_name};

/// How a value that is masked goes on in the lines below its key.
#[derive(Clone, Copy)]
enum Below {
    /// Not at all.
    Nothing,
    /// In everything that stands further right than this column, and in what is there or further left no other entry.
    Indented(usize),
    /// Up to this quotation mark.
    Quoted(char),
    /// Up to the next comma, or until as many brackets are closed.
    Flow(usize),
    /// In the comments right below: the key stands in a comment.
    Comment,
}

pub(super) fn masked_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut below = Below::Nothing;
    let mut previous = "";
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let shown = content.trim_start();
        let indent = content.len() - shown.len();
        let next = match below {
            Below::Indented(column) if indent > column || !begins_entry(shown, indent == column) => Some(below),
            Below::Quoted(mark) => Some(if closing(content, mark).is_some() { Below::Nothing } else { below }),
            Below::Flow(depth) => Some(open_brackets(depth, content).map_or(Below::Nothing, Below::Flow)),
            Below::Comment if shown.starts_with('#') => Some(below),
            Below::Nothing | Below::Comment | Below::Indented(_) => None,
        };
        below = match next {
            Some(next) => {
                out.push_str(&content[..indent]);
                hide(&mut out, shown);
                next
            }
            None => mask_line(&mut out, content, names_secret(previous)),
        };
        previous = content;
        out.push_str(&line[content.len()..]);
    }
    out
}

/// Whether a line begins a key or a document. What begins an item of a list right below a key belongs to the key.
fn begins_entry(line: &str, is_below_key: bool) -> bool {
    let is_key = line.ends_with(':') || line.contains(": ");
    line.starts_with("---") || is_key && !(is_below_key && line.starts_with("- "))
}

/// Whether a line is the `name` of a secret, which the next line may hold.
fn names_secret(line: &str) -> bool {
    line.trim_start_matches([' ', '-', '"', '\'']).starts_with("name") && is_secret_name(line)
}

/// Writes a line; answers how a masked value goes on in the lines below. `is_named`: whether the line before may name
/// what stands here as a secret.
fn mask_line(out: &mut String, line: &str, mut is_named: bool) -> Below {
    let (mut at, mut piece) = (0, 0);
    while let Some(colon) = line[at..].find(':').map(|found| at + found) {
        let after = &line[colon + 1..];
        let value = after.trim_start();
        let value_at = line.len() - value.len();
        out.push_str(&line[at..value_at]);
        at = value_at;
        let is_apart = value.len() < after.len() || value.is_empty();
        is_named |= is_secret_name(&line[piece..colon]);
        piece = colon;
        let Some(column) = secret_key(&line[..colon], is_apart, is_named) else { continue };
        let in_flow = line[..colon].contains(['{', '[']);
        if is_block_header(value) {
            out.push_str(value);
            // Such a block cannot stand in brackets; where somebody tried, it stands further right than the line.
            let column = if in_flow { line.len() - line.trim_start().len() } else { column };
            return if is_comment(&line[..colon]) { Below::Comment } else { Below::Indented(column) };
        }
        let (end, below) = extent(value, in_flow, column);
        let bare = value[..end].split(" #").next().unwrap_or_default();
        if is_reference(bare) {
            continue;
        }
        hide(out, &value[..end]);
        at += end;
        if end == value.len() {
            return if is_comment(&line[..colon]) { Below::Comment } else { below };
        }
    }
    let rest = &line[at..];
    // A colon may have been forgotten.
    let word = rest.trim_start_matches([' ', '-']).split(' ').next().filter(|word| at == 0 && is_secret_name(word));
    let shown = word.map_or(rest.len(), |word| rest.find(word).unwrap_or_default() + word.len());
    out.push_str(&rest[..shown]);
    hide(out, &rest[shown..]);
    Below::Nothing
}

/// Whether a comment begins in the text that stands before something in its line.
fn is_comment(before: &str) -> bool {
    before.trim_start().starts_with('#') || before.contains(" #")
}

/// The column of the key at the end of a text, before its colon, if it is one of a secret. `is_apart`: whether a space
/// follows the colon. `is_named`: a secret is named in front of it, so that it may be the `value` of one.
fn secret_key(before: &str, is_apart: bool, is_named: bool) -> Option<usize> {
    let key = before.trim_end_matches(['"', '\'', ' ']);
    let start = key.rfind(['{', '[', ',', ':', '"', '\'', '#']).map_or(0, |at| at + 1);
    // A colon within a word, as in an ARN or an address, ends no key.
    let is_within = key[..start].ends_with([':', '#']);
    let name = key[start..].trim_start_matches([' ', '\t', '-', '?']);
    let is_quoted = before.ends_with(['"', '\'']);
    // A line that begins with a colon says nothing about its key, which stands above.
    let is_secret = is_secret_name(name) || before.trim().is_empty() || is_named && CONTENTS.contains(&name);
    (is_secret && (is_apart || is_quoted || !is_within)).then(|| {
        let column = key.len() - name.len();
        column - usize::from(key[..column].ends_with(['"', '\'']))
    })
}

/// How far a value goes in its line, and how it goes on below.
fn extent(value: &str, in_flow: bool, column: usize) -> (usize, Below) {
    let all = value.len();
    if let Some(mark) = value.chars().next().filter(|first| matches!(first, '"' | '\'')) {
        return match closing(&value[1..], mark) {
            None => (all, Below::Quoted(mark)),
            Some(end) if in_flow => (end + 2, Below::Nothing),
            Some(_) => (all, Below::Indented(column)),
        };
    }
    if value.starts_with(['{', '[']) {
        let after = if in_flow { Below::Nothing } else { Below::Indented(column) };
        return (all, open_brackets(0, value).map_or(after, Below::Flow));
    }
    if in_flow {
        return match value.find([',', '}', ']']) {
            // Something is wrong in it, and where it ends is a guess.
            Some(end) if value[..end].contains(['{', '[', '"', '\'']) => (all, Below::Indented(column)),
            Some(end) => (end, Below::Nothing),
            None => (all, Below::Flow(0)),
        };
    }
    (all, Below::Indented(column))
}

/// Where a quotation mark closes a text that began with one.
fn closing(text: &str, mark: char) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && mark == '"' {
            chars.next();
        } else if c == mark && (mark == '"' || chars.next_if(|(_, next)| *next == mark).is_none()) {
            return Some(at);
        }
    }
    None
}

/// How many brackets are open behind a text, none where the value ends in it.
fn open_brackets(mut depth: usize, text: &str) -> Option<usize> {
    for c in text.chars() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' if depth <= 1 => return None,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => return None,
            _ => {}
        }
    }
    Some(depth)
}

/// Whether the value is a block of the lines below: `|`, `>-`.
fn is_block_header(value: &str) -> bool {
    let header = value.split(" #").next().unwrap_or_default().trim_end();
    header
        .strip_prefix(['|', '>'])
        .is_some_and(|rest| rest.len() <= 2 && rest.chars().all(|c| matches!(c, '-' | '+' | '1'..='9')))
}

fn hide(out: &mut String, value: &str) {
    let shown = value.trim_end();
    out.extend(std::iter::repeat_n('*', shown.len()));
    out.push_str(&value[shown.len()..]);
}
