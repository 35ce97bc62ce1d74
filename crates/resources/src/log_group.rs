//! A CloudWatch log group: how long it keeps what, and under which key.

use landfall_engine::{
    Actions, Aws, Changes, Context, Error, Explain, Field, Intent, Kind, OnChange, Progress, Resource, Result, Seen,
    Tags, Target, Wanted, async_trait, tolerate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rekind;

landfall_aws::client!(logs: aws_sdk_cloudwatchlogs);

const GONE: &[&str] = &["ResourceNotFoundException"];

/// The retentions that CloudWatch offers, in days
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
pub const RETENTIONS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// A log group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogGroup {
    /// Name.
    pub name: String,
    /// Days after which events go; `None` keeps them for ever.
    pub retention_days: Option<i32>,
    /// ARN of the key; `None` leaves the encryption to CloudWatch.
    pub kms_key: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl LogGroup {
    /// A log group that is encrypted with this key.
    pub fn new(name: impl Into<String>, retention_days: i32, kms_key: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            retention_days: Some(retention_days),
            kms_key: Some(kms_key.into()),
            tags: Tags::new(),
        }
    }

    /// The ARN of the log group of that name, without the `:*` that stands for its streams.
    pub fn arn_of(name: &str, cx: &Context) -> String {
        cx.arn("logs", &format!("log-group:{name}"))
    }
}

#[async_trait]
impl Resource for LogGroup {
    const KIND: &'static str = "AWS::Logs::LogGroup";
    const FIELDS: &'static [Field] = &[
        Field { name: "name", on_change: OnChange::Replace },
        Field { name: "retention_days", on_change: OnChange::Keeps },
    ];
    const DATA: Option<&'static str> = Some("the logs");
    const ACTIONS: Actions = Actions {
        create: &["logs:CreateLogGroup", "logs:TagResource"],
        update: &[("retention_days", "logs:PutRetentionPolicy"), ("tags", "logs:TagResource")],
        delete: &["logs:DeleteLogGroup"],
    };

    fn arn(name: &str, target: &Target) -> Option<String> {
        let Target { account_id, partition, region } = target;
        Some(format!("arn:{partition}:logs:{region}:{account_id}:log-group:{name}"))
    }

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("name")?.as_str()?.to_owned())
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let looks = wanted.iter().map(|wanted| observe_one(aws, wanted.key()));
        futures::future::try_join_all(looks).await
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = logs(aws)
            .create_log_group()
            .log_group_name(&self.name)
            .set_kms_key_id(self.kms_key.clone())
            .set_tags(Some(self.tags.clone().into_iter().collect()))
            .send()
            .await
            .explain("CreateLogGroup", &self.name);
        created.map_err(|error| match error.code.as_deref() {
            // The next look shows whether it is the one that an interrupted attempt made.
            Some("ResourceAlreadyExistsException") => rekind(error, Kind::NotReady),
            _ => error,
        })?;
        self.set_retention(aws).await?;
        Ok(Progress::done(&self.name).with("arn", arn_here(aws, &self.name)))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        let name = changes.id();
        if changes.touches("kms_key") {
            match &self.kms_key {
                Some(key) => {
                    let sent = logs(aws).associate_kms_key().log_group_name(name).kms_key_id(key).send().await;
                    sent.explain("AssociateKmsKey", name)?;
                }
                None => {
                    let sent = logs(aws).disassociate_kms_key().log_group_name(name).send().await;
                    sent.explain("DisassociateKmsKey", name)?;
                }
            }
        }
        if changes.touches("retention_days") {
            self.set_retention(aws).await?;
        }
        if changes.touches("tags") {
            let arn = arn_here(aws, name);
            let tags = Some(self.tags.clone().into_iter().collect());
            let sent = logs(aws).tag_resource().resource_arn(&arn).set_tags(tags).send().await;
            sent.explain("TagResource", name)?;
            let removed = changes.removed_tags(&self.tags);
            if !removed.is_empty() {
                let sent = logs(aws).untag_resource().resource_arn(&arn).set_tag_keys(Some(removed)).send().await;
                sent.explain("UntagResource", name)?;
            }
        }
        Ok(Progress::done(name))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let deleted = logs(aws).delete_log_group().log_group_name(&seen.id).send().await;
        // Gone already is what was asked for.
        tolerate(deleted.explain("DeleteLogGroup", &seen.id), GONE)?;
        Ok(Progress::done(&seen.id))
    }
}

impl LogGroup {
    async fn set_retention(&self, aws: &Aws) -> Result<()> {
        let name = &self.name;
        let settled = |error: Error| {
            // A group that was made a moment ago may not be known everywhere yet.
            if error.kind == Kind::NotFound { rekind(error, Kind::NotReady) } else { error }
        };
        match self.retention_days {
            Some(days) => {
                let sent = logs(aws).put_retention_policy().log_group_name(name).retention_in_days(days).send().await;
                sent.explain("PutRetentionPolicy", name).map(drop).map_err(settled)
            }
            None => {
                let sent = logs(aws).delete_retention_policy().log_group_name(name).send().await;
                sent.explain("DeleteRetentionPolicy", name).map(drop).map_err(settled)
            }
        }
    }
}

fn arn_here(aws: &Aws, name: &str) -> String {
    let target = aws.target();
    format!("arn:{}:logs:{}:{}:log-group:{name}", target.partition, target.region, target.account_id)
}

async fn observe_one(aws: &Aws, name: Option<&str>) -> Result<Option<Seen>> {
    let Some(name) = name else { return Ok(None) };
    // The prefix may be that of other groups, too; the exact name comes first, since AWS answers in order.
    let answer = logs(aws).describe_log_groups().log_group_name_prefix(name).limit(1).send().await;
    let answer = answer.explain("DescribeLogGroups", name)?;
    let Some(group) = answer.log_groups().iter().find(|group| group.log_group_name() == Some(name)) else {
        return Ok(None);
    };
    let arn = arn_here(aws, name);
    let tags = logs(aws).list_tags_for_resource().resource_arn(&arn).send().await;
    // A group that goes away while it is looked at is gone.
    let Some(tags) = tolerate(tags.explain("ListTagsForResource", name), GONE)? else { return Ok(None) };
    let tags: Tags = tags.tags.unwrap_or_default().into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect();
    let properties = json!({
        "name": name,
        "retention_days": group.retention_in_days(),
        "kms_key": group.kms_key_id(),
        "tags": tags,
    });
    Ok(Some(Seen::ready(name, properties).with("arn", arn)))
}
