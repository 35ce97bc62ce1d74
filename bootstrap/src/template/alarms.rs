//! Alarms on what the watch of the coordinator counts: each is a metric that its function leaves in its log.

use serde_json::{Map, Value};

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
}
