//! `sqs`: one queue.

use crate::kind::{Default, Grants, Input, Kind, Letters, NameRule, Output};
use crate::ty::Type;

pub(crate) const KIND: Kind = Kind {
    name: "sqs",
    type_names: &["aws-sqs", "sqs"],
    summary: "One queue, encrypted with a key of its own",
    inputs: &[
        Input::optional("fifo", Type::Bool, Default::Bool(false), "First in, first out, exactly once"),
        Input::optional(
            "content_based_deduplication",
            Type::Bool,
            Default::Bool(false),
            "Deduplicates by the hash of the body; fifo only",
        ),
        Input::optional(
            "delay_seconds",
            Type::Int { min: 0, max: 900 },
            Default::Int(0),
            "Seconds before a message becomes visible",
        ),
        Input::optional(
            "message_retention_seconds",
            Type::Int { min: 60, max: 1_209_600 },
            Default::Int(345_600),
            "Seconds a message is kept",
        ),
        Input::optional(
            "receive_wait_time_seconds",
            Type::Int { min: 0, max: 20 },
            Default::Int(0),
            "Seconds a receive waits for a message",
        ),
    ],
    outputs: &[
        Output::exported("queue_arn", "ARN of the queue"),
        Output::exported("queue_name", "Name of the queue"),
        Output::exported("queue_id", "URL of the queue"),
        Output::local("kms_arn", "ARN of its key"),
    ],
    grants: Grants::Permissions { words: &["publish", "subscribe"], default: &["publish", "subscribe"] },
    names: &[NameRule {
        what: "SQS queue",
        limit: 80,
        letters: Letters::Any,
        name: |parts| {
            let fifo = if parts.is("fifo") { ".fifo" } else { "" };
            Some(format!("{}-{}-{}{fifo}", parts.environment, parts.layer, parts.module))
        },
        input: None,
    }],
    check: Some(|check| {
        if check.value("content_based_deduplication") == true && check.value("fifo") == false {
            check.error(
                "content_based_deduplication",
                "only a fifo queue deduplicates",
                "set `fifo: true`, or remove it",
            );
        }
    }),
    ..Kind::BLANK
};
