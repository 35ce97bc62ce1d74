//! Why a change is not acceptable, for people.

use landfall_config::Diagnostics;
use landfall_state::StateError;

/// Why a change is not acceptable.
#[derive(Debug)]
pub enum Refusal {
    /// The file is wrong: every place is named.
    Invalid(Diagnostics),
    /// The file is right, but the installation cannot take it.
    Unacceptable {
        /// What is wrong: lower case, no full stop.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The state could not be asked. Not the user's fault: try again.
    State(StateError),
}

impl Refusal {
    /// A refusal with a hint.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unacceptable { message: message.into(), hint: hint.into() }
    }

    /// One line.
    pub fn summary(&self) -> String {
        match self {
            Self::Invalid(diagnostics) => {
                let items = diagnostics.items();
                let first = items.first().map(|first| format!("{}:{}: {}", first.file, first.line, first.message));
                let more = items.len().saturating_sub(1) + diagnostics.omitted();
                let first = first.unwrap_or_else(|| "the file is not valid".to_owned());
                if more == 0 { first } else { format!("{first} (and {more} more)") }
            }
            Self::Unacceptable { message, .. } => message.clone(),
            Self::State(error) => error.to_string(),
        }
    }

    /// The whole text, as it is recorded and shown.
    pub fn rendered(&self) -> String {
        match self {
            Self::Invalid(diagnostics) => diagnostics.render(false, 100),
            Self::Unacceptable { message, hint } => format!("{message}\n  hint: {hint}"),
            Self::State(error) => error.to_string(),
        }
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<Diagnostics> for Refusal {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Invalid(diagnostics)
    }
}
