//! What a step reads from and writes to the state: run, plan and journal in, intents, results and the module's end out.
//! The one place of the engine that knows the store.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use landfall_aws::{Error, Kind, Result, Watch};
use landfall_plan::{Action, ModuleChange, ModulePlan, Plan, RunDocument};
use landfall_state::{
    Applied, DocumentRef, EntryStatus, IntentAction, JournalEntry, Lease, ModuleRecord, NewIntent, RunCounts,
    RunStatus, RunUpdate, StateError, Store, Writer,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::graph::Node;
use crate::reconcile::{Report, needs};
use crate::resource::{Intent, Recorded, Seen};
use crate::step::{Engine, Entry, Journal, Outcome, Request, Response, Subject};

/// Writes everything that one step has to record, under its lease.
pub(crate) struct Recorder {
    store: Store,
    wake: aws_sdk_sfn::Client,
    lease: Lease,
    lease_ends: Instant,
    number: u64,
    module: String,
}

/// What opening a step found.
pub(crate) enum Opened {
    /// The module is to be reconciled.
    Running(Recorder),
    /// It was settled before.
    Ended(Outcome),
}

impl Recorder {
    /// Renews the lease and says that the module runs. When its run has ended before — the step is a repetition —
    /// that end is answered instead, and dependents are woken once more.
    pub(crate) async fn open(engine: &Engine, request: &Request, ttl: Duration) -> Result<Opened> {
        let doing = format!("deployment {}/{}, module {}", request.layer, request.number, request.module);
        let lease = engine.store.renew(&request.lease, &doing, ttl).await.map_err(state)?;
        let recorder = Self {
            store: engine.store.clone(),
            wake: engine.wake.clone(),
            lease,
            lease_ends: Instant::now() + ttl,
            number: request.number,
            module: request.module.clone(),
        };
        let running = RunUpdate::status(RunStatus::Running);
        match recorder.writer().run_update(request.number, &request.module, &running).await {
            Ok(()) => Ok(Opened::Running(recorder)),
            Err(StateError::Conflict { .. }) => {
                recorder.wake_dependents().await?;
                Ok(Opened::Ended(recorder.ended().await?))
            }
            Err(error) => Err(state(error)),
        }
    }

    /// How the module's run ended.
    async fn ended(&self) -> Result<Outcome> {
        let runs = self.store.runs(&self.lease.layer, self.number).await.map_err(state)?;
        match runs.iter().find(|run| run.module == self.module).map(|run| run.status) {
            Some(RunStatus::Done | RunStatus::Unchanged) => Ok(Outcome::Done),
            Some(RunStatus::Failed | RunStatus::Skipped) => Ok(Outcome::Failed),
            Some(RunStatus::Waiting | RunStatus::Running | RunStatus::Pending) | None => {
                Err(Error::new(Kind::Corrupt, "run", "the deployment does not run this module").about(&self.module))
            }
        }
    }

    /// When the lease is over unless a later step renews it.
    pub(crate) fn lease_ends(&self) -> Instant {
        self.lease_ends
    }

    fn writer(&self) -> Writer<'_> {
        self.store.writer(&self.lease)
    }

    async fn run(&self, update: &RunUpdate) -> Result<()> {
        self.writer().run_update(self.number, &self.module, update).await.map_err(state)
    }

    pub(crate) async fn load_plan(&self, plan: &DocumentRef) -> Result<Plan> {
        document(&self.store, plan).await
    }

    /// Journals what is about to be done with a resource.
    pub(crate) async fn intend(&self, node: &Node, id: Option<&str>, action: Action) -> Result<Intent> {
        let client_token = self.client_token(&node.name);
        let needs = needs(node);
        let intent = NewIntent {
            number: self.number,
            module: &self.module,
            resource: &node.name,
            kind: node.kind.kind(),
            action: if action == Action::Update { IntentAction::Update } else { IntentAction::Create },
            id,
            client_token: &client_token,
            needs: &needs,
        };
        let attempt = self.writer().intend(intent).await.map_err(state)?;
        Ok(Intent { client_token, attempt })
    }

    /// Journals that a resource is about to be removed.
    pub(crate) async fn intend_removal(&self, resource: &str, kind: &str, seen: &Seen, needs: &[String]) -> Result<()> {
        let intent = NewIntent {
            number: self.number,
            module: &self.module,
            resource,
            kind,
            action: IntentAction::Delete,
            id: Some(&seen.id),
            client_token: "",
            needs,
        };
        self.writer().intend(intent).await.map_err(state)?;
        Ok(())
    }

    /// The same for every attempt of this deployment, another one for the next deployment.
    fn client_token(&self, resource: &str) -> String {
        let identity = format!("{}/{}/{}/{resource}", self.lease.layer, self.number, self.module);
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
            number: self.number,
            module: &self.module,
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

    pub(crate) async fn forgotten(&self, resource: &str) -> Result<()> {
        self.writer().forgotten(&self.module, resource).await.map_err(state)
    }

    /// Records how a step ended; when the module is settled, wakes those that waited for it.
    pub(crate) async fn settle(
        &self,
        subject: &Subject,
        report: Report,
        watch: &Watch,
        patience: Duration,
    ) -> Result<Response> {
        let mut update = RunUpdate::status(RunStatus::Done);
        update.counts = RunCounts {
            create: report.counts.create,
            update: report.counts.update,
            replace: report.counts.replace,
            delete: report.counts.delete,
        };
        update.calls = watch.reads();
        update.calls.extend(watch.writes());
        if !report.failures.is_empty() {
            update.status = RunStatus::Failed;
            update.error = Some(failure_text(&report));
            return self.end(update, Outcome::Failed).await;
        }
        if let Some(retry_after) = report.retry_after {
            if self.waited_too_long(patience).await? {
                update.status = RunStatus::Failed;
                update.error = Some(format!(
                    "gave up after {} minutes of waiting: {}",
                    patience.as_secs() / 60,
                    waits_text(&report)
                ));
                return self.end(update, Outcome::Failed).await;
            }
            update.status = RunStatus::Pending;
            update.reason = Some(waits_text(&report));
            self.run(&update).await?;
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            return Ok(Response::Stepped { outcome: Outcome::Pending, retry_after: seconds });
        }
        if subject.module.change == ModuleChange::Destroy {
            self.writer().module_removed(&self.module).await.map_err(state)?;
        } else {
            let record = ModuleRecord {
                module: self.module.clone(),
                kind: subject.module.kind.clone(),
                number: self.number,
                outputs: report.outputs.clone(),
                defaults: subject.defaults.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
                needs: subject.module.needs.clone(),
                complete: true,
            };
            self.writer().module_deployed(&record).await.map_err(state)?;
        }
        self.end(update, Outcome::Done).await
    }

    /// Records that the step failed as a whole.
    pub(crate) async fn fail(&self, error: Error) -> Result<Response> {
        if matches!(error.kind, Kind::NotReady | Kind::Throttled) {
            let mut update = RunUpdate::status(RunStatus::Pending);
            update.reason = Some(error.to_string());
            self.run(&update).await?;
            return Ok(Response::Stepped { outcome: Outcome::Pending, retry_after: 5 });
        }
        let mut update = RunUpdate::status(RunStatus::Failed);
        update.error = Some(error_text(&error));
        self.end(update, Outcome::Failed).await
    }

    async fn end(&self, update: RunUpdate, outcome: Outcome) -> Result<Response> {
        match self.writer().run_update(self.number, &self.module, &update).await {
            // Ended before: a step that ran twice. Waking again is harmless.
            Ok(()) | Err(StateError::Conflict { .. }) => {}
            Err(error) => return Err(state(error)),
        }
        let message = match (&update.error, outcome) {
            (Some(error), _) => error.clone(),
            (None, _) => counts_text(&update.counts),
        };
        let kind = if outcome == Outcome::Failed { "module-failed" } else { "module-done" };
        self.store.happened(&self.lease.layer, self.number, kind, Some(&self.module), message).await.map_err(state)?;
        self.wake_dependents().await?;
        Ok(Response::Stepped { outcome, retry_after: 0 })
    }

    async fn wake_dependents(&self) -> Result<()> {
        self.store.wake(&self.wake, &self.lease.layer, self.number).await.map_err(state)
    }

    async fn waited_too_long(&self, patience: Duration) -> Result<bool> {
        let runs = self.store.runs(&self.lease.layer, self.number).await.map_err(state)?;
        let began = runs.iter().find(|run| run.module == self.module).and_then(|run| run.started_at);
        Ok(began.is_some_and(|began| {
            let waited = self.store.now().duration_since(began);
            Duration::try_from(waited).is_ok_and(|waited| waited > patience)
        }))
    }
}

/// Stores the plan of one module and answers where.
pub(crate) async fn store_plan(store: &Store, plan: &ModulePlan) -> Result<DocumentRef> {
    let bytes = serde_json::to_vec(plan)
        .map_err(|error| Error::new(Kind::Corrupt, "plan", "the plan cannot be written").caused_by(error))?;
    store.put_document(bytes).await.map_err(state)
}

pub(crate) async fn load_run(store: &Store, run: &DocumentRef) -> Result<RunDocument> {
    document(store, run).await
}

async fn document<T: serde::de::DeserializeOwned>(store: &Store, at: &DocumentRef) -> Result<T> {
    let bytes = store.get_document(at).await.map_err(state)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(Kind::Corrupt, "load", "the document cannot be read").about(&at.key).caused_by(error)
    })
}

