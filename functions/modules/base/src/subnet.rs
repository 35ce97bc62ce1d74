//! Subnets, public and private.

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, SubnetState};
use landfall_engine::{
    Actions, Aws, Changes, Explain, Field, Intent, OnChange, Progress, Resource, Result, Seen, Status, Tags, Wanted,
    async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::{ec2, gone, id_of, lookups, matching, retag, settling, tagged, tags_of};

/// A subnet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subnet {
    /// VPC.
    pub vpc_id: String,
    /// Range.
    pub cidr: String,
    /// Zone by id: ids mean the same zone in every account, names do not.
    pub zone_id: String,
    /// Whether instances get a public address.
    pub public_addresses: bool,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

#[async_trait]
impl Resource for Subnet {
    const KIND: &'static str = "AWS::EC2::Subnet";
    const FIELDS: &'static [Field] = &[
        Field { name: "vpc_id", on_change: OnChange::Replace },
        Field { name: "cidr", on_change: OnChange::Replace },
        Field { name: "zone_id", on_change: OnChange::Replace },
    ];
    const DATA: Option<&'static str> = Some("everything that runs in the subnet");
    const STORES: bool = false;
    const NAMED: bool = false;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateSubnet", "ec2:CreateTags"],
        update: &[("public_addresses", "ec2:ModifySubnetAttribute"), ("tags", "ec2:CreateTags")],
        delete: &["ec2:DeleteSubnet"],
    };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut found = Vec::new();
        for filters in lookups("subnet-id", wanted) {
            let pages = ec2(aws).describe_subnets().set_filters(Some(filters)).into_paginator().items().send();
            found.extend(pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeSubnets", "subnets")?);
        }
        let one = |wanted: &Wanted<'_>| {
            let subnet = matching(wanted, &found, |subnet| subnet.subnet_id(), |subnet| subnet.tags())?;
            let status = match subnet.state() {
                Some(SubnetState::Pending) => Status::Pending("pending".to_owned()),
                _ => Status::Ready,
            };
            let properties = json!({
                "vpc_id": subnet.vpc_id(),
                "cidr": subnet.cidr_block(),
                "zone_id": subnet.availability_zone_id(),
                "public_addresses": subnet.map_public_ip_on_launch().unwrap_or(false),
                "tags": tags_of(subnet.tags()),
            });
            Some(Seen::ready(subnet.subnet_id()?, properties).status(status))
        };
        Ok(wanted.iter().map(one).collect())
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = ec2(aws)
            .create_subnet()
            .vpc_id(&self.vpc_id)
            .cidr_block(&self.cidr)
            .availability_zone_id(&self.zone_id)
            .tag_specifications(tagged(ResourceType::Subnet, &self.tags))
            .send()
            .await;
        let created = settling(created.explain("CreateSubnet", &self.cidr))?;
        let id = id_of(created.subnet().and_then(|subnet| subnet.subnet_id()), "CreateSubnet")?;
        if self.public_addresses {
            self.set_public_addresses(aws, &id).await?;
        }
        Ok(Progress::done(id))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        if changes.touches("public_addresses") {
            self.set_public_addresses(aws, changes.id()).await?;
        }
        retag(aws, changes, &self.tags).await?;
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        gone(ec2(aws).delete_subnet().subnet_id(&seen.id).send().await.explain("DeleteSubnet", &seen.id))?;
        Ok(Progress::done(&seen.id))
    }
}

impl Subnet {
    async fn set_public_addresses(&self, aws: &Aws, id: &str) -> Result<()> {
        let on = AttributeBooleanValue::builder().value(self.public_addresses).build();
        let sent = ec2(aws).modify_subnet_attribute().subnet_id(id).map_public_ip_on_launch(on).send().await;
        settling(sent.explain("ModifySubnetAttribute", id))?;
        Ok(())
    }
}
