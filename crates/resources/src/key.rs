//! A KMS key with rotation, its policy and, where it has one, its alias.

use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use futures::stream::{self, StreamExt};
use landfall_aws::{Policy, Statement};
use landfall_engine::{
    Actions, Aws, Changes, Context, Error, Explain, Field, Intent, Kind, OnChange, Progress, Resource, Result, Seen,
    Status, Tags, Wanted, async_trait, tolerate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rekind;

landfall_aws::client!(kms: aws_sdk_kms);

/// Days between the request and the deletion, the shortest that AWS allows
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html>).
const DELETION_WINDOW_DAYS: i32 = 7;

const GONE: &[&str] = &["NotFoundException"];

/// A symmetric key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Key {
    /// What it is for.
    pub description: String,
    /// Key policy, canonical.
    pub policy: Value,
    /// Yearly rotation.
    pub rotation: bool,
    /// Alias with its `alias/` prefix.
    pub alias: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl Key {
    /// A rotating key with a policy of the caller's.
    pub fn new(description: impl Into<String>, policy: &Policy) -> Self {
        Self {
            description: description.into(),
            policy: policy.document(),
            rotation: true,
            alias: None,
            tags: Tags::new(),
        }
    }

    /// A rotating key that the account manages and that these AWS services use on behalf of the account.
    pub fn for_services(cx: &Context, description: &str, services: &[&str]) -> Self {
        let policy = Policy::new([
            Statement::allow(["kms:*"]).sid("Account").arns([cx.root_arn()]).on(["*"]),
            Statement::allow(["kms:Decrypt", "kms:GenerateDataKey*"])
                .sid("Services")
                .services(services.iter().copied())
                .on(["*"])
                .when("StringEquals", "aws:SourceAccount", [cx.account_id.clone()]),
        ]);
        Self::new(description, &policy)
    }

    /// Gives it an alias, with its `alias/` prefix.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.alias = Some(alias.into());
        self
    }

    fn sdk_tags(&self) -> Result<Vec<Tag>> {
        self.tags
            .iter()
            .map(|(key, value)| {
                Tag::builder()
                    .tag_key(key)
                    .tag_value(value)
                    .build()
                    .map_err(|error| Error::new(Kind::Corrupt, "TagResource", error.to_string()))
            })
            .collect()
    }
}

