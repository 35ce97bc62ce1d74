//! The network as the rest of the module sees it, made new or found.

use std::net::Ipv4Addr;

use landfall_engine::{Context, Error, Graph, Handle, Kind, Result, Tags};
use landfall_resources::{Key, LogGroup};
use serde_json::Value;

use crate::{
    Address, DefaultSecurityGroup, ExistingNetwork, FlowLog, GatewayAttachment, Inputs, InternetGateway, NatGateway,
    RouteTable, Rules, Subnet, Vpc, Zones, layer_name, policies, zones,
};

/// References to the network.
#[derive(Debug)]
pub(crate) struct Network {
    /// VPC.
    pub vpc_id: String,
    /// Stands for the list of the VPC's ranges.
    pub cidr_blocks: String,
    /// Private subnets.
    pub private_subnets: Vec<String>,
    /// Public subnets.
    pub public_subnets: Vec<String>,
    /// Addresses from which the environment reaches out.
    pub nat_ips: Value,
}

impl Network {
    /// The existing network if the inputs name one, else a new one.
    pub fn build(inputs: &Inputs, key: &Handle<Key>, cx: &Context, graph: &mut Graph) -> Result<Self> {
        match (&inputs.vpc_id, &inputs.public_subnet_ids, &inputs.private_subnet_ids) {
            (None, None, None) => Self::new(inputs, key, cx, graph),
            (Some(vpc), Some(public), Some(private)) => {
                let network = ExistingNetwork {
                    vpc_id: vpc.clone(),
                    public_subnet_ids: public.clone(),
                    private_subnet_ids: private.clone(),
                };
                Ok(Self::existing(network, graph))
            }
            _ => Err(Error::new(
                Kind::Invalid,
                "build",
                "an existing network needs vpc_id, public_subnet_ids and private_subnet_ids, all three",
            )),
        }
    }

    fn existing(network: ExistingNetwork, graph: &mut Graph) -> Self {
        graph.note(format!(
            "{} is used as it is: Landfall adds no flow log to it and leaves its default security group alone",
            network.vpc_id
        ));
        let (public_subnets, private_subnets) = (network.public_subnet_ids.clone(), network.private_subnet_ids.clone());
        // Known at once, so that what has a name in it is looked for while planning.
        let vpc_id = network.vpc_id.clone();
        let found = graph.look_up("network", network);
        Self {
            vpc_id,
            cidr_blocks: found.attribute("cidr_blocks"),
            private_subnets,
            public_subnets,
            nat_ips: Value::String(found.attribute("nat_ips")),
        }
    }

    fn new(inputs: &Inputs, key: &Handle<Key>, cx: &Context, graph: &mut Graph) -> Result<Self> {
        let vpc = Vpc {
            cidr: canonical(&inputs.total_ipv4_cidr_block)?,
            dns_support: true,
            dns_hostnames: true,
            tags: named(layer_name(cx)),
        };
        let vpc = graph.add("vpc", vpc);
        let default = DefaultSecurityGroup {
            vpc_id: vpc.id(),
            ingress: Rules::new(),
            egress: Rules::new(),
            tags: named(format!("{}-default", layer_name(cx))),
        };
        graph.add("default-security-group", default);
        flow_log(inputs.vpc_log_retention, &vpc, key, cx, graph);

        let zones = graph.add("zones", Zones { region: cx.region.clone() });
        let subnets = Subnets { vpc: &vpc, zones: &zones, cx };
        let public = subnets.build(Side::Public, &inputs.public_ipv4_cidr_blocks, graph)?;
        let private = subnets.build(Side::Private, &inputs.private_ipv4_cidr_blocks, graph)?;
        let attachment = public_routes(&vpc, &public, cx, graph);
        let addresses = private_routes(&vpc, &public, &private, &attachment, cx, graph);

        let ids = |subnets: &[Handle<Subnet>]| subnets.iter().map(Handle::id).collect();
        Ok(Self {
            vpc_id: vpc.id(),
            cidr_blocks: vpc.attribute("cidr_blocks"),
            private_subnets: ids(&private),
            public_subnets: ids(&public),
            nat_ips: addresses.iter().map(|address| address.attribute("public_ip")).collect(),
        })
    }
}

fn flow_log(retention: i32, vpc: &Handle<Vpc>, key: &Handle<Key>, cx: &Context, graph: &mut Graph) {
    let name = format!("lf-{}-vpc-flow-{}", cx.environment, cx.suffix(16));
    let role = graph.add("flow-log-role", policies::flow_log_role(&name, cx));
    let group = graph.add("flow-log-group", LogGroup::new(name, retention, key.arn()));
    let log = FlowLog {
        vpc_id: vpc.id(),
        traffic: "ALL".to_owned(),
        log_group: group.id(),
        role: role.arn(),
        tags: named(format!("{}-vpc-flow", layer_name(cx))),
    };
    graph.add("flow-log", log);
}

