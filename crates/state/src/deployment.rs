//! A deployment: the run that serves a change, from the moment the change is seen until it has a final status.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::SCHEMA;
use crate::approvals::Approval;
use crate::cancel::Cancellation;
use crate::documents::DocumentRef;
use crate::error::StateError;
use crate::freeze::FreezeWindow;
use crate::keys;
use crate::limits::{MESSAGE, shortened};
use crate::store::Store;
use crate::write::{Write, attribute, text};

/// What a change asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Bring the layer to its config.
    Deploy,
    /// Show what a deployment would do, change nothing.
    Plan,
    /// Remove the layer.
    Destroy,
    /// Look what of the layer is not as it was deployed last, change nothing.
    Drift,
    /// Bring the layer back to what was deployed last, after a deployment that failed.
    Rollback,
}

impl Action {
    /// Whether it changes nothing of the layer.
    pub fn only_looks(self) -> bool {
        matches!(self, Self::Plan | Self::Drift)
    }
}

/// Where a deployment stands.
///
/// | from | to |
/// |---|---|
/// | queued | running, superseded, cancelled |
/// | running | succeeded, failed, rejected, cancelled |
/// | rejected, superseded, succeeded, failed, cancelled | (final) |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Waits for its turn.
    Queued,
    /// Runs.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended with failures.
    Failed,
    /// The config or the request is not acceptable; nothing was done.
    Rejected,
    /// A newer change took its place before it began.
    Superseded,
    /// Somebody stopped it, or did not approve it.
    Cancelled,
}

impl Status {
    /// Whether it can still change.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What a running deployment is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Waits for the lease.
    Admitting,
    /// Plans.
    Planning,
    /// Waits for an approval.
    AwaitingApproval,
    /// Applies.
    Applying,
    /// Records its end.
    Finishing,
}

/// What a finished deployment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was as the config says.
    NoChanges,
    /// Something changed.
    Changed,
    /// A plan was made, nothing else.
    Planned,
    /// The layer is gone.
    Destroyed,
    /// What drifted was looked for, nothing else.
    Looked,
    /// The layer is as it was before the deployment that failed, but for what stores data.
    RolledBack,
}

/// Where a change came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Key of the layer file in the config bucket, as the layer is known by.
    pub key: String,
    /// Key of the object that holds this version, when it is not `key` itself (a plan of a file not yet deployed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Version of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// ETag of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Sequencer of the S3 event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
}

/// Who asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor(pub String);

/// A change as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChange {
    /// Layer.
    pub layer: String,
    /// What is asked.
    pub action: Action,
    /// Where it came from.
    pub source: Source,
    /// The environment that was chosen for a service that lists several.
    pub environment_choice: Option<String>,
    /// Who asked.
    pub actor: Actor,
    /// Git commit, if known.
    pub commit: Option<String>,
    /// The deployment of the layer that it goes on with.
    pub resumes: Option<u64>,
    /// Times in which it does not begin, as its config says.
    pub freeze_windows: Vec<FreezeWindow>,
    /// Makes two requests for the same thing different, for example the API's request id. Events leave it empty, so
    /// that a redelivery falls together with the first delivery.
    pub nonce: String,
    /// By which whoever asks knows the request again: all requests to the layer with one key are one change.
    pub key: Option<String>,
}

impl NewChange {
    /// A change with nothing special about it.
    pub fn new(layer: impl Into<String>, action: Action, source: Source, actor: Actor) -> Self {
        Self {
            layer: layer.into(),
            action,
            source,
            environment_choice: None,
            actor,
            commit: None,
            resumes: None,
            freeze_windows: Vec::new(),
            nonce: String::new(),
            key: None,
        }
    }

    /// The derived id: equal for the same request.
    pub fn id(&self) -> String {
        if let Some(key) = &self.key {
            return id_of_request(&self.layer, key);
        }
        derived(&serde_json::json!([
            self.layer,
            self.action,
            self.source.key,
            self.source.object,
            self.source.version_id,
            self.source.etag,
            self.environment_choice,
            self.nonce,
        ]))
    }
}

