//! Zones: chosen once, and refused where a region has too few.

mod common;

use common::{deploy, inputs};
use landfall_engine::Engine;
use landfall_module_base::Base;
use landfall_testkit::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_region_with_two_zones_is_refused_in_the_plan() {
    let mut world = World::new().await;
    world.account.region = "us-west-1".to_owned();
    let config = world.account.sdk_config().await;
    world.engine = Engine::new(&config, world.store.clone(), world.account.target());
    let deployment = world.deploy::<Base>(Some(&inputs()), &[]).await;
    let why = world.refusal::<Base>(&deployment).await.expect("the plan is refused");
    assert!(why.contains("us-west-1 offers 2 standard zones to this account, an environment spans 3"), "{why}");
    // What was never made can be removed all the same.
    common::destroy(&mut world).await.expect("it is destroyed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_environment_does_not_ask_for_zones_again() {
    let mut world = World::new().await;
    deploy(&mut world, &inputs()).await.expect("it is deployed");
    let mut again = world.deploy::<Base>(Some(&inputs()), &[]).await;
    let plan = world.plan::<Base>(&mut again).await;
    assert!(!plan.changes(), "{plan:?}");
    let reads = world.engine.aws().watch().reads();
    assert!(!reads.contains_key("ec2.DescribeAvailabilityZones"), "a new zone would change nothing: {reads:?}");
    // One describe per kind: what asks for a single thing by name is asked once per thing.
    for (call, count) in reads.iter().filter(|(call, _)| call.starts_with("ec2.")) {
        // Two attributes of the VPC, two kinds of security groups, the gateway and its attachment.
        let most = match call.as_str() {
            "ec2.DescribeVpcAttribute" | "ec2.DescribeSecurityGroups" | "ec2.DescribeInternetGateways" => 2,
            _ => 1,
        };
        assert!(*count <= most, "{call}: {count}");
    }
}
