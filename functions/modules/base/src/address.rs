//! Public addresses of the NAT gateways.

use aws_sdk_ec2::types::{DomainType, ResourceType};
use landfall_engine::{
    Actions, Aws, Changes, Error, Explain, Intent, Kind, Progress, Quota, Resource, Result, Seen, Tags, Wanted,
    async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::{ec2, gone, id_of, lookups, matching, retag, tagged, tags_of};
use crate::quotas;

/// An elastic address. Attribute `public_ip`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Address {
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

#[async_trait]
impl Resource for Address {
    const KIND: &'static str = "AWS::EC2::EIP";
    const DATA: Option<&'static str> = Some("the public address, which others may have allowed");
    const STORES: bool = false;
    const NAMED: bool = false;
    const ACTIONS: Actions = Actions {
        create: &["ec2:AllocateAddress", "ec2:CreateTags"],
        update: &[("tags", "ec2:CreateTags")],
        delete: &["ec2:ReleaseAddress"],
    };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn quotas(aws: &Aws, new: &[Value]) -> Result<Vec<Quota>> {
        quotas::addresses(aws, new.len()).await
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut found = Vec::new();
        for filters in lookups("allocation-id", wanted) {
            let answer = ec2(aws).describe_addresses().set_filters(Some(filters)).send().await;
            found.extend(answer.explain("DescribeAddresses", "addresses")?.addresses.unwrap_or_default());
        }
        let one = |wanted: &Wanted<'_>| {
            let address = matching(wanted, &found, |address| address.allocation_id(), |address| address.tags())?;
            let properties = json!({ "tags": tags_of(address.tags()) });
            Some(Seen::ready(address.allocation_id()?, properties).with("public_ip", address.public_ip()?))
        };
        Ok(wanted.iter().map(one).collect())
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let made = ec2(aws)
            .allocate_address()
            .domain(DomainType::Vpc)
            .tag_specifications(tagged(ResourceType::ElasticIp, &self.tags))
            .send()
            .await
            .explain("AllocateAddress", "address")?;
        let id = id_of(made.allocation_id(), "AllocateAddress")?;
        Ok(Progress::done(id).with("public_ip", made.public_ip().unwrap_or_default()))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        retag(aws, changes, &self.tags).await?;
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let released = ec2(aws).release_address().allocation_id(&seen.id).send().await;
        match gone(released.explain("ReleaseAddress", &seen.id)) {
            // A NAT gateway holds its address a moment longer than it exists.
            Err(error) if error.is_code("InvalidIPAddress.InUse") => {
                Err(Error::new(Kind::NotReady, "ReleaseAddress", error.message).about(&seen.id))
            }
            Err(error) => Err(error),
            Ok(_) => Ok(Progress::done(&seen.id)),
        }
    }
}
