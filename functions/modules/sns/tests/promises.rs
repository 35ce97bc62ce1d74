//! What the module promises, read back from AWS with a client that is not ours. The module's calls are made with the
//! function's own policy.

use landfall_module_sns::Sns;
use landfall_testkit::{End, World};
use serde_json::{Map, Value, json};

fn inputs(subscribers: &[&str]) -> Map<String, Value> {
    let inputs = json!({ "fifo": false, "content_based_deduplication": false, "sqs_subscribers": subscribers });
    inputs.as_object().cloned().unwrap_or_default()
}

async fn deploy(world: &mut World, inputs: Option<&Map<String, Value>>) {
    let mut deployment = world.deploy::<Sns>(inputs, &[]).await;
    world.plan::<Sns>(&mut deployment).await;
    assert_eq!(world.apply::<Sns>(&deployment).await, End::Done);
}

fn topic(world: &World) -> String {
    format!("arn:aws:sns:us-east-1:{}:layer-layer-subject", world.account.id)
}

fn endpoints(world: &World) -> Vec<String> {
    let listed = world.account.cli(&["sns", "list-subscriptions-by-topic", "--topic-arn", &topic(world)]);
    let all = listed["Subscriptions"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<String> = all.iter().filter_map(|one| one["Endpoint"].as_str()).map(str::to_owned).collect();
    found.sort();
    found
}

/// S20: topic plus new KMS key, and its subscribers. S31: each with a key of its own, which rotates.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_encrypted_with_a_rotating_key_of_its_own_and_brings_messages_to_its_queues() {
    let mut world = World::new().await;
    world.restrict(include_str!("../policy.json")).await;
    // Two queues of one name in two regions, and one of them twice.
    let near = "arn:aws:sqs:us-east-1:ACCOUNT:jobs";
    let far = "arn:aws:sqs:eu-west-1:ACCOUNT:jobs";
    deploy(&mut world, Some(&inputs(&[near, far, near]))).await;

    let asked = ["sns", "get-topic-attributes", "--topic-arn", &topic(&world)];
    let attributes = world.account.cli(&asked)["Attributes"].clone();
    let key = attributes["KmsMasterKeyId"].as_str().expect("it is encrypted");
    assert_eq!(world.account.cli(&["kms", "describe-key", "--key-id", key])["KeyMetadata"]["KeyManager"], "CUSTOMER");
    assert_eq!(world.account.cli(&["kms", "get-key-rotation-status", "--key-id", key])["KeyRotationEnabled"], true);
    let policy: Value = serde_json::from_str(attributes["Policy"].as_str().unwrap_or_default()).expect("JSON");
    assert_eq!(policy["Statement"][0]["Principal"]["AWS"][0], format!("arn:aws:iam::{}:root", world.account.id));
    assert_eq!(policy["Statement"][1]["Effect"], "Deny");
    assert_eq!(policy["Statement"][1]["Condition"]["Bool"]["aws:SecureTransport"][0], "false");
    let delivery: Value =
        serde_json::from_str(attributes["DeliveryPolicy"].as_str().unwrap_or_default()).expect("JSON");
    let retries = &delivery["http"]["defaultHealthyRetryPolicy"];
    assert_eq!((&retries["numRetries"], &retries["minDelayTarget"]), (&json!(3), &json!(20)));
    assert_eq!(retries["backoffFunction"], "linear");
    assert_eq!(delivery["http"]["defaultThrottlePolicy"]["maxReceivesPerSecond"], 1);

    let of = |queue: &str| queue.replace("ACCOUNT", &world.account.id);
    assert_eq!(endpoints(&world), [of(far), of(near)]);
    let near_only = [of(near)];
    deploy(&mut world, Some(&inputs(&[near]))).await;
    assert_eq!(endpoints(&world), near_only);

    deploy(&mut world, None).await;
    assert!(world.left_behind().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_of_somebody_else_is_told_in_the_plan_and_never_touched() {
    let mut world = World::new().await;
    world.account.cli(&["sns", "create-topic", "--name", "layer-layer-subject"]);
    let deployment = world.deploy::<Sns>(Some(&inputs(&[])), &[]).await;
    let why = world.refusal::<Sns>(&deployment).await.expect("the name is taken");
    assert!(why.contains("layer-layer-subject exists already: it was not made by Landfall"), "{why}");
}
