//! The VPC: its range and its DNS settings.

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName, VpcCidrBlockStateCode, VpcState};
use landfall_engine::{
    Actions, Aws, Changes, Explain, Field, Intent, OnChange, Progress, Quota, Resource, Result, Seen, Status, Tags,
    Wanted, async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::{ec2, gone, id_of, lookups, matching, retag, settling, tagged, tags_of};
use crate::quotas;

/// A VPC. Attribute `cidr_blocks`: every range that is associated with it, sorted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vpc {
    /// Its first range.
    pub cidr: String,
    /// Whether the resolver of AWS answers in it.
    pub dns_support: bool,
    /// Whether instances get DNS names.
    pub dns_hostnames: bool,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

#[async_trait]
impl Resource for Vpc {
    const KIND: &'static str = "AWS::EC2::VPC";
    const FIELDS: &'static [Field] = &[
        Field { name: "cidr", on_change: OnChange::Replace },
        Field { name: "dns_support", on_change: OnChange::Disruptive },
        Field { name: "dns_hostnames", on_change: OnChange::Disruptive },
    ];
    const DATA: Option<&'static str> = Some("the network with everything that runs in it");
    const STORES: bool = false;
    const NAMED: bool = false;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateVpc", "ec2:CreateTags", "ec2:ModifyVpcAttribute"],
        update: &[
            ("dns_support", "ec2:ModifyVpcAttribute"),
            ("dns_hostnames", "ec2:ModifyVpcAttribute"),
            ("tags", "ec2:CreateTags"),
        ],
        delete: &["ec2:DeleteVpc"],
    };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn quotas(aws: &Aws, new: &[Value]) -> Result<Vec<Quota>> {
        quotas::vpcs(aws, new.len()).await
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut found = Vec::new();
        for filters in lookups("vpc-id", wanted) {
            let pages = ec2(aws).describe_vpcs().set_filters(Some(filters)).into_paginator().items().send();
            found.extend(pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeVpcs", "VPC")?);
        }
        let mut seen = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            seen.push(match matching(wanted, &found, |vpc| vpc.vpc_id(), |vpc| vpc.tags()) {
                Some(vpc) => with_dns(aws, vpc).await?,
                None => None,
            });
        }
        Ok(seen)
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = ec2(aws)
            .create_vpc()
            .cidr_block(&self.cidr)
            .tag_specifications(tagged(ResourceType::Vpc, &self.tags))
            .send()
            .await
            .explain("CreateVpc", &self.cidr)?;
        let id = id_of(created.vpc().and_then(|vpc| vpc.vpc_id()), "CreateVpc")?;
        self.set_dns_support(aws, &id).await?;
        self.set_dns_hostnames(aws, &id).await?;
        Ok(Progress::done(id).with("cidr_blocks", json!([self.cidr])))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        let id = changes.id();
        // One attribute per call is all that ModifyVpcAttribute takes.
        if changes.touches("dns_support") {
            self.set_dns_support(aws, id).await?;
        }
        if changes.touches("dns_hostnames") {
            self.set_dns_hostnames(aws, id).await?;
        }
        retag(aws, changes, &self.tags).await?;
        Ok(Progress::done(id))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        gone(ec2(aws).delete_vpc().vpc_id(&seen.id).send().await.explain("DeleteVpc", &seen.id))?;
        Ok(Progress::done(&seen.id))
    }
}

impl Vpc {
    async fn set_dns_support(&self, aws: &Aws, id: &str) -> Result<()> {
        let on = AttributeBooleanValue::builder().value(self.dns_support).build();
        let sent = ec2(aws).modify_vpc_attribute().vpc_id(id).enable_dns_support(on).send().await;
        settling(sent.explain("ModifyVpcAttribute", id))?;
        Ok(())
    }

    async fn set_dns_hostnames(&self, aws: &Aws, id: &str) -> Result<()> {
        let on = AttributeBooleanValue::builder().value(self.dns_hostnames).build();
        let sent = ec2(aws).modify_vpc_attribute().vpc_id(id).enable_dns_hostnames(on).send().await;
        settling(sent.explain("ModifyVpcAttribute", id))?;
        Ok(())
    }
}

/// Every range that is associated with a VPC, sorted.
pub(crate) fn cidr_blocks(vpc: &aws_sdk_ec2::types::Vpc) -> Vec<String> {
    let mut blocks: Vec<String> = vpc
        .cidr_block_association_set()
        .iter()
        .filter(|association| {
            let state = association.cidr_block_state().and_then(|state| state.state());
            matches!(state, None | Some(VpcCidrBlockStateCode::Associated))
        })
        .filter_map(|association| association.cidr_block())
        .chain(vpc.cidr_block())
        .map(str::to_owned)
        .collect();
    blocks.sort();
    blocks.dedup();
    blocks
}

async fn with_dns(aws: &Aws, vpc: &aws_sdk_ec2::types::Vpc) -> Result<Option<Seen>> {
    let Some(id) = vpc.vpc_id() else { return Ok(None) };
    let ask = |name| async move {
        let asked = ec2(aws).describe_vpc_attribute().vpc_id(id).attribute(name).send().await;
        gone(asked.explain("DescribeVpcAttribute", id))
    };
    let (support, hostnames) =
        tokio::try_join!(ask(VpcAttributeName::EnableDnsSupport), ask(VpcAttributeName::EnableDnsHostnames))?;
    let (Some(support), Some(hostnames)) = (support, hostnames) else { return Ok(None) };
    let properties = json!({
        "cidr": vpc.cidr_block(),
        "dns_support": support.enable_dns_support().and_then(|on| on.value()),
        "dns_hostnames": hostnames.enable_dns_hostnames().and_then(|on| on.value()),
        "tags": tags_of(vpc.tags()),
    });
    let status = match vpc.state() {
        Some(VpcState::Pending) => Status::Pending("pending".to_owned()),
        _ => Status::Ready,
    };
    Ok(Some(Seen::ready(id, properties).with("cidr_blocks", json!(cidr_blocks(vpc))).status(status)))
}
