//! The IAM statements that the links of a module stand for: one per permission, over all links that hold it.

use std::collections::BTreeMap;

use landfall_aws::Statement;
use landfall_catalog::Link;
use landfall_engine::{Error, Kind, Result, Token};

/// What a permission word on one kind of target adds to a statement.
struct Grant {
    kind: &'static str,
    word: &'static str,
    sid: &'static str,
    actions: &'static [&'static str],
    /// Output of the target that holds an ARN, and what is appended to it.
    resources: &'static [(&'static str, &'static str)],
}

const READ_BUCKET: &[&str] = &["s3:GetObject*", "s3:ListBucket"];
const WRITE_BUCKET: &[&str] = &["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*", "s3:ListBucket"];
const BUCKET: &[(&str, &str)] = &[("bucket_arn", ""), ("bucket_arn", "/*")];

/// A sender may take back what it sent. Batches need no action of their own: AWS checks the single one
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html>).
const PUBLISH_QUEUE: &[&str] = &["sqs:SendMessage", "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:DeleteMessage"];
/// A receiver that could not delete what it received would receive it for ever.
const SUBSCRIBE_QUEUE: &[&str] = &[
    "sqs:ReceiveMessage",
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
];
const QUEUE: &[(&str, &str)] = &[("queue_arn", "")];
const TOPIC: &[(&str, &str)] = &[("topic_arn", "")];
const KEY: &[(&str, &str)] = &[("kms_arn", "")];

const WRITE_TABLE: &[&str] = &[
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLSelect",
    "dynamodb:ListTables",
    "dynamodb:BatchGetItem",
    "dynamodb:Describe*",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
];
const READ_TABLE: &[&str] = &[
    "dynamodb:ListTables",
    "dynamodb:BatchGetItem",
    "dynamodb:Describe*",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:PartiQLSelect",
];
const TABLE: &[(&str, &str)] = &[("table_arn", ""), ("table_arn", "/index/*")];

const KMS_WRITE: &[&str] = &["kms:GenerateDataKey", "kms:Decrypt"];
const KMS_READ: &[&str] = &["kms:Decrypt"];

/// Every grant, in the order of the statements. The key of a target goes with the permission to use it.
const GRANTS: &[Grant] = &[
    Grant { kind: "s3", word: "read", sid: "ReadBuckets", actions: READ_BUCKET, resources: BUCKET },
    Grant { kind: "s3", word: "write", sid: "WriteBuckets", actions: WRITE_BUCKET, resources: BUCKET },
    Grant { kind: "sqs", word: "publish", sid: "PublishQueues", actions: PUBLISH_QUEUE, resources: QUEUE },
    Grant { kind: "sqs", word: "subscribe", sid: "SubscribeQueues", actions: SUBSCRIBE_QUEUE, resources: QUEUE },
    Grant { kind: "sns", word: "publish", sid: "PublishSns", actions: &["sns:Publish"], resources: TOPIC },
    Grant { kind: "sqs", word: "publish", sid: "KMSWrite", actions: KMS_WRITE, resources: KEY },
    Grant { kind: "sns", word: "publish", sid: "KMSWrite", actions: KMS_WRITE, resources: KEY },
    Grant { kind: "dynamodb", word: "write", sid: "KMSWrite", actions: KMS_WRITE, resources: KEY },
    Grant { kind: "sqs", word: "subscribe", sid: "KMSRead", actions: KMS_READ, resources: KEY },
    Grant { kind: "dynamodb", word: "read", sid: "KMSRead", actions: KMS_READ, resources: KEY },
    Grant { kind: "dynamodb", word: "write", sid: "DynamodbWrite", actions: WRITE_TABLE, resources: TABLE },
    Grant { kind: "dynamodb", word: "read", sid: "DynamodbRead", actions: READ_TABLE, resources: TABLE },
];

