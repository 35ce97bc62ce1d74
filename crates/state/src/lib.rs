//! What is true: layers, leases, queue, journal, deployments, in one DynamoDB table; documents in the config bucket
//! under `.landfall/`. Every write is conditional, and what a deployment writes needs a live lease.

mod acquire;
mod approvals;
mod cancel;
mod clock;
mod deployment;
mod discarded;
mod documents;
mod drift;
mod enqueue;
mod error;
mod events;
mod finish;
mod freeze;
mod invariants;
mod journal;
mod keys;
mod layers;
mod lease;
mod limits;
mod parcel;
mod queue;
mod runs;
mod secret;
mod sources;
mod store;
mod together;
mod wake;
mod whole;
mod write;
mod writer;

pub use acquire::{AcquireRequest, SeenLease};
pub use approvals::{Approval, ApprovalRequest, Decision};
pub use cancel::{CANCELLED, Cancellation, Cancelled};
pub use clock::{Clock, FixedClock, SystemClock};
pub use deployment::{
    Action, Actor, Deployment, DeploymentId, NewChange, Outcome, Phase, PlanRef, PlanSummary, Source, Status,
};
pub use discarded::Discarded;
pub use documents::DocumentRef;
pub use drift::{Acceptance, DriftAttribute, DriftLooks, DriftNews, DriftRecord, DriftSeen, DriftValue};
pub use enqueue::{Enqueued, Met};
pub use error::StateError;
pub use events::Event;
pub use finish::{Finished, LayerEnd, Planned};
pub use freeze::{Freeze, FreezeWindow};
pub use invariants::{Broken, Item as TableItem, broken};
pub use jiff::Timestamp;
pub use journal::{Applied, EntryStatus, IntentAction, JournalEntry, NewIntent};
pub use layers::{DeployedConfig, LayerRecord, LayerStatus, ModuleRecord, Scope};
pub use lease::{FENCE, Lease, LeaseInfo, LeaseRecord, QUIET_TIME};
pub use parcel::{Parcel, room};
pub use queue::Queue;
pub use runs::{Gate, ResourceFailure, Run, RunCounts, RunStart, RunStatus, RunUpdate, Wake, WakeOutcome};
pub use secret::Secret;
pub use sources::SourceOutcome;
pub use store::{Settings, Store};
pub use wake::{NOT_STARTED, SKIPPED, fail, succeed};
pub use whole::Whole;
pub use writer::{Beginning, ModuleEnd, Place, Writer};

/// Version of the records' schema.
pub const SCHEMA: u32 = 1;
