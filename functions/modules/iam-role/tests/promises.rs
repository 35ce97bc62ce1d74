//! What the module promises, read back from AWS with a client that is not ours. The module's calls are made with the
//! function's own policy.

use std::collections::BTreeMap;

use landfall_catalog::Link;
use landfall_module_iam_role::IamRole;
use landfall_plan::{Action, ModulePlan};
use landfall_testkit::{End, World};
use serde_json::{Map, Value, json};

const NAME: &str = "layer-layer-subject";

/// A world in which the module has no more permissions than its function.
async fn world() -> World {
    let mut world = World::new().await;
    world.restrict(include_str!("../policy.json")).await;
    world
}

fn inputs(more: Value) -> Map<String, Value> {
    let mut inputs = json!({
        "allowed_k8s_services": [],
        "allowed_iams": [],
        "allowed_services": [],
        "extra_iam_policies": [],
        "openid_provider_url": null,
        "openid_provider_arn": null,
    });
    let (Some(all), Value::Object(more)) = (inputs.as_object_mut(), more) else { panic!("inputs are an object") };
    all.extend(more);
    all.clone()
}

fn link(target: &str, kind: &str, permissions: &[&str]) -> Link {
    Link {
        target: target.to_owned(),
        target_kind: kind.to_owned(),
        permissions: permissions.iter().map(|word| (*word).to_owned()).collect(),
        secrets: BTreeMap::new(),
    }
}

async fn deploy(world: &mut World, inputs: &Map<String, Value>, links: &[Link]) -> ModulePlan {
    let mut deployment = world.deploy::<IamRole>(Some(inputs), links).await;
    let plan = world.plan::<IamRole>(&mut deployment).await;
    assert_eq!(world.apply::<IamRole>(&deployment).await, End::Done);
    plan
}

fn role(world: &World) -> Value {
    world.account.cli(&["iam", "get-role", "--role-name", NAME])["Role"].clone()
}

/// Statements of the version in force of the role's policy.
fn statements(world: &World) -> Value {
    let arn = format!("arn:aws:iam::{}:policy/{NAME}", world.account.id);
    let policy = world.account.cli(&["iam", "get-policy", "--policy-arn", &arn]);
    let version = policy["Policy"]["DefaultVersionId"].as_str().expect("a version is in force").to_owned();
    let version = world.account.cli(&["iam", "get-policy-version", "--policy-arn", &arn, "--version-id", &version]);
    version["PolicyVersion"]["Document"]["Statement"].clone()
}

fn sids(statements: &Value) -> Vec<&str> {
    statements.as_array().into_iter().flatten().filter_map(|statement| statement["Sid"].as_str()).collect()
}

/// S21: the policy's statements are those of the links.
#[tokio::test(flavor = "multi_thread")]
async fn links_become_statements_over_the_linked_modules() {
    let mut world = world().await;
    // ARNs in an order that differs from that of the links, as IAM may answer them in any order.
    world.neighbour("bucket", "s3", json!({ "bucket_arn": "arn:aws:s3:::zebra" })).await;
    world.neighbour("other", "s3", json!({ "bucket_arn": "arn:aws:s3:::ant" })).await;
    let queue = json!({ "queue_arn": "arn:aws:sqs:us-east-1:1:q", "kms_arn": "arn:aws:kms:us-east-1:1:key/q" });
    world.neighbour("queue", "sqs", queue).await;
    let links = [
        link("bucket", "s3", &["write"]),
        link("other", "s3", &["write"]),
        link("queue", "sqs", &["publish", "subscribe"]),
    ];
    let inputs = inputs(json!({ "allowed_iams": ["arn:aws:iam::ACCOUNT:root"] }));
    deploy(&mut world, &inputs, &links).await;

    let found = statements(&world);
    assert_eq!(
        sids(&found),
        [
            "PolicySimulatorAPI",
            "PolicySimulatorConsole",
            "WriteBuckets",
            "PublishQueues",
            "SubscribeQueues",
            "KMSWrite",
            "KMSRead",
        ]
    );
    assert_eq!(found[1]["Action"].as_array().map(Vec::len), Some(18));
    let buckets = ["arn:aws:s3:::ant", "arn:aws:s3:::ant/*", "arn:aws:s3:::zebra", "arn:aws:s3:::zebra/*"];
    assert_eq!(found[2]["Resource"], json!(buckets));
    assert_eq!(found[2]["Action"], json!(["s3:DeleteObject*", "s3:GetObject*", "s3:ListBucket", "s3:PutObject*"]));
    assert!(found[4]["Action"].as_array().expect("a list").contains(&json!("sqs:DeleteMessage")));
    assert_eq!(found[5]["Resource"], json!(["arn:aws:kms:us-east-1:1:key/q"]));

    let plan = deploy(&mut world, &inputs, &links).await;
    assert!(plan.resources.iter().all(|change| change.action == Action::Keep), "the order of ARNs is no change");
    deploy(&mut world, &inputs, &links[..1]).await;
    assert_eq!(sids(&statements(&world)), ["PolicySimulatorAPI", "PolicySimulatorConsole", "WriteBuckets"]);
}

/// IAM keeps five versions of a policy.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_may_change_any_number_of_times() {
    let mut world = world().await;
    world.neighbour("topic", "sns", json!({ "topic_arn": "arn:aws:sns:us-east-1:1:t", "kms_arn": "arn:k" })).await;
    let inputs = inputs(json!({ "allowed_iams": ["arn:aws:iam::ACCOUNT:root"] }));
    let links = [link("topic", "sns", &["publish"])];
    for round in 0..7 {
        deploy(&mut world, &inputs, if round % 2 == 0 { &links } else { &[] }).await;
    }
    assert!(sids(&statements(&world)).contains(&"PublishSns"));
}

