//! An IAM role: who may take it, what its own policies allow, which managed policies are attached.

mod trust;

use std::collections::BTreeMap;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{SummaryKeyType, Tag};
use landfall_aws::{Policy, Statement};
use landfall_engine::{
    Actions, Aws, Changes, Context, Error, Explain, Field, Intent, Kind, OnChange, Progress, Quota, Resource, Result,
    Seen, Tags, Target, Wanted, async_trait, tolerate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{iam_quota, rekind};

landfall_aws::client!(pub(crate) iam: aws_sdk_iam);

pub(crate) const GONE: &[&str] = &["NoSuchEntity"];

/// A role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    /// Name, unique in the account.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who may take it, canonical.
    pub trust: Value,
    /// Its own policies by name, canonical.
    pub inline: BTreeMap<String, Value>,
    /// ARNs of the managed policies that are attached, in alphabetical order.
    pub attached: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl Role {
    /// A role without permissions.
    pub fn new(name: impl Into<String>, description: impl Into<String>, trust: &Policy) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            trust: trust.document(),
            inline: BTreeMap::new(),
            attached: Vec::new(),
            tags: Tags::new(),
        }
    }

    /// A role that one AWS service takes, on behalf of this account only
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>). `source` is the pattern of the ARNs
    /// for which it does, when that is known.
    pub fn for_service(
        name: impl Into<String>,
        description: impl Into<String>,
        service: &str,
        source: Option<String>,
        cx: &Context,
    ) -> Self {
        let mut statement = Statement::allow(["sts:AssumeRole"]).services([service]).when(
            "StringEquals",
            "aws:SourceAccount",
            [cx.account_id.clone()],
        );
        if let Some(source) = source {
            statement = statement.when("ArnLike", "aws:SourceArn", [source]);
        }
        Self::new(name, description, &Policy::new([statement]))
    }

    /// Adds a policy of its own.
    #[must_use]
    pub fn inline(mut self, name: impl Into<String>, policy: &Policy) -> Self {
        self.inline.insert(name.into(), policy.document());
        self
    }

    /// Attaches managed policies, by ARN.
    #[must_use]
    pub fn attach(mut self, policies: impl IntoIterator<Item = String>) -> Self {
        self.attached.extend(policies);
        self
    }

    /// The ARN of the role of that name.
    pub fn arn_of(name: &str, cx: &Context) -> String {
        cx.global_arn("iam", &format!("role/{name}"))
    }

    async fn put_inline(&self, iam: &Client, name: &str, document: &Value) -> Result<()> {
        let put = iam.put_role_policy().role_name(&self.name).policy_name(name).policy_document(document.to_string());
        put.send().await.explain("PutRolePolicy", &self.name).map(drop).map_err(settling)
    }

    async fn attach_policy(&self, iam: &Client, policy: &str) -> Result<()> {
        let attach = iam.attach_role_policy().role_name(&self.name).policy_arn(policy);
        attach.send().await.explain("AttachRolePolicy", &self.name).map(drop).map_err(settling)
    }
}

#[async_trait]
impl Resource for Role {
    const KIND: &'static str = "AWS::IAM::Role";
    const FIELDS: &'static [Field] = &[Field { name: "name", on_change: OnChange::Replace }];
    const ACTIONS: Actions = Actions {
        create: &["iam:CreateRole", "iam:TagRole"],
        update: &[
            ("description", "iam:UpdateRoleDescription"),
            ("trust", "iam:UpdateAssumeRolePolicy"),
            ("tags", "iam:TagRole"),
        ],
        delete: &["iam:DeleteRole"],
    };

