//! An environment in a network that exists already: nothing of it is made or changed, and what does not fit is
//! refused while planning.

mod common;

use common::{deploy, destroy, ec2, existing_network, texts};
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

    let filters = json!({ "Filters": [{ "Name": "group-name", "Values": ["lf-layer-db-sg"] }] });
    let groups = ec2(&world, "describe_security_groups", filters);
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
        "describe_vpcs",
        "describe_subnets",
        "describe_route_tables",
        "describe_internet_gateways",
        "describe_addresses",
        "describe_nat_gateways",
        "describe_flow_logs",
        "describe_security_groups",
    ];
    looks.iter().map(|look| ec2(world, look, json!({}))).collect()
}

/// Why the plan is refused.
async fn refusal(world: &mut World, inputs: &Map<String, Value>) -> String {
    let deployment = world.deploy::<Base>(Some(inputs), &[]).await;
    world.refusal::<Base>(&deployment).await.expect("the plan is refused")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vpc_that_does_not_exist_is_refused_in_the_plan() {
    let mut world = World::new().await;
    let (mut inputs, _) = existing_network(&world);
    inputs.insert("vpc_id".to_owned(), json!("vpc-0123456789abcdef0"));
    let why = refusal(&mut world, &inputs).await;
    assert!(why.contains("VPC vpc-0123456789abcdef0 does not exist in us-east-1"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn subnets_that_do_not_belong_to_the_vpc_are_refused_in_the_plan() {
    let mut world = World::new().await;
    let (inputs, _) = existing_network(&world);
    let mut missing = inputs.clone();
    missing.insert("public_subnet_ids".to_owned(), json!(["subnet-0123456789abcdef0"]));
    let why = refusal(&mut world, &missing).await;
    assert!(why.contains("subnet subnet-0123456789abcdef0 does not exist"), "{why}");

    let (other, _) = existing_network(&world);
    let mut mixed = inputs;
    mixed.insert("public_subnet_ids".to_owned(), other["public_subnet_ids"].clone());
    let why = refusal(&mut world, &mixed).await;
    assert!(why.contains(&format!("lies in {}", other["vpc_id"].as_str().expect("an id"))), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_subnet_without_a_nat_gateway_is_refused_in_the_plan() {
    let mut world = World::new().await;
    let (mut inputs, _) = existing_network(&world);
    let made = ec2(&world, "create_subnet", json!({ "VpcId": inputs["vpc_id"], "CidrBlock": "10.9.9.0/24" }));
    let closed = made["Subnet"]["SubnetId"].clone();
    inputs["private_subnet_ids"].as_array_mut().expect("a list").push(closed.clone());
    let why = refusal(&mut world, &inputs).await;
    let expected = "does not reach out through a NAT gateway: it has no default route";
    assert!(why.contains(expected) && why.contains(closed.as_str().expect("an id")), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_whose_network_broke_can_be_destroyed() {
    let mut world = World::new().await;
    let (inputs, _) = existing_network(&world);
    deploy(&mut world, &inputs).await.expect("it is deployed");
    for table in ec2(&world, "describe_route_tables", json!({}))["RouteTables"].as_array().expect("a list") {
        let route = json!({ "RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0" });
        ec2(&world, "delete_route", route);
    }
    let why = refusal(&mut world, &inputs).await;
    assert!(why.contains("it has no default route"), "{why}");
    destroy(&mut world).await.expect("it is destroyed");
}
