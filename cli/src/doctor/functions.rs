//! The functions: every alias points at the published version that the stack made, and that version is of the release
//! that is installed; what calls them without waiting has somewhere to leave what fails.

use aws_config::SdkConfig;
use serde_json::Value;

use super::facts::Facts;
use super::{Finding, seen};

const GROUP: &str = "Functions";
const GONE: &[&str] = &["ResourceNotFoundException"];

pub(super) async fn look(config: &SdkConfig, facts: &Facts) -> Vec<Finding> {
    let lambda = aws_sdk_lambda::Client::new(config);
    let mut found = versions(&lambda, facts).await;
    found.extend(invocations(&lambda, facts).await);
    found
}

async fn versions(lambda: &aws_sdk_lambda::Client, facts: &Facts) -> Vec<Finding> {
    let (mut found, mut well) = (Vec::new(), 0);
    for (name, _, alias) in facts.of("AWS::Lambda::Alias") {
        let function = facts.text(&alias["FunctionName"]);
        let check = facts.own_name(&function).to_owned();
        match version(lambda, facts, name, &function, alias).await {
            None => well += 1,
            Some(Problem::Wrong(what, todo)) => found.push(Finding::wrong(GROUP, check, what, todo)),
            Some(Problem::Blind(blind)) => {
                found.push(Finding::blind(GROUP, check, &blind));
                // A permission that is missing is missing for all of them.
                if blind.todo.is_some() {
                    break;
                }
            }
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(GROUP, "versions", format!("{well} functions run what was installed")));
    }
    found
}

enum Problem {
    Wrong(String, String),
    Blind(super::Blind),
}

async fn version(
    lambda: &aws_sdk_lambda::Client,
    facts: &Facts,
    name: &str,
    function: &str,
    alias: &Value,
) -> Option<Problem> {
    let wanted = facts.text(&alias["FunctionVersion"]);
    let label = facts.text(&alias["Name"]);
    let again = "install again: landfall bootstrap".to_owned();
    let asked = lambda.get_alias().function_name(function).name(&label).send().await;
    let is = match seen("lambda:GetAlias", asked) {
        Ok(answer) => answer.function_version.unwrap_or_default(),
        Err(blind) if blind.is(GONE) => {
            return Some(Problem::Wrong(format!("the alias {label} of {function} is gone"), again));
        }
        Err(blind) => return Some(Problem::Blind(blind)),
    };
    let back = format!("aws lambda update-alias --function-name {function} --name {label} --function-version {wanted}");
    if is != wanted {
        return Some(Problem::Wrong(
            format!("{label} points at version {is}, and version {wanted} was installed"),
            back,
        ));
    }
    let asked = lambda.get_function_configuration().function_name(function).qualifier(&is).send().await;
    let configuration = match seen("lambda:GetFunctionConfiguration", asked) {
        Ok(answer) => answer,
        Err(blind) if blind.is(GONE) => {
            return Some(Problem::Wrong(format!("{label} points at version {is}, which is gone"), again));
        }
        Err(blind) => return Some(Problem::Blind(blind)),
    };
    let published = name.strip_suffix("Live").map(|name| format!("{name}Version")).unwrap_or_default();
    let release = facts.text(&facts.template["Resources"][published]["Properties"]["Description"]);
    let described = configuration.description().unwrap_or_default();
    if described != release {
        return Some(Problem::Wrong(format!("version {is} is of another release: {described}"), again));
    }
    match configuration.state().map(|state| state.as_str()) {
        // A function that nobody called for weeks sleeps, and wakes up.
        None | Some("Active" | "Inactive") => None,
        Some(state) => {
            let why = configuration.state_reason().unwrap_or("no reason is given");
            Some(Problem::Wrong(format!("version {is} is {state}: {why}"), again))
        }
    }
}

/// Where what fails is left.
async fn invocations(lambda: &aws_sdk_lambda::Client, facts: &Facts) -> Vec<Finding> {
    let (mut found, mut well) = (Vec::new(), 0);
    for (_, _, properties) in facts.of("AWS::Lambda::EventInvokeConfig") {
        let function = facts.text(&properties["FunctionName"]);
        let wanted = facts.text(&properties["DestinationConfig"]["OnFailure"]["Destination"]);
        let asked = lambda.get_function_event_invoke_config().function_name(&function).qualifier("live").send().await;
        let is = match seen("lambda:GetFunctionEventInvokeConfig", asked) {
            Ok(answer) => answer
                .destination_config()
                .and_then(|config| config.on_failure())
                .and_then(|failure| failure.destination())
                .map(str::to_owned),
            Err(blind) if blind.is(GONE) => None,
            Err(blind) => {
                found.push(Finding::blind(GROUP, "failed calls", &blind));
                continue;
            }
        };
        if is.as_deref() == Some(wanted.as_str()) {
            well += 1;
            continue;
        }
        let todo = format!(
            "aws lambda put-function-event-invoke-config --function-name {function} --qualifier live \
             --maximum-retry-attempts 2 --destination-config '{{\"OnFailure\":{{\"Destination\":\"{wanted}\"}}}}'"
        );
        let what = format!("what {function} fails at is not kept with the dead letters");
        found.push(Finding::wrong(GROUP, "failed calls", what, todo));
    }
    if found.is_empty() {
        found.push(Finding::ok(GROUP, "failed calls", format!("{well} functions leave them with the dead letters")));
    }
    found
}