    fn arn(name: &str, target: &Target) -> Option<String> {
        let Target { account_id, partition, .. } = target;
        Some(format!("arn:{partition}:iam::{account_id}:role/{name}"))
    }

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("name")?.as_str()?.to_owned())
    }

    fn canonical(mut properties: Value) -> Value {
        if let Some(trust) = properties.get_mut("trust") {
            *trust = trust::canonical(trust);
        }
        for document in properties.get_mut("inline").and_then(Value::as_object_mut).into_iter().flatten() {
            *document.1 = Policy::normalise(document.1);
        }
        if let Some(attached) = properties.get_mut("attached").and_then(Value::as_array_mut) {
            attached.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
            attached.dedup();
        }
        properties
    }

    async fn quotas(aws: &Aws, new: &[Value]) -> Result<Vec<Quota>> {
        let keys = (SummaryKeyType::Roles, SummaryKeyType::RolesQuota);
        iam_quota::quota(aws, "IAM roles", keys, new.len()).await
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let iam = iam(aws);
        let looks = wanted.iter().map(|wanted| observe_one(&iam, wanted.key()));
        futures::future::try_join_all(looks).await
    }

    async fn create(&self, aws: &Aws, intent: &Intent) -> Result<Progress> {
        let iam = iam(aws);
        let created = iam
            .create_role()
            .role_name(&self.name)
            .description(&self.description)
            .assume_role_policy_document(self.trust.to_string())
            .set_tags(Some(sdk_tags(&self.tags)?))
            .send()
            .await
            .explain("CreateRole", &self.name);
        let created = match created {
            Ok(created) => created,
            Err(error) => return Err(trust::explain(aws, error, &self.trust, Some(intent.attempt)).await),
        };
        for (name, document) in &self.inline {
            self.put_inline(&iam, name, document).await?;
        }
        for policy in &self.attached {
            self.attach_policy(&iam, policy).await?;
        }
        let arn = created.role().map(|role| role.arn().to_owned()).unwrap_or_default();
        Ok(Progress::done(&self.name).with("arn", arn))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        let iam = iam(aws);
        let name = changes.id();
        if changes.touches("description") {
            let update = iam.update_role_description().role_name(name).description(&self.description);
            update.send().await.explain("UpdateRoleDescription", name)?;
        }
        if changes.touches("trust") {
            let update = iam.update_assume_role_policy().role_name(name).policy_document(self.trust.to_string());
            if let Err(error) = update.send().await.explain("UpdateAssumeRolePolicy", name) {
                return Err(trust::explain(aws, error, &self.trust, None).await);
            }
        }
        if changes.touches("inline") {
            let now: BTreeMap<String, Value> = property(changes.seen, "inline");
            for (policy, document) in self.inline.iter().filter(|(policy, document)| now.get(*policy) != Some(document))
            {
                self.put_inline(&iam, policy, document).await?;
            }
            for policy in now.keys().filter(|policy| !self.inline.contains_key(*policy)) {
                delete_inline(&iam, name, policy).await?;
            }
        }
        if changes.touches("attached") {
            let now: Vec<String> = property(changes.seen, "attached");
            for policy in self.attached.iter().filter(|policy| !now.contains(policy)) {
                self.attach_policy(&iam, policy).await?;
            }
            for policy in now.iter().filter(|policy| !self.attached.contains(policy)) {
                detach(&iam, name, policy).await?;
            }
        }
        if changes.touches("tags") {
            let tag = iam.tag_role().role_name(name).set_tags(Some(sdk_tags(&self.tags)?));
            tag.send().await.explain("TagRole", name)?;
            let removed = changes.removed_tags(&self.tags);
            if !removed.is_empty() {
                let untag = iam.untag_role().role_name(name).set_tag_keys(Some(removed));
                untag.send().await.explain("UntagRole", name)?;
            }
        }
        Ok(Progress::done(name))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let iam = iam(aws);
        let name = &seen.id;
        // A role can only be deleted when nothing is attached to it.
        for policy in property::<Vec<String>>(seen, "attached") {
            detach(&iam, name, &policy).await?;
        }
        for policy in property::<BTreeMap<String, Value>>(seen, "inline").keys() {
            delete_inline(&iam, name, policy).await?;
        }
        let deleted = iam.delete_role().role_name(name).send().await.explain("DeleteRole", name);
        // Gone already is what was asked for.
        tolerate(deleted, GONE)?;
        Ok(Progress::done(name))
    }
}

async fn observe_one(iam: &Client, name: Option<&str>) -> Result<Option<Seen>> {
    let Some(name) = name else { return Ok(None) };
    let asked = iam.get_role().role_name(name).send().await.explain("GetRole", name);
    // A role that does not exist is an answer.
    let Some(role) = tolerate(asked, GONE)?.and_then(|answer| answer.role) else { return Ok(None) };
    let parts = tokio::try_join!(inline_of(iam, name), attached_of(iam, name));
    // A role that goes away while it is looked at is gone.
    let Some((inline, attached)) = tolerate(parts, GONE)? else { return Ok(None) };
    let properties = json!({
        "name": role.role_name(),
        "description": role.description().unwrap_or_default(),
        "trust": role.assume_role_policy_document().and_then(document),
        "inline": inline,
        "attached": attached,
        "tags": our_tags(role.tags()),
    });
    Ok(Some(Seen::ready(name, properties).with("arn", role.arn())))
}

