//! The runs of a deployment's modules, and the gate that lets a module begin the moment its own needs are met.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::keys;
use crate::limits::{FAILURE, shortened};
use crate::secret::Secret;
use crate::store::Store;
use crate::write::{Write, text};

/// How far the run of a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Waits for what it needs.
    Waiting,
    /// A step runs.
    Running,
    /// AWS works; another step follows.
    Pending,
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Not begun, because something it needs failed.
    Skipped,
    /// Not begun or not brought to its end, because the deployment was cancelled.
    Cancelled,
    /// Nothing to do.
    Unchanged,
}

impl RunStatus {
    /// Whether it has ended.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped | Self::Cancelled | Self::Unchanged)
    }

    /// Whether what needs it may begin.
    pub fn is_met(self) -> bool {
        matches!(self, Self::Done | Self::Unchanged)
    }
}

/// How many resources a run changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Created.
    pub create: usize,
    /// Updated in place.
    pub update: usize,
    /// Replaced.
    pub replace: usize,
    /// Deleted.
    pub delete: usize,
}

/// What became of a resource that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceFailure {
    /// Name in the module; empty when it is about the module as a whole.
    pub resource: String,
    /// AWS operation, or what was being done.
    pub operation: String,
    /// What went wrong, in AWS's words where AWS answered.
    pub message: String,
    /// AWS error code.
    #[serde(default)]
    pub code: Option<String>,
    /// Id of the request, by which AWS support finds it.
    #[serde(default)]
    pub request_id: Option<String>,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
}

/// Failures that a run keeps; what is more is counted in its text.
const FAILURES: usize = 50;

/// The failures as a run keeps them, within bounds.
pub(crate) fn bounded(failures: &[ResourceFailure]) -> Vec<ResourceFailure> {
    let bounded = |failure: &ResourceFailure| ResourceFailure {
        message: shortened(&failure.message, FAILURE),
        hint: failure.hint.as_ref().map(|hint| shortened(hint, FAILURE)),
        ..failure.clone()
    };
    failures.iter().take(FAILURES).map(bounded).collect()
}

/// A module's run in one deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Deployment.
    pub number: u64,
    /// Module.
    pub module: String,
    /// Kind in the catalogue.
    pub kind: String,
    /// How far it is.
    pub status: RunStatus,
    /// Modules that have to settle first.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Why it waits.
    #[serde(default)]
    pub reason: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
    /// What failed, resource by resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<ResourceFailure>,
    /// What it changed.
    #[serde(default)]
    pub counts: RunCounts,
    /// AWS calls it made, by `service.Operation`.
    #[serde(default)]
    pub calls: BTreeMap<String, u64>,
    /// Token of the execution that waits for its needs. It is read from the record and never written out again.
    #[serde(default, skip_serializing)]
    pub task_token: Option<Secret>,
    /// When its first step began. Left out until then: a null would count as existing in `if_not_exists`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// When it was planned.
    pub created_at: Timestamp,
    /// Nothing was heard any more of a function that worked on it: calls of it may still be on their way.
    #[serde(default)]
    pub stray: bool,
}

/// A run that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStart {
    /// Module.
    pub module: String,
    /// Kind.
    pub kind: String,
    /// Modules that have to settle first.
    pub needs: Vec<String>,
    /// Whether it has nothing to do.
    pub unchanged: bool,
}

/// A change of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunUpdate {
    /// How far it is.
    pub status: RunStatus,
    /// Why it waits.
    pub reason: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// What failed, resource by resource.
    pub failures: Vec<ResourceFailure>,
    /// What it changed.
    pub counts: RunCounts,
    /// AWS calls it made.
    pub calls: BTreeMap<String, u64>,
    /// Whether nothing is heard any more of a function that worked on it. Stays so from then on.
    pub stray: bool,
}

impl RunUpdate {
    /// A status without details.
    pub fn status(status: RunStatus) -> Self {
        Self {
            status,
            reason: None,
            error: None,
            failures: Vec::new(),
            counts: RunCounts::default(),
            calls: BTreeMap::new(),
            stray: false,
        }
    }
}

/// Whether a module may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Everything it needs is met.
    Ready,
    /// These failed or were skipped.
    Failed(Vec<String>),
    /// The deployment was cancelled before these were done.
    Cancelled,
    /// These have not settled.
    Waiting(Vec<String>),
}

/// An execution to wake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// Module that waited.
    pub module: String,
    /// Its task token.
    pub task_token: Secret,
    /// What to tell it.
    pub outcome: WakeOutcome,
}