/// S35 for roles of the module: no service account of another cluster, no other audience.
#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_services_are_trusted_by_subject_and_audience() {
    let mut world = world().await;
    let provider = "oidc.eks.us-east-1.amazonaws.com/id/A";
    let arn = format!("arn:aws:iam::{}:oidc-provider/{provider}", world.account.id);
    world.neighbour("cluster", "k8s-cluster", json!({ "url": format!("https://{provider}"), "arn": arn })).await;
    let inputs = inputs(json!({
        "allowed_k8s_services": [
            { "namespace": "shop", "service_name": "*" },
            { "namespace": "jobs", "service_name": "worker" },
        ],
        // The cluster is in the same file: what it is called is known once it is deployed.
        "openid_provider_url": "${landfall:module.cluster.url}",
        "openid_provider_arn": "${landfall:module.cluster.arn}",
    }));
    deploy(&mut world, &inputs, &[]).await;

    let trust = &role(&world)["AssumeRolePolicyDocument"]["Statement"];
    assert_eq!(trust.as_array().map(Vec::len), Some(1), "nobody else may take it: {trust}");
    assert_eq!(trust[0]["Action"], json!(["sts:AssumeRoleWithWebIdentity"]));
    assert_eq!(trust[0]["Principal"], json!({ "Federated": [arn] }));
    let subjects = ["system:serviceaccount:jobs:worker", "system:serviceaccount:shop:*"];
    assert_eq!(trust[0]["Condition"]["StringLike"], json!({ format!("{provider}:sub"): subjects }));
    let audience = json!({ format!("{provider}:aud"): ["sts.amazonaws.com"] });
    assert_eq!(trust[0]["Condition"]["StringEquals"], audience);

    let plan = deploy(&mut world, &inputs, &[]).await;
    assert!(plan.resources.iter().all(|change| change.action == Action::Keep), "{plan:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_trusted_only_when_asked_for() {
    let mut world = world().await;
    let extra = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let principal = inputs(json!({
        "allowed_iams": ["arn:aws:iam::ACCOUNT:root"],
        "extra_iam_policies": [extra],
    }));
    deploy(&mut world, &principal, &[]).await;
    assert!(!role(&world)["AssumeRolePolicyDocument"].to_string().contains("events.amazonaws.com"));

    let attached = world.account.cli(&["iam", "list-attached-role-policies", "--role-name", NAME]);
    let attached: Vec<&str> = attached["AttachedPolicies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|policy| policy["PolicyArn"].as_str())
        .collect();
    let own = format!("arn:aws:iam::{}:policy/{NAME}", world.account.id);
    assert_eq!(attached.len(), 2);
    assert!(attached.contains(&extra) && attached.contains(&own.as_str()), "{attached:?}");

    let inline = ["iam", "get-role-policy", "--role-name", NAME, "--policy-name", "pass-itself"];
    let inline = &world.account.cli(&inline)["PolicyDocument"]["Statement"][0];
    assert_eq!(inline["Action"], json!(["iam:GetRole", "iam:PassRole"]));
    assert_eq!(inline["Resource"], json!([format!("arn:aws:iam::{}:role/{NAME}", world.account.id)]));

    // As IAM answers it: the short form would differ from it in every plan.
    let account = inputs(json!({ "allowed_iams": ["123456789012"] }));
    deploy(&mut world, &account, &[]).await;
    let trust = role(&world)["AssumeRolePolicyDocument"]["Statement"].clone();
    assert_eq!(trust[0]["Principal"], json!({ "AWS": ["arn:aws:iam::123456789012:root"] }));

    let service = inputs(json!({ "allowed_services": ["events.amazonaws.com"] }));
    deploy(&mut world, &service, &[]).await;
    let trust = role(&world)["AssumeRolePolicyDocument"]["Statement"].clone();
    assert_eq!(trust[0]["Principal"], json!({ "Service": ["events.amazonaws.com"] }));
    assert_eq!(trust.as_array().map(Vec::len), Some(1));

    let mut deployment = world.deploy::<IamRole>(None, &[]).await;
    world.plan::<IamRole>(&mut deployment).await;
    assert_eq!(world.apply::<IamRole>(&deployment).await, End::Done);
    assert_eq!(world.account.try_cli(&["iam", "get-role", "--role-name", NAME]), None);
    assert_eq!(world.account.try_cli(&["iam", "get-policy", "--policy-arn", &own]), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_somebody_else_is_never_touched() {
    let mut world = world().await;
    let trust = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
    let create = ["iam", "create-role", "--role-name", NAME, "--assume-role-policy-document", &trust];
    world.account.cli(&create);
    let deployment =
        world.deploy::<IamRole>(Some(&inputs(json!({ "allowed_services": ["ec2.amazonaws.com"] }))), &[]).await;
    let error = world.refusal::<IamRole>(&deployment).await.expect("the name is taken");
    assert!(error.contains("it was not made by Landfall"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_does_not_exist_is_a_mistake_and_not_a_wait() {
    let mut world = world().await;
    let missing = "arn:aws:iam::ACCOUNT:policy/missing";
    let inputs = inputs(json!({ "allowed_services": ["ec2.amazonaws.com"], "extra_iam_policies": [missing] }));
    let mut deployment = world.deploy::<IamRole>(Some(&inputs), &[]).await;
    world.plan::<IamRole>(&mut deployment).await;
    let end = world.apply::<IamRole>(&deployment).await;
    assert!(matches!(&end, End::Failed(why) if why.contains("attach a policy that exists")), "{end:?}");
}
