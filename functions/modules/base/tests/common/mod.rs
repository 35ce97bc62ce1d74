//! What the tests of the module share.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use landfall_module_base::Base;
use landfall_testkit::{End, World};
use serde_json::{Map, Value, json};

/// The inputs of an environment with a network of its own.
pub fn inputs() -> Map<String, Value> {
    let examples: Value = serde_json::from_str(include_str!("../../examples.json")).expect("JSON");
    examples[0]["inputs"].as_object().expect("inputs").clone()
}

/// Plans and applies; answers the outputs or why it failed.
pub async fn deploy(world: &mut World, inputs: &Map<String, Value>) -> Result<Value, String> {
    let mut deployment = world.deploy::<Base>(Some(inputs), &[]).await;
    world.plan::<Base>(&mut deployment).await;
    match world.apply::<Base>(&deployment).await {
        End::Done => Ok(outputs(world).await),
        End::Failed(why) => Err(why),
    }
}

/// Destroys.
pub async fn destroy(world: &mut World) -> Result<(), String> {
    let mut deployment = world.deploy::<Base>(None, &[]).await;
    world.plan::<Base>(&mut deployment).await;
    match world.apply::<Base>(&deployment).await {
        End::Done => Ok(()),
        End::Failed(why) => Err(why),
    }
}

async fn outputs(world: &World) -> Value {
    let modules = world.store.modules("layer").await.expect("the modules are read");
    modules["subject"].outputs.clone()
}

/// A network that somebody else made: a VPC with two ranges, a public subnet and two private ones that reach out
/// through one NAT gateway. Answers the inputs that name it, and the address of the gateway.
pub fn existing_network(world: &World) -> (Map<String, Value>, String) {
    let aws = |arguments: &[&str]| world.account.cli(&[&["ec2"], arguments].concat());
    let id = |answer: Value, kind: &str, name: &str| answer[kind][name].as_str().expect("an id").to_owned();
    let vpc = id(aws(&["create-vpc", "--cidr-block", "10.9.0.0/16"]), "Vpc", "VpcId");
    let subnet = |range: &str, zone: &str| {
        let asked = ["create-subnet", "--vpc-id", &vpc, "--cidr-block", range, "--availability-zone-id", zone];
        id(aws(&asked), "Subnet", "SubnetId")
    };
    let public = subnet("10.9.0.0/24", "use1-az1");
    let private = [subnet("10.9.1.0/24", "use1-az1"), subnet("10.9.2.0/24", "use1-az2")];
    let address = aws(&["allocate-address"]);
    let allocation = address["AllocationId"].as_str().expect("an id");
    let asked = ["create-nat-gateway", "--subnet-id", &public, "--allocation-id", allocation];
    let nat = id(aws(&asked), "NatGateway", "NatGatewayId");
    for subnet in &private {
        let table = id(aws(&["create-route-table", "--vpc-id", &vpc]), "RouteTable", "RouteTableId");
        aws(&["associate-route-table", "--route-table-id", &table, "--subnet-id", subnet]);
        let route = ["create-route", "--route-table-id", &table, "--destination-cidr-block", "0.0.0.0/0"];
        aws(&[&route[..], &["--nat-gateway-id", &nat]].concat());
    }
    let mut inputs = inputs();
    inputs.insert("vpc_id".to_owned(), json!(vpc));
    inputs.insert("public_subnet_ids".to_owned(), json!([public]));
    inputs.insert("private_subnet_ids".to_owned(), json!(private));
    (inputs, address["PublicIp"].as_str().expect("an address").to_owned())
}

/// A text or a list of them.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
