//! An environment in a network that exists already: nothing of it is made or changed, and what does not fit is
//! refused while planning.

mod common;

use common::{deploy, destroy, existing_network, texts};
use landfall_module_base::Base;
use landfall_plan::ModulePlan;
use landfall_testkit::World;
use serde_json::{Map, Value, json};

async fn plan(world: &mut World, inputs: &Map<String, Value>) -> ModulePlan {
    let mut deployment = world.deploy::<Base>(Some(inputs), &[]).await;
    world.plan::<Base>(&mut deployment).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_network_is_used_and_left_alone() {
    let mut world = World::new().await;
    let (inputs, address) = existing_network(&world);
    let before = network(&world);

    let plan = plan(&mut world, &inputs).await;
    assert!(plan.notes.iter().any(|note| note.contains("no flow log")), "{:?}", plan.notes);

    let outputs = deploy(&mut world, &inputs).await.expect("it is deployed");
    assert_eq!(outputs["vpc_id"], inputs["vpc_id"]);
    assert_eq!(outputs["private_subnet_ids"], inputs["private_subnet_ids"]);
    assert_eq!(outputs["public_subnets_ids"], inputs["public_subnet_ids"]);
    assert_eq!(texts(&outputs["public_nat_ips"]), [address]);

    let groups =
        world.account.cli(&["ec2", "describe-security-groups", "--filters", "Name=group-name,Values=lf-layer-db-sg"]);
    let group = &groups["SecurityGroups"][0];
    assert_eq!(group["VpcId"], inputs["vpc_id"]);
    for rule in group["IpPermissions"].as_array().expect("rules") {
        assert_eq!(rule["IpRanges"], json!([{ "CidrIp": "10.9.0.0/16" }]));
    }

    // A lookup is no resource: the next plan is empty, and a destroy leaves the network as it was.
    let again = self::plan(&mut world, &inputs).await;
    assert!(!again.changes(), "{again:?}");
    destroy(&mut world).await.expect("it is destroyed");
    assert_eq!(network(&world), before);
    assert_eq!(world.left_behind(), Vec::<String>::new());
}

/// Everything of the network, as JSON.
fn network(world: &World) -> Vec<Value> {
    let looks = [
        "describe-vpcs",
        "describe-subnets",
        "describe-route-tables",
        "describe-internet-gateways",
        "describe-addresses",
        "describe-nat-gateways",
        "describe-flow-logs",
        "describe-security-groups",
    ];
    looks.iter().map(|look| world.account.cli(&["ec2", look])).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "VPC vpc-0123456789abcdef0 does not exist in us-east-1")]
async fn a_vpc_that_does_not_exist_is_refused_in_the_plan() {
    let mut world = World::new().await;
    let (mut inputs, _) = existing_network(&world);
    inputs.insert("vpc_id".to_owned(), json!("vpc-0123456789abcdef0"));
    plan(&mut world, &inputs).await;
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "does not reach out through a NAT gateway: it has no default route")]
async fn a_private_subnet_without_a_way_out_is_refused_in_the_plan() {
    let mut world = World::new().await;
    let (mut inputs, _) = existing_network(&world);
    let vpc = inputs["vpc_id"].as_str().expect("an id").to_owned();
    let asked = ["ec2", "create-subnet", "--vpc-id", &vpc, "--cidr-block", "10.9.9.0/24"];
    let closed = world.account.cli(&asked)["Subnet"]["SubnetId"].clone();
    inputs["private_subnet_ids"].as_array_mut().expect("a list").push(closed);
    plan(&mut world, &inputs).await;
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "subnet subnet-0123456789abcdef0 does not exist")]
async fn a_subnet_that_does_not_exist_is_refused_in_the_plan() {
    let mut world = World::new().await;
    let (mut inputs, _) = existing_network(&world);
    inputs.insert("public_subnet_ids".to_owned(), json!(["subnet-0123456789abcdef0"]));
    plan(&mut world, &inputs).await;
}
