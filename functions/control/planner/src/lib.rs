//! `planner`: from a queued change to the lease and the run document, and from the modules' plans to the plan of the layer. Reads
//! AWS only through the modules' functions.

mod admit;
mod assemble;
mod batch;
mod begin;
mod draw;
mod look;
mod prepare;
#[cfg(test)]
mod samples;

use lambda_runtime::Error;
use landfall_control::Control;
use landfall_state::{Lease, Parcel};
use serde::{Deserialize, Serialize};

pub use assemble::{Assembled, Decision};
pub use batch::Batch;
pub use begin::{Begun, Functions};

/// What the planner is asked to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Request {
    /// Take the lease and make the run document: before anything else, and again after an approval.
    Begin {
        /// Layer.
        layer: String,
        /// Deployment number.
        number: u64,
        /// ARN of the execution that will hold the lease.
        execution: String,
        /// Hash of the plan that was approved, when it is begun again.
        #[serde(default)]
        hash: Option<String>,
    },
    /// Make the plan.
    Assemble {
        /// The lease of the deployment.
        lease: Lease,
        /// Deployment number.
        number: u64,
        /// The run document.
        run: Parcel,
        /// Plans of the modules.
        parts: Vec<Part>,
        /// Hash of the plan that was approved, when it is planned again before it is applied.
        #[serde(default)]
        approved: Option<String>,
    },
}

/// What a module function answered for a batch.
#[derive(Clone, Debug, Deserialize)]
pub struct Part {
    /// The plans of its modules.
    part: Parcel,
    /// Modules that have no plan before somebody changes something.
    refused: Vec<Refused>,
}

/// A module without a plan.
#[derive(Clone, Debug, Deserialize)]
pub struct Refused {
    /// Module.
    module: String,
    /// Why, and what to do about it.
    refused: String,
}

/// The planner's answer.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Of `begin`.
    Begun(Box<Begun>),
    /// Of `assemble`.
    Assembled(Assembled),
}

/// Serves one request.
///
/// # Errors
/// When the state cannot be reached; the deployment then ends as failed.
pub async fn plan(control: Control, request: Request) -> Result<Answer, Error> {
    match request {
        Request::Begin { layer, number, execution, hash } => {
            begin::begin(&control, &layer, number, &execution, hash.as_deref()).await.map(Box::new).map(Answer::Begun)
        }
        Request::Assemble { lease, number, run, parts, approved } => {
            let approved = approved.as_deref();
            assemble::assemble(&control, &lease, number, &run, &parts, approved).await.map(Answer::Assembled)
        }
    }
}
