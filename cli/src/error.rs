//! How a command ends: the exit codes, and failures with what to do about them.

use std::fmt;

/// The codes that `landfall` ends with. Listed for users by `landfall help-exit-codes` below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The deployment or the command failed.
    Failed = 1,
    /// The file, the arguments or the request are not valid.
    Invalid = 2,
    /// A plan waits for an approval.
    NeedsApproval = 3,
    /// Landfall cannot be reached, or the caller may not do this.
    Unreachable = 4,
    /// No such layer or deployment, or Landfall is not installed.
    NotFound = 5,
    /// Another change is in the way: superseded, locked, or decided by somebody else.
    InTheWay = 6,
    /// `landfall doctor` found something that has to be done.
    Unwell = 7,
    /// Something drifted.
    Drifted = 8,
    /// Interrupted by Ctrl-C; what was started goes on.
    Interrupted = 130,
}

/// The table of exit codes, part of the long help.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the deployment or the command failed
  2    the file, the arguments or the request are not valid
  3    a plan waits for an approval
  4    Landfall cannot be reached, or the caller may not do this
  5    no such layer or deployment, or Landfall is not installed here
  6    another change is in the way: superseded, locked, or decided by somebody else
  7    landfall doctor found something that has to be done
  8    something drifted that is neither accepted nor ignored
  130  interrupted by Ctrl-C; a deployment that was started goes on";

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// Code to end with.
    pub exit: Exit,
    /// What happened: lower case, no full stop.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// With what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With what to do, where nothing better is known.
    #[must_use]
    pub fn with_hint_if_none(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// A failure of reading or writing a local file.
pub fn file_failure(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Invalid, format!("cannot {doing} {}: {error}", path.display()))
}

/// An error with everything that caused it, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Many libraries repeat the cause in their own text.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