/// The statements of these links. Resources are outputs of the linked modules, so whoever holds the statements is
/// applied after them.
///
/// # Errors
/// When a link holds a permission that its target does not grant; the catalogue lets none through.
pub fn link_statements(links: &[Link]) -> Result<Vec<Statement>> {
    for link in links {
        let known = |word: &String| GRANTS.iter().any(|grant| grant.kind == link.target_kind && grant.word == word);
        if let Some(word) = link.permissions.iter().find(|word| !known(word)) {
            let message = format!("a module of type {} grants no permission {word}", link.target_kind);
            return Err(Error::new(Kind::Invalid, "build", message).about(&link.target));
        }
    }
    let mut order: Vec<&str> = Vec::new();
    let mut resources: BTreeMap<&str, (&[&str], Vec<String>)> = BTreeMap::new();
    for grant in GRANTS {
        for link in links.iter().filter(|link| link.target_kind == grant.kind) {
            if !link.permissions.iter().any(|word| word == grant.word) {
                continue;
            }
            if !order.contains(&grant.sid) {
                order.push(grant.sid);
            }
            let (_, all) = resources.entry(grant.sid).or_insert((grant.actions, Vec::new()));
            for (output, suffix) in grant.resources {
                all.push(format!("{}{suffix}", Token::output(&link.target, *output)));
            }
        }
    }
    let statement = |sid: &str| {
        let (actions, all) = resources.get(sid)?;
        Some(Statement::allow(actions.iter().copied()).sid(sid).on(all.iter().cloned()))
    };
    Ok(order.into_iter().filter_map(statement).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use landfall_aws::Policy;
    use serde_json::{Value, json};

    fn link(target: &str, kind: &str, permissions: &[&str]) -> Link {
        Link {
            target: target.to_owned(),
            target_kind: kind.to_owned(),
            permissions: permissions.iter().map(|word| (*word).to_owned()).collect(),
            secrets: BTreeMap::new(),
        }
    }

    fn statements(links: &[Link]) -> Value {
        Policy::new(link_statements(links).expect("known permissions")).document()["Statement"].clone()
    }

    #[test]
    fn a_bucket_that_is_read_grants_objects_and_listing() {
        assert_eq!(
            statements(&[link("b", "s3", &["read"])]),
            json!([{
                "Action": ["s3:GetObject*", "s3:ListBucket"],
                "Effect": "Allow",
                "Resource": ["${landfall:module.b.bucket_arn}", "${landfall:module.b.bucket_arn}/*"],
                "Sid": "ReadBuckets",
            }])
        );
    }

    #[test]
    fn a_queue_grants_its_key_and_a_receiver_deletes_what_it_received() {
        assert_eq!(
            statements(&[link("q", "sqs", &["publish", "subscribe"])]),
            json!([
                {
                    "Action": ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"],
                    "Effect": "Allow",
                    "Resource": ["${landfall:module.q.queue_arn}"],
                    "Sid": "PublishQueues",
                },
                {
                    "Action": [
                        "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
                        "sqs:GetQueueUrl", "sqs:ReceiveMessage",
                    ],
                    "Effect": "Allow",
                    "Resource": ["${landfall:module.q.queue_arn}"],
                    "Sid": "SubscribeQueues",
                },
                {
                    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                    "Effect": "Allow",
                    "Resource": ["${landfall:module.q.kms_arn}"],
                    "Sid": "KMSWrite",
                },
                {
                    "Action": ["kms:Decrypt"],
                    "Effect": "Allow",
                    "Resource": ["${landfall:module.q.kms_arn}"],
                    "Sid": "KMSRead",
                },
            ])
        );
    }

    #[test]
    fn every_permission_is_one_statement_over_all_links_in_a_fixed_order() {
        let all = statements(&[
            link("table", "dynamodb", &["read", "write"]),
            link("topic", "sns", &["publish"]),
            link("queue", "sqs", &["publish", "subscribe"]),
            link("one", "s3", &["write"]),
            link("two", "s3", &["read", "write"]),
        ]);
        let sids: Vec<&str> = all.as_array().expect("a list").iter().filter_map(|one| one["Sid"].as_str()).collect();
        assert_eq!(
            sids,
            [
                "ReadBuckets",
                "WriteBuckets",
                "PublishQueues",
                "SubscribeQueues",
                "PublishSns",
                "KMSWrite",
                "KMSRead",
                "DynamodbWrite",
                "DynamodbRead",
            ]
        );
        assert_eq!(all[1]["Resource"].as_array().map(Vec::len), Some(4), "two buckets and their objects");
        assert_eq!(all[5]["Resource"].as_array().map(Vec::len), Some(3), "the keys of queue, topic and table");
        assert_eq!(all[6]["Resource"].as_array().map(Vec::len), Some(2), "the keys of queue and table");
        assert_eq!(
            all[7]["Resource"],
            json!(["${landfall:module.table.table_arn}", "${landfall:module.table.table_arn}/index/*"])
        );
    }

    #[test]
    fn only_actions_that_iam_knows_are_granted() {
        for grant in GRANTS {
            assert!(!grant.actions.iter().any(|action| action.ends_with("MessageBatch")), "{}", grant.sid);
        }
    }

    #[test]
    fn an_unknown_permission_is_refused() {
        assert!(link_statements(&[link("q", "sqs", &["own"])]).is_err());
    }
}
