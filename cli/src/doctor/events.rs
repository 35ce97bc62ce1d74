//! The rules that call the functions: they are on, and each calls whom it should.

use aws_config::SdkConfig;

use super::facts::{Facts, last};
use super::{Blind, Finding, seen};

const GROUP: &str = "Events";

pub(super) async fn look(config: &SdkConfig, facts: &Facts) -> Vec<Finding> {
    let events = aws_sdk_eventbridge::Client::new(config);
    let (mut found, mut well) = (Vec::new(), 0);
    for (name, made, properties) in facts.of("AWS::Events::Rule") {
        let check = format!("rule {}", name.trim_end_matches("Rule"));
        let rule = last(&made.id, '|');
        match look_at(&events, facts, rule, properties).await {
            Ok(None) => well += 1,
            Ok(Some((what, todo))) => found.push(Finding::wrong(GROUP, check, what, todo)),
            Err(blind) => found.push(Finding::blind(GROUP, check, &blind)),
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(GROUP, "rules", format!("{well} rules are on and call their functions")));
    }
    found
}

async fn look_at(
    events: &aws_sdk_eventbridge::Client,
    facts: &Facts,
    rule: &str,
    properties: &serde_json::Value,
) -> Result<Option<(String, String)>, Blind> {
    let again = "install again: landfall bootstrap".to_owned();
    let about = facts.text(&properties["Description"]);
    let without = format!("without it nobody hears: {}", lower(&about));
    let described = match seen("events:DescribeRule", events.describe_rule().name(rule).send().await) {
        Ok(described) => described,
        Err(blind) if blind.is(&["ResourceNotFoundException"]) => {
            return Ok(Some((format!("the rule is gone; {without}"), again)));
        }
        Err(blind) => return Err(blind),
    };
    if described.state().is_none_or(|state| state.as_str() == "DISABLED") {
        let todo = format!("aws events enable-rule --name {rule}");
        return Ok(Some((format!("the rule is off; {without}"), todo)));
    }
    let targets = seen("events:ListTargetsByRule", events.list_targets_by_rule().rule(rule).send().await)?;
    for target in properties["Targets"].as_array().into_iter().flatten() {
        let wanted = facts.text(&target["Arn"]);
        let letters = facts.text(&target["DeadLetterConfig"]["Arn"]);
        let Some(is) = targets.targets().iter().find(|target| target.arn() == wanted) else {
            return Ok(Some((format!("the rule does not call {}; {without}", last(&wanted, '-')), again)));
        };
        if is.dead_letter_config().and_then(|config| config.arn()) != Some(letters.as_str()) {
            return Ok(Some(("what it cannot deliver is not kept with the dead letters".to_owned(), again)));
        }
    }
    Ok(None)
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
