//! How Landfall talks to AWS: clients for a target account and region, one error type with one classification,
//! counting and fencing of every call, tags, policy documents. Owns no resource.

mod aws;
mod codes;
mod denied;
mod error;
mod explain;
mod logs;
mod policy;
mod tags;
mod watch;

pub use aws::{ATTEMPT_TIMEOUT, Aws, Target, base_config};
pub use denied::denials_together;
pub use error::{Error, Kind, Leftover, Result, tolerate};
pub use explain::Explain;
pub use logs::start_log;
pub use policy::{Effect, Policy, Statement, whole_principal};
pub use tags::{LAYER_TAG, MODULE_TAG, RESOURCE_TAG, Tags};
pub use watch::{Calls, Fault, Mode, Watch, sent_by};

#[doc(hidden)]
pub use aws_config::SdkConfig;
