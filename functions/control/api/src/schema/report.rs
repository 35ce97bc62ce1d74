//! Answers about how a deployment ended: its report, and what a cancellation did.

use serde::Serialize;
use utoipa::ToSchema;

/// What AWS, or Landfall, said about something that failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResourceFailure {
    /// Name in the module; empty when it is about the module as a whole.
    pub resource: String,
    /// AWS operation, or what was being done.
    pub operation: String,
    /// What went wrong.
    pub message: String,
    /// AWS error code.
    pub code: Option<String>,
    /// Id of the request, by which AWS support finds it.
    pub request_id: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What was to be done with a resource.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceAction {
    /// Make it.
    Create,
    /// Change it in place.
    Update,
    /// Remove it and make it again.
    Replace,
    /// Remove it.
    Delete,
}

/// What became of what was to be done.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It was done and is recorded.
    Done,
    /// AWS refused it.
    Failed,
    /// AWS was still working on it.
    InProgress,
    /// A call was begun and its answer was not recorded. Going on looks for it.
    Unknown,
    /// It was to be removed and is still there.
    LeftBehind,
    /// It was not begun.
    NotStarted,
}

/// What became of a resource.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResourceEnd {
    /// Module.
    pub module: String,
    /// Name in the module.
    pub resource: String,
    /// CloudFormation type name.
    pub kind: String,
    /// Name or id that it has on AWS, if known.
    pub name: Option<String>,
    /// What was to be done.
    pub action: ResourceAction,
    /// What became of it.
    pub end: End,
    /// Why, where it is not done.
    pub reason: Option<String>,
    /// What AWS said.
    pub failure: Option<ResourceFailure>,
}

/// What failed about a module as a whole.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModuleEnd {
    /// Module.
    pub module: String,
    /// What failed.
    pub failure: ResourceFailure,
}

/// What became of a deployment that did not succeed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Report {
    /// `layer/number`.
    pub id: String,
    /// Whether `resume` goes on with it.
    pub resumable: bool,
    /// Every resource that was to change, in the order of the plan.
    pub resources: Vec<ResourceEnd>,
    /// What failed about modules as a whole.
    pub modules: Vec<ModuleEnd>,
}

/// What a cancellation did.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CancelledHow {
    /// It had begun nothing and has ended.
    Ended,
    /// It brings what it has begun to an end, begins nothing more, and ends.
    Ending,
}

/// A deployment that was cancelled.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CancelledDeployment {
    /// `layer/number`.
    pub id: String,
    /// What the cancellation did.
    pub outcome: CancelledHow,
}

/// That somebody cancelled a deployment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Cancellation {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
}