async fn inline_of(iam: &Client, role: &str) -> Result<BTreeMap<String, Option<Value>>> {
    let mut names = Vec::new();
    let mut pages = iam.list_role_policies().role_name(role).into_paginator().items().send();
    while let Some(name) = pages.next().await {
        names.push(name.explain("ListRolePolicies", role)?);
    }
    let gets = names.into_iter().map(|name| async move {
        let got = iam.get_role_policy().role_name(role).policy_name(&name).send().await;
        let got = got.explain("GetRolePolicy", role)?;
        Ok::<_, Error>((name, document(got.policy_document())))
    });
    Ok(futures::future::try_join_all(gets).await?.into_iter().collect())
}

async fn attached_of(iam: &Client, role: &str) -> Result<Vec<String>> {
    let mut attached = Vec::new();
    let mut pages = iam.list_attached_role_policies().role_name(role).into_paginator().items().send();
    while let Some(policy) = pages.next().await {
        attached.extend(policy.explain("ListAttachedRolePolicies", role)?.policy_arn);
    }
    attached.sort();
    Ok(attached)
}

async fn delete_inline(iam: &Client, role: &str, policy: &str) -> Result<()> {
    let deleted = iam.delete_role_policy().role_name(role).policy_name(policy).send().await;
    // Gone already is what was asked for.
    tolerate(deleted.explain("DeleteRolePolicy", role), GONE).map(drop)
}

async fn detach(iam: &Client, role: &str, policy: &str) -> Result<()> {
    let detached = iam.detach_role_policy().role_name(role).policy_arn(policy).send().await;
    // Detached already is what was asked for.
    tolerate(detached.explain("DetachRolePolicy", role), GONE).map(drop)
}

/// A property of what was seen, or nothing.
fn property<T: serde::de::DeserializeOwned + Default>(seen: &Seen, name: &str) -> T {
    seen.properties.get(name).and_then(|value| serde_json::from_value(value.clone()).ok()).unwrap_or_default()
}

/// A new role is not known to all of IAM at once; a policy that does not exist stays unknown
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).
fn settling(error: Error) -> Error {
    if error.kind != Kind::NotFound {
        return error;
    }
    if error.message.contains("role with name") {
        return rekind(error, Kind::NotReady);
    }
    rekind(error, Kind::Invalid).hint("attach a policy that exists, by its ARN")
}

pub(crate) fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>> {
    let built = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    built.map(|tag| tag.map_err(|error| Error::new(Kind::Corrupt, "TagRole", error.to_string()))).collect()
}

pub(crate) fn our_tags(tags: &[Tag]) -> Tags {
    let tags = tags.iter().filter(|tag| !tag.key().starts_with("aws:"));
    tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// A policy document as IAM answers it: percent-encoded JSON.
pub(crate) fn document(text: &str) -> Option<Value> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = escaped.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    Policy::parse(std::str::from_utf8(&bytes).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_decoded() {
        let encoded = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
        assert_eq!(document(encoded), Some(json!({ "Version": "2012-10-17", "Statement": [] })));
    }

    #[test]
    fn attached_policies_are_compared_in_order_once_their_arns_are_known() {
        let filled = json!({ "attached": ["arn:b", "arn:a", "arn:b"] });
        assert_eq!(Role::canonical(filled)["attached"], json!(["arn:a", "arn:b"]));
    }

    #[test]
    fn a_service_takes_its_role_for_this_account_only() {
        let cx = crate::tests::context();
        let role = Role::for_service("r", "", "vpc-flow-logs.amazonaws.com", Some("arn:x:*".to_owned()), &cx);
        let condition = &role.trust["Statement"][0]["Condition"];
        assert_eq!(condition["StringEquals"]["aws:SourceAccount"], json!([cx.account_id]));
        assert_eq!(condition["ArnLike"]["aws:SourceArn"], json!(["arn:x:*"]));
    }

    #[test]
    fn a_new_role_is_waited_for_and_a_missing_policy_is_a_mistake() {
        let missing = |message: &str| settling(Error::new(Kind::NotFound, "AttachRolePolicy", message)).kind;
        assert_eq!(missing("The role with name r cannot be found"), Kind::NotReady);
        assert_eq!(missing("Policy arn:aws:iam::1:policy/x does not exist or is not attachable"), Kind::Invalid);
    }
}
