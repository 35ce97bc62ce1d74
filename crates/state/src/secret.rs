//! A value that must not be read by whoever reads logs, records or answers.

use serde::Deserialize;

/// A value that is printed nowhere: `Debug` shows three dots, and there is neither `Display` nor `Serialize`, so that
/// no log line, record or answer can hold it by accident. [`Secret::expose`] is the one way to it, and the places that
/// call it are all that has to be read to know where it goes.
///
/// What is secret today are the tokens of waiting executions: whoever has one can end the wait, and so approve a plan.
/// The credentials that requests are signed with are the AWS SDK's, whose own type does not print them. Passwords that
/// Landfall makes up do not exist yet.
///
/// It keeps a value from being shown, not from being in memory: the SDK copies it into its requests, so wiping this
/// copy would promise too much.
///
/// ```compile_fail
/// fn stored(value: impl serde::Serialize) {}
/// stored(landfall_state::Secret::from("token"));
/// ```
///
/// ```compile_fail
/// println!("{}", landfall_state::Secret::from("token"));
/// ```
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(String);

impl Secret {
    /// The value, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_is_read_and_not_shown() {
        #[derive(Debug, Deserialize)]
        struct Asked {
            task_token: Secret,
        }
        let asked: Asked = serde_json::from_str(r#"{"task_token":"AQCsecret"}"#).unwrap();
        assert_eq!(asked.task_token.expose(), "AQCsecret");
        assert_eq!(format!("{asked:?}"), "Asked { task_token: … }");
        assert!(!format!("{asked:#?}").contains("AQC"));
    }
}
