//! Module `sns`: one topic, encrypted with a key of its own, and the queues that subscribe to it.

mod subscription;
mod topic;

use std::collections::BTreeSet;

use landfall_engine::{Context, Graph, Module, Outputs, Registered, Result, registered};
use landfall_resources::Key;
use serde::Deserialize;

pub use subscription::Subscription;
pub use topic::Topic;

/// Services that may publish to the topic and therefore use its key
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html>).
const PUBLISHERS: [&str; 3] = ["sns.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"];

/// The module.
#[derive(Debug)]
pub struct Sns;

/// Inputs, as the catalogue fills them.
#[derive(Clone, Debug, Deserialize)]
pub struct Inputs {
    /// First in, first out.
    pub fifo: bool,
    /// Deduplicates by the hash of the body; fifo only.
    pub content_based_deduplication: bool,
    /// ARNs of queues that receive every message.
    pub sqs_subscribers: Vec<String>,
}

impl Module for Sns {
    const KIND: &'static str = "sns";
    type Inputs = Inputs;

    fn resources() -> Vec<Registered> {
        vec![registered::<Key>(), registered::<Topic>(), registered::<Subscription>()]
    }

    fn build(inputs: Inputs, cx: &Context, graph: &mut Graph) -> Result<Outputs> {
        let name = if inputs.fifo { format!("{}.fifo", cx.name()) } else { cx.name() };
        let key = graph.add("key", Key::for_services(cx, &format!("Messages of the topic {name}"), &PUBLISHERS));
        let topic = graph.add("topic", Topic::new(name, &inputs, key.arn(), cx));
        // A queue that is named twice receives every message once.
        let queues: BTreeSet<String> = inputs.sqs_subscribers.into_iter().collect();
        for queue in queues {
            graph.add(subscription::label(&queue, cx), Subscription { topic: topic.arn(), queue });
        }
        Ok(Outputs::new().with("topic_arn", topic.arn()).with("kms_arn", key.arn()))
    }
}
