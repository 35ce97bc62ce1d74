//! Subnet groups of RDS and DocumentDB. Both are groups of RDS, so that one client makes both.

use aws_sdk_docdb::types::{DbSubnetGroup as Described, Tag};
use landfall_engine::{
    Actions, Aws, Changes, Explain, Field, Intent, OnChange, Progress, Resource, Result, Seen, Tags, Target, Wanted,
    async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::{gone, settling};

landfall_aws::client!(docdb: aws_sdk_docdb);

/// A subnet group of databases.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DbSubnetGroup {
    /// Name, in lower case as RDS keeps it.
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
impl Resource for DbSubnetGroup {
    const KIND: &'static str = "AWS::RDS::DBSubnetGroup";
    const FIELDS: &'static [Field] =
        &[Field { name: "name", on_change: OnChange::Replace }, Field { name: "vpc_id", on_change: OnChange::Replace }];
    const ACTIONS: Actions = Actions {
        create: &["rds:CreateDBSubnetGroup", "rds:AddTagsToResource"],
        update: &[("*", "rds:ModifyDBSubnetGroup"), ("tags", "rds:AddTagsToResource")],
        delete: &["rds:DeleteDBSubnetGroup"],
    };

    fn arn(name: &str, target: &Target) -> Option<String> {
        let Target { account_id, partition, region } = target;
        Some(format!("arn:{partition}:rds:{region}:{account_id}:subgrp:{name}"))
    }

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("name")?.as_str()?.to_owned())
    }

    fn canonical(properties: Value) -> Value {
        crate::sorted(properties, "subnets")
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        // RDS takes one name or none: all groups are read at once, and there are few.
        let pages = docdb(aws).describe_db_subnet_groups().into_paginator().items().send();
        let found = pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeDBSubnetGroups", "subnet groups")?;
        let ours = wanted.iter().map(|wanted| {
            found.iter().find(|group| wanted.key().is_some() && group.db_subnet_group_name() == wanted.key())
        });
        futures::future::try_join_all(ours.map(|group| async move {
            match group {
                Some(group) => with_tags(aws, group).await,
                None => Ok(None),
            }
        }))
        .await
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = docdb(aws)
            .create_db_subnet_group()
            .db_subnet_group_name(&self.name)
            .db_subnet_group_description(&self.description)
            .set_subnet_ids(Some(self.subnets.clone()))
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await;
        let created = settling(created.explain("CreateDBSubnetGroup", &self.name))?;
        let arn = created.db_subnet_group().and_then(|group| group.db_subnet_group_arn()).unwrap_or_default();
        Ok(Progress::done(&self.name).with("arn", arn))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        let name = changes.id();
        if changes.touches("subnets") || changes.touches("description") {
            let sent = docdb(aws)
                .modify_db_subnet_group()
                .db_subnet_group_name(name)
                .db_subnet_group_description(&self.description)
                .set_subnet_ids(Some(self.subnets.clone()))
                .send()
                .await;
            sent.explain("ModifyDBSubnetGroup", name)?;
        }
        if changes.touches("tags") {
            let arn = changes.seen.attribute("arn").unwrap_or_default();
            let tags = Some(sdk_tags(&self.tags));
            let sent = docdb(aws).add_tags_to_resource().resource_name(arn).set_tags(tags).send().await;
            sent.explain("AddTagsToResource", name)?;
            let removed = changes.removed_tags(&self.tags);
            if !removed.is_empty() {
                let sent = docdb(aws).remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(removed));
                sent.send().await.explain("RemoveTagsFromResource", name)?;
            }
        }
        Ok(Progress::done(name))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let deleted = docdb(aws).delete_db_subnet_group().db_subnet_group_name(&seen.id).send().await;
        gone(deleted.explain("DeleteDBSubnetGroup", &seen.id))?;
        Ok(Progress::done(&seen.id))
    }
}

async fn with_tags(aws: &Aws, group: &Described) -> Result<Option<Seen>> {
    let (Some(name), Some(arn)) = (group.db_subnet_group_name(), group.db_subnet_group_arn()) else { return Ok(None) };
    let asked = docdb(aws).list_tags_for_resource().resource_name(arn).send().await;
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
        "description": group.db_subnet_group_description(),
        "vpc_id": group.vpc_id(),
        "subnets": subnets,
        "tags": tags,
    });
    Ok(Some(Seen::ready(name, properties).with("arn", arn)))
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
