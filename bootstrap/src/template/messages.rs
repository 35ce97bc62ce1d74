//! What is announced and what could not be handled: topics, the dead-letter queue, its alarm.

use serde_json::{Map, Value, json};

use super::events::RULES;
use super::parts::{Alarm, alarm, get, reference, sub};

/// Topics, the dead-letter queue and its alarm.
pub(super) fn messages(resources: &mut Map<String, Value>) {
    for (name, suffix) in [("Topic", "status"), ("AlarmTopic", "alarms")] {
        resources.insert(
            name.into(),
            json!({
                "Type": "AWS::SNS::Topic",
                "Properties": { "TopicName": sub(format!("${{AWS::StackName}}-{suffix}")) },
            }),
        );
    }
    resources.insert("TopicPolicy".into(), json!({
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {
            "Topics": [reference("Topic")],
            "PolicyDocument": { "Version": "2012-10-17", "Statement": [
                {
                    "Sid": "Account", "Effect": "Allow", "Principal": { "AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root") },
                    "Action": ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"],
                    "Resource": reference("Topic"),
                },
                {
                    "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "sns:Publish",
                    "Resource": reference("Topic"), "Condition": { "Bool": { "aws:SecureTransport": "false" } },
                },
            ] },
        },
    }));
    resources.insert("AlarmSubscription".into(), json!({
        "Type": "AWS::SNS::Subscription",
        "Condition": "HasAlarmEmail",
        "Properties": { "TopicArn": reference("AlarmTopic"), "Protocol": "email", "Endpoint": reference("AlarmEmail") },
    }));
    resources.insert(
        "DeadLetters".into(),
        json!({
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": sub("${AWS::StackName}-dead-letters"),
                "MessageRetentionPeriod": 1_209_600,
                "SqsManagedSseEnabled": true,
            },
        }),
    );
    let rules: Vec<Value> = RULES.iter().map(|name| get(&format!("{name}Rule"), "Arn")).collect();
    resources.insert("DeadLettersPolicy".into(), json!({
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {
            "Queues": [reference("DeadLetters")],
            "PolicyDocument": { "Version": "2012-10-17", "Statement": [
                {
                    "Sid": "Events", "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
                    "Action": "sqs:SendMessage", "Resource": get("DeadLetters", "Arn"),
                    "Condition": {
                        "StringEquals": { "aws:SourceAccount": reference("AWS::AccountId") },
                        "ArnEquals": { "aws:SourceArn": rules },
                    },
                },
                {
                    "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "sqs:*",
                    "Resource": get("DeadLetters", "Arn"), "Condition": { "Bool": { "aws:SecureTransport": "false" } },
                },
            ] },
        },
    }));
    resources.insert(
        "DeadLettersAlarm".into(),
        alarm(&Alarm {
            what: "an event could not be handled and waits in the dead-letter queue",
            namespace: "AWS/SQS",
            metric: "ApproximateNumberOfMessagesVisible",
            statistic: "Maximum",
            dimension: ("QueueName", get("DeadLetters", "QueueName")),
        }),
    );
}
