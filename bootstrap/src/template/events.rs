//! What calls the functions: uploads, executions that die, the clock.

use serde_json::{Map, Value, json};

use super::parts::{DEPLOY, get, reference, sub};

/// Rules that call functions, and may leave what was not taken in the dead-letter queue.
pub(super) const RULES: [&str; 3] = ["ConfigChanged", "ExecutionDied", "Sweep"];

/// What calls the functions: uploads, executions that die, the clock.
pub(super) fn events(resources: &mut Map<String, Value>) {
    let rules = [
        (
            RULES[0],
            "Intake",
            json!({
                "Description": "A file was written to the config bucket",
                "EventPattern": {
                    "source": ["aws.s3"],
                    "detail-type": ["Object Created"],
                    "detail": {
                        "bucket": { "name": [reference("ConfigBucket")] },
                        "object": { "key": [{ "anything-but": { "prefix": ".landfall/" } }] },
                    },
                },
            }),
            Value::Null,
        ),
        (
            RULES[1],
            "Coordinator",
            json!({
                "Description": "An execution of the deploy machine died",
                "EventPattern": {
                    "source": ["aws.states"],
                    "detail-type": ["Step Functions Execution Status Change"],
                    "detail": { "status": ["ABORTED", "FAILED", "TIMED_OUT"], "stateMachineArn": [sub(DEPLOY)] },
                },
            }),
            Value::Null,
        ),
        (
            RULES[2],
            "Coordinator",
            json!({
                "Description": "Looks for what came to a stop",
                "ScheduleExpression": "rate(1 minute)",
            }),
            json!("{\"op\":\"sweep\"}"),
        ),
    ];
    for (name, target, mut properties, input) in rules {
        let mut to = json!({
            "Id": target.to_lowercase(),
            "Arn": reference(format!("{target}Live")),
            "DeadLetterConfig": { "Arn": get("DeadLetters", "Arn") },
            "RetryPolicy": { "MaximumRetryAttempts": 20, "MaximumEventAgeInSeconds": 3600 },
        });
        if !input.is_null() {
            to["Input"] = input;
        }
        properties["Targets"] = json!([to]);
        properties["State"] = json!("ENABLED");
        resources.insert(format!("{name}Rule"), json!({ "Type": "AWS::Events::Rule", "Properties": properties }));
        resources.insert(
            format!("{name}Permission"),
            json!({
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": reference(format!("{target}Live")),
                    "Principal": "events.amazonaws.com",
                    "SourceArn": get(&format!("{name}Rule"), "Arn"),
                },
            }),
        );
    }
    for target in ["Intake", "Coordinator"] {
        resources.insert(
            format!("{target}Invocations"),
            json!({
                "Type": "AWS::Lambda::EventInvokeConfig",
                "Properties": {
                    "FunctionName": reference(format!("{target}Function")),
                    "Qualifier": "live",
                    "MaximumRetryAttempts": 2,
                    "MaximumEventAgeInSeconds": 3600,
                    "DestinationConfig": { "OnFailure": { "Destination": get("DeadLetters", "Arn") } },
                },
                "DependsOn": [format!("{target}Live")],
            }),
        );
    }
}
