//! A customer managed policy. Its document changes by a new version, of which IAM keeps five.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::SummaryKeyType;
use landfall_aws::{Policy, Statement};
use landfall_engine::{
    Actions, Aws, Changes, Context, Explain, Field, Intent, Kind, OnChange, Progress, Quota, Resource, Result, Seen,
    Tags, Target, Wanted, async_trait, tolerate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::role::{GONE, document, iam, our_tags, sdk_tags};
use crate::{iam_quota, rekind};

/// Versions that IAM keeps of a policy
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html>).
const VERSIONS: usize = 5;

/// A policy that can be attached to several roles.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// Name, unique in the account.
    pub name: String,
    /// What it is for; IAM cannot change it.
    pub description: String,
    /// What it allows, canonical.
    pub document: Value,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl ManagedPolicy {
    /// A policy with these statements.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        statements: impl IntoIterator<Item = Statement>,
    ) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            document: Policy::new(statements).document(),
            tags: Tags::new(),
        }
    }

    /// The ARN of the policy of that name.
    pub fn arn_of(name: &str, cx: &Context) -> String {
        cx.global_arn("iam", &format!("policy/{name}"))
    }
}

#[async_trait]
impl Resource for ManagedPolicy {
    const KIND: &'static str = "AWS::IAM::ManagedPolicy";
    const FIELDS: &'static [Field] = &[
        Field { name: "name", on_change: OnChange::Replace },
        Field { name: "description", on_change: OnChange::Ignore },
    ];
    const ACTIONS: Actions = Actions {
        create: &["iam:CreatePolicy", "iam:TagPolicy"],
        update: &[("document", "iam:CreatePolicyVersion"), ("tags", "iam:TagPolicy")],
        delete: &["iam:DeletePolicy"],
    };

    fn arn(name: &str, target: &Target) -> Option<String> {
        let Target { account_id, partition, .. } = target;
        Some(format!("arn:{partition}:iam::{account_id}:policy/{name}"))
    }

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("name")?.as_str()?.to_owned())
    }

    fn canonical(mut properties: Value) -> Value {
        if let Some(document) = properties.get_mut("document") {
            *document = Policy::normalise(document);
        }
        properties
    }

    async fn quotas(aws: &Aws, new: &[Value]) -> Result<Vec<Quota>> {
        let keys = (SummaryKeyType::Policies, SummaryKeyType::PoliciesQuota);
        iam_quota::quota(aws, "customer managed policies", keys, new.len()).await
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let iam = iam(aws);
        let target = aws.target();
        let looks = wanted.iter().map(|wanted| {
            let by_name =
                wanted.name.map(|name| format!("arn:{}:iam::{}:policy/{name}", target.partition, target.account_id));
            observe_one(&iam, wanted.id.map(str::to_owned).or(by_name))
        });
        futures::future::try_join_all(looks).await
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = iam(aws)
            .create_policy()
            .policy_name(&self.name)
            .description(&self.description)
            .policy_document(self.document.to_string())
            .set_tags(Some(sdk_tags(&self.tags)?))
            .send()
            .await
            .explain("CreatePolicy", &self.name)
            // The next look shows whether it is the one that an interrupted attempt made.
            .map_err(
                |error| if error.is_code("EntityAlreadyExists") { rekind(error, Kind::NotReady) } else { error },
            )?;
        let arn = created.policy().and_then(|policy| policy.arn()).unwrap_or_default();
        Ok(Progress::done(arn).with("arn", arn))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        let iam = iam(aws);
        let arn = changes.id();
        if changes.touches("document") {
            make_room(&iam, arn).await?;
            let version = iam.create_policy_version().policy_arn(arn).policy_document(self.document.to_string());
            version.set_as_default(true).send().await.explain("CreatePolicyVersion", &self.name)?;
        }
        if changes.touches("tags") {
            let tag = iam.tag_policy().policy_arn(arn).set_tags(Some(sdk_tags(&self.tags)?));
            tag.send().await.explain("TagPolicy", &self.name)?;
            let removed = changes.removed_tags(&self.tags);
            if !removed.is_empty() {
                let untag = iam.untag_policy().policy_arn(arn).set_tag_keys(Some(removed));
                untag.send().await.explain("UntagPolicy", &self.name)?;
            }
        }
        Ok(Progress::done(arn))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let iam = iam(aws);
        let arn = &seen.id;
        for version in former_versions(&iam, arn).await? {
            delete_version(&iam, arn, &version).await?;
        }
        let deleted = iam.delete_policy().policy_arn(arn).send().await.explain("DeletePolicy", arn);
        let deleted = deleted.map_err(|error| {
            if error.is_code("DeleteConflict") {
                error.hint("something else uses this policy: detach it there, then try again")
            } else {
                error
            }
        });
        // Gone already is what was asked for.
        tolerate(deleted, GONE)?;
        Ok(Progress::done(arn))
    }
}

async fn observe_one(iam: &Client, arn: Option<String>) -> Result<Option<Seen>> {
    let Some(arn) = arn else { return Ok(None) };
    let asked = iam.get_policy().policy_arn(&arn).send().await.explain("GetPolicy", &arn);
    // A policy that does not exist is an answer.
    let Some(policy) = tolerate(asked, GONE)?.and_then(|answer| answer.policy) else { return Ok(None) };
    let version = policy.default_version_id().unwrap_or("v1");
    let asked = iam.get_policy_version().policy_arn(&arn).version_id(version).send().await;
    // A policy that goes away while it is looked at is gone.
    let Some(version) = tolerate(asked.explain("GetPolicyVersion", &arn), GONE)? else { return Ok(None) };
    let properties = json!({
        "name": policy.policy_name(),
        "description": policy.description().unwrap_or_default(),
        "document": version.policy_version().and_then(|version| version.document()).and_then(document),
        "tags": our_tags(policy.tags()),
    });
    Ok(Some(Seen::ready(&arn, properties).with("arn", arn.as_str())))
}

/// Deletes the oldest version when there are as many as IAM keeps.
async fn make_room(iam: &Client, arn: &str) -> Result<()> {
    let former = former_versions(iam, arn).await?;
    match former.last() {
        Some(oldest) if former.len() + 1 >= VERSIONS => delete_version(iam, arn, oldest).await,
        _ => Ok(()),
    }
}

/// Versions that are not in force, newest first.
async fn former_versions(iam: &Client, arn: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut pages = iam.list_policy_versions().policy_arn(arn).into_paginator().items().send();
    while let Some(version) = pages.next().await {
        // A policy that is gone has no versions.
        let Some(version) = tolerate(version.explain("ListPolicyVersions", arn), GONE)? else { break };
        if !version.is_default_version() {
            found.extend(version.version_id);
        }
    }
    let number = |version: &String| version.trim_start_matches('v').parse::<u64>().unwrap_or_default();
    found.sort_by_key(|version| std::cmp::Reverse(number(version)));
    Ok(found)
}

async fn delete_version(iam: &Client, arn: &str, version: &str) -> Result<()> {
    let deleted = iam.delete_policy_version().policy_arn(arn).version_id(version).send().await;
    // Gone already is what was asked for.
    tolerate(deleted.explain("DeletePolicyVersion", arn), GONE).map(drop)
}
