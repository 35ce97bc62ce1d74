//! The network that exists already and is only looked at: a VPC, its subnets, and the NAT gateways through which its
//! private subnets reach out.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{NatGateway, RouteTable, Subnet, Vpc, VpcState};
use landfall_engine::{Aws, Error, Explain, Kind, Leftover, Lookup, Result, Seen, Wanted, async_trait};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ec2::{ec2, filter};
use crate::route_table::default_route;
use crate::vpc::cidr_blocks;

/// An existing network. Attributes: `vpc_id`, `cidr_blocks` (every range of the VPC, sorted) and `nat_ips` (public
/// addresses in the order of the private subnets).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExistingNetwork {
    /// VPC.
    pub vpc_id: String,
    /// Public subnets.
    pub public_subnet_ids: Vec<String>,
    /// Private subnets, in at least two zones.
    pub private_subnet_ids: Vec<String>,
}

#[async_trait]
impl Lookup for ExistingNetwork {
    const KIND: &'static str = "Landfall::EC2::ExistingNetwork";

    async fn find(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut seen = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let network: Self = serde_json::from_value(wanted.properties.clone()).map_err(|error| {
                Error::new(Kind::Corrupt, "look up", "the existing network is not named").caused_by(error)
            })?;
            seen.push(Some(network.look(aws).await?));
        }
        Ok(seen)
    }
}

impl ExistingNetwork {
    async fn look(&self, aws: &Aws) -> Result<Seen> {
        let (vpc, subnets, tables) = tokio::try_join!(self.vpc(aws), self.subnets(aws), self.tables(aws))?;
        let vpc = self.usable(vpc, &aws.target().region)?;
        self.check_subnets(&subnets)?;
        let gateways = self.nat_gateways(&tables)?;
        let addresses = public_addresses(&describe_gateways(aws, &gateways).await?, &gateways)?;
        Ok(Seen::ready(&self.vpc_id, json!(self))
            .with("vpc_id", self.vpc_id.as_str())
            .with("cidr_blocks", json!(cidr_blocks(&vpc)))
            .with("nat_ips", json!(addresses)))
    }

    async fn vpc(&self, aws: &Aws) -> Result<Option<Vpc>> {
        let answer = ec2(aws).describe_vpcs().filters(filter("vpc-id", [self.vpc_id.as_str()])).send().await;
        let found = answer.explain("DescribeVpcs", &self.vpc_id)?.vpcs.unwrap_or_default();
        Ok(found.into_iter().find(|vpc| vpc.vpc_id() == Some(&self.vpc_id)))
    }

    async fn subnets(&self, aws: &Aws) -> Result<Vec<Subnet>> {
        let ids = self.public_subnet_ids.iter().chain(&self.private_subnet_ids).map(String::as_str);
        let pages = ec2(aws).describe_subnets().filters(filter("subnet-id", ids)).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeSubnets", "subnets")
    }

    async fn tables(&self, aws: &Aws) -> Result<Vec<RouteTable>> {
        let filter = filter("vpc-id", [self.vpc_id.as_str()]);
        let pages = ec2(aws).describe_route_tables().filters(filter).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeRouteTables", &self.vpc_id)
    }

    fn usable(&self, vpc: Option<Vpc>, region: &str) -> Result<Vpc> {
        let Some(vpc) = vpc else {
            let hint = "name a VPC of this account and region in vpc_id, or leave it out to get a new one";
            return Err(self.wrong(format!("VPC {} does not exist in {region}", self.vpc_id), hint));
        };
        match vpc.state() {
            Some(VpcState::Pending) => {
                let hint = "deploy again when the VPC is available";
                Err(self.wrong(format!("VPC {} is not available yet", self.vpc_id), hint))
            }
            _ => Ok(vpc),
        }
    }

    fn check_subnets(&self, subnets: &[Subnet]) -> Result<()> {
        for id in self.public_subnet_ids.iter().chain(&self.private_subnet_ids) {
            let Some(subnet) = subnets.iter().find(|subnet| subnet.subnet_id() == Some(id)) else {
                let hint = "name subnets of this account and region";
                return Err(self.wrong(format!("subnet {id} does not exist"), hint));
            };
            if subnet.vpc_id() != Some(&self.vpc_id) {
                let vpc = subnet.vpc_id().unwrap_or("another VPC");
                let hint = "name subnets of the VPC in vpc_id";
                return Err(self.wrong(format!("subnet {id} lies in {vpc}, not in {}", self.vpc_id), hint));
            }
        }
        let private =
            subnets.iter().filter(|subnet| self.private_subnet_ids.iter().any(|id| subnet.subnet_id() == Some(id)));
        let zones: BTreeSet<_> = private.filter_map(|subnet| subnet.availability_zone_id()).collect();
        if zones.len() < 2 {
            let hint = "databases need private subnets in at least two zones: name one of another zone as well";
            return Err(self.wrong("the private subnets all lie in one zone".to_owned(), hint));
        }
        Ok(())
    }

