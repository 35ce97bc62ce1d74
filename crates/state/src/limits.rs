//! How long the texts of a record may be, so that no record outgrows DynamoDB's 400 KB and no listing gets slow.

/// A sentence for readers.
pub(crate) const MESSAGE: usize = 4 * 1024;
/// Diagnostics of a whole file.
pub(crate) const DIAGNOSTICS: usize = 64 * 1024;
/// Why a module failed: one paragraph per resource.
pub(crate) const ERROR: usize = 16 * 1024;

/// Why one resource failed.
pub(crate) const FAILURE: usize = 2 * 1024;

/// The beginning of a text that is longer than `most` bytes, and how much is left out.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most);
    format!("{}\n… {} more characters", &text[..end], text[end..].chars().count())
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_long_text_keeps_its_beginning_and_says_how_much_is_missing() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("ein Schlüssel", 9), "ein Schl\n… 5 more characters");
    }
}
