//! The EBS default key belongs to an account and region: who holds it, and what comes back when it is given up.

mod common;

use common::{deploy, destroy, inputs};
use landfall_testkit::World;
use serde_json::Value;

fn default_key(world: &World) -> Value {
    world.account.cli(&["ec2", "get-ebs-default-kms-key-id"])["KmsKeyId"].clone()
}

fn make_key(world: &World, tags: &[&str]) -> String {
    let made = world.account.cli(&[&["kms", "create-key"], tags].concat());
    let arn = made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned();
    world.account.cli(&["ec2", "modify-ebs-default-kms-key-id", "--kms-key-id", &arn]);
    arn
}

#[tokio::test(flavor = "multi_thread")]
async fn another_environment_keeps_the_key_that_it_holds() {
    let mut world = World::new().await;
    let other = make_key(&world, &["--tags", "TagKey=landfall:layer,TagValue=other"]);
    let outputs = deploy(&mut world, &inputs()).await.expect("it is deployed");
    assert_eq!(default_key(&world), other.as_str(), "it is not taken away");

    // What is not ours to change is no difference either.
    let mut again = world.deploy::<landfall_module_base::Base>(Some(&inputs()), &[]).await;
    let plan = world.plan::<landfall_module_base::Base>(&mut again).await;
    assert!(!plan.changes(), "{plan:?}");

    // Once the other environment is gone, the next deployment takes its place.
    world.account.cli(&["kms", "schedule-key-deletion", "--key-id", &other]);
    deploy(&mut world, &inputs()).await.expect("it is deployed");
    assert_eq!(default_key(&world), outputs["kms_account_key_arn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_user_comes_back_when_the_environment_goes() {
    let mut world = World::new().await;
    let before = make_key(&world, &[]);
    let outputs = deploy(&mut world, &inputs()).await.expect("it is deployed");
    assert_eq!(default_key(&world), outputs["kms_account_key_arn"]);
    destroy(&mut world).await.expect("it is destroyed");
    assert_eq!(default_key(&world), before.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_somebody_set_since_then_stays() {
    let mut world = World::new().await;
    deploy(&mut world, &inputs()).await.expect("it is deployed");
    let theirs = make_key(&world, &["--tags", "TagKey=landfall:layer,TagValue=other"]);
    destroy(&mut world).await.expect("it is destroyed");
    assert_eq!(default_key(&world), theirs.as_str());
}
