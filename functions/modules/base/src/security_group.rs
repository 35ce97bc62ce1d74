//! Security groups of the databases, and the default group of the VPC, which is taken over and emptied.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::types::{ResourceType, SecurityGroup as Described};
use landfall_engine::{
    Actions, Aws, Changes, Error, Explain, Field, Intent, Kind, OnChange, Progress, Resource, Result, Seen, Tags,
    Wanted, async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::{ec2, filter, gone, id_of, lookups, matching, retag, settling, tag, tagged, tags_of};
use crate::rules::{Direction, Rules, bring, seen as rules};

/// A security group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Name, unique in the VPC.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// VPC.
    pub vpc_id: String,
    /// Who may come in.
    pub ingress: Rules,
    /// Where its members may go.
    pub egress: Rules,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

#[async_trait]
impl Resource for SecurityGroup {
    const KIND: &'static str = "AWS::EC2::SecurityGroup";
    const FIELDS: &'static [Field] = &[
        Field { name: "name", on_change: OnChange::Replace },
        Field { name: "description", on_change: OnChange::Replace },
        Field { name: "vpc_id", on_change: OnChange::Replace },
        Field { name: "ingress", on_change: OnChange::Disruptive },
        Field { name: "egress", on_change: OnChange::Disruptive },
    ];
    const NAMED: bool = false;
    const ACTIONS: Actions = Actions {
        create: &[
            "ec2:CreateSecurityGroup",
            "ec2:CreateTags",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
        ],
        update: &[("tags", "ec2:CreateTags")],
        delete: &["ec2:DeleteSecurityGroup"],
    };

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("name")?.as_str()?.to_owned())
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let found = describe(aws, wanted).await?;
        let matched = |wanted: &Wanted<'_>| matching(wanted, &found, |group| group.group_id(), |group| group.tags());
        let new: Vec<&Wanted<'_>> = wanted.iter().filter(|one| one.id.is_none() && matched(one).is_none()).collect();
        let namesakes = namesakes(aws, &new).await?;
        let one = |wanted: &Wanted<'_>| {
            let taken = || namesakes.iter().find(|group| wanted.id.is_none() && has_name_of(group, wanted));
            let group = matched(wanted).or_else(taken)?;
            let properties = json!({
                "name": group.group_name(),
                "description": group.description(),
                "vpc_id": group.vpc_id(),
                "ingress": rules(group.ip_permissions()),
                "egress": rules(group.ip_permissions_egress()),
                "tags": tags_of(group.tags()),
            });
            Some(Seen::ready(group.group_id()?, properties))
        };
        Ok(wanted.iter().map(one).collect())
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = ec2(aws)
            .create_security_group()
            .group_name(&self.name)
            .description(&self.description)
            .vpc_id(&self.vpc_id)
            .tag_specifications(tagged(ResourceType::SecurityGroup, &self.tags))
            .send()
            .await;
        let created = settling(created.explain("CreateSecurityGroup", &self.name))?;
        let id = id_of(created.group_id(), "CreateSecurityGroup")?;
        // AWS gives every new group a rule that lets everything out.
        let born_with = Rules::from([("all".to_owned(), json!(["0.0.0.0/0"]))]);
        bring(aws, &id, Direction::Egress, &born_with, &self.egress).await?;
        bring(aws, &id, Direction::Ingress, &Rules::new(), &self.ingress).await?;
        Ok(Progress::done(id))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        bring_both(aws, changes, &self.ingress, &self.egress).await?;
        retag(aws, changes, &self.tags).await?;
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        gone(
            ec2(aws).delete_security_group().group_id(&seen.id).send().await.explain("DeleteSecurityGroup", &seen.id),
        )?;
        Ok(Progress::done(&seen.id))
    }
}

/// The group that AWS makes with every VPC. It cannot be deleted, so it is emptied: whatever lands in it by mistake
/// reaches nothing and is reached by nothing. It goes with its VPC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultSecurityGroup {
    /// VPC.
    pub vpc_id: String,
    /// Nobody.
    pub ingress: Rules,
    /// Nowhere.
    pub egress: Rules,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

