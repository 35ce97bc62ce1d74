//! `planner`: from a queued change to the run document, and from the modules' plans to the plan of the layer. Reads
//! AWS only through the modules' functions.

mod assemble;
mod batch;
mod look;
mod prepare;

use lambda_runtime::Error;
use landfall_control::Control;
use landfall_state::{DocumentRef, Lease};
use serde::{Deserialize, Serialize};

pub use assemble::{Assembled, Decision};
pub use batch::Batch;
pub use prepare::Prepared;

/// What the planner is asked to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Request {
    /// Make the run document.
    Prepare {
        /// The lease of the deployment.
        lease: Lease,
        /// Deployment number.
        number: u64,
    },
    /// Make the plan.
    Assemble {
        /// The lease of the deployment.
        lease: Lease,
        /// Deployment number.
        number: u64,
        /// The run document; none when the change was rejected.
        run: Option<DocumentRef>,
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
    /// Where the plans of its modules lie.
    part: DocumentRef,
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
    /// Of `prepare`.
    Prepared(Prepared),
    /// Of `assemble`.
    Assembled(Assembled),
}

/// Serves one request.
///
/// # Errors
/// When the state cannot be reached; the deployment then ends as failed.
pub async fn plan(control: Control, request: Request) -> Result<Answer, Error> {
    match request {
        Request::Prepare { lease, number } => prepare::prepare(&control, &lease, number).await.map(Answer::Prepared),
        Request::Assemble { run: None, .. } => Ok(Answer::Assembled(Assembled::nothing())),
        Request::Assemble { lease, number, run: Some(run), parts, approved } => {
            let approved = approved.as_deref();
            assemble::assemble(&control, &lease, number, &run, &parts, approved).await.map(Answer::Assembled)
        }
    }
}
