//! Module `sqs`: one queue, encrypted with a key of its own.

mod queue;

use landfall_engine::{Context, Graph, Module, Outputs, Registered, Result, registered};
use landfall_resources::Key;
use serde::Deserialize;

pub use queue::Queue;

/// Services that may send to the queue and therefore use its key
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>).
const SENDERS: [&str; 3] = ["sns.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"];

/// The module.
#[derive(Debug)]
pub struct Sqs;

/// Inputs, as the catalogue fills them.
#[derive(Clone, Debug, Deserialize)]
pub struct Inputs {
    /// First in, first out, exactly once.
    pub fifo: bool,
    /// Deduplicates by the hash of the body; fifo only.
    pub content_based_deduplication: bool,
    /// Seconds before a message becomes visible, 0 to 900.
    pub delay_seconds: i64,
    /// Seconds a message is kept, 60 to 1,209,600.
    pub message_retention_seconds: i64,
    /// Seconds a receive waits for a message, 0 to 20.
    pub receive_wait_time_seconds: i64,
}

impl Module for Sqs {
    const KIND: &'static str = "sqs";
    type Inputs = Inputs;

    fn resources() -> Vec<Registered> {
        vec![registered::<Key>(), registered::<Queue>()]
    }

    fn build(inputs: Inputs, cx: &Context, graph: &mut Graph) -> Result<Outputs> {
        let name = if inputs.fifo { format!("{}.fifo", cx.name()) } else { cx.name() };
        let key = graph.add("key", Key::for_services(cx, &format!("Messages of the queue {name}"), &SENDERS));
        let queue = graph.add("queue", Queue::new(name.clone(), &inputs, key.arn(), cx));
        Ok(Outputs::new()
            .with("queue_arn", queue.arn())
            .with("queue_name", name)
            .with("queue_id", queue.id())
            .with("kms_arn", key.arn()))
    }
}
