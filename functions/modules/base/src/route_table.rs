//! Route tables with their default route and the subnets that use them. Other routes (peering, VPN) are left alone.

use aws_sdk_ec2::types::{ResourceType, RouteTable as Described};
use landfall_engine::{
    Actions, Aws, Changes, Explain, Field, Intent, OnChange, Progress, Resource, Result, Seen, Tags, Wanted,
    async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ec2::{ec2, gone, id_of, lookups, matching, retag, settling, tagged, tags_of};

/// Where a default route leads from.
pub(crate) const EVERYWHERE: &str = "0.0.0.0/0";

/// A route table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTable {
    /// VPC.
    pub vpc_id: String,
    /// Gateway of the default route: an internet gateway or a NAT gateway.
    pub default_route: String,
    /// Subnets that use it; the order means nothing.
    pub subnets: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

#[async_trait]
impl Resource for RouteTable {
    const KIND: &'static str = "AWS::EC2::RouteTable";
    const FIELDS: &'static [Field] = &[
        Field { name: "vpc_id", on_change: OnChange::Replace },
        Field { name: "default_route", on_change: OnChange::Disruptive },
        Field { name: "subnets", on_change: OnChange::Disruptive },
    ];
    const NAMED: bool = false;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateRouteTable", "ec2:CreateRoute", "ec2:AssociateRouteTable", "ec2:CreateTags"],
        update: &[
            ("default_route", "ec2:ReplaceRoute"),
            ("subnets", "ec2:AssociateRouteTable"),
            ("tags", "ec2:CreateTags"),
        ],
        delete: &["ec2:DeleteRouteTable", "ec2:DisassociateRouteTable"],
    };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    fn canonical(properties: Value) -> Value {
        crate::sorted(properties, "subnets")
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut found = Vec::new();
        for filters in lookups("route-table-id", wanted) {
            let pages = ec2(aws).describe_route_tables().set_filters(Some(filters)).into_paginator().items().send();
            found.extend(pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeRouteTables", "route tables")?);
        }
        let one = |wanted: &Wanted<'_>| {
            matching(wanted, &found, |table| table.route_table_id(), |table| table.tags()).and_then(seen)
        };
        Ok(wanted.iter().map(one).collect())
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = ec2(aws)
            .create_route_table()
            .vpc_id(&self.vpc_id)
            .tag_specifications(tagged(ResourceType::RouteTable, &self.tags))
            .send()
            .await;
        let created = settling(created.explain("CreateRouteTable", &self.vpc_id))?;
        let id = id_of(created.route_table().and_then(|table| table.route_table_id()), "CreateRouteTable")?;
        self.route(aws, &id, false).await?;
        for subnet in &self.subnets {
            associate(aws, &id, subnet).await?;
        }
        Ok(Progress::done(id))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        let id = changes.id();
        if changes.touches("default_route") {
            let exists = changes.seen.properties.get("default_route").is_some_and(|route| !route.is_null());
            self.route(aws, id, exists).await?;
        }
        if changes.touches("subnets") {
            let associations = associations(changes.seen);
            for (subnet, association) in &associations {
                if !self.subnets.contains(subnet) {
                    disassociate(aws, association).await?;
                }
            }
            for subnet in self.subnets.iter().filter(|subnet| !associations.contains_key(*subnet)) {
                associate(aws, id, subnet).await?;
            }
        }
        retag(aws, changes, &self.tags).await?;
        Ok(Progress::done(id))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        for association in associations(seen).values() {
            disassociate(aws, association).await?;
        }
        let deleted = ec2(aws).delete_route_table().route_table_id(&seen.id).send().await;
        gone(deleted.explain("DeleteRouteTable", &seen.id))?;
        Ok(Progress::done(&seen.id))
    }
}

impl RouteTable {
    async fn route(&self, aws: &Aws, id: &str, exists: bool) -> Result<()> {
        let target = self.default_route.clone();
        let (nat, gateway) = if target.starts_with("nat-") { (Some(target), None) } else { (None, Some(target)) };
        if exists {
            let sent = ec2(aws)
                .replace_route()
                .route_table_id(id)
                .destination_cidr_block(EVERYWHERE)
                .set_nat_gateway_id(nat)
                .set_gateway_id(gateway)
                .send()
                .await;
            settling(sent.explain("ReplaceRoute", id))?;
        } else {
            let sent = ec2(aws)
                .create_route()
                .route_table_id(id)
                .destination_cidr_block(EVERYWHERE)
                .set_nat_gateway_id(nat)
                .set_gateway_id(gateway)
                .send()
                .await;
            settling(sent.explain("CreateRoute", id))?;
        }
        Ok(())
    }
}

/// The gateway of a table's default route, whatever kind of target it is.
pub(crate) fn default_route(table: &Described) -> Option<&str> {
    let route = table.routes().iter().find(|route| route.destination_cidr_block() == Some(EVERYWHERE))?;
    route
        .nat_gateway_id()
        .or(route.gateway_id())
        .or(route.transit_gateway_id())
        .or(route.instance_id())
        .or(route.network_interface_id())
        .or(route.vpc_peering_connection_id())
}

fn seen(table: &Described) -> Option<Seen> {
    let associations: Map<String, Value> = table
        .associations()
        .iter()
        .filter_map(|one| Some((one.subnet_id()?.to_owned(), json!(one.route_table_association_id()?))))
        .collect();
    let mut subnets: Vec<&String> = associations.keys().collect();
    subnets.sort();
    let properties = json!({
        "vpc_id": table.vpc_id(),
        "default_route": default_route(table),
        "subnets": subnets,
        "tags": tags_of(table.tags()),
    });
    Some(Seen::ready(table.route_table_id()?, properties).with("associations", associations))
}

/// Association ids by subnet.
fn associations(seen: &Seen) -> std::collections::BTreeMap<String, String> {
    let all = seen.attributes.get("associations").and_then(Value::as_object);
    all.into_iter()
        .flatten()
        .filter_map(|(subnet, association)| Some((subnet.clone(), association.as_str()?.to_owned())))
        .collect()
}

async fn associate(aws: &Aws, id: &str, subnet: &str) -> Result<()> {
    let sent = ec2(aws).associate_route_table().route_table_id(id).subnet_id(subnet).send().await;
    settling(sent.explain("AssociateRouteTable", subnet))?;
    Ok(())
}

async fn disassociate(aws: &Aws, association: &str) -> Result<()> {
    let sent = ec2(aws).disassociate_route_table().association_id(association).send().await;
    gone(sent.explain("DisassociateRouteTable", association))?;
    Ok(())
}
