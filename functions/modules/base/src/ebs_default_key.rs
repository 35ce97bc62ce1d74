//! The key of EBS volumes for which nobody names one, a setting of the account in its region.

use std::time::Duration;

use aws_sdk_kms::types::KeyState;
use landfall_aws::LAYER_TAG;
use landfall_engine::{
    Actions, Aws, Changes, Explain, Field, Intent, OnChange, Progress, Resource, Result, Seen, Wanted, async_trait,
    tolerate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::ec2;

landfall_aws::client!(kms: aws_sdk_kms);

/// The setting. Its id is our key; attribute `previous` is the key before us.
///
/// Only one environment of an account and region can hold it. One whose key is in use keeps it: another environment
/// leaves the setting alone (attribute `held_by` names the holder) until the holder gives it back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EbsDefaultKey {
    /// ARN of the key.
    pub key: String,
    /// The environment that the key belongs to.
    pub environment: String,
}

const SETTING: &str = "EBS default key";

#[async_trait]
impl Resource for EbsDefaultKey {
    const KIND: &'static str = "Landfall::EC2::EbsDefaultKey";
    const FIELDS: &'static [Field] = &[Field { name: "environment", on_change: OnChange::Ignore }];
    const TAGGED: bool = false;
    const DELETE_NOTE: &'static str = "the account's default key becomes what it was before, if it is still ours";
    const ACTIONS: Actions = Actions {
        create: &["ec2:ModifyEbsDefaultKmsKeyId"],
        update: &[("*", "ec2:ModifyEbsDefaultKmsKeyId")],
        delete: &[],
    };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut seen = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let Some(ours) = wanted.id else {
                seen.push(None);
                continue;
            };
            let now = current(aws).await?;
            let layer = wanted.tags.get(LAYER_TAG).map_or("", String::as_str);
            let holder = if now == ours { None } else { holder(aws, &now, layer).await? };
            seen.push(Some(match holder {
                // Without the field the record is compared: a setting that another environment holds is no change.
                Some(other) => Seen::ready(ours, json!({})).with("held_by", other),
                None => Seen::ready(ours, json!({ "key": now })),
            }));
        }
        Ok(seen)
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let now = current(aws).await?;
        if now == self.key {
            return Ok(Progress::done(&self.key));
        }
        if let Some(other) = holder(aws, &now, &self.environment).await? {
            return Ok(Progress::done(&self.key).with("held_by", other));
        }
        // What was set before is recorded first and changed in the next step, so that a crash cannot lose it.
        let remembered = Progress::pending(&self.key, Duration::ZERO, "the former EBS default key is recorded");
        Ok(remembered.with("previous", now))
    }

    async fn update(&self, aws: &Aws, _changes: &Changes<'_>) -> Result<Progress> {
        set(aws, &self.key).await?;
        Ok(Progress::done(&self.key))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        // Whoever set it since then keeps it.
        if current(aws).await? == seen.id {
            match seen.attribute("previous") {
                Some(previous) if is_usable(aws, previous).await? => set(aws, previous).await?,
                _ => {
                    ec2(aws).reset_ebs_default_kms_key_id().send().await.explain("ResetEbsDefaultKmsKeyId", SETTING)?;
                }
            }
        }
        Ok(Progress::done(&seen.id))
    }
}

async fn current(aws: &Aws) -> Result<String> {
    let answer = ec2(aws).get_ebs_default_kms_key_id().send().await.explain("GetEbsDefaultKmsKeyId", SETTING)?;
    Ok(answer.kms_key_id.unwrap_or_default())
}

async fn set(aws: &Aws, key: &str) -> Result<()> {
    let sent = ec2(aws).modify_ebs_default_kms_key_id().kms_key_id(key).send().await;
    sent.explain("ModifyEbsDefaultKmsKeyId", key).map(drop)
}

/// The other environment whose living key this is.
async fn holder(aws: &Aws, key: &str, environment: &str) -> Result<Option<String>> {
    if !is_usable(aws, key).await? {
        return Ok(None);
    }
    let pages = kms(aws).list_resource_tags().key_id(key).into_paginator().items().send();
    let tags = pages.collect::<std::result::Result<Vec<_>, _>>().await.explain("ListResourceTags", key);
    // A key of another account does not show its tags, and is no environment of this one.
    let Some(tags) = tolerate(tags, &["AccessDeniedException", "NotFoundException"])? else { return Ok(None) };
    let layer = tags.iter().find(|tag| tag.tag_key() == LAYER_TAG).map(|tag| tag.tag_value().to_owned());
    Ok(layer.filter(|layer| layer != environment))
}

/// Whether it is a key of a customer, and enabled. The key of AWS itself is what a reset brings back.
async fn is_usable(aws: &Aws, key: &str) -> Result<bool> {
    if key.is_empty() || key.contains("alias/aws/") {
        return Ok(false);
    }
    let described = kms(aws).describe_key().key_id(key).send().await.explain("DescribeKey", key);
    // A key that is gone, or of an account that no longer shares it, is of no use.
    let described = tolerate(described, &["AccessDeniedException", "NotFoundException"])?;
    let metadata = described.and_then(|described| described.key_metadata);
    Ok(metadata.is_some_and(|metadata| metadata.key_state == Some(KeyState::Enabled)))
}