/// What a waiting module is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WakeOutcome {
    /// Begin.
    Ready,
    /// These failed.
    DependencyFailed(Vec<String>),
    /// The deployment was cancelled.
    Cancelled,
}

impl Run {
    /// Whether its function may still be at work although the deployment is at its end.
    pub fn may_be_at_work(&self) -> bool {
        self.stray || self.status == RunStatus::Running
    }

    pub(crate) fn new(start: &RunStart, number: u64, now: Timestamp) -> Self {
        Self {
            number,
            module: start.module.clone(),
            kind: start.kind.clone(),
            status: if start.unchanged { RunStatus::Unchanged } else { RunStatus::Waiting },
            needs: start.needs.clone(),
            reason: None,
            error: None,
            failures: Vec::new(),
            counts: RunCounts::default(),
            calls: BTreeMap::new(),
            task_token: None,
            started_at: None,
            finished_at: start.unchanged.then_some(now),
            created_at: now,
            stray: false,
        }
    }
}

/// Whether a run may begin, given all runs of its deployment. A need that has no run in the deployment is met: it was
/// deployed before and does not change.
pub(crate) fn gate(run: &Run, all: &BTreeMap<&str, &Run>) -> Gate {
    let mut failed = Vec::new();
    let mut waiting = Vec::new();
    let mut cancelled = false;
    for need in &run.needs {
        match all.get(need.as_str()).map(|run| run.status) {
            None | Some(RunStatus::Done | RunStatus::Unchanged) => {}
            Some(RunStatus::Cancelled) => cancelled = true,
            Some(RunStatus::Failed | RunStatus::Skipped) => failed.push(need.clone()),
            Some(RunStatus::Waiting | RunStatus::Running | RunStatus::Pending) => waiting.push(need.clone()),
        }
    }
    if !failed.is_empty() {
        return Gate::Failed(failed);
    }
    if cancelled {
        return Gate::Cancelled;
    }
    if waiting.is_empty() { Gate::Ready } else { Gate::Waiting(waiting) }
}

impl Store {
    /// All runs of a deployment.
    pub async fn runs(&self, layer: &str, number: u64) -> Result<Vec<Run>, StateError> {
        self.query(&keys::layer(layer), &keys::runs(number)).await
    }

    /// Leaves a task token with a module's run and answers whether it may begin. Whoever settles the last need after
    /// this sees the token; whoever settled it before is seen here: either way somebody wakes the module.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when the deployment does not run the module.
    pub async fn await_dependencies(
        &self,
        layer: &str,
        number: u64,
        module: &str,
        task_token: &Secret,
    ) -> Result<Gate, StateError> {
        let leave = Write::update(keys::layer(layer), keys::run(number, module), "SET task_token = :token")
            .when("attribute_exists(pk)")
            .value(":token", text(task_token.expose()));
        let what = format!("the run of module {module} in {layer}/{number}");
        self.expect(vec![leave], || StateError::not_found(what.clone())).await?;
        let runs = self.runs(layer, number).await?;
        let all = by_name(&runs);
        let run = all.get(module).ok_or_else(|| StateError::not_found(what))?;
        Ok(gate(run, &all))
    }

    /// After a run settled: the executions that can go on or have to give up. Waking one twice is harmless, not
    /// waking one is not, so a token is only taken back by [`Store::woken`] after it was used.
    pub async fn wakes(&self, layer: &str, number: u64) -> Result<Vec<Wake>, StateError> {
        let runs = self.runs(layer, number).await?;
        let all = by_name(&runs);
        Ok(runs
            .iter()
            .filter(|run| run.status == RunStatus::Waiting)
            .filter_map(|run| {
                let task_token = run.task_token.clone()?;
                let outcome = match gate(run, &all) {
                    Gate::Ready => WakeOutcome::Ready,
                    Gate::Failed(failed) => WakeOutcome::DependencyFailed(failed),
                    Gate::Cancelled => WakeOutcome::Cancelled,
                    Gate::Waiting(_) => return None,
                };
                Some(Wake { module: run.module.clone(), task_token, outcome })
            })
            .collect())
    }

    /// Takes back a token that was used.
    pub async fn woken(&self, layer: &str, number: u64, wake: &Wake) -> Result<(), StateError> {
        let write = Write::update(keys::layer(layer), keys::run(number, &wake.module), "REMOVE task_token")
            .when("task_token = :token")
            .value(":token", text(wake.task_token.expose()));
        self.transact(vec![write]).await?;
        Ok(())
    }
}

fn by_name(runs: &[Run]) -> BTreeMap<&str, &Run> {
    runs.iter().map(|run| (run.module.as_str(), run)).collect()
}
