//! What is true: layers, leases, queue, journal, deployments, in one DynamoDB table; documents in the config bucket
//! under `.landfall/`. Every write is conditional, and what a deployment writes needs a live lease.

mod approvals;
mod cancel;
mod clock;
mod deployment;
mod discarded;
mod documents;
mod drift;
mod error;
mod events;
mod freeze;
mod invariants;
mod journal;
mod keys;
mod layers;
mod lease;
mod limits;
mod queue;
mod runs;
mod secret;
mod sources;
mod store;
mod together;
mod wake;
mod whole;
mod writer;

pub use approvals::{Approval, ApprovalRequest, Decision};
pub use cancel::{CANCELLED, Cancellation, Cancelled};
pub use clock::{Clock, FixedClock, SystemClock};
pub use deployment::{
    Action, Actor, Deployment, DeploymentId, Finished, NewChange, Outcome, Phase, PlanRef, PlanSummary, Source, Status,
};
pub use discarded::Discarded;
pub use documents::DocumentRef;
pub use drift::{Acceptance, DriftAttribute, DriftLooks, DriftNews, DriftRecord, DriftSeen, DriftValue};
pub use error::StateError;
pub use events::Event;
pub use freeze::{Freeze, FreezeWindow};
pub use invariants::{Broken, Item as TableItem, broken};
pub use jiff::Timestamp;
pub use journal::{EntryStatus, IntentAction, JournalEntry, NewIntent};
pub use layers::{DeployedConfig, LayerRecord, LayerStatus, ModuleRecord, Scope};
pub use lease::{AcquireRequest, FENCE, Lease, LeaseInfo, LeaseRecord, QUIET_TIME};
pub use queue::{Enqueued, Queue};
pub use runs::{Gate, ResourceFailure, Run, RunCounts, RunStart, RunStatus, RunUpdate, Wake, WakeOutcome};
pub use secret::Secret;
pub use sources::SourceOutcome;
pub use store::{Settings, Store};
pub use wake::{NOT_STARTED, SKIPPED, fail, succeed};
pub use whole::Whole;
pub use writer::{Applied, Deployed, ModuleEnd, Writer};

/// Version of the records' schema.
pub const SCHEMA: u32 = 1;
