//! `sns`: one topic.

use landfall_config::Yaml;
use serde_json::Value;

use crate::check::Check;
use crate::kind::{Default, Grants, Input, Kind, Letters, NameRule, Output};
use crate::ty::{Pattern, Type};

const QUEUE: Pattern = Pattern {
    regex: "^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\\.fifo)?$",
    what: "the ARN of a queue",
    example: "arn:aws:sqs:us-east-1:123456789012:orders",
};

pub(crate) const KIND: Kind = Kind {
    name: "sns",
    type_names: &["aws-sns", "sns"],
    summary: "One topic, encrypted with a key of its own, and the queues that subscribe to it",
    inputs: &[
        Input::optional("fifo", Type::Bool, Default::Bool(false), "First in, first out"),
        Input::optional(
            "content_based_deduplication",
            Type::Bool,
            Default::Bool(false),
            "Deduplicates by the hash of the body; fifo only",
        ),
        Input::optional(
            "sqs_subscribers",
            Type::list(&Type::Pattern(&QUEUE)),
            Default::Texts(&[]),
            "ARNs of queues that receive every message",
        ),
    ],
    outputs: &[Output::exported("topic_arn", "ARN of the topic"), Output::local("kms_arn", "ARN of its key")],
    grants: Grants::Permissions { words: &["publish"], default: &["publish"] },
    names: &[NameRule {
        what: "SNS topic",
        limit: 256,
        letters: Letters::Any,
        name: |parts| {
            let fifo = if parts.is("fifo") { ".fifo" } else { "" };
            Some(format!("{}-{}-{}{fifo}", parts.environment, parts.layer, parts.module))
        },
        input: None,
    }],
    check: Some(check),
    ..Kind::BLANK
};

/// SNS delivers from a fifo topic to both sorts of queues, from a standard one to standard queues only
/// (<https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html>).
fn check(check: &mut Check<'_, '_>) {
    if check.value("content_based_deduplication") == true && check.value("fifo") == false {
        check.error("content_based_deduplication", "only a fifo topic deduplicates", "set `fifo: true`, or remove it");
    }
    let inputs = check.inputs;
    let subscribers = inputs.get("sqs_subscribers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (index, subscriber) in subscribers.iter().enumerate() {
        let subscriber = subscriber.as_str().unwrap_or_default();
        let path = format!("sqs_subscribers[{index}]");
        let token = subscriber.strip_prefix("${landfall:module.").and_then(|rest| rest.strip_suffix('}'));
        let (name, is_fifo) = match token.and_then(|token| token.split_once('.')) {
            Some((module, output)) => {
                let Some(queue) = check.module_of("sqs", module) else { continue };
                if output != "queue_arn" {
                    let help = format!("write ${{{{module.{module}.queue_arn}}}}");
                    check.error(&path, format!("`{output}` of `{module}` is not {}", QUEUE.what), help);
                    continue;
                }
                (module, queue.inputs.get("fifo").is_some_and(|fifo| fifo.value == Yaml::Bool(true)))
            }
            None => (subscriber, subscriber.ends_with(".fifo")),
        };
        if is_fifo && check.value("fifo") == false {
            let message = format!("`{name}` is a fifo queue, which cannot subscribe to a standard topic");
            check.error(&path, message, "set `fifo: true` here as well, or make it a standard queue");
        }
    }
}