/// The id of the change that all requests with this key are.
pub(crate) fn id_of_request(layer: &str, key: &str) -> String {
    derived(&serde_json::json!([layer, "request", key]))
}

fn derived(identity: &serde_json::Value) -> String {
    let mut digits = hex::encode(Sha256::digest(identity.to_string()));
    digits.truncate(32);
    digits
}

/// Layer and number, written `layer/12`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeploymentId {
    /// Layer.
    pub layer: String,
    /// Number, from 1, never reused.
    pub number: u64,
}

impl std::fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.layer, self.number)
    }
}

/// Counts of a plan, as the deployment's record carries them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Resources to create.
    pub create: usize,
    /// Resources to update in place.
    pub update: usize,
    /// Resources to replace.
    pub replace: usize,
    /// Resources to delete.
    pub delete: usize,
    /// Resources that stay.
    pub keep: usize,
}

/// The plan of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRef {
    /// Hash that an approval names.
    pub hash: String,
    /// Where it lies.
    pub document: DocumentRef,
    /// Counts.
    pub summary: PlanSummary,
    /// Highest risk: `low`, `elevated`, `high`.
    pub risk: String,
    /// Whether AWS would refuse something of it as things were.
    #[serde(default)]
    pub blocked: bool,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Layer.
    pub layer: String,
    /// Number.
    pub number: u64,
    /// Derived id of the change it serves.
    pub change: String,
    /// What was asked.
    pub action: Action,
    /// Where it stands.
    pub status: Status,
    /// What it is doing while it runs.
    #[serde(default)]
    pub phase: Option<Phase>,
    /// What it did.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// Where the change came from.
    pub source: Source,
    /// The chosen environment.
    #[serde(default)]
    pub environment_choice: Option<String>,
    /// Who asked.
    pub actor: Actor,
    /// Git commit.
    #[serde(default)]
    pub commit: Option<String>,
    /// ARN of the execution that runs it.
    #[serde(default)]
    pub execution_arn: Option<String>,
    /// Its run document.
    #[serde(default)]
    pub run: Option<DocumentRef>,
    /// Its plan.
    #[serde(default)]
    pub plan: Option<PlanRef>,
    /// The approval it asked for.
    #[serde(default)]
    pub approval: Option<Approval>,
    /// Times in which it does not begin, as its config says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze_windows: Vec<FreezeWindow>,
    /// That somebody cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Cancellation>,
    /// The deployment that it goes on with: what that one recorded as done is believed without asking AWS.
    #[serde(default)]
    pub resumes: Option<u64>,
    /// The deployment that took its place.
    #[serde(default)]
    pub superseded_by: Option<u64>,
    /// What a reader should know: why it failed, was rejected or waits.
    #[serde(default)]
    pub message: Option<String>,
    /// Rendered diagnostics of a rejected config.
    #[serde(default)]
    pub diagnostics: Option<String>,
    /// What became of every resource, when it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<DocumentRef>,
    /// When the change was seen.
    pub created_at: Timestamp,
    /// When it began.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// Schema of the record.
    pub schema: u32,
}

impl Deployment {
    /// `layer/12`.
    pub fn id(&self) -> DeploymentId {
        DeploymentId { layer: self.layer.clone(), number: self.number }
    }

    /// Since when it waits or works without anybody having been asked: while people think about a plan nobody counts.
    pub fn at_it_since(&self) -> Timestamp {
        let decided = self.approval.as_ref().and_then(|approval| approval.decided_at);
        self.started_at.max(decided).unwrap_or(self.created_at)
    }

    /// Since when it is in line behind deployments of other layers: since it came, or since an approval was decided.
    pub fn in_line_since(&self) -> Timestamp {
        let decided = self.approval.as_ref().and_then(|approval| approval.decided_at);
        decided.map_or(self.created_at, |decided| decided.max(self.created_at))
    }

