//! The state machines: they are there, and what they do is logged.

use aws_config::SdkConfig;

use super::facts::{Facts, last};
use super::{Finding, seen};

const GROUP: &str = "State machines";

pub(super) async fn look(config: &SdkConfig, facts: &Facts) -> Vec<Finding> {
    let sfn = aws_sdk_sfn::Client::new(config);
    let mut found = Vec::new();
    for (_, made, _) in facts.of("AWS::StepFunctions::StateMachine") {
        let name = facts.own_name(last(&made.id, ':'));
        let asked = sfn.describe_state_machine().state_machine_arn(&made.id).send().await;
        let again = "install again: landfall bootstrap";
        let machine = match seen("states:DescribeStateMachine", asked) {
            Ok(machine) => machine,
            Err(blind) if blind.is(&["StateMachineDoesNotExist"]) => {
                found.push(Finding::wrong(GROUP, name, "it is gone", again));
                continue;
            }
            Err(blind) => {
                found.push(Finding::blind(GROUP, name, &blind));
                continue;
            }
        };
        let level = machine.logging_configuration().and_then(|logging| logging.level()).map(|level| level.as_str());
        let logs = machine.logging_configuration().is_some_and(|logging| !logging.destinations().is_empty());
        found.push(match machine.status().map(|status| status.as_str()) {
            Some("ACTIVE") if level == Some("ALL") && logs => Finding::ok(GROUP, name, "works and logs everything"),
            Some("ACTIVE") => {
                let what = format!("its log is {}: what an execution did cannot be seen", level.unwrap_or("OFF"));
                Finding::wrong(GROUP, name, what, "set it right in the console of Step Functions: level ALL")
            }
            status => Finding::wrong(GROUP, name, format!("it is {}", status.unwrap_or("unknown")), again),
        });
    }
    found
}
