//! What an unquoted scalar means: the YAML 1.2 core schema, with `1_000` for 1000 and leading zeros as decimal.

use super::Yaml;

/// The value of an unquoted scalar. None when it looks like an integer that does not fit into 64 bits.
pub(super) fn resolve(text: &str) -> Option<Yaml> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Yaml::Null),
        "true" | "True" | "TRUE" => return Some(Yaml::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Yaml::Bool(false)),
        _ => {}
    }
    if let Some((radix, digits)) = integer(text) {
        let value = i64::from_str_radix(&digits, radix).ok()?;
        return Some(Yaml::Int { value, raw: text.to_owned() });
    }
    if let Some(value) = float(text) {
        return Some(Yaml::Float { value, raw: text.to_owned() });
    }
    Some(Yaml::String(text.to_owned()))
}

/// Radix and digits, with the sign in front, of what is written as an integer.
fn integer(text: &str) -> Option<(u32, String)> {
    if let Some(digits) = text.strip_prefix("0o").filter(|rest| is_digits(rest, |c| matches!(c, '0'..='7'))) {
        return Some((8, digits.to_owned()));
    }
    if let Some(digits) = text.strip_prefix("0x").filter(|rest| is_digits(rest, |c| c.is_ascii_hexdigit())) {
        return Some((16, digits.to_owned()));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_decimal =
        unsigned.starts_with(|c: char| c.is_ascii_digit()) && is_digits(unsigned, |c| c.is_ascii_digit() || c == '_');
    is_decimal.then(|| (10, text.replace('_', "")))
}

fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(sign * f64::INFINITY);
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(f64::NAN);
    }
    // Rust also reads "inf", "nan" and "infinity", which YAML does not.
    let has_digit = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit());
    let is_number = unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if has_digit && is_number { text.parse().ok() } else { None }
}

fn is_digits(text: &str, is_digit: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(is_digit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn int(text: &str) -> i64 {
        match resolve(text) {
            Some(Yaml::Int { value, raw }) if raw == text => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn integers_are_decimal_unless_marked_and_may_hold_underscores() {
        assert_eq!(int("17"), 17);
        assert_eq!(int("-17"), -17);
        assert_eq!(int("+17"), 17);
        assert_eq!(int("011111111111"), 11_111_111_111);
        assert_eq!(int("000000000000"), 0);
        assert_eq!(int("0o17"), 15);
        assert_eq!(int("0x1F"), 31);
        assert_eq!(int("1_000"), 1000);
        assert_eq!(resolve("99999999999999999999"), None);
    }

    #[test]
    fn yes_no_on_off_and_words_are_strings() {
        for text in ["yes", "no", "on", "off", "Yes", "tRue", "inf", "nan", "-", ".", "e5", "1.2.3", "_1", "0b1", "12h"]
        {
            assert_eq!(resolve(text), Some(Yaml::String(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn fractions_and_exponents_are_floats_that_keep_their_text() {
        for (text, value) in [("1.20", 1.2), ("-.5", -0.5), ("1e3", 1000.0), ("6.", 6.0), ("+1.5E-1", 0.15)] {
            assert_eq!(resolve(text), Some(Yaml::Float { value, raw: text.to_owned() }), "{text}");
        }
        assert!(matches!(resolve("-.inf"), Some(Yaml::Float { value, .. }) if value == f64::NEG_INFINITY));
    }

    #[test]
    fn nothing_is_null() {
        for text in ["", "~", "null", "NULL"] {
            assert_eq!(resolve(text), Some(Yaml::Null));
        }
        assert_eq!(resolve("nil"), Some(Yaml::String("nil".to_owned())));
    }
}
