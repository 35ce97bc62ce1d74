//! What a topic is, how it is seen, what may change in place.

use landfall_aws::{Policy, Statement};
use landfall_engine::{
    Actions, Aws, Changes, Context, Explain, Field, Intent, OnChange, Progress, Resource, Result, Seen, Tags, Target,
    Wanted, async_trait, tolerate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Inputs;

landfall_aws::client!(pub(crate) sns: aws_sdk_sns);

pub(crate) const GONE: &[&str] = &["NotFound", "NotFoundException"];

/// A topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Topic {
    /// Name, with `.fifo` for a fifo topic.
    pub name: String,
    /// Its ARN, which follows from the name.
    pub arn: String,
    /// Fifo or standard.
    pub fifo: bool,
    /// Deduplication by content; absent for a standard topic, which does not know the attribute.
    pub content_based_deduplication: Option<bool>,
    /// ARN of the KMS key.
    pub kms_key: String,
    /// Topic policy, canonical.
    pub policy: Value,
    /// Delivery policy for HTTP endpoints; absent for a fifo topic, which has none.
    pub delivery_policy: Option<Value>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl Topic {
    /// The topic for these inputs.
    pub fn new(name: String, inputs: &Inputs, kms_key: String, cx: &Context) -> Self {
        let arn = cx.arn("sns", &name);
        Self {
            fifo: inputs.fifo,
            content_based_deduplication: inputs.fifo.then_some(inputs.content_based_deduplication),
            kms_key,
            policy: policy(&arn, cx).document(),
            delivery_policy: (!inputs.fifo).then(delivery_policy),
            tags: Tags::new(),
            name,
            arn,
        }
    }

    fn attributes(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut all =
            vec![("kms_key", "KmsMasterKeyId", self.kms_key.clone()), ("policy", "Policy", self.policy.to_string())];
        if let Some(delivery) = &self.delivery_policy {
            all.push(("delivery_policy", "DeliveryPolicy", delivery.to_string()));
        }
        if let Some(deduplicate) = self.content_based_deduplication {
            all.push(("content_based_deduplication", "ContentBasedDeduplication", deduplicate.to_string()));
        }
        all
    }

    fn sdk_tags(&self) -> Result<Vec<aws_sdk_sns::types::Tag>> {
        self.tags
            .iter()
            .map(|(key, value)| {
                aws_sdk_sns::types::Tag::builder().key(key).value(value).build().map_err(|error| {
                    landfall_engine::Error::new(landfall_engine::Kind::Corrupt, "TagResource", error.to_string())
                })
            })
            .collect()
    }
}

/// Retries of HTTP deliveries: three, 20 seconds apart, at most one message a second.
fn delivery_policy() -> Value {
    json!({
        "http": {
            "defaultHealthyRetryPolicy": {
                "minDelayTarget": 20,
                "maxDelayTarget": 20,
                "numRetries": 3,
                "numMaxDelayRetries": 0,
                "numNoDelayRetries": 0,
                "numMinDelayRetries": 0,
                "backoffFunction": "linear"
            },
            "disableSubscriptionOverrides": false,
            "defaultThrottlePolicy": { "maxReceivesPerSecond": 1 }
        }
    })
}

/// The account may use and manage it; nobody publishes without TLS.
fn policy(arn: &str, cx: &Context) -> Policy {
    Policy::new([
        Statement::allow([
            "sns:AddPermission",
            "sns:DeleteTopic",
            "sns:GetTopicAttributes",
            "sns:ListSubscriptionsByTopic",
            "sns:Publish",
            "sns:RemovePermission",
            "sns:SetTopicAttributes",
            "sns:Subscribe",
        ])
        .sid("Account")
        .arns([cx.root_arn()])
        .on([arn]),
        Statement::deny(["sns:Publish"]).sid("TlsOnly").everybody().on([arn]).when(
            "Bool",
            "aws:SecureTransport",
            ["false"],
        ),
    ])
}

#[async_trait]
impl Resource for Topic {
    const KIND: &'static str = "AWS::SNS::Topic";
    const FIELDS: &'static [Field] =
        &[Field { name: "name", on_change: OnChange::Replace }, Field { name: "fifo", on_change: OnChange::Replace }];
    const ACTIONS: Actions = Actions {
        create: &["sns:CreateTopic", "sns:TagResource"],
        update: &[("*", "sns:SetTopicAttributes"), ("tags", "sns:TagResource")],
        delete: &["sns:DeleteTopic"],
    };

    fn arn(name: &str, target: &Target) -> Option<String> {
        let Target { account_id, partition, region } = target;
        Some(format!("arn:{partition}:sns:{region}:{account_id}:{name}"))
    }

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("arn")?.as_str()?.to_owned())
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut seen = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            seen.push(match wanted.key() {
                Some(arn) => observe_one(&sns(aws), arn).await?,
                None => None,
            });
        }
        Ok(seen)
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let mut create = sns(aws).create_topic().name(&self.name).set_tags(Some(self.sdk_tags()?));
        if self.fifo {
            create = create.attributes("FifoTopic", "true");
        }
        for (_, name, value) in self.attributes() {
            create = create.attributes(name, value);
        }
        let created = create.send().await.explain("CreateTopic", &self.name)?;
        let arn = created.topic_arn().unwrap_or(&self.arn);
        Ok(Progress::done(arn).with("arn", arn))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        for (field, name, value) in self.attributes() {
            if changes.touches(field) {
                sns(aws)
                    .set_topic_attributes()
                    .topic_arn(&self.arn)
                    .attribute_name(name)
                    .attribute_value(value)
                    .send()
                    .await
                    .explain("SetTopicAttributes", &self.name)?;
            }
        }
        if changes.touches("tags") {
            sns(aws)
                .tag_resource()
                .resource_arn(&self.arn)
                .set_tags(Some(self.sdk_tags()?))
                .send()
                .await
                .explain("TagResource", &self.name)?;
            let removed = changes.removed_tags(&self.tags);
            if !removed.is_empty() {
                sns(aws)
                    .untag_resource()
                    .resource_arn(&self.arn)
                    .set_tag_keys(Some(removed))
                    .send()
                    .await
                    .explain("UntagResource", &self.name)?;
            }
        }
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        // SNS answers success for a topic that is gone.
        sns(aws).delete_topic().topic_arn(&seen.id).send().await.explain("DeleteTopic", &seen.id)?;
        Ok(Progress::done(&seen.id))
    }
}

