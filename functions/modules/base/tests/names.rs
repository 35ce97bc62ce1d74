//! Names that somebody else has taken: refused in the plan, whatever it is that has the name.

mod common;

use common::{existing_network, inputs};
use landfall_module_base::Base;
use landfall_testkit::World;
use serde_json::{Map, Value, json};

/// What has the name of a resource, made by somebody else.
fn take(world: &World, resource: &str, name: &str) {
    let call = |service: &str, operation: &str, parameters: Value| {
        world.account.call(service, operation, &parameters).unwrap_or_else(|error| panic!("{resource}: {error:?}"))
    };
    let subnets = || {
        let subnets = common::ec2(world, "describe_subnets", json!({}))["Subnets"].clone();
        subnets.as_array().into_iter().flatten().map(|subnet| subnet["SubnetId"].clone()).collect::<Vec<_>>()
    };
    match resource {
        "log-bucket" => call("s3", "create_bucket", json!({ "Bucket": name })),
        "flow-log-group" => call("logs", "create_log_group", json!({ "logGroupName": name })),
        "flow-log-role" => {
            let trust = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
            call("iam", "create_role", json!({ "RoleName": name, "AssumeRolePolicyDocument": trust }))
        }
        "key" => {
            let key = call("kms", "create_key", json!({}))["KeyMetadata"]["KeyId"].clone();
            call("kms", "create_alias", json!({ "AliasName": name, "TargetKeyId": key }))
        }
        "db-subnet-group" | "docdb-subnet-group" => {
            let group = json!({
                "DBSubnetGroupName": name, "DBSubnetGroupDescription": "theirs", "SubnetIds": subnets(),
            });
            call("rds", "create_db_subnet_group", group)
        }
        "cache-subnet-group" => {
            let group = json!({
                "CacheSubnetGroupName": name, "CacheSubnetGroupDescription": "theirs", "SubnetIds": subnets(),
            });
            call("elasticache", "create_cache_subnet_group", group)
        }
        other => panic!("{other} has no name that can be taken"),
    };
}

async fn refusal(world: &mut World, inputs: &Map<String, Value>) -> String {
    let deployment = world.deploy::<Base>(Some(inputs), &[]).await;
    world.refusal::<Base>(&deployment).await.unwrap_or_else(|| panic!("the name is taken"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_that_is_taken_is_told_in_the_plan() {
    let mut world = World::new().await;
    let mut deployment = world.deploy::<Base>(Some(&inputs()), &[]).await;
    let named: Vec<(String, String)> = world
        .plan::<Base>(&mut deployment)
        .await
        .resources
        .into_iter()
        // Security groups have their names in a VPC of their own here, and a service-linked role is everybody's.
        .filter(|change| !change.kind.contains("SecurityGroup") && change.kind != "AWS::IAM::ServiceLinkedRole")
        .filter_map(|change| Some((change.resource, change.name?)))
        .collect();
    assert_eq!(named.len(), 7, "{named:?}");
    for (resource, _) in named {
        // Names hold the account.
        let mut world = World::new().await;
        let mut deployment = world.deploy::<Base>(Some(&inputs()), &[]).await;
        let plan = world.plan::<Base>(&mut deployment).await;
        let change = plan.resources.into_iter().find(|change| change.resource == resource).expect("it is planned");
        take(&world, &resource, &change.name.expect("it has a name"));
        let why = refusal(&mut world, &inputs()).await;
        assert!(why.contains(&resource) && why.contains("exists already: it was not made by Landfall"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_security_group_of_the_name_in_an_existing_vpc_is_told_in_the_plan() {
    let mut world = World::new().await;
    let (inputs, _) = existing_network(&world);
    let group = json!({ "GroupName": "lf-layer-db-sg", "Description": "theirs", "VpcId": inputs["vpc_id"] });
    let id = common::ec2(&world, "create_security_group", group)["GroupId"].as_str().expect("an id").to_owned();
    let why = refusal(&mut world, &inputs).await;
    let told = format!("AWS::EC2::SecurityGroup {id} exists already: it was not made by Landfall");
    assert!(why.contains(&told), "{why}");
}
