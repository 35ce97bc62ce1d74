//! A queue's subscription to the topic.

use landfall_engine::{
    Actions, Aws, Changes, Context, Explain, Field, Intent, OnChange, Progress, Resource, Result, Seen, Token, Wanted,
    async_trait, tokens, tolerate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::topic::{GONE, sns};

/// A subscription of a queue. Identified by topic and queue; its own ARN is known after apply.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subscription {
    /// ARN of the topic.
    pub topic: String,
    /// ARN of the queue.
    pub queue: String,
}

/// Name of the resource of a subscriber. It follows from the text of the input, so adding or removing another
/// subscriber leaves it alone. Region and account are part of it where they are not the topic's own.
pub(crate) fn label(queue: &str, cx: &Context) -> String {
    match tokens(&Value::String(queue.to_owned())).first() {
        Some(Token::Output { module, .. }) => format!("subscription-{module}"),
        Some(Token::Attribute { resource, .. }) => format!("subscription-{resource}"),
        None => {
            let parts: Vec<&str> = queue.split(':').skip(3).collect();
            let foreign = |part: &&str| **part != cx.region && **part != cx.account_id;
            let parts: Vec<&str> = parts.iter().filter(|part| foreign(part)).copied().collect();
            format!("subscription-{}", parts.join("-"))
        }
    }
}

#[async_trait]
impl Resource for Subscription {
    const KIND: &'static str = "AWS::SNS::Subscription";
    const FIELDS: &'static [Field] =
        &[Field { name: "topic", on_change: OnChange::Replace }, Field { name: "queue", on_change: OnChange::Replace }];
    const TAGGED: bool = false;
    const ACTIONS: Actions = Actions { create: &["sns:Subscribe"], update: &[], delete: &["sns:Unsubscribe"] };

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("queue")?.as_str()?.to_owned())
    }

    /// All subscriptions of a module belong to one topic: one listing answers for all.
    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let topic = wanted.iter().find_map(|wanted| {
            // The ARN of a subscription is the topic's with an id appended.
            let from_id = wanted.id.and_then(|id| id.rsplit_once(':')).map(|(topic, _)| topic);
            from_id.or_else(|| wanted.text("topic"))
        });
        let Some(topic) = topic else { return Ok(vec![None; wanted.len()]) };
        let mut all = Vec::new();
        let mut pages = sns(aws).list_subscriptions_by_topic().topic_arn(topic).into_paginator().items().send();
        while let Some(page) = pages.next().await {
            // No topic, no subscriptions.
            match tolerate(page.explain("ListSubscriptionsByTopic", topic), GONE)? {
                Some(subscription) => all.push(subscription),
                None => break,
            }
        }
        Ok(wanted
            .iter()
            .map(|wanted| {
                let found = all.iter().find(|subscription| {
                    wanted.id.map_or_else(
                        || subscription.endpoint() == wanted.name && subscription.protocol() == Some("sqs"),
                        |id| subscription.subscription_arn() == Some(id),
                    )
                })?;
                let arn = found.subscription_arn()?;
                let properties = json!({ "topic": found.topic_arn(), "queue": found.endpoint() });
                Some(Seen::ready(arn, properties).with("arn", arn))
            })
            .collect())
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = sns(aws)
            .subscribe()
            .topic_arn(&self.topic)
            .protocol("sqs")
            .endpoint(&self.queue)
            .return_subscription_arn(true)
            .send()
            .await
            .explain("Subscribe", &self.queue)?;
        let arn = created.subscription_arn().unwrap_or_default();
        Ok(Progress::done(arn).with("arn", arn))
    }

    async fn update(&self, _aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        // Every field replaces, so there is nothing to change in place.
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let deleted = sns(aws).unsubscribe().subscription_arn(&seen.id).send().await.explain("Unsubscribe", &seen.id);
        // Gone already is what was asked for.
        tolerate(deleted, GONE)?;
        Ok(Progress::done(&seen.id))
    }
}
