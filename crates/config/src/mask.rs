//! What diagnostics must not show. They are printed, stored and announced, and a person may have put a password where a
//! reference to one belongs.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Parser};

use crate::source::{Source, Span};
use crate::yaml::parser_options;

/// Parts of the names of keys whose values are masked, in lower case, letters and digits only.
const WORDS: [&str; 7] = ["password", "passwd", "secret", "token", "apikey", "privatekey", "credential"];

/// Keys that hold what is called by the key `name` beside them: `{name: db_password, default: …}`.
const CONTENTS: [&str; 2] = ["default", "value"];

/// Whether a key or a variable of this name holds a secret, however it is spelt.
pub fn is_secret_name(name: &str) -> bool {
    let name: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    // The service has the word in its name, in actions and in what is called by it.
    let name = name.replace("secretsmanager", "");
    WORDS.iter().any(|word| name.contains(word))
}

/// Whether a part of the path of a field is the name of a secret: the value of the field is shown nowhere then.
pub fn is_secret_field(path: &str) -> bool {
    path.split(['.', '[', ']']).any(is_secret_name)
}

/// The text of a source with a `*` for every byte of a value that looks like a secret, so that every place in it stays
/// where it is. The rule goes by the name of the key. References (`arn:…`, `${…}`) are no secrets and stay readable.
///
/// What the parser understands is masked by its places, and all of it by how the lines look: behind a mistake the
/// parser understands nothing. Too much may be masked by that, never too little.
pub(crate) fn masked(source: &Source) -> String {
    let mut bytes = masked_lines(&source.text).into_bytes();
    let mut places = secret_places(source);
    places.sort_unstable_by_key(|place| place.start);
    // What many aliases lead to is masked once.
    let mut masked_to = 0;
    for place in places {
        let (start, end) = (place.start.max(masked_to), place.end.min(bytes.len()));
        masked_to = masked_to.max(end);
        for byte in bytes.get_mut(start..end).into_iter().flatten() {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    // Places begin and end between characters, so this is still text.
    String::from_utf8(bytes).unwrap_or_else(|error| "*".repeat(error.as_bytes().len()))
}

/// A message in which no quoted text is `password:x` or `password x`: without a space after the colon, or without the
/// colon, a secret is taken for a part of its key.
pub(crate) fn without_glued_secrets(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find(['`', '"']) {
        let mark = &rest[start..=start];
        let Some(length) = rest[start + 1..].find(mark) else { break };
        let quoted = &rest[start + 1..start + 1 + length];
        out.push_str(&rest[..=start]);
        out.push_str(&without_glued_secret(quoted));
        out.push_str(mark);
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out
}

/// The same for a path: a key in it may be glued to its value.
pub(crate) fn path_without_glued_secrets(path: &str) -> String {
    without_glued_secret(path).into_owned()
}

fn without_glued_secret(text: &str) -> Cow<'_, str> {
    match text.find([':', ' ']) {
        Some(at) if is_secret_name(&text[..at]) && !text[at + 1..].trim().is_empty() => {
            Cow::Owned(format!("{}…", &text[..at]))
        }
        _ => Cow::Borrowed(text),
    }
}

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
fn secret_places(source: &Source) -> Vec<Span> {
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

fn masked_lines(text: &str) -> String {
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

/// An ARN, or one reference and nothing beside it.
fn is_reference(value: &str) -> bool {
    let bare = value.trim().trim_matches(['"', '\'']);
    let is_closed = || bare.find('}').is_some_and(|end| bare[end..].chars().all(|c| c == '}'));
    bare.starts_with("arn:") && !bare.contains(char::is_whitespace) || bare.starts_with("${") && is_closed()
}

fn hide(out: &mut String, value: &str) {
    let shown = value.trim_end();
    out.extend(std::iter::repeat_n('*', shown.len()));
    out.push_str(&value[shown.len()..]);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::{is_secret_field, is_secret_name, masked, masked_lines};
    use crate::source::{Limits, Source};

    #[test]
    fn values_of_keys_that_name_a_secret_are_hidden_and_everything_stays_in_its_place() {
        for (text, shown) in [
            ("api_key: abc\nname: x\n", "api_key: ***\nname: x\n"),
            ("  - db-Password: \"é\"  \r\n", "  - db-Password: ****  \r\n"),
            ("{type: datadog, \"api_key\": abc, name: x}", "{type: datadog, \"api_key\": ***, name: x}"),
            ("api_key: arn:aws:secretsmanager:eu:1:secret:x", "api_key: arn:aws:secretsmanager:eu:1:secret:x"),
            ("role: arn:aws:secretsmanager:eu:1:secret:x", "role: arn:aws:secretsmanager:eu:1:secret:x"),
            ("api_key: \"${vars.key}\"", "api_key: \"${vars.key}\""),
            ("api_key: \"${vars.key}1\"", "api_key: **************"),
            ("private_key: |\n  one\n\n  two\nname: x", "private_key: |\n  ***\n\n  ***\nname: x"),
            ("password: |one", "password: ****"),
            ("url: https://secret:8080/x", "url: https://secret:8080/x"),
            ("token:\n  - a\nname: x", "token:\n  ***\nname: x"),
            ("token:\n- a\n- b\nname: x", "token:\n***\n***\nname: x"),
            ("- name: DB_TOKEN\n  value: a\n  size: b", "- name: DB_TOKEN\n  value: *\n  size: b"),
            ("{name: DB_TOKEN, value: a, size: b}", "{name: DB_TOKEN, value: *, size: b}"),
            ("token: one\ntwo\nname: x", "token: ***\n***\nname: x"),
            ("  token:\n- one\nname: x", "  token:\n*****\nname: x"),
            ("- password hunter\n  name: x", "- password*******\n  name: x"),
            ("- token:\n  - a\n  name: x\n- b: c", "- token:\n  ***\n  name: x\n- b: c"),
            ("token: # one\n  a\nname: x", "token: *****\n  *\nname: x"),
            ("m:\n# Secrets: a\n  - type: sqs\n    b: c", "m:\n# Secrets: *\n  - type: sqs\n    b: c"),
            ("# token: |\n#  a\n  - type: sqs", "# token: |\n****\n  - type: sqs"),
            ("{a: [secretsmanager:GetSecretValue], b: c}", "{a: [secretsmanager:GetSecretValue], b: c}"),
            ("name: queue # no: secret", "name: queue # no: secret"),
            ("{token: \"a,}b\", name: x}", "{token: ******, name: x}"),
            ("{token: 'a''}b', name: x}", "{token: *******, name: x}"),
            ("{\"password\":\"x\\\"y\",\"name\":\"z\"}", "{\"password\":******,\"name\":\"z\"}"),
            ("password:hunter\nname: x", "password:******\nname: x"),
            ("\"api key\": a\nname: x", "\"api key\": *\nname: x"),
            ("token: \"one\ntwo\nthree\"\nname: x", "token: ****\n***\n******\nname: x"),
            ("{token: one\ntwo, a: b}\nname: x", "{token: ***\n**********\nname: x"),
            ("token: [a,\nb,\nc]\nname: x", "token: ***\n**\n**\nname: x"),
            ("token: one\n  two: three\nname: x", "token: ***\n  **********\nname: x"),
        ] {
            assert_eq!(masked_lines(text), shown);
            assert_eq!(masked_lines(text).len(), text.len());
        }
    }

    #[test]
    fn where_the_file_is_understood_no_spelling_of_a_value_escapes() {
        for text in [
            "? password\n: hunter\nname: plain",
            "a: {\"password\"\n: 'hunter,\n hunter'}\nname: plain",
            "a: &p hunter\npassword: *p\nname: plain",
            "a: &p [hunter, {b: hunter}]\npassword: *p\nname: plain",
            "password: {hunter: hunter, b: [hunter]}\nname: plain",
            "password: {hunter}\nname: plain",
            "password: >-\n  hunter\n  é hunter\nname: plain",
            "password: a\npassword: hunter\nname: plain",
            "input_variables:\n  - {default: hunter, name: db_password}\n  - {default: plain, name: size}",
            "env_vars:\n  - name: TOKEN\n    value: hunter\nname: plain",
        ] {
            let source = Source::from_bytes("a.yaml", text.as_bytes(), &Limits::default()).unwrap();
            let shown = masked(&source);
            assert!(!shown.contains("hunter"), "{shown}");
            assert!(shown.contains("plain"), "{shown}");
            assert_eq!(shown.len(), text.len());
        }
    }

    proptest! {
        #[test]
        fn whatever_the_text_everything_stays_in_its_place(text in "(token|password|a|é|[ :,{}\\[\\]\"'#|>*&\\\\?\n\r-]){0,40}") {
            let source = Source::from_bytes("a.yaml", text.as_bytes(), &Limits::default()).unwrap();
            let shown = masked(&source);
            prop_assert_eq!(shown.len(), text.len());
            let breaks = |text: &str| text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>();
            prop_assert_eq!(breaks(&shown), breaks(&text));
        }
    }

    #[test]
    fn names_of_secrets_are_known_in_any_spelling() {
        for name in ["password", "DB_PASSWORD", "apiKey", "api-key", "API key", "GITHUB_TOKEN", "private.key"] {
            assert!(is_secret_name(name), "{name}");
        }
        assert!(!is_secret_name("key_name"));
        assert!(is_secret_field("modules[0].env_vars.DB_PASSWORD"));
        assert!(is_secret_field("modules[0].secrets[1]"));
        assert!(!is_secret_field("modules[0].name"));
    }
}
