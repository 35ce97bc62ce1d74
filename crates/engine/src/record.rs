//! What a step writes to the state under its lease: intents, results, what is forgotten, how far the module is.

use std::time::{Duration, Instant};

use landfall_aws::{Error, Kind, Result};
use landfall_plan::Plan;
use landfall_state::{
    Applied, DocumentRef, IntentAction, Lease, NewIntent, Run, RunStatus, RunUpdate, StateError, Store, Writer,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::graph::Node;
use crate::journal::{Entry, needs};
use crate::load::{document, state};
use crate::resource::{Intent, Recorded, Seen};
use crate::step::{Engine, Outcome, Request};

/// Writes everything that one step has to record, under its lease.
pub(crate) struct Recorder {
    store: Store,
    wake: aws_sdk_sfn::Client,
    lease: Lease,
    lease_ends: Instant,
    /// The module's run as the steps before left it.
    run: Run,
}

/// What opening a step found.
pub(crate) enum Opened {
    /// The module is to be reconciled.
    Running(Box<Recorder>),
    /// It was settled before.
    Ended(Outcome),
}

/// Until when calls may be sent under a lease that was asked for at `asked`. A tenth of its life is kept back: clocks
/// differ, and the last call takes its time.
fn safe_end(asked: Instant, ttl: Duration) -> Instant {
    asked + ttl - ttl / 10
}

impl Recorder {
    /// Renews the lease and says that the module runs. When its run has ended before — the step is a repetition —
    /// that end is answered instead, and dependents are woken once more.
    pub(crate) async fn open(engine: &Engine, request: &Request, ttl: Duration) -> Result<Opened> {
        // The lease ends at the latest when it would end had the call taken no time.
        let asked = Instant::now();
        let doing = doing(&request.layer, request.number, &request.module);
        let renewed = engine.store.renew(&request.lease, &doing, ttl);
        let runs = engine.store.runs(&request.layer, request.number);
        let (lease, runs) = futures::future::try_join(renewed, runs).await.map_err(state)?;
        let run = runs.into_iter().find(|run| run.module == request.module).ok_or_else(|| {
            Error::new(Kind::Corrupt, "run", "the deployment does not run this module").about(&request.module)
        })?;
        let recorder = Self {
            store: engine.store.clone(),
            wake: engine.wake.clone(),
            lease,
            lease_ends: safe_end(asked, ttl),
            run,
        };
        if let Some(outcome) = outcome(recorder.run.status) {
            recorder.wake_dependents().await?;
            return Ok(Opened::Ended(outcome));
        }
        let mut running = RunUpdate::status(RunStatus::Running);
        (running.counts, running.calls) = (recorder.run.counts, recorder.run.calls.clone());
        match recorder.writer().run_update(request.number, &request.module, &running).await {
            Ok(()) => Ok(Opened::Running(Box::new(recorder))),
            Err(StateError::Cancelled { .. }) => Ok(Opened::Ended(recorder.cancelled().await?)),
            // A conflict: another step ended it in between; the repetition of this one will see how.
            Err(error) => Err(state(error)),
        }
    }

    /// Moves the end of the lease; answers the new end.
    pub(crate) async fn renew(&self, ttl: Duration) -> Result<Instant> {
        let asked = Instant::now();
        let doing = doing(&self.lease.layer, self.number(), self.module());
        self.store.renew(&self.lease, &doing, ttl).await.map_err(state)?;
        Ok(safe_end(asked, ttl))
    }

    /// When the lease is over unless it is renewed.
    pub(crate) fn lease_ends(&self) -> Instant {
        self.lease_ends
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

    pub(crate) async fn happened(&self, kind: &'static str, message: String) -> Result<()> {
        let happened = self.store.happened(&self.lease.layer, self.number(), kind, Some(self.module()), message);
        happened.await.map_err(state)?;
        Ok(())
    }

    pub(crate) async fn wake_dependents(&self) -> Result<()> {
        self.store.wake(&self.wake, &self.lease.layer, self.number()).await.map_err(state)
    }

    pub(crate) async fn load_plan(&self, plan: &DocumentRef) -> Result<Plan> {
        document(&self.store, plan).await
    }

    /// Journals that a resource is about to be made, over the entry that the step has read.
    pub(crate) async fn intend_creation(&self, node: &Node, desired: &Value, entry: Option<&Entry>) -> Result<Intent> {
        let client_token = self.client_token(&node.name);
        let needs = needs(node);
        let intent = self.intent(node, IntentAction::Create, None, &client_token, &needs);
        let over = entry.map(|entry| entry.touched_at);
        match self.writer().intend_creation(intent, desired, over).await {
            Ok(attempt) => Ok(Intent { client_token, attempt }),
            // A step that was taken for dead is still at work; a later step sees what it made.
            Err(StateError::Conflict { .. }) => {
                Err(Error::new(Kind::NotReady, "create", "another step of the deployment works on it"))
            }
            Err(error) => Err(state(error)),
        }
    }

    /// Journals that a resource is about to be changed. Answers how often that was begun.
    pub(crate) async fn intend_update(&self, node: &Node, id: &str) -> Result<u32> {
        let needs = needs(node);
        let intent = self.intent(node, IntentAction::Update, Some(id), "", &needs);
        self.writer().intend(intent).await.map_err(state)
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

    /// Journals that a resource is about to be removed. Answers how often that was begun.
    pub(crate) async fn intend_removal(
        &self,
        resource: &str,
        kind: &str,
        seen: &Seen,
        needs: &[String],
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
        self.writer().intend(intent).await.map_err(state)
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

    pub(crate) async fn forgotten(&self, resource: &str) -> Result<()> {
        self.writer().forgotten(self.module(), resource).await.map_err(state)
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

fn doing(layer: &str, number: u64, module: &str) -> String {
    format!("deployment {layer}/{number}, module {module}")
}
