//! What a state machine failed with.

use serde::Deserialize;
use serde_json::Value;

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
