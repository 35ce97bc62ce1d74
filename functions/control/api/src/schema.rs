//! The shapes of answers as the API's description shows them. The answers themselves are records of the state; a test
//! holds every answer against these shapes. Clients ignore fields that they do not know.

mod deployment;
mod doctor;
mod drift;
mod layer;
mod report;

pub use deployment::{
    Accepted, Action, Approval, Decided, Decision, Deployment, DeploymentDetail, Deployments, DocumentRef, Event,
    Events, Outcome, Phase, Plan, PlanRef, PlanSummary, Resource, ResourceStatus, Risk, Run, RunCounts, RunStatus,
    Source, Status,
};
pub use doctor::{
    BrokenFact, DeadLetter, DeadLetters, DeepDiagnosis, Diagnosis, DiscardedLetter, LetterEnd, LetterKind, Redriven,
    RedrivenLetter, Trouble, TroubleKind,
};
pub use drift::{
    Drift, DriftAcceptance, DriftAccepted, DriftAttribute, DriftRefused, DriftResource, DriftSince, DriftWithdrawn,
};
pub use layer::{
    DeployedConfig, Freeze, FreezeWindow, Installation, LayerDetail, LayerRecord, LayerStatus, LayerSummary, Layers,
    Lease, Module, Outputs, Scope, Unlocked,
};
pub use report::{
    Cancellation, CancelledDeployment, CancelledHow, End, ModuleEnd, Report, ResourceAction, ResourceEnd,
    ResourceFailure,
};

use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The request is wrong. Status 400.
    Invalid,
    /// There is no such thing. Status 404.
    NotFound,
    /// The path does not have this method. Status 405.
    MethodNotAllowed,
    /// Something is in the way. Status 409.
    Conflict,
    /// The body is too long. Status 413.
    TooLarge,
    /// Not the caller's fault. Status 500.
    Internal,
    /// AWS does not answer at the moment; try again. Status 503.
    Busy,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Error {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what is wrong.
    pub message: String,
    /// For people: what to do.
    #[schema(required = true)]
    pub hint: Option<String>,
}

/// The answer to a request that is not served.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorAnswer {
    /// What went wrong.
    pub error: Error,
}
