//! What the module promises, read back from AWS with a client that is not ours. The module's calls are made with the
//! function's own policy.

use landfall_module_sqs::Sqs;
use landfall_testkit::{End, World};
use serde_json::{Map, Value, json};

fn inputs(fifo: bool) -> Map<String, Value> {
    let inputs = json!({
        "fifo": fifo,
        "content_based_deduplication": fifo,
        "delay_seconds": 1,
        "message_retention_seconds": 345_600,
        "receive_wait_time_seconds": 20,
    });
    inputs.as_object().cloned().unwrap_or_default()
}

async fn deployed(fifo: bool) -> World {
    let mut world = World::new().await;
    world.restrict(include_str!("../policy.json")).await;
    let mut deployment = world.deploy::<Sqs>(Some(&inputs(fifo)), &[]).await;
    world.plan::<Sqs>(&mut deployment).await;
    assert_eq!(world.apply::<Sqs>(&deployment).await, End::Done);
    world
}

fn attributes(world: &World, name: &str) -> Value {
    let url = world.account.cli(&["sqs", "get-queue-url", "--queue-name", name])["QueueUrl"].clone();
    let url = url.as_str().expect("the queue is there");
    let asked = ["sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All"];
    world.account.cli(&asked)["Attributes"].clone()
}

/// S19: queue plus new KMS key. S30: each with a key of its own, which rotates.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_encrypted_with_a_rotating_key_of_its_own() {
    let world = deployed(false).await;
    let attributes = attributes(&world, "layer-layer-subject");
    let key = attributes["KmsMasterKeyId"].as_str().expect("it is encrypted");
    let described = &world.account.cli(&["kms", "describe-key", "--key-id", key])["KeyMetadata"];
    assert_eq!(described["KeyManager"], "CUSTOMER");
    let rotation = world.account.cli(&["kms", "get-key-rotation-status", "--key-id", key]);
    assert_eq!(rotation["KeyRotationEnabled"], true);
    let tags = world.account.cli(&["kms", "list-resource-tags", "--key-id", key])["Tags"].clone();
    assert!(
        tags.as_array().into_iter().flatten().any(|tag| tag["TagKey"] == "landfall:module"),
        "the module made it: {tags}"
    );
    let policy = world.account.cli(&["kms", "get-key-policy", "--key-id", key, "--policy-name", "default"]);
    let policy: Value = serde_json::from_str(policy["Policy"].as_str().unwrap_or_default()).expect("JSON");
    assert_eq!(policy["Statement"][0]["Principal"]["AWS"][0], format!("arn:aws:iam::{}:root", world.account.id));
    let services = json!(["events.amazonaws.com", "s3.amazonaws.com", "sns.amazonaws.com"]);
    assert_eq!(policy["Statement"][1]["Principal"]["Service"], services);
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_become_attributes_and_plain_text_is_refused() {
    let world = deployed(true).await;
    let attributes = attributes(&world, "layer-layer-subject.fifo");
    for (name, value) in [
        ("FifoQueue", "true"),
        ("ContentBasedDeduplication", "true"),
        ("DelaySeconds", "1"),
        ("MessageRetentionPeriod", "345600"),
        ("ReceiveMessageWaitTimeSeconds", "20"),
    ] {
        assert_eq!(attributes[name], value, "{name}");
    }
    let policy: Value = serde_json::from_str(attributes["Policy"].as_str().unwrap_or_default()).expect("JSON");
    assert_eq!(policy["Statement"][1]["Condition"]["StringEquals"]["aws:SourceAccount"][0], world.account.id);
    assert_eq!(policy["Statement"][2]["Effect"], "Deny");
    assert_eq!(policy["Statement"][2]["Condition"]["Bool"]["aws:SecureTransport"][0], "false");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_may_remove_what_it_made() {
    let mut world = deployed(false).await;
    let mut deployment = world.deploy::<Sqs>(None, &[]).await;
    world.plan::<Sqs>(&mut deployment).await;
    assert_eq!(world.apply::<Sqs>(&deployment).await, End::Done);
    assert!(world.left_behind().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_somebody_else_is_told_in_the_plan_and_never_touched() {
    let mut world = World::new().await;
    world.account.cli(&["sqs", "create-queue", "--queue-name", "layer-layer-subject"]);
    let deployment = world.deploy::<Sqs>(Some(&inputs(false)), &[]).await;
    let why = world.refusal::<Sqs>(&deployment).await.expect("the name is taken");
    assert!(why.contains("layer-layer-subject exists already: it was not made by Landfall"), "{why}");
}
