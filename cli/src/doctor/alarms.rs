//! The alarms: they are there and somebody hears them, and which of them are raised, with what that means.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::types::MetricAlarm;
use serde_json::Value;

use super::facts::Facts;
use super::{Finding, seen};

const GROUP: &str = "Alarms";

pub(super) async fn look(config: &SdkConfig, facts: &Facts) -> Vec<Finding> {
    let cloudwatch = aws_sdk_cloudwatch::Client::new(config);
    let alarms: Vec<(&str, &str, &Value)> = facts
        .of("AWS::CloudWatch::Alarm")
        .map(|(name, made, properties)| (name, made.id.as_str(), properties))
        .collect();
    let mut there: BTreeMap<String, MetricAlarm> = BTreeMap::new();
    for some in alarms.chunks(100) {
        let names = some.iter().map(|(_, id, _)| (*id).to_owned()).collect();
        let asked = cloudwatch.describe_alarms().set_alarm_names(Some(names)).max_records(100).send().await;
        match seen("cloudwatch:DescribeAlarms", asked) {
            Ok(answer) => {
                let all = answer.metric_alarms.unwrap_or_default();
                there.extend(all.into_iter().filter_map(|alarm| Some((alarm.alarm_name()?.to_owned(), alarm))));
            }
            Err(blind) => return vec![Finding::blind(GROUP, "alarms", &blind)],
        }
    }
    let mut found = Vec::new();
    for (name, id, properties) in &alarms {
        let about = facts.text(&properties["AlarmDescription"]);
        let about = about.strip_prefix("Landfall: ").unwrap_or(&about);
        let check = name.trim_end_matches("Alarm");
        let Some(alarm) = there.get(*id) else {
            let what = format!("the alarm is gone; nobody hears when {about}");
            found.push(Finding::wrong(GROUP, check, what, "install again: landfall bootstrap"));
            continue;
        };
        if alarm.state_value().is_some_and(|state| state.as_str() == "ALARM") {
            found.push(Finding::wrong(GROUP, check, format!("raised: {about}"), todo(facts, name, properties)));
        }
        if alarm.actions_enabled() == Some(false) || alarm.alarm_actions().is_empty() {
            let what = format!("nobody hears when {about}");
            found.push(Finding::wrong(
                GROUP,
                check,
                what,
                format!("aws cloudwatch enable-alarm-actions --alarm-names {id}"),
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(GROUP, "alarms", format!("{} alarms, none is raised", alarms.len())));
    }
    found
}

/// What to do when an alarm is raised.
fn todo(facts: &Facts, name: &str, properties: &Value) -> String {
    match name {
        "DeadLettersAlarm" => "see them: landfall redrive --list\nprocess them again: landfall redrive".to_owned(),
        "DeployMachineAlarm" | "ExecutionsDiedAlarm" => {
            "see what failed: landfall status\ngo on with it: landfall resume LAYER".to_owned()
        }
        "LeasesExpiredAlarm" => "the layer is named below; what happened: landfall events LAYER".to_owned(),
        "ChangesWaitingAlarm" => {
            "see which: landfall status\nstop what is in the way: landfall cancel LAYER".to_owned()
        }
        _ => {
            let function = facts.text(&properties["Dimensions"][0]["Value"]);
            format!("see why: aws logs tail /aws/lambda/{function} --since 1h")
        }
    }
}
