//! `coordinator`: the approval, the gates between modules, and the end of every deployment.

mod approval;
mod drift;
mod gates;
mod sweep;
mod watch;

use lambda_runtime::Error;
use landfall_control::{Control, Ending, Failure};
use landfall_state::{Lease, Secret};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the coordinator is asked to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Request {
    /// Ask for an approval and give the lease back while people think.
    AskApproval {
        /// The lease.
        lease: Lease,
        /// Deployment number.
        number: u64,
        /// Token of the waiting execution.
        task_token: Secret,
        /// Hash of the plan.
        hash: String,
    },
    /// Let modules begin once what they need is done: all of them need the same.
    Await {
        /// Deployment number.
        number: u64,
        /// Modules.
        modules: Vec<String>,
        /// The lease under which the modules will work.
        lease: Lease,
        /// Token of the waiting execution.
        task_token: Secret,
    },
    /// Record that the execution of modules gave up.
    Settle {
        /// The lease.
        lease: Lease,
        /// Deployment number.
        number: u64,
        /// Modules.
        modules: Vec<String>,
        /// What it gave up with.
        error: Failure,
    },
    /// End the deployment.
    Finish {
        /// Layer.
        layer: String,
        /// Deployment number.
        number: u64,
        /// ARN of the execution.
        execution: String,
        /// The lease, if it was taken.
        #[serde(default)]
        lease: Option<Lease>,
        /// What the execution failed with.
        #[serde(default)]
        error: Option<Failure>,
    },
    /// Look for what died.
    Sweep,
}

/// The event "Step Functions Execution Status Change", as far as it is used
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>).
#[derive(Clone, Debug, Deserialize)]
struct StatusChange {
    detail: StatusDetail,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusDetail {
    execution_arn: String,
    status: String,
    #[serde(default)]
    input: Option<String>,
}

/// Serves one request: an operation of the state machines or the schedule, or the event that an execution died.
///
/// # Errors
/// When the state cannot be reached or the request is not understood.
pub async fn coordinate(control: Control, request: Value) -> Result<Value, Error> {
    if request.get("op").is_none() {
        let event: StatusChange = serde_json::from_value(request)?;
        let input = event.detail.input.unwrap_or_default();
        return sweep::execution_ended(&control, &event.detail.execution_arn, &event.detail.status, &input).await;
    }
    match serde_json::from_value(request)? {
        Request::AskApproval { lease, number, task_token, hash } => {
            approval::ask(&control, &lease, number, &task_token, &hash).await
        }
        Request::Await { number, modules, lease, task_token } => {
            gates::wait(&control, &lease, number, &modules, &task_token).await
        }
        Request::Settle { lease, number, modules, error } => {
            gates::settle(&control, &lease, number, &modules, &error).await
        }
        Request::Finish { layer, number, execution, lease, error } => {
            control.finish(&Ending { layer: &layer, number, execution: &execution, lease, error }).await?;
            Ok(json!({}))
        }
        Request::Sweep => sweep::sweep(&control).await,
    }
}
