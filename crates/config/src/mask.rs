//! What an excerpt of a file must not show. Diagnostics are printed, stored and announced, and a person may have put a
//! password where a reference to one belongs.

/// Parts of the names of keys whose values are masked, in lower case and without `_` and `-`.
const WORDS: [&str; 7] = ["password", "passwd", "secret", "token", "apikey", "privatekey", "credential"];

/// The text with a `*` for every byte of a value that looks like a secret, so that every place in it stays where it is.
/// The rule goes by the name of the key. References (`arn:…`, `${…}`) are no secrets and stay readable.
pub(crate) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // The indentation of a key whose value is a block of the lines below it.
    let mut block: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let indent = content.len() - content.trim_start().len();
        if block.is_some_and(|key| content.trim().is_empty() || indent > key) {
            out.push_str(&content[..indent]);
            hide(&mut out, &content[indent..]);
        } else {
            block = mask_line(&mut out, content).then_some(indent);
        }
        out.push_str(&line[content.len()..]);
    }
    out
}

/// Writes a line; answers whether the value goes on in the lines below.
fn mask_line(out: &mut String, line: &str) -> bool {
    let mut rest = line;
    while let Some(colon) = rest.find(':') {
        let (before, after) = rest.split_at(colon + 1);
        out.push_str(before);
        let value = after.trim_start();
        let spaces = &after[..after.len() - value.len()];
        out.push_str(spaces);
        // A colon within a word, as in an ARN or an address, ends no key.
        let is_key = is_secret(before) && (!spaces.is_empty() || value.is_empty());
        if !is_key || is_reference(value) {
            rest = value;
            continue;
        }
        if value.starts_with(['|', '>']) {
            out.push_str(value);
            return true;
        }
        let in_flow = line[..line.len() - value.len()].contains('{');
        let end = if in_flow { value.find([',', '}']).unwrap_or(value.len()) } else { value.len() };
        hide(out, &value[..end]);
        rest = &value[end..];
    }
    out.push_str(rest);
    false
}

/// Whether the key at the end of a text, before its colon, is one of a secret.
fn is_secret(before: &str) -> bool {
    let key = before.trim_end_matches([':', '"', '\'', ' ']);
    let start = key.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').map_or(0, |at| at + 1);
    let name: String = key.get(start..).unwrap_or(key).to_lowercase().replace(['_', '-'], "");
    WORDS.iter().any(|word| name.contains(word))
}

fn is_reference(value: &str) -> bool {
    let bare = value.trim_start_matches(['"', '\'']);
    bare.starts_with("arn:") || bare.starts_with("${")
}

fn hide(out: &mut String, value: &str) {
    let shown = value.trim_end();
    out.extend(std::iter::repeat_n('*', shown.len()));
    out.push_str(&value[shown.len()..]);
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn values_of_keys_that_name_a_secret_are_hidden_and_everything_stays_in_its_place() {
        for (text, shown) in [
            ("api_key: abc\nname: x\n", "api_key: ***\nname: x\n"),
            ("  - db-Password: \"é\"  \r\n", "  - db-Password: ****  \r\n"),
            ("{type: datadog, \"api_key\": abc, name: x}", "{type: datadog, \"api_key\": ***, name: x}"),
            ("api_key: arn:aws:secretsmanager:eu:1:secret:x", "api_key: arn:aws:secretsmanager:eu:1:secret:x"),
            ("api_key: \"${vars.key}\"", "api_key: \"${vars.key}\""),
            ("private_key: |\n  one\n\n  two\nname: x", "private_key: |\n  ***\n\n  ***\nname: x"),
            ("url: https://secret:8080/x", "url: https://secret:8080/x"),
            ("token:\n  - a", "token:\n  - a"),
            ("name: queue # no: secret", "name: queue # no: secret"),
        ] {
            assert_eq!(masked(text), shown);
            assert_eq!(masked(text).len(), text.len());
        }
    }
}