#[async_trait]
impl Resource for DefaultSecurityGroup {
    const KIND: &'static str = "AWS::EC2::DefaultSecurityGroup";
    const FIELDS: &'static [Field] = &[Field { name: "vpc_id", on_change: OnChange::Replace }];
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateTags", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
        update: &[("tags", "ec2:CreateTags")],
        delete: &[],
    };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let found = describe(aws, wanted).await?;
        let one = |wanted: &Wanted<'_>| {
            let group = matching(wanted, &found, |group| group.group_id(), |group| group.tags())?;
            let properties = json!({
                "vpc_id": group.vpc_id(),
                "ingress": rules(group.ip_permissions()),
                "egress": rules(group.ip_permissions_egress()),
                "tags": tags_of(group.tags()),
            });
            Some(Seen::ready(group.group_id()?, properties))
        };
        Ok(wanted.iter().map(one).collect())
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let filters = vec![filter("vpc-id", [self.vpc_id.as_str()]), filter("group-name", ["default"])];
        let answer = ec2(aws).describe_security_groups().set_filters(Some(filters)).send().await;
        let found = answer.explain("DescribeSecurityGroups", &self.vpc_id)?.security_groups.unwrap_or_default();
        let Some(group) = found.first() else {
            return Err(Error::new(Kind::NotReady, "adopt", "AWS does not show the default group of the VPC yet")
                .about(&self.vpc_id));
        };
        let id = id_of(group.group_id(), "DescribeSecurityGroups")?;
        // The function may change what carries our tags: the rules go in the next step.
        tag(aws, &id, &self.tags).await?;
        Ok(Progress::pending(id, Duration::ZERO, "the default security group of the VPC is taken over"))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        bring_both(aws, changes, &self.ingress, &self.egress).await?;
        retag(aws, changes, &self.tags).await?;
        Ok(Progress::done(changes.id()))
    }

    async fn delete(_aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        Ok(Progress::done(&seen.id))
    }
}

async fn describe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Described>> {
    let mut found = Vec::new();
    for filters in lookups("group-id", wanted) {
        let pages = ec2(aws).describe_security_groups().set_filters(Some(filters)).into_paginator().items().send();
        found.extend(pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeSecurityGroups", "security groups")?);
    }
    Ok(found)
}

/// Groups that have the names of new ones in a VPC that exists already: a name is given once in a VPC, and another one
/// of it would be refused in the middle of the deployment.
async fn namesakes(aws: &Aws, new: &[&Wanted<'_>]) -> Result<Vec<Described>> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for wanted in new.iter().filter(|wanted| !wanted.leaving) {
        if let (Some(vpc), Some(name)) = (wanted.text("vpc_id"), wanted.text("name")) {
            names.entry(vpc).or_default().push(name);
        }
    }
    let mut found = Vec::new();
    for (vpc, names) in names {
        let filters = vec![filter("vpc-id", [vpc]), filter("group-name", names)];
        let pages = ec2(aws).describe_security_groups().set_filters(Some(filters)).into_paginator().items().send();
        found.extend(pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeSecurityGroups", vpc)?);
    }
    Ok(found)
}

fn has_name_of(group: &Described, wanted: &Wanted<'_>) -> bool {
    !wanted.leaving && group.vpc_id() == wanted.text("vpc_id") && group.group_name() == wanted.text("name")
}

async fn bring_both(aws: &Aws, changes: &Changes<'_>, ingress: &Rules, egress: &Rules) -> Result<()> {
    for (field, direction, wanted) in [("ingress", Direction::Ingress, ingress), ("egress", Direction::Egress, egress)]
    {
        if changes.touches(field) {
            let now = changes.seen.properties.get(field).cloned().unwrap_or_default();
            let now: Rules = serde_json::from_value(now).unwrap_or_default();
            bring(aws, changes.id(), direction, &now, wanted).await?;
        }
    }
    Ok(())
}
