//! The subnet group of ElastiCache.

use aws_sdk_elasticache::types::{CacheSubnetGroup as Described, Tag};
use landfall_engine::{
    Actions, Aws, Changes, Error, Explain, Field, Intent, Kind, OnChange, Progress, Resource, Result, Seen, Tags,
    Target, Wanted, async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::{gone, settling};

landfall_aws::client!(elasticache: aws_sdk_elasticache);

/// A subnet group of caches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CacheSubnetGroup {
    /// Name, in lower case as ElastiCache keeps it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// VPC of the subnets; a group cannot move to another one.
    pub vpc_id: String,
    /// Subnets; the order means nothing.
    pub subnets: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

#[async_trait]
impl Resource for CacheSubnetGroup {
    const KIND: &'static str = "AWS::ElastiCache::SubnetGroup";
    const FIELDS: &'static [Field] =
        &[Field { name: "name", on_change: OnChange::Replace }, Field { name: "vpc_id", on_change: OnChange::Replace }];
    const ACTIONS: Actions = Actions {
        create: &["elasticache:CreateCacheSubnetGroup", "elasticache:AddTagsToResource"],
        update: &[("*", "elasticache:ModifyCacheSubnetGroup"), ("tags", "elasticache:AddTagsToResource")],
        delete: &["elasticache:DeleteCacheSubnetGroup"],
    };

    fn arn(name: &str, target: &Target) -> Option<String> {
        let Target { account_id, partition, region } = target;
        Some(format!("arn:{partition}:elasticache:{region}:{account_id}:subnetgroup:{name}"))
    }

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("name")?.as_str()?.to_owned())
    }

    fn canonical(properties: Value) -> Value {
        crate::sorted(properties, "subnets")
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let looks = wanted.iter().map(|wanted| async move {
            let Some(name) = wanted.key() else { return Ok(None) };
            let asked = elasticache(aws).describe_cache_subnet_groups().cache_subnet_group_name(name).send().await;
            let found = gone(asked.explain("DescribeCacheSubnetGroups", name))?;
            match found.as_ref().and_then(|found| found.cache_subnet_groups().first()) {
                Some(group) => with_tags(aws, group).await,
                None => Ok(None),
            }
        });
        futures::future::try_join_all(looks).await
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = elasticache(aws)
            .create_cache_subnet_group()
            .cache_subnet_group_name(&self.name)
            .cache_subnet_group_description(&self.description)
            .set_subnet_ids(Some(self.subnets.clone()))
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await;
        let created = settling(created.explain("CreateCacheSubnetGroup", &self.name))?;
        let arn = created.cache_subnet_group().and_then(|group| group.arn()).unwrap_or_default();
        Ok(Progress::done(&self.name).with("arn", arn))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        let name = changes.id();
        if changes.touches("subnets") || changes.touches("description") {
            let sent = elasticache(aws)
                .modify_cache_subnet_group()
                .cache_subnet_group_name(name)
                .cache_subnet_group_description(&self.description)
                .set_subnet_ids(Some(self.subnets.clone()))
                .send()
                .await;
            sent.explain("ModifyCacheSubnetGroup", name)?;
        }
        if changes.touches("tags") {
            let arn = changes.seen.attribute("arn").unwrap_or_default();
            let tags = Some(sdk_tags(&self.tags));
            let sent = elasticache(aws).add_tags_to_resource().resource_name(arn).set_tags(tags).send().await;
            sent.explain("AddTagsToResource", name)?;
            let removed = changes.removed_tags(&self.tags);
            if !removed.is_empty() {
                let sent = elasticache(aws).remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(removed));
                sent.send().await.explain("RemoveTagsFromResource", name)?;
            }
        }
        Ok(Progress::done(name))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let deleted = elasticache(aws).delete_cache_subnet_group().cache_subnet_group_name(&seen.id).send().await;
        match gone(deleted.explain("DeleteCacheSubnetGroup", &seen.id)) {
            // A cache that is being deleted holds its group a while longer.
            Err(error) if error.is_code("CacheSubnetGroupInUse") => {
                Err(Error::new(Kind::NotReady, "DeleteCacheSubnetGroup", error.message).about(&seen.id))
            }
            Err(error) => Err(error),
            Ok(_) => Ok(Progress::done(&seen.id)),
        }
    }
}

async fn with_tags(aws: &Aws, group: &Described) -> Result<Option<Seen>> {
    let (Some(name), Some(arn)) = (group.cache_subnet_group_name(), group.arn()) else { return Ok(None) };
    let asked = elasticache(aws).list_tags_for_resource().resource_name(arn).send().await;
    // A group that goes away while it is looked at is gone.
    let Some(answer) = gone(asked.explain("ListTagsForResource", name))? else { return Ok(None) };
    let tags: Tags = answer
        .tag_list()
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect();
    let mut subnets: Vec<&str> = group.subnets().iter().filter_map(|subnet| subnet.subnet_identifier()).collect();
    subnets.sort_unstable();
    let properties = json!({
        "name": name,
        "description": group.cache_subnet_group_description(),
        "vpc_id": group.vpc_id(),
        "subnets": subnets,
        "tags": tags,
    });
    Ok(Some(Seen::ready(name, properties).with("arn", arn)))
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
