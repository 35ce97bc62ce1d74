//! What a queue is, how it is seen, what may change in place.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use landfall_aws::{Policy, Statement};
use landfall_engine::{
    Actions, Aws, Changes, Context, Explain, Field, Intent, OnChange, Progress, Resource, Result, Seen, Tags, Target,
    Wanted, async_trait, tolerate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Inputs;

landfall_aws::client!(sqs: aws_sdk_sqs);

/// A queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Queue {
    /// Name, with `.fifo` for a fifo queue.
    pub name: String,
    /// Fifo or standard.
    pub fifo: bool,
    /// Deduplication by content; absent for a standard queue, which does not know the attribute.
    pub content_based_deduplication: Option<bool>,
    /// Seconds.
    pub delay_seconds: i64,
    /// Seconds.
    pub message_retention_seconds: i64,
    /// Seconds.
    pub receive_wait_time_seconds: i64,
    /// ARN of the KMS key.
    pub kms_key: String,
    /// Queue policy, canonical.
    pub policy: Value,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl Queue {
    /// The queue for these inputs.
    pub fn new(name: String, inputs: &Inputs, kms_key: String, cx: &Context) -> Self {
        let arn = cx.arn("sqs", &name);
        Self {
            fifo: inputs.fifo,
            content_based_deduplication: inputs.fifo.then_some(inputs.content_based_deduplication),
            delay_seconds: inputs.delay_seconds,
            message_retention_seconds: inputs.message_retention_seconds,
            receive_wait_time_seconds: inputs.receive_wait_time_seconds,
            kms_key,
            policy: policy(&arn, cx).document(),
            tags: Tags::new(),
            name,
        }
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute, String)> {
        let mut all = vec![
            ("delay_seconds", Attribute::DelaySeconds, self.delay_seconds.to_string()),
            (
                "message_retention_seconds",
                Attribute::MessageRetentionPeriod,
                self.message_retention_seconds.to_string(),
            ),
            (
                "receive_wait_time_seconds",
                Attribute::ReceiveMessageWaitTimeSeconds,
                self.receive_wait_time_seconds.to_string(),
            ),
            ("kms_key", Attribute::KmsMasterKeyId, self.kms_key.clone()),
            ("policy", Attribute::Policy, self.policy.to_string()),
        ];
        if let Some(deduplicate) = self.content_based_deduplication {
            all.push(("content_based_deduplication", Attribute::ContentBasedDeduplication, deduplicate.to_string()));
        }
        all
    }
}

/// The account may do everything; SNS and EventBridge of this account may send; nobody without TLS.
fn policy(arn: &str, cx: &Context) -> Policy {
    Policy::new([
        Statement::allow(["sqs:*"]).sid("Account").arns([cx.root_arn()]).on([arn]),
        Statement::allow(["sqs:SendMessage"])
            .sid("Services")
            .services(["sns.amazonaws.com", "events.amazonaws.com"])
            .on([arn])
            .when("StringEquals", "aws:SourceAccount", [cx.account_id.clone()]),
        Statement::deny(["sqs:*"]).sid("TlsOnly").everybody().on([arn]).when("Bool", "aws:SecureTransport", ["false"]),
    ])
}

#[async_trait]
impl Resource for Queue {
    const KIND: &'static str = "AWS::SQS::Queue";
    // Messages that are older than a retention that is set now are deleted
    // (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>).
    const FIELDS: &'static [Field] = &[
        Field { name: "name", on_change: OnChange::Replace },
        Field { name: "fifo", on_change: OnChange::Replace },
        Field { name: "message_retention_seconds", on_change: OnChange::Keeps },
    ];
    const DATA: Option<&'static str> = Some("the messages in the queue");
    const ACTIONS: Actions = Actions {
        create: &["sqs:CreateQueue", "sqs:TagQueue"],
        update: &[("*", "sqs:SetQueueAttributes"), ("tags", "sqs:TagQueue")],
        delete: &["sqs:DeleteQueue"],
    };

    fn arn(name: &str, target: &Target) -> Option<String> {
        let Target { account_id, partition, region } = target;
        Some(format!("arn:{partition}:sqs:{region}:{account_id}:{name}"))
    }

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("name")?.as_str()?.to_owned())
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut seen = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            seen.push(observe_one(&sqs(aws), wanted).await?);
        }
        Ok(seen)
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let mut attributes: HashMap<Attribute, String> =
            self.attributes().into_iter().map(|(_, name, value)| (name, value)).collect();
        if self.fifo {
            attributes.insert(Attribute::FifoQueue, "true".into());
        }
        let created = sqs(aws)
            .create_queue()
            .queue_name(&self.name)
            .set_attributes(Some(attributes))
            .set_tags(Some(self.tags.clone().into_iter().collect()))
            .send()
            .await
            .explain("CreateQueue", &self.name)?;
        let target = aws.target();
        let arn = format!("arn:{}:sqs:{}:{}:{}", target.partition, target.region, target.account_id, self.name);
        Ok(Progress::done(created.queue_url().unwrap_or_default()).with("arn", arn))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        let url = changes.id();
        let changed: HashMap<Attribute, String> = self
            .attributes()
            .into_iter()
            .filter(|(field, _, _)| changes.touches(field))
            .map(|(_, name, value)| (name, value))
            .collect();
        if !changed.is_empty() {
            sqs(aws)
                .set_queue_attributes()
                .queue_url(url)
                .set_attributes(Some(changed))
                .send()
                .await
                .explain("SetQueueAttributes", &self.name)?;
        }
        if changes.touches("tags") {
            sqs(aws)
                .tag_queue()
                .queue_url(url)
                .set_tags(Some(self.tags.clone().into_iter().collect()))
                .send()
                .await
                .explain("TagQueue", &self.name)?;
            let removed = changes.removed_tags(&self.tags);
            if !removed.is_empty() {
                sqs(aws)
                    .untag_queue()
                    .queue_url(url)
                    .set_tag_keys(Some(removed))
                    .send()
                    .await
                    .explain("UntagQueue", &self.name)?;
            }
        }
        Ok(Progress::done(url))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let deleted = sqs(aws).delete_queue().queue_url(&seen.id).send().await.explain("DeleteQueue", &seen.id);
        // Gone already is what was asked for.
        tolerate(deleted, GONE)?;
        // Until it is gone, whoever makes one of that name takes this one for it.
        let asked =
            sqs(aws).get_queue_attributes().queue_url(&seen.id).attribute_names(Attribute::QueueArn).send().await;
        Ok(match tolerate(asked.explain("GetQueueAttributes", &seen.id), GONE)? {
            Some(_) => Progress::pending(&seen.id, LOOK_AGAIN, "AWS deletes the queue"),
            None => Progress::done(&seen.id),
        })
    }
}

