//! Metrics as log lines: CloudWatch takes a line of this form out of a function's log and makes a metric of it
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>),
//! without a call and without a permission. The alarms on them are in `bootstrap/src/template/alarms.rs`.

use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::entry::Control;

/// Namespace of the metrics.
pub const NAMESPACE: &str = "Landfall";
/// Executions that died and whose deployment was ended for them.
pub const EXECUTIONS_DIED: &str = "ExecutionsDied";
/// Leases whose time was over without having been given back.
pub const LEASES_EXPIRED: &str = "LeasesExpired";
/// Deployments that wait too long, each time somebody looks.
pub const CHANGES_WAITING_TOO_LONG: &str = "ChangesWaitingTooLong";

impl Control {
    /// Leaves metrics of the installation in the log.
    pub fn count(&self, counts: &[(&str, usize)]) {
        let mut line = embedded(&self.settings.stack, self.store.now(), counts).to_string();
        line.push('\n');
        // In one piece, so that no other line comes in between. A log that takes nothing costs the metric.
        if let Err(error) = std::io::stdout().lock().write_all(line.as_bytes()) {
            tracing::warn!(%error, "the metrics were not written");
        }
    }
}

fn embedded(stack: &str, at: Timestamp, counts: &[(&str, usize)]) -> Value {
    let metrics: Vec<Value> = counts.iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": at.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": metrics }],
        },
        "Stack": stack,
    });
    for (name, count) in counts {
        line[*name] = json!(count);
    }
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_names_its_metrics_and_has_their_values() {
        let at = "2026-11-25T12:00:00Z".parse().unwrap();
        let line = embedded("landfall", at, &[(EXECUTIONS_DIED, 2), (LEASES_EXPIRED, 0)]);
        let expected = r#"{"_aws":{"Timestamp":1795608000000,"CloudWatchMetrics":[{"Namespace":"Landfall","Dimensions":[["Stack"]],"Metrics":[{"Name":"ExecutionsDied","Unit":"Count"},{"Name":"LeasesExpired","Unit":"Count"}]}]},"Stack":"landfall","ExecutionsDied":2,"LeasesExpired":0}"#;
        assert_eq!(line.to_string(), expected);
    }
}
