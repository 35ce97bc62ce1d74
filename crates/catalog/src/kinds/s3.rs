//! `s3`: one bucket.

use crate::kind::{Default, Grants, Input, Kind, Letters, NameRule, Output, When, Wire};
use crate::ty::Type;

const CORS: &[Input] = &[
    Input::optional("allowed_origins", Type::TEXTS, Default::Texts(&[]), "Origins that may ask"),
    Input::optional("allowed_headers", Type::TEXTS, Default::Texts(&[]), "Headers that may be sent"),
    Input::optional("allowed_methods", Type::TEXTS, Default::Texts(&[]), "Methods that may be used"),
    Input::optional("expose_headers", Type::TEXTS, Default::Texts(&[]), "Headers that the browser may read"),
    Input::optional("max_age_seconds", Type::COUNT, Default::Int(0), "Seconds the answer may be kept"),
];

pub(crate) const KIND: Kind = Kind {
    name: "s3",
    type_names: &["aws-s3", "s3"],
    summary: "One bucket, private and encrypted",
    inputs: &[
        Input::required("bucket_name", Type::NonEmpty, "Name of the bucket, unique among all accounts"),
        Input::optional("block_public", Type::Bool, Default::Bool(true), "Blocks public access"),
        Input::optional("bucket_policy", Type::Any, Default::Null, "Policy, as a mapping or as JSON text"),
        Input::optional("cors_rule", Type::Object(CORS), Default::Null, "What browsers of other origins may do"),
        Input::optional("same_region_replication", Type::Bool, Default::Bool(false), "Keeps a replica beside it"),
        Input::optional("files", Type::Path, Default::Null, "Folder whose files are uploaded, relative to this file"),
    ],
    wires: &[Wire { name: "s3_log_bucket_name", kind: "base", output: "s3_log_bucket_name", when: When::Anywhere }],
    outputs: &[
        Output::exported("bucket_id", "Name of the bucket"),
        Output::exported("bucket_arn", "ARN of the bucket"),
        Output::exported("cloudfront_read_path", "Origin access identity of former times; empty"),
    ],
    grants: Grants::Permissions { words: &["read", "write"], default: &["write"] },
    names: &[
        NameRule {
            what: "S3 bucket",
            limit: 63,
            letters: Letters::Bucket,
            name: |parts| parts.text("bucket_name").map(str::to_owned),
            input: Some("bucket_name"),
        },
        NameRule {
            what: "S3 replica bucket",
            limit: 63,
            letters: Letters::Bucket,
            name: |parts| {
                parts
                    .text("bucket_name")
                    .filter(|_| parts.is("same_region_replication"))
                    .map(|name| format!("{name}-replica"))
            },
            input: Some("bucket_name"),
        },
    ],
    ..Kind::BLANK
};