async fn observe_one(sns: &aws_sdk_sns::Client, arn: &str) -> Result<Option<Seen>> {
    let attributes = async {
        let asked = sns.get_topic_attributes().topic_arn(arn).send().await;
        tolerate(asked.explain("GetTopicAttributes", arn), GONE)
    };
    let tags = async {
        let asked = sns.list_tags_for_resource().resource_arn(arn).send().await;
        tolerate(
            asked.explain("ListTagsForResource", arn),
            &["NotFound", "NotFoundException", "ResourceNotFound", "ResourceNotFoundException"],
        )
    };
    let (attributes, tags) = tokio::try_join!(attributes, tags)?;
    // Gone, or made a moment ago and not shown by both calls yet.
    let (Some(attributes), Some(tags)) = (attributes.and_then(|answer| answer.attributes), tags) else {
        return Ok(None);
    };
    let text = |name: &str| attributes.get(name).map(String::as_str).unwrap_or_default();
    let fifo = text("FifoTopic") == "true";
    let tags: Tags = tags
        .tags
        .unwrap_or_default()
        .into_iter()
        .filter(|tag| !tag.key().starts_with("aws:"))
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect();
    let delivery: Option<Value> = serde_json::from_str(text("DeliveryPolicy")).ok();
    let properties = json!({
        "name": arn.rsplit(':').next(),
        "arn": arn,
        "fifo": fifo,
        "content_based_deduplication": fifo.then(|| text("ContentBasedDeduplication") == "true"),
        "kms_key": text("KmsMasterKeyId"),
        "policy": Policy::parse(text("Policy")),
        "delivery_policy": delivery,
        "tags": tags,
    });
    Ok(Some(Seen::ready(arn, properties).with("arn", arn)))
}