    /// The NAT gateway of each private subnet, each once, in the order of the subnets.
    fn nat_gateways(&self, tables: &[RouteTable]) -> Result<Vec<String>> {
        let mut gateways: Vec<String> = Vec::new();
        for subnet in &self.private_subnet_ids {
            let target = table_of(subnet, tables).and_then(default_route);
            let gateway = target.filter(|target| target.starts_with("nat-"));
            let Some(gateway) = gateway else {
                let leads = target.map_or("it has no default route".to_owned(), |target| {
                    format!("its default route leads to {target}")
                });
                let what = format!("private subnet {subnet} does not reach out through a NAT gateway: {leads}");
                let hint = "route 0.0.0.0/0 of the subnet's route table to a NAT gateway, or name other subnets in \
                            private_subnet_ids";
                return Err(self.wrong(what, hint));
            };
            if !gateways.iter().any(|known| known == gateway) {
                gateways.push(gateway.to_owned());
            }
        }
        Ok(gateways)
    }

    fn wrong(&self, what: String, hint: &str) -> Error {
        Error::new(Kind::Invalid, "look up the existing network", what)
            .about(&self.vpc_id)
            .hint(hint)
            .leaves(Leftover::Nothing)
    }
}

/// The table of a subnet: the one it is associated with, else the main one of the VPC.
fn table_of<'a>(subnet: &str, tables: &'a [RouteTable]) -> Option<&'a RouteTable> {
    let associated = |table: &&RouteTable| table.associations().iter().any(|one| one.subnet_id() == Some(subnet));
    let main = |table: &&RouteTable| table.associations().iter().any(|one| one.main() == Some(true));
    tables.iter().find(associated).or_else(|| tables.iter().find(main))
}

async fn describe_gateways(aws: &Aws, ids: &[String]) -> Result<Vec<NatGateway>> {
    let filter = filter("nat-gateway-id", ids.iter().map(String::as_str));
    let pages = ec2(aws).describe_nat_gateways().filter(filter).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeNatGateways", "NAT gateways")
}

fn public_addresses(found: &[NatGateway], ids: &[String]) -> Result<Vec<String>> {
    let mut addresses = Vec::new();
    for id in ids {
        let Some(gateway) = found.iter().find(|gateway| gateway.nat_gateway_id() == Some(id)) else {
            return Err(Error::new(Kind::Invalid, "look up the existing network", "the NAT gateway does not exist")
                .about(id)
                .hint("a route table still points to it: make a new NAT gateway and replace the route"));
        };
        let public = gateway.nat_gateway_addresses().iter().filter_map(|address| address.public_ip());
        addresses.extend(public.map(str::to_owned));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Route, RouteTableAssociation};

    use super::*;

    fn network() -> ExistingNetwork {
        ExistingNetwork {
            vpc_id: "vpc-1".to_owned(),
            public_subnet_ids: vec!["subnet-p".to_owned()],
            private_subnet_ids: vec!["subnet-a".to_owned(), "subnet-b".to_owned()],
        }
    }

    fn table(association: RouteTableAssociation, route: Route) -> RouteTable {
        let route = Route::builder()
            .destination_cidr_block("0.0.0.0/0")
            .set_nat_gateway_id(route.nat_gateway_id)
            .set_gateway_id(route.gateway_id)
            .build();
        RouteTable::builder().associations(association).routes(route).build()
    }

    fn of(subnet: &str) -> RouteTableAssociation {
        RouteTableAssociation::builder().subnet_id(subnet).build()
    }

    fn main() -> RouteTableAssociation {
        RouteTableAssociation::builder().main(true).build()
    }

    #[test]
    fn a_subnet_without_a_table_of_its_own_uses_the_main_one() {
        let tables = [
            table(main(), Route::builder().nat_gateway_id("nat-main").build()),
            table(of("subnet-a"), Route::builder().nat_gateway_id("nat-a").build()),
        ];
        assert_eq!(network().nat_gateways(&tables).expect("both reach out"), ["nat-a", "nat-main"]);
    }

    #[test]
    fn a_private_subnet_that_leads_to_the_internet_is_refused_by_name() {
        let tables = [
            table(of("subnet-a"), Route::builder().nat_gateway_id("nat-a").build()),
            table(of("subnet-b"), Route::builder().gateway_id("igw-1").build()),
        ];
        let error = network().nat_gateways(&tables).expect_err("it is not private").to_string();
        assert!(error.contains("subnet-b") && error.contains("igw-1"), "{error}");
    }

    #[test]
    fn private_subnets_of_one_zone_are_refused() {
        let subnet =
            |id: &str, zone: &str| Subnet::builder().subnet_id(id).vpc_id("vpc-1").availability_zone_id(zone).build();
        let one_zone = [subnet("subnet-p", "z2"), subnet("subnet-a", "z1"), subnet("subnet-b", "z1")];
        assert!(network().check_subnets(&one_zone).is_err());
        let two_zones = [subnet("subnet-p", "z1"), subnet("subnet-a", "z1"), subnet("subnet-b", "z2")];
        assert!(network().check_subnets(&two_zones).is_ok());
    }
}