pub(crate) async fn load_journal(store: &Store, layer: &str, module: &str) -> Result<Journal> {
    let entries = store.journal_of(layer, module).await.map_err(state)?;
    Ok(entries.into_iter().map(|entry| (entry.resource.clone(), Entry::from(entry))).collect())
}

pub(crate) async fn load_modules(store: &Store, layer: &str) -> Result<BTreeMap<String, ModuleRecord>> {
    store.modules(layer).await.map_err(state)
}

impl From<JournalEntry> for Entry {
    fn from(entry: JournalEntry) -> Self {
        let intent_at = entry
            .intent_at
            .and_then(|at| u64::try_from(at.as_millisecond()).ok())
            .map(|milliseconds| SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds));
        Self {
            kind: entry.kind,
            id: entry.id,
            applied: entry.status == EntryStatus::Applied,
            deployment: entry.number,
            attempt: entry.attempt,
            intent_at,
            properties: entry.properties,
            attributes: entry.attributes.as_object().cloned().unwrap_or_default(),
            needs: entry.needs,
        }
    }
}

/// A state error as one that crosses crate borders.
pub(crate) fn state(error: StateError) -> Error {
    let kind = match &error {
        StateError::NotFound { .. } => Kind::NotFound,
        StateError::Conflict { .. } | StateError::LeaseLost { .. } | StateError::LeaseHeld { .. } => Kind::Conflict,
        StateError::Corrupt { .. } => Kind::Corrupt,
        StateError::TooLarge { .. } => Kind::Quota,
        StateError::Setting { .. } => Kind::Invalid,
        StateError::Aws { .. } if error.is_transient() => Kind::Throttled,
        StateError::Aws { .. } => Kind::Unexpected,
    };
    let message = error.to_string();
    Error::new(kind, "state", message).caused_by(error)
}

fn error_text(error: &Error) -> String {
    let mut text = error.chain();
    if let Some(hint) = &error.hint {
        text.push_str("\n  hint: ");
        text.push_str(hint);
    }
    text
}

fn failure_text(report: &Report) -> String {
    let mut lines: Vec<String> =
        report.failures.iter().map(|(resource, error)| format!("{resource}: {}", error_text(error))).collect();
    if !report.skipped.is_empty() {
        lines.push(format!("not started: {}", report.skipped.join(", ")));
    }
    lines.join("\n")
}

fn waits_text(report: &Report) -> String {
    let waits: Vec<String> = report.waits.iter().map(|(resource, reason)| format!("{resource}: {reason}")).collect();
    waits.join("; ")
}

fn counts_text(counts: &RunCounts) -> String {
    let parts: Vec<String> = [
        (counts.create, "created"),
        (counts.update, "updated"),
        (counts.replace, "replaced"),
        (counts.delete, "deleted"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if parts.is_empty() { "nothing to change".to_owned() } else { parts.join(", ") }
}
