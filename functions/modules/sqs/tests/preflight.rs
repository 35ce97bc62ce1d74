//! Permissions that the function's role lacks: told in the plan before anything is made.

use landfall_module_sqs::Sqs;
use landfall_plan::{ModulePlan, Risk, Weight};
use landfall_testkit::{End, World};
use serde_json::{Map, Value, json};

const ALL: &str = r#"{ "Effect": "Allow", "Action": "*", "Resource": "*" }"#;

fn inputs(delay: u32) -> Map<String, Value> {
    let examples: Value = serde_json::from_str(include_str!("../examples.json")).expect("JSON");
    let mut inputs = examples[0]["inputs"].as_object().expect("inputs").clone();
    inputs.insert("delay_seconds".to_owned(), json!(delay));
    inputs
}

async fn plan(world: &mut World, inputs: Option<&Map<String, Value>>) -> ModulePlan {
    let mut deployment = world.deploy::<Sqs>(inputs, &[]).await;
    world.plan::<Sqs>(&mut deployment).await
}

/// A world whose function has a role with these statements.
async fn with_role(statements: &[&str]) -> World {
    let mut world = World::new().await;
    let policy = format!(r#"{{ "Version": "2012-10-17", "Statement": [{}] }}"#, statements.join(", "));
    world.take_role(&serde_json::from_str(&policy).expect("JSON"), None).await;
    world
}

fn told(plan: &ModulePlan) -> Vec<(Weight, &str)> {
    plan.preflight.iter().map(|obstacle| (obstacle.weight, obstacle.message.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_a_statement_denies_is_named_with_role_policy_and_queue() {
    let deny = r#"{ "Effect": "Deny", "Action": ["sqs:CreateQueue", "sqs:DeleteQueue"], "Resource": "*" }"#;
    let mut world = with_role(&[ALL, deny]).await;
    let plan = plan(&mut world, Some(&inputs(0))).await;
    let queue = format!("arn:aws:sqs:us-east-1:{}:layer-layer-subject", world.account.id);
    let message = format!("policy own denies sqs:CreateQueue on {queue} to role restricted");
    assert_eq!(told(&plan), [(Weight::Blocking, message.as_str())], "what is not needed is not told");
    assert_eq!(plan.risk(), Risk::High, "somebody is asked before it begins");
    assert!(world.left_behind().is_empty(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_no_statement_allows_is_named_where_its_arn_is_known() {
    let lacking = r#"{ "Effect": "Allow", "NotAction": "sqs:CreateQueue", "Resource": "*" }"#;
    let mut world = with_role(&[lacking]).await;
    let plan = plan(&mut world, Some(&inputs(0))).await;
    let [(Weight::Blocking, message)] = told(&plan)[..] else { panic!("{:?}", plan.preflight) };
    assert!(message.starts_with("no policy allows sqs:CreateQueue on arn:aws:sqs:"), "{message}");
    assert!(plan.preflight[0].hint.contains("landfall bootstrap"), "{:?}", plan.preflight);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permissions_boundary_is_named_and_is_a_doubt_where_the_arn_is_not_known() {
    let mut world = World::new().await;
    let allow = |action: Value| {
        let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let boundary = allow(json!(["iam:*", "dynamodb:*", "sts:*", "sqs:Get*", "kms:List*"]));
    world.take_role(&allow(json!("*")), Some(&boundary)).await;
    let plan = plan(&mut world, Some(&inputs(0))).await;
    let of = |about: &str| plan.preflight.iter().find(|obstacle| obstacle.about == about).expect("it is told");
    assert_eq!(of("sqs:CreateQueue").weight, Weight::Blocking);
    assert!(of("sqs:CreateQueue").message.starts_with("the permissions boundary of role restricted does not allow"));
    assert_eq!(of("kms:CreateKey").weight, Weight::Doubtful, "it may allow it on the key that is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_a_change_needs_is_asked_for_and_nothing_when_nothing_changes() {
    let deny = r#"{ "Effect": "Deny", "Action": ["sqs:SetQueueAttributes", "sqs:DeleteQueue"], "Resource": "*" }"#;
    let mut world = with_role(&[ALL, deny]).await;
    let mut deployment = world.deploy::<Sqs>(Some(&inputs(0)), &[]).await;
    assert!(world.plan::<Sqs>(&mut deployment).await.preflight.is_empty(), "making one needs neither");
    let reads = world.reads();
    // One for the key, whose ARN is not known yet, and one for the queue.
    assert_eq!((reads["iam.SimulatePrincipalPolicy"], reads["sts.GetCallerIdentity"]), (2, 1), "{reads:?}");
    assert_eq!(world.apply::<Sqs>(&deployment).await, End::Done);
    assert!(plan(&mut world, Some(&inputs(0))).await.preflight.is_empty());
    let reads = world.reads();
    assert!(!reads.keys().any(|call| call.starts_with("iam.") || call.starts_with("sts.")), "{reads:?}");
    let about = |plan: &ModulePlan| plan.preflight.iter().map(|one| one.about.clone()).collect::<Vec<_>>();
    assert_eq!(about(&plan(&mut world, Some(&inputs(5))).await), ["sqs:SetQueueAttributes"]);
    assert_eq!(about(&plan(&mut world, None).await), ["sqs:DeleteQueue"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_ask_is_told_and_plans_all_the_same() {
    let blind = r#"{ "Effect": "Allow", "NotAction": "iam:SimulatePrincipalPolicy", "Resource": "*" }"#;
    let mut world = with_role(&[blind]).await;
    let plan = plan(&mut world, Some(&inputs(0))).await;
    let told = plan.preflight.first().expect("it is told");
    assert_eq!((told.weight, plan.risk()), (Weight::Unchecked, Risk::Low));
    assert!(told.sentence().contains("iam:SimulatePrincipalPolicy"), "{told:?}");
}
