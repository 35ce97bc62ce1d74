//! `planner`: from a queued change to the run document, and from the modules' plans to the plan of the layer. Reads
//! AWS only through the modules' functions.

mod assemble;
mod look;
mod prepare;

use lambda_runtime::Error;
use landfall_control::Control;
use landfall_state::{DocumentRef, Lease};
use serde::{Deserialize, Serialize};

pub use assemble::{Assembled, Decision};
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
        /// Plans of the modules, in the order of the run.
        parts: Vec<Part>,
        /// Hash of the plan that was approved, when it is planned again before it is applied.
        #[serde(default)]
        approved: Option<String>,
    },
}

/// What the function of one module answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// Its plan.
    Planned {
        /// Where it lies.
        part: DocumentRef,
    },
    /// There is no plan before somebody changes something.
    Refused {
        /// Module.
        module: String,
        /// Why, and what to do about it.
        refused: String,
    },
}

impl Part {
    fn document(&self) -> Option<&DocumentRef> {
        match self {
            Self::Planned { part } => Some(part),
            Self::Refused { .. } => None,
        }
    }

    /// The module and why it has no plan.
    fn refused(&self) -> Option<(&str, &str)> {
        match self {
            Self::Planned { .. } => None,
            Self::Refused { module, refused } => Some((module, refused)),
        }
    }
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
