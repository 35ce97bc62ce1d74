//! What the control functions share: their settings, loading a layer at one version, starting deployments, announcing
//! what happens, and the entry of a function.

mod accept;
mod announce;
mod decision;
mod drift;
mod ending;
mod entry;
mod failure;
mod layer_settings;
mod load;
mod metrics;
mod refusal;
mod report;
mod rollback;
mod settings;
mod start;
mod trouble;
mod verdict;

pub use accept::Checked;
pub use drift::{Acceptable, NotAcceptable, acceptable, accepted, withdrawable};
pub use ending::{Ending, Recorded, belongs_to_another};
pub use entry::{Control, request_config, serve};
pub use failure::Failure;
pub use layer_settings::{Approval, LayerSettings, OnFailure, When};
pub use load::{ChosenEnvironment, Loaded, LoadedFile, Object};
pub use metrics::{CHANGES_WAITING_TOO_LONG, EXECUTIONS_DIED, LEASES_EXPIRED, NAMESPACE};
pub use refusal::Refusal;
pub use report::{End, ModuleEnd, Report, ResourceEnd, report};
pub use settings::Settings;
pub use trouble::{LONG_WAIT, Trouble, TroubleKind};
pub use verdict::DIED;
