//! A queue's subscription to the topic.

use aws_sdk_sns::types::Subscription as Listed;
use landfall_engine::{
    Actions, Aws, Changes, Context, Error, Explain, Field, Intent, OnChange, Progress, Resource, Result, Seen, Token,
    Wanted, async_trait, tokens, tolerate,
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

/// What AWS lists instead of an ARN until the owner of the queue, another account, has confirmed it
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-send-message-to-sqs-cross-account.html>).
const UNCONFIRMED: &str = "PendingConfirmation";

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

/// The one of `all` that is wanted, and its ARN. One that is not confirmed is known by its queue, once its ARN is
/// recorded; before that, subscribing again tells the ARN.
fn subscription<'a>(wanted: &Wanted<'a>, all: &'a [Listed]) -> Option<(&'a Listed, &'a str)> {
    let of_queue = |one: &&Listed| one.endpoint() == wanted.text("queue") && one.protocol() == Some("sqs");
    // One that its queue's owner ended is listed under another word for some days.
    let lives = |one: &&Listed| one.subscription_arn().is_some_and(|arn| arn == UNCONFIRMED || is_arn(arn));
    let id = wanted.id.filter(|id| is_arn(id));
    let by_arn = |id| all.iter().find(|one| one.subscription_arn() == Some(id));
    let found = id.and_then(by_arn).or_else(|| all.iter().filter(lives).find(of_queue))?;
    match (found.subscription_arn()?, id) {
        (UNCONFIRMED, id) => Some((found, id?)),
        (arn, None) => Some((found, arn)),
        (arn, Some(id)) => (arn == id).then_some((found, arn)),
    }
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
                let (found, arn) = subscription(wanted, &all)?;
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
        match tolerate(deleted, GONE) {
            Err(error) if !was_never_confirmed(&error) => Err(error),
            _ => Ok(Progress::done(&seen.id)),
        }
    }
}

/// AWS ends what nobody confirmed with the topic or after two days, and lets nobody end it before
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html>).
fn was_never_confirmed(error: &Error) -> bool {
    error.is_code("InvalidParameter") && error.message.to_ascii_lowercase().contains("pending confirmation")
}

#[cfg(test)]
mod tests {
    use landfall_engine::Kind;

    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:222222222222:theirs";
    const ARN: &str = "arn:aws:sns:eu-west-1:111111111111:news:5d3d";

    fn found(id: Option<&str>, listed: &str) -> Option<String> {
        let all = [Listed::builder().subscription_arn(listed).protocol("sqs").endpoint(QUEUE).build()];
        let (properties, tags) = (json!({ "queue": QUEUE }), Default::default());
        let wanted = Wanted {
            resource: "subscription",
            recorded: None,
            id,
            name: Some(QUEUE),
            tags: &tags,
            properties: &properties,
            leaving: false,
        };
        subscription(&wanted, &all).map(|(_, arn)| arn.to_owned())
    }

    #[test]
    fn one_that_is_not_confirmed_is_there_and_never_known_by_that_word() {
        assert_eq!(found(Some(ARN), ARN).as_deref(), Some(ARN));
        assert_eq!(found(None, ARN).as_deref(), Some(ARN), "a reply was lost");
        assert_eq!(found(Some(ARN), UNCONFIRMED).as_deref(), Some(ARN));
        assert_eq!(found(None, UNCONFIRMED), None, "subscribing again tells its ARN");
        assert_eq!(found(Some("arn:aws:sns:eu-west-1:111111111111:news:gone"), ARN), None);
        assert_eq!(found(Some(UNCONFIRMED), ARN).as_deref(), Some(ARN), "a record of before");
        assert_eq!(found(None, "Deleted"), None, "its owner ended it");
    }

    #[test]
    fn one_that_was_never_confirmed_needs_no_end() {
        let refused = |message: &str| {
            let mut error = Error::new(Kind::Invalid, "Unsubscribe", message);
            error.code = Some("InvalidParameter".to_owned());
            was_never_confirmed(&error)
        };
        assert!(refused("Invalid parameter: Cannot unsubscribe a subscription that is pending confirmation"));
        assert!(!refused("Invalid parameter: SubscriptionArn"));
    }
}
