//! NAT gateways: the only way out of a private subnet.

use std::time::Duration;

use aws_sdk_ec2::types::{NatGateway as Described, NatGatewayState, ResourceType};
use landfall_engine::{
    Actions, Aws, Changes, Explain, Field, Intent, OnChange, Progress, Quota, Resource, Result, Seen, Status, Tags,
    Wanted, async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::{ec2, gone, id_of, lookups, matching, retag, settling, tagged, tags_of};
use crate::quotas;

/// AWS makes and removes a NAT gateway within one to three minutes.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A public NAT gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NatGateway {
    /// Public subnet in which it stands.
    pub subnet_id: String,
    /// Its elastic address.
    pub allocation_id: String,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

#[async_trait]
impl Resource for NatGateway {
    const KIND: &'static str = "AWS::EC2::NatGateway";
    const FIELDS: &'static [Field] = &[
        Field { name: "subnet_id", on_change: OnChange::Replace },
        Field { name: "allocation_id", on_change: OnChange::Replace },
    ];
    const NAMED: bool = false;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateNatGateway", "ec2:CreateTags"],
        update: &[("tags", "ec2:CreateTags")],
        delete: &["ec2:DeleteNatGateway"],
    };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn quotas(aws: &Aws, new: &[Value]) -> Result<Vec<Quota>> {
        quotas::nat_gateways(aws, new.len()).await
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut found = Vec::new();
        for filters in lookups("nat-gateway-id", wanted) {
            let pages = ec2(aws).describe_nat_gateways().set_filter(Some(filters)).into_paginator().items().send();
            found.extend(pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeNatGateways", "NAT gateways")?);
        }
        // AWS shows a deleted one for an hour.
        found.retain(|gateway| gateway.state() != Some(&NatGatewayState::Deleted));
        // One that is being deleted carries the same tags as the one that takes its place.
        found.sort_by_key(|gateway| gateway.state() == Some(&NatGatewayState::Deleting));
        let one = |wanted: &Wanted<'_>| {
            matching(wanted, &found, |gateway| gateway.nat_gateway_id(), |gateway| gateway.tags()).and_then(seen)
        };
        Ok(wanted.iter().map(one).collect())
    }

    async fn create(&self, aws: &Aws, intent: &Intent) -> Result<Progress> {
        let created = ec2(aws)
            .create_nat_gateway()
            .subnet_id(&self.subnet_id)
            .allocation_id(&self.allocation_id)
            .client_token(&intent.client_token)
            .tag_specifications(tagged(ResourceType::Natgateway, &self.tags))
            .send()
            .await;
        let created = settling(created.explain("CreateNatGateway", &self.subnet_id))?;
        let id = id_of(created.nat_gateway().and_then(|gateway| gateway.nat_gateway_id()), "CreateNatGateway")?;
        Ok(Progress::pending(id, LOOK_AGAIN, "AWS makes the NAT gateway"))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        retag(aws, changes, &self.tags).await?;
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let deleted = ec2(aws).delete_nat_gateway().nat_gateway_id(&seen.id).send().await;
        match gone(deleted.explain("DeleteNatGateway", &seen.id))? {
            Some(_) => Ok(Progress::pending(&seen.id, LOOK_AGAIN, "AWS removes the NAT gateway")),
            None => Ok(Progress::done(&seen.id)),
        }
    }
}

fn seen(gateway: &Described) -> Option<Seen> {
    let address = gateway.nat_gateway_addresses().first();
    let mut properties = json!({ "subnet_id": gateway.subnet_id(), "tags": tags_of(gateway.tags()) });
    if let Some(allocation) = address.and_then(|address| address.allocation_id()) {
        properties["allocation_id"] = json!(allocation);
    }
    let why = || gateway.failure_message().unwrap_or("AWS gave no reason").to_owned();
    let status = match gateway.state() {
        Some(NatGatewayState::Pending) => Status::Pending("pending".to_owned()),
        Some(NatGatewayState::Failed) => Status::Failed(why()),
        Some(NatGatewayState::Deleting) => Status::Deleting,
        _ => Status::Ready,
    };
    Some(Seen::ready(gateway.nat_gateway_id()?, properties).status(status))
}
