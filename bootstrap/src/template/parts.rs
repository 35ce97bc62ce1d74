//! What the resources of the template are put together from: references, log groups, roles, alarms.

use serde_json::{Value, json};

pub(super) const DEPLOY: &str =
    "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-deploy";
pub(super) const MODULE: &str =
    "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-module";

/// What functions and machines need to be traced. X-Ray has no resource-level permissions for any of it
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html>).
pub(super) fn trace() -> Value {
    json!({
        "Sid": "Trace", "Effect": "Allow",
        "Action": [
            "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
        ],
        "Resource": "*",
    })
}

/// Name of a role. IAM is one for all regions, the installations are not: the region belongs to the name.
pub(super) fn role_name(name: &str) -> Value {
    sub(format!("${{AWS::StackName}}-${{AWS::Region}}-{name}"))
}

pub(super) fn sub(text: impl Into<String>) -> Value {
    json!({ "Fn::Sub": text.into() })
}

pub(super) fn get(resource: &str, attribute: &str) -> Value {
    json!({ "Fn::GetAtt": [resource, attribute] })
}

pub(super) fn reference(name: impl Into<String>) -> Value {
    json!({ "Ref": name.into() })
}

pub(super) fn deny_plain(bucket: &str) -> Value {
    json!({
        "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": [get(bucket, "Arn"), sub(format!("${{{bucket}.Arn}}/*"))],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}

pub(super) struct Alarm<'a> {
    pub(super) what: &'a str,
    pub(super) namespace: &'a str,
    pub(super) metric: &'a str,
    pub(super) statistic: &'a str,
    pub(super) dimension: (&'a str, Value),
}

pub(super) fn alarm(alarm: &Alarm<'_>) -> Value {
    json!({
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": format!("Landfall: {}", alarm.what),
            "Namespace": alarm.namespace,
            "MetricName": alarm.metric,
            "Statistic": alarm.statistic,
            "Dimensions": [{ "Name": alarm.dimension.0, "Value": alarm.dimension.1 }],
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [reference("AlarmTopic")],
        },
    })
}

pub(super) fn log_group(name: &str) -> Value {
    json!({
        "Type": "AWS::Logs::LogGroup",
        "Properties": { "LogGroupName": sub(name), "RetentionInDays": reference("LogRetentionDays") },
    })
}

pub(super) fn assumed_by(service: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole",
        }],
    })
}