/// Which subnets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Public,
    Private,
}

struct Subnets<'a> {
    vpc: &'a Handle<Vpc>,
    zones: &'a Handle<Zones>,
    cx: &'a Context,
}

impl Subnets<'_> {
    /// One subnet per range, each in a zone of its own.
    fn build(&self, side: Side, ranges: &[String], graph: &mut Graph) -> Result<Vec<Handle<Subnet>>> {
        // The Kubernetes controllers find the subnets of load balancers by these tags
        // (<https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html>).
        let (kind, role) = match side {
            Side::Public => ("public", "kubernetes.io/role/elb"),
            Side::Private => ("private", "kubernetes.io/role/internal-elb"),
        };
        ranges
            .iter()
            .take(zones::COUNT)
            .enumerate()
            .map(|(index, range)| {
                let number = index + 1;
                let mut tags = named(format!("{}-{kind}-{number}", layer_name(self.cx)));
                tags.insert("type".to_owned(), kind.to_owned());
                tags.insert(format!("kubernetes.io/cluster/{}", layer_name(self.cx)), "shared".to_owned());
                tags.insert(role.to_owned(), "1".to_owned());
                let subnet = Subnet {
                    vpc_id: self.vpc.id(),
                    cidr: canonical(range)?,
                    zone_id: self.zones.attribute(&zones::attribute(index)),
                    public_addresses: side == Side::Public,
                    tags,
                };
                Ok(graph.add(format!("{kind}-subnet-{number}"), subnet))
            })
            .collect()
    }
}

/// The way from the public subnets to the internet and back.
fn public_routes(
    vpc: &Handle<Vpc>,
    public: &[Handle<Subnet>],
    cx: &Context,
    graph: &mut Graph,
) -> Handle<GatewayAttachment> {
    let gateway = graph.add("internet-gateway", InternetGateway { tags: named(layer_name(cx)) });
    let attachment = GatewayAttachment { internet_gateway_id: gateway.id(), vpc_id: vpc.id() };
    let attachment = graph.add("internet-gateway-attachment", attachment);
    let table = RouteTable {
        vpc_id: vpc.id(),
        default_route: gateway.id(),
        subnets: public.iter().map(Handle::id).collect(),
        tags: named(format!("{}-public", layer_name(cx))),
    };
    let table = graph.add("public-route-table", table);
    graph.after(&table, &attachment);
    attachment
}

/// The way out of the private subnets: in each zone an address, a NAT gateway and a route table.
fn private_routes(
    vpc: &Handle<Vpc>,
    public: &[Handle<Subnet>],
    private: &[Handle<Subnet>],
    attachment: &Handle<GatewayAttachment>,
    cx: &Context,
    graph: &mut Graph,
) -> Vec<Handle<Address>> {
    let mut addresses = Vec::new();
    for (index, (public, private)) in public.iter().zip(private).enumerate() {
        let number = index + 1;
        let name = |what: &str| named(format!("{}-{what}-{number}", layer_name(cx)));
        let address = graph.add(format!("nat-address-{number}"), Address { tags: name("nat") });
        let gateway = NatGateway { subnet_id: public.id(), allocation_id: address.id(), tags: name("nat") };
        let gateway = graph.add(format!("nat-gateway-{number}"), gateway);
        graph.after(&gateway, attachment);
        let table = RouteTable {
            vpc_id: vpc.id(),
            default_route: gateway.id(),
            subnets: vec![private.id()],
            tags: name("private"),
        };
        graph.add(format!("private-route-table-{number}"), table);
        addresses.push(address);
    }
    addresses
}

fn named(name: String) -> Tags {
    Tags::from([("Name".to_owned(), name)])
}

/// A range as AWS keeps it: `10.0.0.1/16` becomes `10.0.0.0/16`.
fn canonical(range: &str) -> Result<String> {
    let parsed = range.split_once('/').and_then(|(address, bits)| {
        let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
        let bits = bits.parse::<u32>().ok().filter(|bits| *bits <= 32)?;
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        Some(format!("{}/{bits}", Ipv4Addr::from(address & mask)))
    });
    parsed.ok_or_else(|| Error::new(Kind::Invalid, "build", format!("{range} is no range of IPv4 addresses")))
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn a_range_is_written_as_aws_keeps_it() {
        assert_eq!(canonical("10.0.7.9/21").expect("a range"), "10.0.0.0/21");
        assert_eq!(canonical("0.0.0.0/0").expect("a range"), "0.0.0.0/0");
        assert!(canonical("10.0.0.0").is_err());
    }
}
