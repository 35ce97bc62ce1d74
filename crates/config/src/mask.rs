//! What diagnostics must not show. They are printed, stored and announced, and a person may have put a password where a
//! reference to one belongs.

mod lines;
mod places;

use std::borrow::Cow;

use self::lines::masked_lines;
use self::places::secret_places;
use crate::source::Source;

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

/// An ARN, or one reference and nothing beside it.
fn is_reference(value: &str) -> bool {
    let bare = value.trim().trim_matches(['"', '\'']);
    let is_closed = || bare.find('}').is_some_and(|end| bare[end..].chars().all(|c| c == '}'));
    bare.starts_with("arn:") && !bare.contains(char::is_whitespace) || bare.starts_with("${") && is_closed()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::lines::masked_lines;
    use super::{is_secret_field, is_secret_name, masked};
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