/// AWS deletes a queue within a minute
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>).
const LOOK_AGAIN: Duration = Duration::from_secs(5);

const GONE: &[&str] = &["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"];

async fn observe_one(sqs: &aws_sdk_sqs::Client, wanted: &Wanted<'_>) -> Result<Option<Seen>> {
    let url = match (wanted.id, wanted.name) {
        (Some(url), _) => url.to_owned(),
        (None, Some(name)) => {
            let found = sqs.get_queue_url().queue_name(name).send().await.explain("GetQueueUrl", name);
            // A queue that does not exist is an answer.
            match tolerate(found, GONE)?.and_then(|found| found.queue_url) {
                Some(url) => url,
                None => return Ok(None),
            }
        }
        (None, None) => return Ok(None),
    };
    let attributes = async {
        let asked = sqs.get_queue_attributes().queue_url(&url).attribute_names(Attribute::All).send().await;
        tolerate(asked.explain("GetQueueAttributes", &url), GONE)
    };
    let tags = async {
        let asked = sqs.list_queue_tags().queue_url(&url).send().await;
        tolerate(asked.explain("ListQueueTags", &url), GONE)
    };
    let (attributes, tags) = tokio::try_join!(attributes, tags)?;
    // Gone, or made a moment ago and not shown by both calls yet.
    let (Some(attributes), Some(tags)) = (attributes.and_then(|answer| answer.attributes), tags) else {
        return Ok(None);
    };
    let text = |name: &Attribute| attributes.get(name).cloned().unwrap_or_default();
    let number = |name: &Attribute| text(name).parse::<i64>().ok();
    let arn = text(&Attribute::QueueArn);
    let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
    let fifo = text(&Attribute::FifoQueue) == "true";
    let mut properties = json!({
        "name": name,
        "fifo": fifo,
        "content_based_deduplication": fifo.then(|| text(&Attribute::ContentBasedDeduplication) == "true"),
        "delay_seconds": number(&Attribute::DelaySeconds),
        "message_retention_seconds": number(&Attribute::MessageRetentionPeriod),
        "receive_wait_time_seconds": number(&Attribute::ReceiveMessageWaitTimeSeconds),
        "kms_key": text(&Attribute::KmsMasterKeyId),
        "policy": Policy::parse(&text(&Attribute::Policy)),
    });
    let tags: Tags = tags.tags.unwrap_or_default().into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect();
    properties["tags"] = json!(tags);
    Ok(Some(Seen::ready(url, properties).with("arn", arn)))
}
