//! What a step writes to the state under its lease: intents, results, what is forgotten, how far the module is.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use landfall_aws::{Error, Kind, Result};
use landfall_state::{
    Applied, Event, FENCE, IntentAction, JournalEntry, Lease, ModuleEnd, NewIntent, Run, RunStatus, RunUpdate,
    StateError, Store, Writer,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::graph::Node;
use crate::journal::{Entry, needs};
use crate::load::state;
use crate::resource::{Intent, Recorded, Seen};
use crate::step::{Engine, Outcome, Request};

/// The lease of a step, and the runs of its deployment as they were when the step began.
pub(crate) struct Held {
    store: Store,
    lease: Lease,
    doing: String,
    runs: Vec<Run>,
    ends: Mutex<Instant>,
}

/// Writes everything that the step of one module has to record, under its lease.
pub(crate) struct Recorder {
    store: Store,
    wake: aws_sdk_sfn::Client,
    lease: Lease,
    /// The module's run as the steps before left it.
    run: Run,
    /// Whether other modules of the deployment wait for this one.
    needed: bool,
}

/// What opening a step found.
pub(crate) enum Opened {
    /// The module is to be reconciled.
    Running(Box<Recorder>),
    /// It was settled before.
    Ended(Outcome),
}

/// Until when calls may be sent under a lease that was asked for at `asked`. A tenth of its life is kept back: clocks
/// differ, and the last call takes its time. And it is asked for again soon: whoever loses it notices before the next
/// holder begins.
fn safe_end(asked: Instant, ttl: Duration) -> Instant {
    asked + FENCE.min(ttl - ttl / 10)
}

impl Held {
    /// Renews the lease and reads the runs.
    pub(crate) async fn open(engine: &Engine, request: &Request, ttl: Duration) -> Result<Self> {
        // The lease ends at the latest when it would end had the call taken no time.
        let asked = Instant::now();
        let doing = doing(request);
        let renewed = engine.store.renew(&request.lease, &doing, ttl);
        let runs = engine.store.runs(&request.layer, request.number);
        let (lease, runs) = futures::future::try_join(renewed, runs).await.map_err(state)?;
        Ok(Self { store: engine.store.clone(), lease, doing, runs, ends: Mutex::new(safe_end(asked, ttl)) })
    }

    /// When the lease is over unless it is renewed.
    pub(crate) fn ends(&self) -> Instant {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the end of the lease; answers the new end.
    pub(crate) async fn renew(&self, ttl: Duration) -> Result<Instant> {
        let asked = Instant::now();
        self.store.renew(&self.lease, &self.doing, ttl).await.map_err(state)?;
        let ends = safe_end(asked, ttl);
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = ends;
        Ok(ends)
    }
}

impl Recorder {
    /// Says that a module runs. When its run has ended before — the step is a repetition — that end is answered
    /// instead, and dependents are woken once more.
    pub(crate) async fn open(engine: &Engine, held: &Held, module: &str) -> Result<Opened> {
        let run =
            held.runs.iter().find(|run| run.module == module).cloned().ok_or_else(|| {
                Error::new(Kind::Corrupt, "run", "the deployment does not run this module").about(module)
            })?;
        let needed = held.runs.iter().any(|other| other.needs.iter().any(|need| need == module));
        let recorder =
            Self { store: engine.store.clone(), wake: engine.wake.clone(), lease: held.lease.clone(), run, needed };
        if let Some(outcome) = outcome(recorder.run.status) {
            recorder.wake_dependents().await?;
            return Ok(Opened::Ended(outcome));
        }
        let mut running = RunUpdate::status(RunStatus::Running);
        (running.counts, running.calls) = (recorder.run.counts, recorder.run.calls.clone());
        // An earlier step of which nothing is heard any more: this one repeats it.
        running.stray = recorder.run.status == RunStatus::Running;
        match recorder.writer().run_update(recorder.number(), module, &running).await {
            Ok(()) => Ok(Opened::Running(Box::new(recorder))),
            Err(StateError::Cancelled { .. }) => Ok(Opened::Ended(recorder.cancelled().await?)),
            // A conflict: another step ended it in between; the repetition of this one will see how.
            Err(error) => Err(state(error)),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.run.number
    }

    pub(crate) fn module(&self) -> &str {
        &self.run.module
    }

    /// The module's run as the steps before left it.
    pub(crate) fn earlier(&self) -> &Run {
        &self.run
    }

    /// How long the module has been worked on.
    pub(crate) fn waited(&self) -> Duration {
        let waited = self.run.started_at.map(|began| self.store.now().duration_since(began));
        waited.and_then(|waited| Duration::try_from(waited).ok()).unwrap_or_default()
    }

    pub(crate) fn writer(&self) -> Writer<'_> {
        self.store.writer(&self.lease)
    }

    pub(crate) async fn record_run(&self, update: &RunUpdate) -> Result<()> {
        self.writer().run_update(self.number(), self.module(), update).await.map_err(state)
    }

    /// Records the end of the module's run, what the module is now, and the event that says so; wakes those that wait
    /// for it.
    pub(crate) async fn ended(
        &self,
        update: &RunUpdate,
        end: ModuleEnd<'_>,
        kind: &str,
        message: String,
    ) -> Result<()> {
        let module = Some(self.module().to_owned());
        let event = Event { at: self.store.now(), kind: kind.to_owned(), module, message };
        match self.writer().module_ended(self.number(), self.module(), update, end, &event).await {
            // Ended before: a step that ran twice. Waking again is harmless.
            Ok(()) | Err(StateError::Conflict { .. }) => self.wake_dependents().await,
            Err(error) => Err(state(error)),
        }
    }

    async fn wake_dependents(&self) -> Result<()> {
        if !self.needed {
            return Ok(());
        }
        self.store.wake(&self.wake, &self.lease.layer, self.number()).await.map_err(state)
    }

    /// Journals that a resource is about to be made, over the entry that the step has read.
    pub(crate) async fn intend_creation(&self, node: &Node, desired: &Value, entry: Option<&Entry>) -> Result<Intent> {
        let client_token = self.client_token(&node.name);
        let needs = needs(node);
        let intent = self.intent(node, IntentAction::Create, None, &client_token, &needs);
        let attempt = self.writer().intend_creation(intent, desired, record(entry)).await.map_err(begun_elsewhere)?;
        Ok(Intent { client_token, attempt })
    }

    /// Journals that a resource is about to be changed, over the entry that the step has read. Answers how often that
    /// was begun.
    pub(crate) async fn intend_update(&self, node: &Node, id: &str, entry: Option<&Entry>) -> Result<u32> {
        let needs = needs(node);
        let intent = self.intent(node, IntentAction::Update, Some(id), "", &needs);
        self.writer().intend(intent, record(entry)).await.map_err(begun_elsewhere)
    }

    fn intent<'a>(
        &'a self,
        node: &'a Node,
        action: IntentAction,
        id: Option<&'a str>,
        client_token: &'a str,
        needs: &'a [String],
    ) -> NewIntent<'a> {
        NewIntent {
            number: self.number(),
            module: self.module(),
            resource: &node.name,
            kind: node.kind.kind(),
            action,
            id,
            client_token,
            needs,
        }
    }

    /// Journals that a resource is about to be removed, over the entry that the step has read. Answers how often that
    /// was begun.
    pub(crate) async fn intend_removal(
        &self,
        resource: &str,
        kind: &str,
        seen: &Seen,
        needs: &[String],
        entry: Option<&Entry>,
    ) -> Result<u32> {
        let intent = NewIntent {
            number: self.number(),
            module: self.module(),
            resource,
            kind,
            action: IntentAction::Delete,
            id: Some(&seen.id),
            client_token: "",
            needs,
        };
        self.writer().intend(intent, record(entry)).await.map_err(begun_elsewhere)
    }

    /// The same for every attempt of this deployment, another one for the next deployment.
    fn client_token(&self, resource: &str) -> String {
        let identity = format!("{}/{}/{}/{resource}", self.lease.layer, self.number(), self.module());
        let mut digits = hex::encode(Sha256::digest(identity));
        digits.truncate(32);
        digits
    }

    pub(crate) async fn applied(
        &self,
        node: &Node,
        desired: &Value,
        id: &str,
        attributes: &Map<String, Value>,
    ) -> Result<()> {
        self.applied_as(node, desired, id, attributes, false).await
    }

    /// AWS works on it; its id is known.
    pub(crate) async fn progressed(&self, node: &Node, desired: &Value, recorded: &Recorded) -> Result<()> {
        self.applied_as(node, desired, &recorded.id, &recorded.attributes, true).await
    }

    async fn applied_as(
        &self,
        node: &Node,
        desired: &Value,
        id: &str,
        attributes: &Map<String, Value>,
        pending: bool,
    ) -> Result<()> {
        let needs = needs(node);
        let attributes = Value::Object(attributes.clone());
        let applied = Applied {
            number: self.number(),
            module: self.module(),
            resource: &node.name,
            kind: node.kind.kind(),
            id,
            properties: desired,
            attributes: &attributes,
            needs: &needs,
            pending,
        };
        self.writer().applied(applied).await.map_err(state)
    }

    /// A creation of which AWS said that it made nothing. Unless that is recorded, it is waited out for nothing.
    pub(crate) async fn refused(&self, node: &Node, attempt: u32) {
        if let Err(error) = self.writer().refused(self.number(), self.module(), &node.name, attempt).await {
            tracing::warn!(resource = node.name, %error, "it is not recorded that AWS refused its creation");
        }
    }

    pub(crate) async fn forgotten(&self, resource: &str) -> Result<()> {
        self.writer().forgotten(self.module(), resource).await.map_err(state)
    }
}

fn record(entry: Option<&Entry>) -> Option<&JournalEntry> {
    entry.and_then(|entry| entry.record.as_ref())
}

/// An entry that is another one by now: a step that was taken for dead is still at work. A later step sees what it did.
fn begun_elsewhere(error: StateError) -> Error {
    match error {
        StateError::Conflict { .. } => {
            Error::new(Kind::NotReady, "journal", "another step of the deployment works on it")
        }
        error => state(error),
    }
}

/// How a run that has settled ended.
fn outcome(status: RunStatus) -> Option<Outcome> {
    match status {
        RunStatus::Done | RunStatus::Unchanged => Some(Outcome::Done),
        RunStatus::Failed | RunStatus::Skipped | RunStatus::Cancelled => Some(Outcome::Failed),
        RunStatus::Waiting | RunStatus::Running | RunStatus::Pending => None,
    }
}

fn doing(request: &Request) -> String {
    let modules = match request.modules.as_slice() {
        [only] => format!("module {only}"),
        [first, others @ ..] => format!("module {first} and {} more", others.len()),
        [] => "no module".to_owned(),
    };
    format!("deployment {}/{}, {modules}", request.layer, request.number)
}
