//! `sns`: one topic.

use crate::kind::{Default, Grants, Input, Kind, Letters, NameRule, Output};
use crate::ty::Type;

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
            Type::TEXTS,
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
    check: Some(|check| {
        if check.value("content_based_deduplication") == true && check.value("fifo") == false {
            check.error(
                "content_based_deduplication",
                "only a fifo topic deduplicates",
                "set `fifo: true`, or remove it",
            );
        }
    }),
    ..Kind::BLANK
};
