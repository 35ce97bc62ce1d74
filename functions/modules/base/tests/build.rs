//! Which resources exist for which inputs, without AWS.

mod common;

use std::collections::BTreeMap;

use common::inputs;
use landfall_catalog::Scope;
use landfall_engine::{Context, Graph, Module, Outputs, Result};
use landfall_module_base::Base;
use serde_json::{Map, Value, json};

fn context() -> Context {
    Context {
        layer: "Prod".to_owned(),
        environment: "Prod".to_owned(),
        scope: Scope::Environment,
        org_name: "org".to_owned(),
        region: "eu-central-1".to_owned(),
        account_id: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        module: "base".to_owned(),
        links: Vec::new(),
        files_bucket: "config".to_owned(),
        files: Vec::new(),
    }
}

fn build(inputs: &Map<String, Value>) -> Result<(Graph, Outputs)> {
    let inputs = serde_json::from_value(Value::Object(inputs.clone())).expect("the inputs of the module");
    let mut graph = Graph::new(&context());
    let outputs = Base::build(inputs, &context(), &mut graph)?;
    Ok((graph, outputs))
}

fn counts(graph: &Graph) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for (_, kind, _) in graph.desired() {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

fn existing() -> Map<String, Value> {
    let mut inputs = inputs();
    inputs.insert("vpc_id".to_owned(), json!("vpc-12345678"));
    inputs.insert("public_subnet_ids".to_owned(), json!(["subnet-1111aaaa"]));
    inputs.insert("private_subnet_ids".to_owned(), json!(["subnet-2222bbbb", "subnet-3333cccc"]));
    inputs
}

/// What exists in both modes.
const ALWAYS: [(&str, usize); 8] = [
    ("AWS::EC2::SecurityGroup", 3),
    ("AWS::ElastiCache::SubnetGroup", 1),
    ("AWS::IAM::ServiceLinkedRole", 1),
    ("AWS::KMS::Key", 1),
    ("AWS::RDS::DBSubnetGroup", 2),
    ("AWS::S3::Bucket", 1),
    ("Landfall::EC2::EbsDefaultKey", 1),
    ("Landfall::EC2::EbsEncryptionByDefault", 1),
];

#[test]
fn a_new_network_spans_three_zones() {
    let (graph, _) = build(&inputs()).expect("it is built");
    let mut expected: BTreeMap<&str, usize> = ALWAYS.into();
    expected.extend([
        ("AWS::EC2::EIP", 3),
        ("AWS::EC2::FlowLog", 1),
        ("AWS::EC2::InternetGateway", 1),
        ("AWS::EC2::NatGateway", 3),
        ("AWS::EC2::RouteTable", 4),
        ("AWS::EC2::Subnet", 6),
        ("AWS::EC2::VPC", 1),
        ("AWS::EC2::VPCGatewayAttachment", 1),
        ("AWS::IAM::Role", 1),
        ("AWS::Logs::LogGroup", 1),
        ("AWS::EC2::DefaultSecurityGroup", 1),
        ("Landfall::EC2::Zones", 1),
    ]);
    assert_eq!(counts(&graph), expected);
    assert!(graph.notes().is_empty());
}

#[test]
fn an_existing_network_gets_nothing_of_a_network() {
    let (graph, outputs) = build(&existing()).expect("it is built");
    let mut expected: BTreeMap<&str, usize> = ALWAYS.into();
    expected.insert("Landfall::EC2::ExistingNetwork", 1);
    assert_eq!(counts(&graph), expected);
    assert!(graph.notes()[0].contains("no flow log"), "{:?}", graph.notes());
    assert_eq!(outputs.0["private_subnet_ids"], json!(["subnet-2222bbbb", "subnet-3333cccc"]));
}

#[test]
fn both_networks_have_the_same_outputs() {
    let names = |inputs: &Map<String, Value>| -> Vec<String> {
        build(inputs).expect("it is built").1.0.keys().cloned().collect()
    };
    let expected = [
        "kms_account_key_arn",
        "kms_account_key_id",
        "vpc_id",
        "private_subnet_ids",
        "public_subnets_ids",
        "s3_log_bucket_name",
        "public_nat_ips",
    ];
    assert_eq!(names(&inputs()), expected);
    assert_eq!(names(&existing()), expected);
}

#[test]
fn names_that_aws_keeps_in_lower_case_are_in_lower_case() {
    let (graph, _) = build(&inputs()).expect("it is built");
    let name = |resource: &str| {
        let (_, _, desired) = graph.desired().find(|(name, _, _)| *name == resource).expect("it is built");
        desired["name"].as_str().expect("a name").to_owned()
    };
    assert_eq!(name("db-subnet-group"), "lf-prod");
    assert_eq!(name("docdb-subnet-group"), "lf-prod-docdb");
    assert_eq!(name("cache-subnet-group"), "lf-prod");
    assert!(name("log-bucket").starts_with("lf-prod-logging-bucket-"));
    assert_eq!(name("db-security-group"), "lf-Prod-db-sg");
}

#[test]
fn a_retention_that_cloudwatch_does_not_offer_is_refused() {
    let mut inputs = inputs();
    inputs.insert("vpc_log_retention".to_owned(), json!(91));
    let error = build(&inputs).expect_err("91 days are not offered");
    assert!(error.to_string().contains("91 days") && error.hint.is_some_and(|hint| hint.contains("90, 120")));
}

#[test]
fn half_of_an_existing_network_is_refused() {
    let mut inputs = existing();
    inputs.insert("private_subnet_ids".to_owned(), Value::Null);
    assert!(build(&inputs).is_err());
}