#[async_trait]
impl Resource for Key {
    const KIND: &'static str = "AWS::KMS::Key";
    const FIELDS: &'static [Field] = &[Field { name: "rotation", on_change: OnChange::Update }];
    const DATA: Option<&'static str> = None;
    const DELETE_NOTE: &'static str =
        "AWS deletes the key after 7 days; until then `aws kms cancel-key-deletion` brings it back";
    const NAMED: bool = false;
    const ACTIONS: Actions = Actions {
        create: &["kms:CreateKey", "kms:TagResource", "kms:EnableKeyRotation"],
        update: &[
            ("description", "kms:UpdateKeyDescription"),
            ("policy", "kms:PutKeyPolicy"),
            ("tags", "kms:TagResource"),
        ],
        delete: &["kms:ScheduleKeyDeletion"],
    };

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("alias")?.as_str()?.to_owned())
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let kms = kms(aws);
        let mut seen = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let mut found = match wanted.key() {
                Some(id) => observe_one(&kms, id, wanted.name).await?,
                None => None,
            };
            // Where the journal knows of no creation none was begun: there is nothing to find.
            if found.is_none()
                && wanted.id.is_none()
                && wanted.recorded.is_some()
                && let Some(id) = find_by_tags(&kms, wanted.tags).await?
            {
                found = observe_one(&kms, &id, wanted.name).await?;
            }
            seen.push(found);
        }
        Ok(seen)
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let kms = kms(aws);
        let created = kms
            .create_key()
            .description(&self.description)
            .policy(self.policy.to_string())
            .set_tags(Some(self.sdk_tags()?))
            .send()
            .await
            .explain("CreateKey", &self.description)
            .map_err(settling)?;
        let metadata = created
            .key_metadata()
            .ok_or_else(|| Error::new(Kind::Unexpected, "CreateKey", "AWS did not describe the key it made"))?;
        let (id, arn) = (metadata.key_id().to_owned(), metadata.arn().unwrap_or_default().to_owned());
        if let Some(alias) = &self.alias {
            give_alias(&kms, alias, &id).await?;
        }
        if self.rotation {
            kms.enable_key_rotation().key_id(&id).send().await.explain("EnableKeyRotation", &id)?;
        }
        Ok(Progress::done(id).with("arn", arn))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        let kms = kms(aws);
        let id = changes.id();
        if changes.touches("description") {
            kms.update_key_description()
                .key_id(id)
                .description(&self.description)
                .send()
                .await
                .explain("UpdateKeyDescription", id)?;
        }
        if changes.touches("policy") {
            let put = kms.put_key_policy().key_id(id).policy(self.policy.to_string()).send().await;
            put.explain("PutKeyPolicy", id).map_err(settling)?;
        }
        if changes.touches("rotation") {
            if self.rotation {
                kms.enable_key_rotation().key_id(id).send().await.explain("EnableKeyRotation", id)?;
            } else {
                kms.disable_key_rotation().key_id(id).send().await.explain("DisableKeyRotation", id)?;
            }
        }
        if changes.touches("alias") {
            if let Some(old) = changes.seen.properties.get("alias").and_then(Value::as_str) {
                let deleted = kms.delete_alias().alias_name(old).send().await.explain("DeleteAlias", old);
                // Gone already is what was asked for.
                tolerate(deleted, GONE)?;
            }
            if let Some(alias) = &self.alias {
                give_alias(&kms, alias, id).await?;
            }
        }
        if changes.touches("tags") {
            kms.tag_resource().key_id(id).set_tags(Some(self.sdk_tags()?)).send().await.explain("TagResource", id)?;
            let removed = changes.removed_tags(&self.tags);
            if !removed.is_empty() {
                kms.untag_resource()
                    .key_id(id)
                    .set_tag_keys(Some(removed))
                    .send()
                    .await
                    .explain("UntagResource", id)?;
            }
        }
        Ok(Progress::done(id))
    }

    async fn delete(aws: &Aws, seen: &Seen, recorded: &Value) -> Result<Progress> {
        let kms = kms(aws);
        // The alias goes first, so that its name is free at once while the key waits for its deletion.
        if let Some(alias) = recorded.get("alias").and_then(Value::as_str) {
            let deleted = kms.delete_alias().alias_name(alias).send().await.explain("DeleteAlias", alias);
            // Gone already is what was asked for.
            tolerate(deleted, GONE)?;
        }
        let scheduled = kms
            .schedule_key_deletion()
            .key_id(&seen.id)
            .pending_window_in_days(DELETION_WINDOW_DAYS)
            .send()
            .await
            .explain("ScheduleKeyDeletion", &seen.id);
        // A key that is gone, or whose deletion is already scheduled (KMSInvalidStateException), needs nothing more.
        tolerate(scheduled, &["NotFoundException", "KMSInvalidStateException"])?;
        Ok(Progress::done(&seen.id))
    }
}

/// Gives a key its alias; it may have it already, from an attempt whose alias AWS did not show yet
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/accessing-kms.html#programming-eventual-consistency>).
async fn give_alias(kms: &aws_sdk_kms::Client, alias: &str, id: &str) -> Result<()> {
    let given = kms.create_alias().alias_name(alias).target_key_id(id).send().await.explain("CreateAlias", alias);
    let Err(error) = given else { return Ok(()) };
    if !error.is_code("AlreadyExistsException") {
        return Err(error);
    }
    match describe(kms, alias).await? {
        Some(metadata) if metadata.key_id() == id => Ok(()),
        Some(_) => Err(error),
        None => Err(rekind(error, Kind::NotReady)),
    }
}

/// KMS refuses a policy with a principal that IAM does not show everywhere yet
/// (<https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html>): a role that was made a moment ago.
fn settling(error: Error) -> Error {
    if error.is_code("MalformedPolicyDocumentException") && error.message.contains("principal") {
        return rekind(error, Kind::NotReady);
    }
    error
}

/// Keys that are asked for their tags at a time.
const AT_ONCE: usize = 8;

