//! Answers about deployments.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What is asked.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Bring the layer to its config.
    Deploy,
    /// Show what a deployment would do, change nothing.
    Plan,
    /// Remove the layer.
    Destroy,
    /// Look what is not as it was deployed, change nothing.
    Drift,
    /// Bring the layer back to what was deployed last, after a deployment that failed. Only `on_failure` asks for it.
    Rollback,
}

/// Where a deployment stands. All but `queued` and `running` are final.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
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

/// What a running deployment is doing.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
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
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
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
    /// The layer is as it was deployed last, but for what stores data.
    RolledBack,
}

/// What is decided on a plan.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Go on.
    Approve,
    /// Stop.
    Reject,
}

impl From<landfall_state::Decision> for Decision {
    fn from(decision: landfall_state::Decision) -> Self {
        match decision {
            landfall_state::Decision::Approve => Self::Approve,
            landfall_state::Decision::Reject => Self::Reject,
        }
    }
}

/// The highest risk of a plan's changes.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Nothing is disturbed.
    Low,
    /// Something is interrupted.
    Elevated,
    /// Something is lost, or AWS will refuse something as things are now.
    High,
}

/// A document in the config bucket.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DocumentRef {
    /// Its key.
    pub key: String,
    /// Hex SHA-256 of its bytes.
    pub sha256: String,
}

/// Where a change came from.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Source {
    /// Key of the layer file in the config bucket.
    pub key: String,
    /// Key of the object that holds this version, when it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Version of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// ETag of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Sequencer of the S3 event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
}

/// Counts of resources in a plan.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct PlanSummary {
    /// To create.
    pub create: usize,
    /// To update in place.
    pub update: usize,
    /// To replace.
    pub replace: usize,
    /// To delete.
    pub delete: usize,
    /// That stay.
    pub keep: usize,
}

/// The plan of a deployment, in short.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlanRef {
    /// What an approval names.
    pub hash: String,
    /// Where it lies.
    pub document: DocumentRef,
    /// Counts.
    pub summary: PlanSummary,
    /// Highest risk.
    pub risk: Risk,
    /// Whether AWS would refuse something of it as things were.
    pub blocked: bool,
}

/// An approval that was asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Approval {
    /// The plan it is about.
    pub plan_hash: String,
    /// When it was asked for.
    #[schema(format = DateTime)]
    pub requested_at: String,
    /// Whether the plan said that AWS would refuse something of it.
    pub blocked: bool,
    /// Until when it may be decided.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Who may not give it, because it asked for the deployment.
    pub not_by: Option<String>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// By whom: an ARN.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    pub decided_at: Option<String>,
}

/// A deployment: the run that serves a change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Deployment {
    /// Layer.
    pub layer: String,
    /// Number, from 1, never reused.
    pub number: u64,
    /// Id of the change it serves, equal for the same change.
    pub change: String,
    /// What was asked.
    pub action: Action,
    /// Where it stands.
    pub status: Status,
    /// What it is doing while it runs.
    pub phase: Option<Phase>,
    /// What it did.
    pub outcome: Option<Outcome>,
    /// Where the change came from.
    pub source: Source,
    /// The chosen environment of a service.
    pub environment_choice: Option<String>,
    /// Who asked: an ARN, or the uploader's name.
    pub actor: String,
    /// Git commit.
    pub commit: Option<String>,
    /// ARN of the execution that runs it.
    pub execution_arn: Option<String>,
    /// Its run document.
    pub run: Option<DocumentRef>,
    /// Its plan.
    pub plan: Option<PlanRef>,
    /// The approval it asked for.
    pub approval: Option<Approval>,
    /// Times in which it does not begin, as its config says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze_windows: Vec<super::FreezeWindow>,
    /// That somebody cancelled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<super::Cancellation>,
    /// The deployment that it goes on with.
    pub resumes: Option<u64>,
    /// The deployment that took its place.
    pub superseded_by: Option<u64>,
    /// Why it failed, was rejected or waits.
    pub message: Option<String>,
    /// Rendered diagnostics of a rejected config or of modules that failed.
    pub diagnostics: Option<String>,
    /// What became of every resource, when it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<DocumentRef>,
    /// When the change was seen.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it began.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// When it ended.
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
    /// Schema of the record.
    pub schema: u32,
}

/// Deployments of a layer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Deployments {
    /// Newest first.
    pub deployments: Vec<Deployment>,
}

/// How far the run of a module is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
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

/// How many resources a run changed.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
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

/// A module's run in one deployment.
#[derive(Clone, Debug, Serialize, ToSchema)]
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
    pub needs: Vec<String>,
    /// Why it waits.
    pub reason: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// What failed, resource by resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<super::ResourceFailure>,
    /// What it changed.
    pub counts: RunCounts,
    /// AWS calls it made, by `service.Operation`.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub calls: Value,
    /// When its first step began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// When it ended.
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
    /// When it was planned.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// How far a resource is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceStatus {
    /// A call is about to be made, or was made and its answer is not recorded.
    Intent,
    /// AWS works on it.
    Pending,
    /// It is as the config says.
    Applied,
    /// It is being removed.
    Deleting,
}

/// A resource of the layer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Resource {
    /// Module.
    pub module: String,
    /// Name in the module.
    pub resource: String,
    /// CloudFormation type name.
    pub kind: String,
    /// How far it is.
    pub status: ResourceStatus,
    /// Physical id, once known.
    pub id: Option<String>,
    /// Deployment that touched it last.
    pub number: u64,
    /// When it changed last.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// A deployment with its modules, and the resources of its layer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeploymentDetail {
    /// The deployment.
    pub deployment: Deployment,
    /// Its modules.
    pub runs: Vec<Run>,
    /// What exists of the layer.
    pub resources: Vec<Resource>,
}

/// The plan of a deployment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Plan {
    /// What an approval names.
    pub hash: String,
    /// Highest risk.
    pub risk: Risk,
    /// Counts.
    pub summary: PlanSummary,
    /// The plan itself: layer, environment, account, region, and every change of every module with its fields.
    #[schema(value_type = Object)]
    pub plan: Value,
}

/// An event of a deployment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Event {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// What kind: `queued`, `started`, `planned`, `approved`, `module-done`, `finished`, …
    pub kind: String,
    /// Module, when it is about one.
    pub module: Option<String>,
    /// For readers.
    pub message: String,
}

/// Events of a deployment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Events {
    /// Oldest first.
    pub events: Vec<Event>,
    /// Whether there are later ones that this answer does not carry.
    pub more: bool,
}

/// A deployment that was asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Accepted {
    /// Layer.
    pub layer: String,
    /// Number of the deployment.
    pub number: u64,
    /// `layer/number`.
    pub id: String,
    /// Whether the same request came before.
    pub duplicate: bool,
    /// The waiting deployment whose place it took.
    pub superseded: Option<u64>,
}

/// A decision that was made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Decided {
    /// `layer/number`.
    pub id: String,
    /// What was decided.
    pub decision: Decision,
}
