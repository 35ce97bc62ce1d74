//! What `landfall doctor` looks at: one file per group of checks, each of which answers what it found.
//!
//! The installation is looked at with the credentials of whoever asks, not by a function of it: that works when the
//! function is what is broken, and no function needs the right to read everything. What is in the state table is asked
//! of the API (`GET /doctor`, `GET /dead-letters`), where the right to read it is.
//!
//! What the installation should be is what the template of its stack says. A look that is refused is a finding too, with
//! the action that the caller lacks.

mod alarms;
mod caller;
mod events;
mod facts;
mod functions;
mod machines;
mod roles;
mod state;
mod storage;

use std::collections::BTreeSet;

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use serde::Serialize;
use serde_json::Value;

use crate::account::Account;
use crate::args::Place;
use crate::client::Client;
use crate::error::chain;
use facts::Facts;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Nothing is broken, and somebody should know.
    Warning,
    /// Something has to be done.
    Wrong,
    /// Could not be looked at: the caller lacks a permission, or nobody answered.
    Unknown,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Group of the check.
    pub group: &'static str,
    /// Name of the check.
    pub check: String,
    /// How it came out.
    pub state: State,
    /// What was found.
    pub what: String,
    /// What to do.
    pub todo: Option<String>,
}

impl Finding {
    fn new(group: &'static str, check: impl Into<String>, state: State, what: impl Into<String>) -> Self {
        Self { group, check: check.into(), state, what: what.into(), todo: None }
    }

    fn ok(group: &'static str, check: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(group, check, State::Ok, what)
    }

    fn wrong(group: &'static str, check: impl Into<String>, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { todo: Some(todo.into()), ..Self::new(group, check, State::Wrong, what) }
    }

    fn warning(
        group: &'static str,
        check: impl Into<String>,
        what: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self { todo: Some(todo.into()), ..Self::new(group, check, State::Warning, what) }
    }

    fn blind(group: &'static str, check: impl Into<String>, blind: &Blind) -> Self {
        let finding = Self::new(group, check, State::Unknown, format!("could not look: {}", blind.what));
        Self { todo: blind.todo.clone(), ..finding }
    }
}

/// Why something could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blind {
    code: Option<String>,
    what: String,
    todo: Option<String>,
}

impl Blind {
    /// Whether AWS said one of these.
    fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
}

/// The answer, or why there is none: the action names the permission when it is that.
fn seen<T, E, R>(action: &str, answer: Result<T, SdkError<E, R>>) -> Result<T, Blind>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    answer.map_err(|error| {
        let said = error.message().map_or_else(|| chain(&error), str::to_owned);
        refused(action, error.code().map(str::to_owned), &said)
    })
}

/// Why an action could not be done, from the code and the message of AWS.
fn refused(action: &str, code: Option<String>, said: &str) -> Blind {
    let denied = code
        .as_deref()
        .is_some_and(|code| code.contains("AccessDenied") || code.contains("Unauthorized") || code == "Forbidden");
    let (what, todo) = match (denied, &code) {
        (true, _) => (format!("the caller may not {action}"), Some(format!("allow {action}, or ask somebody who may"))),
        (false, Some(code)) => (format!("{action}: {said} ({code})"), None),
        (false, None) => (format!("{action}: no answer: {said}"), None),
    };
    Blind { code, what, todo }
}

/// Everything that was found.
pub struct Examination {
    /// What the checks found, group by group.
    pub findings: Vec<Finding>,
    /// What was found out about the whole table, as it came.
    pub deep: Option<Value>,
    /// Account, once it is known.
    pub account: Option<String>,
}

/// Says once what several checks of a group could not look at for the same reason.
fn once(findings: &mut Vec<Finding>) {
    let mut said = BTreeSet::new();
    findings.retain(|one| one.state != State::Unknown || said.insert((one.group, one.what.clone())));
}

/// Looks at everything.
pub async fn examine(account: Account, place: &Place, deep: bool) -> Examination {
    let config = account.config.clone();
    let mut findings = Vec::new();
    let identity = match caller::identity(&config).await {
        Ok(identity) => identity,
        Err(finding) => return Examination { findings: vec![finding], deep: None, account: None },
    };
    let region = account.region.clone();
    findings.push(caller::credentials(&identity, &region));
    let facts = Facts::read(&config, &place.stack, &region, &identity).await;
    let client = Client::open(account).await;
    let (state, deep) = match &client {
        Ok(client) => state::look(client, deep).await,
        Err(failure) => (vec![state::unreachable(failure)], None),
    };
    match facts {
        Ok(facts) => {
            let (permissions, clock, functions, roles, machines, storage, events, alarms) = tokio::join!(
                caller::permissions(&config, &facts, &identity),
                caller::clock(&config, &facts),
                functions::look(&config, &facts),
                roles::look(&config, &facts),
                machines::look(&config, &facts),
                storage::look(&config, &facts),
                events::look(&config, &facts),
                alarms::look(&config, &facts),
            );
            findings.extend(clock);
            findings.extend(permissions);
            findings.extend(facts.stack());
            findings.extend([functions, roles, machines, storage, events, alarms].into_iter().flatten());
        }
        Err(finding) => findings.push(finding),
    }
    findings.extend(state);
    once(&mut findings);
    Examination { findings, deep, account: Some(identity.account) }
}
