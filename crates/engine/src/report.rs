//! How a step ended, resource by resource.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use landfall_aws::{Error, Kind};
use landfall_plan::{Action, Counts, ModulePlan};
use landfall_state::ResourceFailure;
use serde_json::{Map, Value};

use crate::subject::Subject;

/// How one resource ended in this step.
#[derive(Debug)]
pub(crate) enum End {
    /// It is as desired, and recorded.
    Done { action: Action, attributes: Map<String, Value> },
    /// It was made so, and is to be recorded with this id and these properties. What needs it need not wait for that.
    Made { action: Action, attributes: Map<String, Value>, id: String, desired: Value },
    /// It is no more, and is to be forgotten. What it needs need not wait for that.
    Gone,
    /// AWS works on it, or is not ready for it.
    Pending { after: Duration, reason: String },
    /// It failed.
    Failed(Error),
}

/// The report of a step.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What the deployment did so far, this step included.
    pub counts: Counts,
    /// What failed.
    pub failures: Vec<(String, Error)>,
    /// What was not begun, and what it waits for.
    pub skipped: BTreeMap<String, Vec<String>>,
    /// What waits, and why.
    pub waits: BTreeMap<String, String>,
    /// The deployment was cancelled: what has not begun does not begin.
    pub cancelled: bool,
    /// When to look again.
    pub retry_after: Option<Duration>,
    /// Calls were left on their way.
    pub left_calls: bool,
    /// The module's outputs, once it is settled.
    pub outputs: Value,
    /// What this step did with each resource that is as desired now.
    pub acted: BTreeMap<String, Action>,
    /// What is no more.
    pub gone: BTreeSet<String>,
}

impl Report {
    pub(crate) fn wait(&mut self, resource: &str, after: Duration, reason: String) {
        self.waits.insert(resource.to_owned(), reason);
        self.retry_after = Some(self.retry_after.map_or(after, |now| now.min(after)));
    }

    pub(crate) fn next_step_goes_on(&mut self) {
        self.wait("step", Duration::ZERO, "the next step goes on".to_owned());
    }

    pub(crate) fn settled(&self) -> bool {
        self.failures.is_empty() && self.waits.is_empty() && !self.cancelled
    }

    /// Records that a resource failed, or that it was not begun because the deployment was cancelled.
    pub(crate) fn failed(&mut self, resource: &str, error: Error) {
        if error.kind == Kind::Cancelled {
            self.cancelled = true;
            self.skipped.insert(resource.to_owned(), Vec::new());
        } else {
            self.failures.push((resource.to_owned(), error));
        }
    }

    /// Whether a resource has neither failed nor waits.
    pub(crate) fn is_free(&self, resource: &str) -> bool {
        !self.waits.contains_key(resource) && !self.failures.iter().any(|(failed, _)| failed == resource)
    }

    /// Counts what the whole deployment did with the module, whichever step or crashed attempt did it: the plan says
    /// what was meant, the journal and this step say what came true.
    pub(crate) fn count(&mut self, subject: &Subject, approved: &ModulePlan, number: u64) {
        let mut counts = Counts::default();
        for node in subject.nodes.iter().filter(|node| !node.kind.0.is_lookup()) {
            let acted = self.acted.get(&node.name).copied().unwrap_or(Action::Keep);
            let earlier =
                subject.journal.get(&node.name).is_some_and(|entry| entry.applied && entry.deployment == number);
            let planned = approved.resources.iter().find(|change| change.resource == node.name);
            match planned.map_or(Action::Keep, |change| change.action) {
                planned @ (Action::Create | Action::Update | Action::Replace) => {
                    if acted != Action::Keep || earlier || self.acted.contains_key(&node.name) {
                        counts.add(planned);
                    }
                }
                Action::Keep | Action::Delete => counts.add(acted),
            }
        }
        for change in approved.resources.iter().filter(|change| change.action == Action::Delete) {
            if self.gone.contains(&change.resource) || !subject.journal.contains_key(&change.resource) {
                counts.add(Action::Delete);
            }
        }
        self.counts = counts;
    }

    /// The failures as the state keeps them, in order of names, not of the moments at which they failed.
    pub(crate) fn resource_failures(&self) -> Vec<ResourceFailure> {
        let mut failures: Vec<ResourceFailure> =
            self.failures.iter().map(|(resource, error)| failure(resource, error)).collect();
        failures.sort_by(|left, right| left.resource.cmp(&right.resource));
        failures
    }

    /// Every failure, and what was not begun because of them.
    pub(crate) fn failure_text(&self) -> String {
        let mut failures: Vec<&(String, Error)> = self.failures.iter().collect();
        failures.sort_by(|left, right| left.0.cmp(&right.0));
        let mut lines: Vec<String> =
            failures.iter().map(|(resource, error)| format!("{resource}: {}", error.advice())).collect();
        lines.extend(self.skipped.iter().map(|(resource, needs)| {
            if needs.is_empty() {
                format!("{resource}: not started")
            } else {
                format!("{resource}: not started because it needs {}", needs.join(", "))
            }
        }));
        lines.join("\n")
    }

    /// What a cancellation left undone.
    pub(crate) fn cancelled_text(&self) -> String {
        let mut lines: Vec<String> =
            self.waits.iter().map(|(resource, reason)| format!("{resource}: left as it was begun: {reason}")).collect();
        lines.extend(self.skipped.keys().map(|resource| format!("{resource}: not started")));
        lines.join("\n")
    }

    /// What is waited for.
    pub(crate) fn waits_text(&self) -> String {
        let waits: Vec<String> = self.waits.iter().map(|(resource, reason)| format!("{resource}: {reason}")).collect();
        waits.join("; ")
    }
}

/// An error as the state keeps it.
pub(crate) fn failure(resource: &str, error: &Error) -> ResourceFailure {
    ResourceFailure {
        resource: resource.to_owned(),
        operation: error.operation.to_string(),
        message: error.reason(),
        code: error.code.clone(),
        request_id: error.request_id().map(str::to_owned),
        hint: error.hint.clone(),
    }
}
