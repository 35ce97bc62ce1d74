//! Alarms on what the watch of the coordinator counts: each is a metric that its function leaves in its log.

use serde_json::{Map, Value, json};

use super::parts::{Alarm, alarm, reference};

/// Logical id, metric of `crates/control/src/metrics.rs`, what it means.
const COUNTED: [(&str, &str, &str); 3] = [
    ("ExecutionsDiedAlarm", "ExecutionsDied", "an execution died and its deployment was ended as failed"),
    ("LeasesExpiredAlarm", "LeasesExpired", "the lease of a layer ended without having been given back"),
    (
        "ChangesWaitingAlarm",
        "ChangesWaitingTooLong",
        "a deployment waits for more than an hour, and nobody wanted it to",
    ),
];

pub(super) fn counted(resources: &mut Map<String, Value>) {
    for (name, metric, what) in COUNTED {
        let counted = Alarm {
            what,
            namespace: "Landfall",
            metric,
            statistic: "Maximum",
            dimension: ("Stack", reference("AWS::StackName")),
        };
        resources.insert(name.into(), alarm(&counted));
    }
    resources.insert("SweepStoppedAlarm".into(), stopped());
}

/// The sweep counts every minute, if only to zero. That nothing comes any more is what this one is about.
fn stopped() -> Value {
    let mut stopped = alarm(&Alarm {
        what: "the sweep does not run, so what dies is not found and what drifts is not looked for",
        namespace: "Landfall",
        metric: "LeasesExpired",
        statistic: "SampleCount",
        dimension: ("Stack", reference("AWS::StackName")),
    });
    let properties = &mut stopped["Properties"];
    properties["Period"] = json!(300);
    properties["EvaluationPeriods"] = json!(2);
    properties["ComparisonOperator"] = json!("LessThanThreshold");
    properties["TreatMissingData"] = json!("breaching");
    stopped
}
