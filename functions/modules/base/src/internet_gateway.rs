//! The internet gateway and its attachment to the VPC: two resources, because an interrupted attachment must not
//! look like a gateway of another VPC.

use aws_sdk_ec2::types::{InternetGateway as Described, ResourceType};
use landfall_engine::{
    Actions, Aws, Changes, Explain, Field, Intent, OnChange, Progress, Quota, Resource, Result, Seen, Tags, Wanted,
    async_trait, tolerate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::{ec2, filter, gone, id_of, lookups, matching, retag, settling, tagged, tags_of};
use crate::quotas;

/// An internet gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

#[async_trait]
impl Resource for InternetGateway {
    const KIND: &'static str = "AWS::EC2::InternetGateway";
    const NAMED: bool = false;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateInternetGateway", "ec2:CreateTags"],
        update: &[("tags", "ec2:CreateTags")],
        delete: &["ec2:DeleteInternetGateway"],
    };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn quotas(aws: &Aws, new: &[Value]) -> Result<Vec<Quota>> {
        quotas::internet_gateways(aws, new.len()).await
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut found = Vec::new();
        for filters in lookups("internet-gateway-id", wanted) {
            found.extend(describe(aws, filters).await?);
        }
        let one = |wanted: &Wanted<'_>| {
            let gateway = matching(wanted, &found, |gateway| gateway.internet_gateway_id(), |gateway| gateway.tags())?;
            let properties = json!({ "tags": tags_of(gateway.tags()) });
            Some(Seen::ready(gateway.internet_gateway_id()?, properties))
        };
        Ok(wanted.iter().map(one).collect())
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = ec2(aws)
            .create_internet_gateway()
            .tag_specifications(tagged(ResourceType::InternetGateway, &self.tags))
            .send()
            .await
            .explain("CreateInternetGateway", "internet gateway")?;
        let id = created.internet_gateway().and_then(|gateway| gateway.internet_gateway_id());
        Ok(Progress::done(id_of(id, "CreateInternetGateway")?))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        retag(aws, changes, &self.tags).await?;
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let deleted = ec2(aws).delete_internet_gateway().internet_gateway_id(&seen.id).send().await;
        gone(deleted.explain("DeleteInternetGateway", &seen.id))?;
        Ok(Progress::done(&seen.id))
    }
}

/// An internet gateway in its place. Its id is that of the gateway, which is attached to one VPC at most.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewayAttachment {
    /// Gateway.
    pub internet_gateway_id: String,
    /// VPC.
    pub vpc_id: String,
}

#[async_trait]
impl Resource for GatewayAttachment {
    const KIND: &'static str = "AWS::EC2::VPCGatewayAttachment";
    const FIELDS: &'static [Field] = &[
        Field { name: "internet_gateway_id", on_change: OnChange::Replace },
        Field { name: "vpc_id", on_change: OnChange::Replace },
    ];
    const TAGGED: bool = false;
    const ACTIONS: Actions =
        Actions { create: &["ec2:AttachInternetGateway"], update: &[], delete: &["ec2:DetachInternetGateway"] };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        // Of one whose reply was lost the gateway is known: it may have to be detached before anything else goes.
        let ids: Vec<&str> = wanted.iter().filter_map(gateway_of).collect();
        let found =
            if ids.is_empty() { Vec::new() } else { describe(aws, vec![filter("internet-gateway-id", ids)]).await? };
        let one = |wanted: &Wanted<'_>| {
            let of = gateway_of(wanted)?;
            let gateway = found.iter().find(|gateway| gateway.internet_gateway_id() == Some(of))?;
            let id = gateway.internet_gateway_id()?;
            let vpc = gateway.attachments().first()?.vpc_id()?;
            let is_it = wanted.id.is_some() || wanted.text("vpc_id") == Some(vpc);
            is_it.then(|| Seen::ready(id, json!({ "internet_gateway_id": id, "vpc_id": vpc })))
        };
        Ok(wanted.iter().map(one).collect())
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let id = &self.internet_gateway_id;
        let attached = ec2(aws).attach_internet_gateway().internet_gateway_id(id).vpc_id(&self.vpc_id).send().await;
        // The gateway is ours and goes to this VPC only: attached already is attached by an attempt before.
        tolerate(settling(attached.explain("AttachInternetGateway", id)), &["Resource.AlreadyAssociated"])?;
        Ok(Progress::done(id))
    }

    async fn update(&self, _aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let vpc = seen.properties.get("vpc_id").and_then(Value::as_str).unwrap_or_default();
        let detached = ec2(aws).detach_internet_gateway().internet_gateway_id(&seen.id).vpc_id(vpc).send().await;
        // Detached already is what was asked for.
        tolerate(gone(detached.explain("DetachInternetGateway", &seen.id)), &["Gateway.NotAttached"])?;
        Ok(Progress::done(&seen.id))
    }
}

/// The gateway that is attached or to be attached, once it has an id.
fn gateway_of<'w>(wanted: &'w Wanted<'_>) -> Option<&'w str> {
    wanted.id.or_else(|| wanted.text("internet_gateway_id"))
}

async fn describe(aws: &Aws, filters: Vec<aws_sdk_ec2::types::Filter>) -> Result<Vec<Described>> {
    let pages = ec2(aws).describe_internet_gateways().set_filters(Some(filters)).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeInternetGateways", "internet gateways")
}