    pub(crate) fn new(change: &NewChange, number: u64, status: Status, now: Timestamp) -> Self {
        Self {
            layer: change.layer.clone(),
            number,
            change: change.id(),
            action: change.action,
            status,
            phase: None,
            outcome: None,
            source: change.source.clone(),
            environment_choice: change.environment_choice.clone(),
            actor: change.actor.clone(),
            commit: change.commit.clone(),
            execution_arn: None,
            run: None,
            plan: None,
            approval: None,
            freeze_windows: change.freeze_windows.clone(),
            cancel: None,
            resumes: change.resumes,
            superseded_by: None,
            message: None,
            diagnostics: None,
            report: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            schema: SCHEMA,
        }
    }
}

impl Store {
    /// One deployment.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when the layer has no deployment of that number.
    pub async fn deployment(&self, layer: &str, number: u64) -> Result<Deployment, StateError> {
        self.get(&keys::layer(layer), &keys::deployment(number))
            .await?
            .ok_or_else(|| StateError::not_found(format!("deployment {layer}/{number}")))
    }

    /// The newest `limit` deployments of a layer, newest first.
    pub async fn deployments(&self, layer: &str, limit: usize) -> Result<Vec<Deployment>, StateError> {
        self.newest(&keys::layer(layer), "DEPLOYMENT#", limit).await
    }

    /// Records which execution runs a deployment. Harmless when repeated with the same execution.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when it does not run any more.
    pub async fn started(&self, layer: &str, number_: u64, execution_arn: &str) -> Result<(), StateError> {
        let write = Write::update(keys::layer(layer), keys::deployment(number_), "SET execution_arn = :execution")
            .when("#status = :running")
            .name("#status", "status")
            .value(":running", text("running"))
            .value(":execution", text(execution_arn));
        self.expect(vec![write], || StateError::conflict(format!("deployment {layer}/{number_} does not run"))).await
    }

    /// Records where the report of a running deployment lies.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when it does not run any more.
    pub async fn reported(&self, layer: &str, number_: u64, report: &DocumentRef) -> Result<(), StateError> {
        let write = Write::update(keys::layer(layer), keys::deployment(number_), "SET report = :report")
            .when("#status = :running")
            .name("#status", "status")
            .value(":running", text("running"))
            .value(":report", attribute(report)?);
        self.expect(vec![write], || StateError::conflict(format!("deployment {layer}/{number_} does not run"))).await
    }

    /// Sets what a running deployment is doing, and why it waits.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when it does not run any more.
    pub async fn phase(
        &self,
        layer: &str,
        number_: u64,
        phase: Phase,
        message: Option<&str>,
    ) -> Result<(), StateError> {
        let write = self::phase(layer, number_, phase, message)?;
        self.expect(vec![write], || StateError::conflict(format!("deployment {layer}/{number_} does not run"))).await
    }

    /// Writes everything, or answers with the error of the caller's choice when a condition does not hold.
    pub(crate) async fn expect(
        &self,
        writes: Vec<Write>,
        error: impl FnOnce() -> StateError,
    ) -> Result<(), StateError> {
        match self.transact(writes).await? {
            None => Ok(()),
            Some(_) => Err(error()),
        }
    }
}

/// Sets what a running deployment is doing, and why it waits.
pub(crate) fn phase(layer: &str, number_: u64, phase: Phase, message: Option<&str>) -> Result<Write, StateError> {
    Ok(Write::update(keys::layer(layer), keys::deployment(number_), "SET phase = :phase, message = :message")
        .when("#status = :running")
        .name("#status", "status")
        .value(":running", text("running"))
        .value(":phase", attribute(&phase)?)
        .value(":message", attribute(&message.map(|text| shortened(text, MESSAGE)))?))
}
