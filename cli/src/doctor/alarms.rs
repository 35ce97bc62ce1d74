//! The alarms: they are there and somebody hears them, and which of them are raised, with what that means.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use serde_json::{Value, json};

use super::facts::Facts;
use super::{Blind, Finding, refused};
use crate::http::{Broken, Http};

const GROUP: &str = "Alarms";
const ACTION: &str = "cloudwatch:DescribeAlarms";

/// CloudWatch in JSON. The SDK's client of it speaks CBOR, and would be large for one call.
async fn describe(config: &SdkConfig, facts: &Facts, names: &[&str]) -> Result<Vec<Value>, Blind> {
    let nobody = || Blind { code: None, what: format!("{ACTION}: no answer"), todo: None };
    let credentials = config.credentials_provider().ok_or_else(nobody)?;
    let domain = if facts.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    // Source: https://docs.aws.amazon.com/general/latest/gr/cw_region.html
    let own = || format!("https://monitoring.{}.{domain}", facts.region);
    let url = config.endpoint_url().map_or_else(own, |url| url.trim_end_matches('/').to_owned());
    let target = "GraniteServiceVersion20100801.DescribeAlarms";
    let http = Http::operation(credentials, facts.region.clone(), "monitoring", target);
    let asked = json!({ "AlarmNames": names, "AlarmTypes": ["MetricAlarm"], "MaxRecords": 100 });
    match http.send("POST", &format!("{url}/"), Some(&asked)).await {
        Ok(answer) if answer.status < 400 => Ok(answer.body["MetricAlarms"].as_array().cloned().unwrap_or_default()),
        Ok(answer) => {
            let said = |name: &str| answer.body[name].as_str().map(str::to_owned);
            let code = said("__type").map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
            let message = said("message").or_else(|| said("Message")).unwrap_or_else(|| answer.body.to_string());
            // What is forbidden has this status, in whatever words.
            Err(refused(ACTION, code.or_else(|| (answer.status == 403).then(|| "Forbidden".to_owned())), &message))
        }
        Err(Broken::Transport(why)) => Err(Blind { what: format!("{ACTION}: no answer: {why}"), ..nobody() }),
        Err(Broken::Local(failure)) => Err(Blind { what: failure.message, todo: failure.hint, code: None }),
    }
}

pub(super) async fn look(config: &SdkConfig, facts: &Facts) -> Vec<Finding> {
    let alarms: Vec<(&str, &str, &Value)> = facts
        .of("AWS::CloudWatch::Alarm")
        .map(|(name, made, properties)| (name, made.id.as_str(), properties))
        .collect();
    let mut there: BTreeMap<String, Value> = BTreeMap::new();
    for some in alarms.chunks(100) {
        let names: Vec<&str> = some.iter().map(|(_, id, _)| *id).collect();
        match describe(config, facts, &names).await {
            Ok(all) => {
                there
                    .extend(all.into_iter().filter_map(|alarm| Some((alarm["AlarmName"].as_str()?.to_owned(), alarm))));
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
        if alarm["StateValue"] == "ALARM" {
            found.push(Finding::wrong(GROUP, check, format!("raised: {about}"), todo(facts, name, properties)));
        }
        if alarm["ActionsEnabled"] == false || alarm["AlarmActions"].as_array().is_none_or(Vec::is_empty) {
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
        "SweepStoppedAlarm" => format!(
            "see whether its rule is on: landfall doctor\nsee why it fails: aws logs tail /aws/lambda/{}-coordinator --since 1h",
            facts.stack
        ),
        _ => {
            let function = facts.text(&properties["Dimensions"][0]["Value"]);
            format!("see why: aws logs tail /aws/lambda/{function} --since 1h")
        }
    }
}
