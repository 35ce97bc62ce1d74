//! Whether the function's role may do what a plan needs, by a simulation of its policies
//! (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use futures::stream::{self, StreamExt};
use landfall_aws::{Aws, Explain, LAYER_TAG, MODULE_TAG, RESOURCE_TAG, Result, Target};
use landfall_plan::{ModulePlan, Obstacle};

use super::blind;
use super::caller::{Caller, Principal, iam};
use super::decision::{Decision, Simulated, judge};
use crate::subject::Subject;

/// Simulations at a time: IAM answers few.
const AT_ONCE: usize = 3;

/// Condition keys of Landfall's own statements that only a real call fills in. No denial hangs on them.
const OF_CALLS: [&str; 3] = ["ec2:CreateAction", "iam:AWSServiceName", "iam:PassedToService"];

/// Actions by the ARN on which they are asked about. Kinds whose ARNs are not known before they exist are asked about
/// together, on `*`.
type Questions = BTreeMap<Option<String>, BTreeSet<&'static str>>;

/// Actions of the plan that AWS will or may refuse, each once.
pub(super) async fn look(aws: &Aws, caller: &Caller, subject: &Subject, plan: &ModulePlan) -> Vec<Obstacle> {
    let questions = questions(subject, plan, aws.target());
    if questions.is_empty() {
        return Vec::new();
    }
    let who = match caller.principal(aws).await {
        Ok(Some(who)) => who,
        Ok(None) => return Vec::new(),
        Err(error) => return blind("permissions", &error).into_iter().collect(),
    };
    let context = context(aws.target(), &subject.layer, &plan.module);
    let asked = questions.iter().map(|(on, actions)| simulate(aws, who, on.as_deref(), actions, &context));
    let answers: Vec<Result<Vec<Obstacle>>> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut obstacles: Vec<Obstacle> = Vec::new();
    for answer in answers {
        let found = answer.unwrap_or_else(|error| blind("permissions", &error).into_iter().collect());
        for obstacle in found {
            if !obstacles.iter().any(|known| known.about == obstacle.about) {
                obstacles.push(obstacle);
            }
        }
    }
    obstacles
}

fn questions(subject: &Subject, plan: &ModulePlan, target: &Target) -> Questions {
    let mut questions = Questions::new();
    for change in &plan.resources {
        let Some(kind) = subject.kind_of(&change.resource).or_else(|| subject.kind_of_leftover(&change.resource))
        else {
            continue;
        };
        let needed = kind.0.actions().needed(change);
        if !needed.is_empty() {
            let on = change.name.as_deref().and_then(|name| kind.0.arn(name, target));
            questions.entry(on).or_default().extend(needed);
        }
    }
    questions
}

async fn simulate(
    aws: &Aws,
    who: &Principal,
    on: Option<&str>,
    actions: &BTreeSet<&'static str>,
    context: &[ContextEntry],
) -> Result<Vec<Obstacle>> {
    let asked = iam(aws)
        .simulate_principal_policy()
        .policy_source_arn(&who.arn)
        .set_action_names(Some(actions.iter().map(|action| (*action).to_owned()).collect()))
        .set_resource_arns(on.map(|on| vec![on.to_owned()]))
        .set_context_entries(Some(context.to_vec()));
    let results = asked.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    let results = results.explain("SimulatePrincipalPolicy", &who.name)?;
    Ok(results.iter().filter_map(|result| judge(&read(result, on), &who.name)).collect())
}

fn read<'a>(result: &'a EvaluationResult, on: Option<&'a str>) -> Simulated<'a> {
    let decision = match result.eval_decision() {
        PolicyEvaluationDecisionType::ExplicitDeny => Decision::Denied,
        PolicyEvaluationDecisionType::ImplicitDeny => Decision::NotAllowed,
        // A decision that is not known yet is no reason to alarm anybody.
        _ => Decision::Allowed,
    };
    // With an ARN, what is missing is told for each of them.
    let of_arns = result.resource_specific_results().iter().flat_map(|of| of.missing_context_values());
    let mut missing = result.missing_context_values().iter().chain(of_arns);
    Simulated {
        action: result.eval_action_name(),
        on,
        decision,
        policies: result.matched_statements().iter().filter_map(|one| one.source_policy_id.clone()).collect(),
        guessed: missing.any(|key| !OF_CALLS.contains(&key.as_str())),
        organisation: result.organizations_decision_detail().map(|detail| detail.allowed_by_organizations()),
        boundary: result.permissions_boundary_decision_detail().map(|detail| detail.allowed_by_permissions_boundary()),
    }
}

/// What is known of the calls that the plan needs
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>).
fn context(target: &Target, layer: &str, module: &str) -> Vec<ContextEntry> {
    let mut known = vec![
        ("aws:RequestedRegion".to_owned(), ContextKeyTypeEnum::String, target.region.as_str()),
        ("aws:PrincipalAccount".to_owned(), ContextKeyTypeEnum::String, &target.account_id),
        ("aws:ResourceAccount".to_owned(), ContextKeyTypeEnum::String, &target.account_id),
        ("aws:SecureTransport".to_owned(), ContextKeyTypeEnum::Boolean, "true"),
    ];
    for of in ["aws:RequestTag", "aws:ResourceTag"] {
        for (tag, value) in [(LAYER_TAG, layer), (MODULE_TAG, module), (RESOURCE_TAG, "any")] {
            known.push((format!("{of}/{tag}"), ContextKeyTypeEnum::String, value));
        }
    }
    let entry = |(key, kind, value): (String, ContextKeyTypeEnum, &str)| {
        ContextEntry::builder().context_key_name(key).context_key_type(kind).context_key_values(value).build()
    };
    known.into_iter().map(entry).collect()
}
