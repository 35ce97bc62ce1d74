//! The one error type that crosses crate borders: what happened, what to do about it, what was left behind.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Result with the one error type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an error asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request is wrong: change the config.
    Invalid,
    /// A permission is missing: change a policy.
    Denied,
    /// Something is in the way: a name is taken, a plan no longer fits, somebody else holds it.
    Conflict,
    /// Not yet: something AWS needs is still being made or drained. Trying again later helps.
    NotReady,
    /// Too many calls: trying again more slowly helps.
    Throttled,
    /// A quota of the account is used up.
    Quota,
    /// AWS or this installation does not offer it here.
    Unsupported,
    /// It does not exist.
    NotFound,
    /// The deployment was cancelled: nothing more is begun.
    Cancelled,
    /// A record contradicts itself.
    Corrupt,
    /// Anything else.
    Unexpected,
}

impl Kind {
    /// Whether somebody has to change something before trying again helps: the config, a permission, a quota, or what
    /// AWS has. Everything else is of the moment, or a fault of ours.
    pub fn is_for_people(self) -> bool {
        match self {
            Self::Invalid | Self::Denied | Self::Conflict | Self::Quota | Self::Unsupported | Self::NotFound => true,
            Self::NotReady | Self::Throttled | Self::Cancelled | Self::Corrupt | Self::Unexpected => false,
        }
    }
}

/// What a failed step left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leftover {
    /// Nothing was made.
    Nothing,
    /// Something was made and is recorded.
    Something,
    /// It is not known; the next run looks.
    #[default]
    Unknown,
}

/// An error with what a reader needs to act on it.
#[derive(Debug)]
pub struct Error {
    /// What it asks for.
    pub kind: Kind,
    /// AWS error code, if AWS answered.
    pub code: Option<String>,
    /// What was being done, for example `CreateQueue`.
    pub operation: Box<str>,
    /// What it was done to, for example the queue's name.
    pub resource: Option<Box<str>>,
    /// What went wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What it left behind.
    pub leftover: Leftover,
    origin: Box<Origin>,
}

/// Where an error comes from. Apart, so that results stay small.
#[derive(Debug, Default)]
struct Origin {
    request_id: Option<String>,
    refused: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of our own.
    pub fn new(kind: Kind, operation: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: None,
            operation: operation.into().into(),
            resource: None,
            message: message.into(),
            hint: None,
            leftover: Leftover::Unknown,
            origin: Box::default(),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what it is about.
    #[must_use]
    pub fn about(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into().into());
        self
    }

    /// States what it left behind.
    #[must_use]
    pub fn leaves(mut self, leftover: Leftover) -> Self {
        self.leftover = leftover;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.origin.source = Some(source.into());
        self
    }

    /// Adds the id of the request, by which AWS support finds it.
    #[must_use]
    pub fn request(mut self, id: Option<&str>) -> Self {
        self.origin.request_id = id.map(str::to_owned);
        self
    }

    /// States that AWS answered: the call was not done.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.origin.refused = true;
        self
    }

    /// Whether AWS answered that it did not do the call. What earlier calls did stands.
    pub fn is_refusal(&self) -> bool {
        self.origin.refused
    }

    /// The id of the request, if AWS answered.
    pub fn request_id(&self) -> Option<&str> {
        self.origin.request_id.as_deref()
    }

    /// Whether AWS answered with this error code.
    pub fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether AWS may only not have caught up with itself: a role that was just made cannot be assumed or named in a
    /// policy yet, what was just made cannot be found yet, what was just detached still counts. Trying again for a
    /// short time is right; waiting for long is not, because the same answer also comes when the config is wrong
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>,
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>).
    pub fn may_pass(&self) -> bool {
        const SIGNS: [&str; 7] = [
            "cannot be assumed",
            "could not be assumed",
            "unable to assume",
            "invalid principal",
            "principalnotfound",
            "is invalid or does not include",
            "invalid iam instance profile",
        ];
        let message = self.message.to_ascii_lowercase();
        self.code.is_some()
            && (self.kind == Kind::NotFound
                || self.is_code("DeleteConflict")
                || SIGNS.iter().any(|sign| message.contains(sign)))
    }

    /// Whether AWS refused a creation because the thing is there already.
    pub fn says_it_exists(&self) -> bool {
        self.code.as_deref().is_some_and(crate::codes::says_it_exists)
    }

    /// The error for people: the chain of causes, and what to do about it on a line of its own.
    pub fn advice(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}\n  hint: {hint}", self.chain()),
            None => self.chain(),
        }
    }

    /// The error and its causes in one line, for the border.
    pub fn chain(&self) -> String {
        self.with_causes(self.to_string())
    }

    /// What went wrong and its causes, without what was being done to what.
    pub fn reason(&self) -> String {
        self.with_causes(self.message.clone())
    }

    fn with_causes(&self, mut text: String) -> String {
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let next = error.to_string();
            if !text.contains(&next) {
                text.push_str(": ");
                text.push_str(&next);
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        if let Some(resource) = &self.resource {
            write!(f, " of {resource}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(request) = &self.origin.request_id {
            write!(f, " (request {request})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.origin.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// Takes an error of one of these codes as "nothing to do". Every use says in a comment why that is fine.
pub fn tolerate<T>(result: Result<T>, codes: &[&str]) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code.as_deref().is_some_and(|code| codes.contains(&code)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(kind: Kind, code: &str, message: &str) -> Error {
        let mut error = Error::new(kind, "Create", format!("{message} ({code})"));
        error.code = Some(code.to_owned());
        error
    }

    #[test]
    fn what_eventual_consistency_explains_may_pass_and_nothing_else() {
        let role = "The role defined for the function cannot be assumed by Lambda";
        assert!(answered(Kind::Invalid, "InvalidParameterValueException", role).may_pass());
        let principal = "Policy contains a statement with one or more invalid principals";
        assert!(answered(Kind::Invalid, "MalformedPolicyDocumentException", principal).may_pass());
        assert!(answered(Kind::NotFound, "InvalidVpcID.NotFound", "it does not exist").may_pass());
        assert!(answered(Kind::Conflict, "DeleteConflict", "must detach all policies first").may_pass());
        assert!(!answered(Kind::Invalid, "InvalidParameterValue", "the range is wrong").may_pass());
        assert!(!Error::new(Kind::NotFound, "load", "there is no such run").may_pass(), "AWS did not say so");
    }

    #[test]
    fn advice_ends_with_the_hint() {
        let error = Error::new(Kind::Denied, "CreateQueue", "no").about("q").hint("allow it");
        assert_eq!(error.advice(), "CreateQueue of q: no\n  hint: allow it");
    }
}
