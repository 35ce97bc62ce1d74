//! Module `base`: the network of an environment, its key, and what databases and logs need.

mod address;
mod cache_subnet_group;
mod db_subnet_group;
mod ebs_default_key;
mod ebs_encryption;
mod ec2;
mod existing;
mod flow_log;
mod internet_gateway;
mod nat_gateway;
mod network;
mod policies;
mod quotas;
mod route_table;
mod rules;
mod security_group;
mod service_linked_role;
mod subnet;
mod vpc;
mod zones;

use landfall_engine::{Context, Error, Graph, Handle, Kind, Leftover, Module, Outputs, Registered, Result, registered};
use landfall_resources::{Bucket, Key, LogGroup, RETENTIONS, Role};
use serde::Deserialize;
use serde_json::Value;

pub use address::Address;
pub use cache_subnet_group::CacheSubnetGroup;
pub use db_subnet_group::DbSubnetGroup;
pub use ebs_default_key::EbsDefaultKey;
pub use ebs_encryption::EbsEncryption;
pub use existing::ExistingNetwork;
pub use flow_log::FlowLog;
pub use internet_gateway::{GatewayAttachment, InternetGateway};
pub use nat_gateway::NatGateway;
pub use route_table::RouteTable;
pub use rules::Rules;
pub use security_group::{DefaultSecurityGroup, SecurityGroup};
pub use service_linked_role::ServiceLinkedRole;
pub use subnet::Subnet;
pub use vpc::Vpc;
pub use zones::Zones;

use network::Network;

/// The module.
#[derive(Debug)]
pub struct Base;

/// Inputs, as the catalogue fills them.
#[derive(Clone, Debug, Deserialize)]
pub struct Inputs {
    /// Range of the VPC.
    pub total_ipv4_cidr_block: String,
    /// Ranges of the private subnets, one per zone.
    pub private_ipv4_cidr_blocks: Vec<String>,
    /// Ranges of the public subnets, one per zone.
    pub public_ipv4_cidr_blocks: Vec<String>,
    /// Days the flow log is kept.
    pub vpc_log_retention: i32,
    /// An existing VPC.
    pub vpc_id: Option<String>,
    /// Public subnets of the existing VPC.
    pub public_subnet_ids: Option<Vec<String>>,
    /// Private subnets of the existing VPC.
    pub private_subnet_ids: Option<Vec<String>>,
}

impl Module for Base {
    const KIND: &'static str = "base";
    type Inputs = Inputs;

    fn resources() -> Vec<Registered> {
        vec![
            registered::<Vpc>(),
            registered::<DefaultSecurityGroup>(),
            registered::<Zones>(),
            registered::<Subnet>(),
            registered::<InternetGateway>(),
            registered::<GatewayAttachment>(),
            registered::<RouteTable>(),
            registered::<Address>(),
            registered::<NatGateway>(),
            registered::<LogGroup>(),
            registered::<Role>(),
            registered::<FlowLog>(),
            registered::<ServiceLinkedRole>(),
            registered::<Key>(),
            registered::<EbsEncryption>(),
            registered::<EbsDefaultKey>(),
            registered::<DbSubnetGroup>(),
            registered::<CacheSubnetGroup>(),
            registered::<SecurityGroup>(),
            registered::<Bucket>(),
        ]
    }

    fn build(inputs: Inputs, cx: &Context, graph: &mut Graph) -> Result<Outputs> {
        check_retention(inputs.vpc_log_retention)?;
        let key = key(cx, graph);
        let network = Network::build(&inputs, &key, cx, graph)?;
        subnet_groups(&network, cx, graph);
        security_groups(&network, cx, graph);
        let bucket = format!("lf-{}-logging-bucket-{}", cx.environment.to_lowercase(), cx.suffix(16));
        let bucket = graph.add("log-bucket", Bucket::for_logs(bucket, cx));
        Ok(Outputs::new()
            .with("kms_account_key_arn", key.arn())
            .with("kms_account_key_id", key.id())
            .with("vpc_id", network.vpc_id)
            .with("private_subnet_ids", network.private_subnets)
            .with("public_subnets_ids", network.public_subnets)
            .with("s3_log_bucket_name", bucket.id())
            .with("public_nat_ips", network.nat_ips))
    }
}

/// `lf-LAYER`, by which the other modules of an environment find what is made here.
pub(crate) fn layer_name(cx: &Context) -> String {
    format!("lf-{}", cx.layer)
}

/// The environment's key, and EBS volumes encrypted with it.
fn key(cx: &Context, graph: &mut Graph) -> Handle<Key> {
    // The policy of the key names the role, which has to exist then.
    let autoscaling = graph.add("autoscaling-role", policies::autoscaling_role());
    let key = Key::new(format!("Data of the environment {}", cx.environment), &policies::key(cx));
    let key = graph.add("key", key.alias(format!("alias/{}", layer_name(cx))));
    graph.after(&key, &autoscaling);
    graph.add("ebs-encryption", EbsEncryption { enabled: true });
    graph.add("ebs-default-key", EbsDefaultKey { key: key.arn(), environment: cx.layer.clone() });
    key
}

fn subnet_groups(network: &Network, cx: &Context, graph: &mut Graph) {
    let name = layer_name(cx).to_lowercase();
    let description = |what: &str| format!("Private subnets for {what} of {}", cx.environment);
    for (resource, name, what) in [
        ("db-subnet-group", name.clone(), "databases"),
        ("docdb-subnet-group", format!("{name}-docdb"), "DocumentDB clusters"),
    ] {
        let group = DbSubnetGroup {
            name,
            description: description(what),
            vpc_id: network.vpc_id.clone(),
            subnets: network.private_subnets.clone(),
            tags: Default::default(),
        };
        graph.add(resource, group);
    }
    let group = CacheSubnetGroup {
        name,
        description: description("caches"),
        vpc_id: network.vpc_id.clone(),
        subnets: network.private_subnets.clone(),
        tags: Default::default(),
    };
    graph.add("cache-subnet-group", group);
}

/// One group per kind of database: its ports from inside the VPC, and no way out at all.
fn security_groups(network: &Network, cx: &Context, graph: &mut Graph) {
    for (kind, ports, what) in [
        ("db", &[5432, 3306][..], "PostgreSQL and MySQL"),
        ("elasticache", &[6379][..], "Redis"),
        ("documentdb", &[27017][..], "DocumentDB"),
    ] {
        let name = format!("{}-{kind}-sg", layer_name(cx));
        let from_vpc = |port: &i32| (format!("tcp {port}"), Value::String(network.cidr_blocks.clone()));
        let group = SecurityGroup {
            description: format!("{what} from inside the VPC of {}", cx.environment),
            vpc_id: network.vpc_id.clone(),
            ingress: ports.iter().map(from_vpc).collect(),
            egress: Rules::new(),
            tags: [("Name".to_owned(), name.clone())].into(),
            name,
        };
        graph.add(format!("{kind}-security-group"), group);
    }
}

fn check_retention(days: i32) -> Result<()> {
    if RETENTIONS.contains(&days) {
        return Ok(());
    }
    let offered = RETENTIONS.map(|days| days.to_string()).join(", ");
    Err(Error::new(Kind::Invalid, "build", format!("vpc_log_retention: CloudWatch cannot keep logs for {days} days"))
        .hint(format!("choose one of {offered}"))
        .leaves(Leftover::Nothing))
}

/// Properties with the list in `field` in order, once its references are filled in.
pub(crate) fn sorted(mut properties: Value, field: &str) -> Value {
    if let Some(items) = properties.get_mut(field).and_then(Value::as_array_mut) {
        items.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
    }
    properties
}
