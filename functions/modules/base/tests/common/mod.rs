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

/// Calls EC2 as the account's root.
pub fn ec2(world: &World, operation: &str, parameters: Value) -> Value {
    world.account.call("ec2", operation, &parameters).expect("AWS does it")
}

/// A network that somebody else made: a VPC with two ranges, a public subnet and two private ones that reach out
/// through one NAT gateway. Answers the inputs that name it, and the address of the gateway.
pub fn existing_network(world: &World) -> (Map<String, Value>, String) {
    let made = |operation: &str, parameters: Value, kind: &str, id: &str| {
        ec2(world, operation, parameters)[kind][id].as_str().expect("an id").to_owned()
    };
    let vpc = made("create_vpc", json!({ "CidrBlock": "10.9.0.0/16" }), "Vpc", "VpcId");
    let subnet = |range: &str, zone: &str| {
        let parameters = json!({ "VpcId": vpc, "CidrBlock": range, "AvailabilityZoneId": zone });
        made("create_subnet", parameters, "Subnet", "SubnetId")
    };
    let public = subnet("10.9.0.0/24", "use1-az1");
    let private = [subnet("10.9.1.0/24", "use1-az1"), subnet("10.9.2.0/24", "use1-az2")];
    let address = ec2(world, "allocate_address", json!({}));
    let parameters = json!({ "SubnetId": public, "AllocationId": address["AllocationId"] });
    let nat = made("create_nat_gateway", parameters, "NatGateway", "NatGatewayId");
    for subnet in &private {
        let table = made("create_route_table", json!({ "VpcId": vpc }), "RouteTable", "RouteTableId");
        ec2(world, "associate_route_table", json!({ "RouteTableId": table, "SubnetId": subnet }));
        let route = json!({ "RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": nat });
        ec2(world, "create_route", route);
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
