//! The permissions of the module's function are enough for a whole life, and reach nothing that is not Landfall's.

mod common;

use common::{deploy, destroy, existing_network, inputs};
use landfall_testkit::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_function_may_do_what_a_new_network_needs() {
    let mut world = World::new().await;
    world.restrict(include_str!("../policy.json")).await;
    deploy(&mut world, &inputs()).await.expect("it is deployed");
    let mut changed = inputs();
    changed.insert("vpc_log_retention".to_owned(), json!(30));
    changed["public_ipv4_cidr_blocks"][2] = json!("10.0.24.0/21");
    deploy(&mut world, &changed).await.expect("it is changed, a subnet replaced");
    destroy(&mut world).await.expect("it is destroyed");
    assert_eq!(world.left_behind(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_may_do_what_an_existing_network_needs() {
    let mut world = World::new().await;
    let (inputs, _) = existing_network(&world);
    world.restrict(include_str!("../policy.json")).await;
    deploy(&mut world, &inputs).await.expect("it is deployed");
    destroy(&mut world).await.expect("it is destroyed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_may_not_touch_the_network_of_somebody_else() {
    let mut world = World::new().await;
    let (inputs, _) = existing_network(&world);
    world.restrict(include_str!("../policy.json")).await;
    world.allow_writes();
    let vpc = inputs["vpc_id"].as_str().expect("an id");
    let ec2 = world.engine.aws().client(|config, _| aws_sdk_ec2::Client::new(config));
    let deleted = ec2.delete_vpc().vpc_id(vpc).send().await.expect_err("it is not ours");
    assert_eq!(deleted.into_service_error().meta().code(), Some("UnauthorizedOperation"));
    let subnet = inputs["private_subnet_ids"][0].as_str().expect("an id");
    let deleted = ec2.delete_subnet().subnet_id(subnet).send().await.expect_err("it is not ours");
    assert_eq!(deleted.into_service_error().meta().code(), Some("UnauthorizedOperation"));
}