/// Finds a key whose creation was interrupted. KMS cannot filter by tag, so every key of the account is asked for its
/// tags.
async fn find_by_tags(kms: &aws_sdk_kms::Client, tags: &Tags) -> Result<Option<String>> {
    let keys = kms.list_keys().into_paginator().items().send();
    let keys = keys.collect::<std::result::Result<Vec<_>, _>>().await.explain("ListKeys", "keys")?;
    let mut asked = Vec::new();
    for key in keys {
        asked.extend(key.key_id.map(|id| async { (all_tags(kms, &id).await, id) }));
    }
    let mut tagged = stream::iter(asked).buffered(AT_ONCE);
    while let Some((found, id)) = tagged.next().await {
        // Keys of AWS and keys of others may refuse to show their tags: they are not ours.
        let Some(found) = tolerate(found, &["AccessDeniedException", "NotFoundException"])? else { continue };
        let ours =
            tags.iter().all(|(name, value)| found.iter().any(|tag| tag.tag_key() == name && tag.tag_value() == value));
        if ours && is_alive(kms, &id).await? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

async fn all_tags(kms: &aws_sdk_kms::Client, id: &str) -> Result<Vec<Tag>> {
    let pages = kms.list_resource_tags().key_id(id).into_paginator().items().send();
    pages.collect::<std::result::Result<_, _>>().await.explain("ListResourceTags", id)
}

async fn is_alive(kms: &aws_sdk_kms::Client, id: &str) -> Result<bool> {
    let state = describe(kms, id).await?.and_then(|metadata| metadata.key_state);
    Ok(state.is_some_and(|state| state != KeyState::PendingDeletion))
}

/// Looks at a key by its id, or by its alias: of all calls only DescribeKey takes an alias
/// (<https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyPolicy.html>).
async fn observe_one(kms: &aws_sdk_kms::Client, key: &str, alias: Option<&str>) -> Result<Option<Seen>> {
    if key.starts_with("alias/") {
        let Some(metadata) = describe(kms, key).await? else { return Ok(None) };
        return observe_id(kms, metadata.key_id(), alias).await;
    }
    observe_id(kms, key, alias).await
}

async fn describe(kms: &aws_sdk_kms::Client, key: &str) -> Result<Option<KeyMetadata>> {
    let described = kms.describe_key().key_id(key).send().await.explain("DescribeKey", key);
    Ok(tolerate(described, GONE)?.and_then(|described| described.key_metadata))
}

async fn observe_id(kms: &aws_sdk_kms::Client, id: &str, alias: Option<&str>) -> Result<Option<Seen>> {
    let policy = async { kms.get_key_policy().key_id(id).send().await.explain("GetKeyPolicy", id) };
    let rotation = async { kms.get_key_rotation_status().key_id(id).send().await.explain("GetKeyRotationStatus", id) };
    let aliases = async {
        if alias.is_none() {
            return Ok(Vec::new());
        }
        let pages = kms.list_aliases().key_id(id).into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.explain("ListAliases", id)
    };
    let (described, policy, rotation, tags, aliases) =
        tokio::join!(describe(kms, id), policy, rotation, all_tags(kms, id), aliases);
    let Some(metadata) = described? else { return Ok(None) };
    // A key that waits for its deletion cannot be used: for us it is gone, whatever it refuses to tell.
    if metadata.key_state == Some(KeyState::PendingDeletion) {
        return Ok(None);
    }
    // One that was made a moment ago is not shown by every call at once: it is not there yet.
    let (Some(policy), Some(rotation), Some(tags), Some(aliases)) =
        (tolerate(policy, GONE)?, tolerate(rotation, GONE)?, tolerate(tags, GONE)?, tolerate(aliases, GONE)?)
    else {
        return Ok(None);
    };
    let tags: Tags = tags
        .iter()
        .filter(|tag| !tag.tag_key().starts_with("aws:"))
        .map(|tag| (tag.tag_key().to_owned(), tag.tag_value().to_owned()))
        .collect();
    let alias = alias.and_then(|wanted| {
        let exact = aliases.iter().find(|alias| alias.alias_name() == Some(wanted));
        exact.or_else(|| aliases.first())?.alias_name()
    });
    let properties = json!({
        "description": metadata.description().unwrap_or_default(),
        "policy": policy.policy().and_then(Policy::parse),
        "rotation": rotation.key_rotation_enabled(),
        "alias": alias,
        "tags": tags,
    });
    let status = match metadata.key_state {
        Some(KeyState::Creating | KeyState::Updating) => Status::Pending("Creating".to_owned()),
        _ => Status::Ready,
    };
    let id = metadata.key_id().to_owned();
    Ok(Some(Seen::ready(id, properties).with("arn", metadata.arn().unwrap_or_default()).status(status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_that_iam_does_not_show_yet_is_waited_for() {
        let refused = |message: &str| {
            let mut error = Error::new(Kind::Invalid, "CreateKey", message);
            error.code = Some("MalformedPolicyDocumentException".to_owned());
            settling(error).kind
        };
        assert_eq!(refused("Policy contains a statement with one or more invalid principals"), Kind::NotReady);
        assert_eq!(refused("Policy has a syntax error"), Kind::Invalid);
    }
}
