//! The state machines with their roles, logs and alarm.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::parts::{Alarm, MODULE, alarm, assumed_by, get, log_group, reference, role_name, sub, trace};
use crate::functions::{Function, FunctionKind};

pub(super) fn machines(resources: &mut Map<String, Value>, root: &Path, functions: &[Function]) -> Result<()> {
    let invoke: Vec<Value> = functions
        .iter()
        .filter(|function| {
            function.kind == FunctionKind::Module || matches!(function.name.as_str(), "planner" | "coordinator")
        })
        .map(|function| sub(format!("${{{}Function.Arn}}:*", function.logical())))
        .collect();
    let logs = json!({
        "Sid": "DeliverLogs", "Effect": "Allow",
        "Action": [
            "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        ],
        // Log delivery has no resource-level permissions
        // (https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy).
        "Resource": "*",
    });
    let children = [
        json!({ "Sid": "RunModules", "Effect": "Allow", "Action": "states:StartExecution", "Resource": sub(MODULE) }),
        json!({
            "Sid": "FollowModules", "Effect": "Allow", "Action": ["states:DescribeExecution", "states:StopExecution"],
            "Resource": sub(MODULE.replace(":stateMachine:", ":execution:") + ":*"),
        }),
        // Step Functions itself manages this rule for `.sync` integrations
        // (https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html).
        json!({
            "Sid": "HearOfModules", "Effect": "Allow", "Action": ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
            "Resource": sub("arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"),
        }),
    ];
    for (logical, name, more) in [("Deploy", "deploy", children.to_vec()), ("Module", "module", Vec::new())] {
        let file = root.join("statemachines").join(format!("{name}.asl.json"));
        let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let definition: Value =
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
        let mut statements = vec![
            json!({ "Sid": "Invoke", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": invoke }),
            logs.clone(),
            trace(),
        ];
        statements.extend(more);
        resources.insert(
            format!("{logical}MachineRole"),
            json!({
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": role_name(&format!("machine-{name}")),
                    "AssumeRolePolicyDocument": assumed_by("states.amazonaws.com"),
                    "Policies": [{
                        "PolicyName": "machine",
                        "PolicyDocument": { "Version": "2012-10-17", "Statement": statements },
                    }],
                },
            }),
        );
        resources.insert(
            format!("{logical}MachineLogs"),
            log_group(&format!("/aws/vendedlogs/states/${{AWS::StackName}}-{name}")),
        );
        resources.insert(format!("{logical}Machine"), json!({
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": sub(format!("${{AWS::StackName}}-{name}")),
                "StateMachineType": "STANDARD",
                "RoleArn": get(&format!("{logical}MachineRole"), "Arn"),
                "DefinitionString": sub(definition.to_string()),
                "LoggingConfiguration": {
                    "Level": "ALL",
                    // Tokens of waiting tasks travel through the machines: whoever has one can end the wait.
                    "IncludeExecutionData": false,
                    "Destinations": [{ "CloudWatchLogsLogGroup": { "LogGroupArn": get(&format!("{logical}MachineLogs"), "Arn") } }],
                },
                "TracingConfiguration": { "Enabled": true },
            },
        }));
    }
    resources.insert(
        "DeployMachineAlarm".into(),
        alarm(&Alarm {
            what: "an execution of the deploy machine failed, which is a fault of Landfall",
            namespace: "AWS/States",
            metric: "ExecutionsFailed",
            statistic: "Sum",
            dimension: ("StateMachineArn", reference("DeployMachine")),
        }),
    );
    Ok(())
}
