//! `coordinator`: the lease, the approval, the gates between modules, and the end of every deployment.

mod admit;
mod drift;
mod finish;
mod gates;
mod rollback;
mod sweep;
mod verdict;
mod watch;

use lambda_runtime::Error;
use landfall_control::Control;
use landfall_state::{Lease, Secret};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the coordinator is asked to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Request {
    /// Take the lease, before anything else and again after an approval.
    Admit {
        /// Layer.
        layer: String,
        /// Deployment number.
        number: u64,
        /// ARN of the execution that will hold the lease.
        execution: String,
        /// Hash of the plan that was approved, when the lease is taken again.
        #[serde(default)]
        hash: Option<String>,
    },
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

/// The error that Step Functions hands to a Catch.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Failure {
    /// Name of the error.
    #[serde(default)]
    pub error: String,
    /// What happened; for a Lambda function JSON with `errorMessage`.
    #[serde(default)]
    pub cause: String,
}

impl Failure {
    /// The cause for people: the message of a function, the end of an execution, or what Step Functions says.
    pub fn message(&self) -> String {
        let parsed: Value = serde_json::from_str(&self.cause).unwrap_or_default();
        let field = |name| parsed.get(name).and_then(Value::as_str);
        if let Some(message) = field("errorMessage") {
            return message.to_owned();
        }
        // A child execution is described whole, with its input
        // (https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html).
        if let (Some(_), Some(status)) = (field("ExecutionArn"), field("Status")) {
            let why = field("Cause").map(|cause| format!(": {cause}")).unwrap_or_default();
            return format!("its execution ended as {status}{why}");
        }
        if self.cause.is_empty() { self.error.clone() } else { self.cause.clone() }
    }
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
        Request::Admit { layer, number, execution, hash } => {
            admit::admit(&control, &layer, number, &execution, hash.as_deref()).await
        }
        Request::AskApproval { lease, number, task_token, hash } => {
            admit::ask_approval(&control, &lease, number, &task_token, &hash).await
        }
        Request::Await { number, modules, lease, task_token } => {
            gates::wait(&control, &lease, number, &modules, &task_token).await
        }
        Request::Settle { lease, number, modules, error } => {
            gates::settle(&control, &lease, number, &modules, &error).await
        }
        Request::Finish { layer, number, execution, lease, error } => {
            finish::finish(&control, &finish::Ending { layer: &layer, number, execution: &execution, lease, error })
                .await?;
            Ok(json!({}))
        }
        Request::Sweep => sweep::sweep(&control).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_failure_is_taken_out_of_its_json() {
        let cause = r#"{"errorType":"Error","errorMessage":"the config is gone","trace":[]}"#.to_owned();
        let failure = Failure { error: "Lambda.Unknown".into(), cause };
        assert_eq!(failure.message(), "the config is gone");
        let cause = r#"{"ExecutionArn":"arn:x","Input":"{}","Status":"ABORTED","Cause":"stopped by ana"}"#.to_owned();
        let child = Failure { error: "States.TaskFailed".into(), cause };
        assert_eq!(child.message(), "its execution ended as ABORTED: stopped by ana");
        let timeout = Failure { error: "States.Timeout".into(), cause: String::new() };
        assert_eq!(timeout.message(), "States.Timeout");
    }
}
