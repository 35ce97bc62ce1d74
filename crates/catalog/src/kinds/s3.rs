//! `s3`: one bucket.

use std::borrow::Cow;

use serde_json::Value;

use crate::check::{Check, is_unknown};
use crate::kind::{Default, Grants, Input, Kind, Letters, NameRule, Output, When, Wire};
use crate::ty::Type;

const SOME_TEXTS: Type = Type::List { of: &Type::Text, min: 1, max: usize::MAX, distinct: false };

/// A rule without origins or methods would be none
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CORSRule.html>).
const CORS: &[Input] = &[
    Input::required("allowed_origins", SOME_TEXTS, "Origins that may ask"),
    Input::optional("allowed_headers", Type::TEXTS, Default::Texts(&[]), "Headers that may be sent"),
    Input::required("allowed_methods", SOME_TEXTS, "Methods that may be used"),
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
    check: Some(check_policy),
    ..Kind::BLANK
};

/// Reports what can be no bucket policy, whatever the bucket. What is known later is left to the module.
fn check_policy(check: &mut Check<'_, '_>) {
    if let Err((path, problem)) = policy_problem(check.value("bucket_policy")) {
        check.error(
            &format!("bucket_policy{path}"),
            format!("this is no bucket policy: {problem}"),
            "write a mapping with `Statement`, or the same as JSON text; statements for CloudFront and TLS are added",
        );
    }
}

/// What is wrong with a policy, and where in it.
fn policy_problem(policy: &Value) -> Result<(), (String, String)> {
    let at = |path: &str, problem: &str| Err((path.to_owned(), problem.to_owned()));
    let policy = match policy {
        Value::String(text) if is_unknown(text) => return Ok(()),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(policy @ Value::Object(_)) => Cow::Owned(policy),
            Ok(_) => return at("", "its JSON is not an object"),
            Err(error) => return at("", &format!("it is not JSON: {error}")),
        },
        Value::Null => return Ok(()),
        Value::Object(_) => Cow::Borrowed(policy),
        _ => return at("", "it is neither a mapping nor JSON text"),
    };
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        Some(Value::String(text)) if is_unknown(text) => &[],
        Some(_) => return at(".Statement", "`Statement` is not a list"),
        None => return at("", "it has no `Statement`"),
    };
    for (index, statement) in statements.iter().enumerate() {
        if let Some(problem) = statement_problem(statement) {
            let path = format!(".Statement[{index}]");
            return at(&path, &format!("statement {} {problem}", index + 1));
        }
    }
    Ok(())
}

/// What every statement of a bucket policy has
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>).
fn statement_problem(statement: &Value) -> Option<String> {
    let fields = match statement {
        Value::Object(fields) => fields,
        Value::String(text) if is_unknown(text) => return None,
        _ => return Some("is not a mapping".to_owned()),
    };
    let effect = fields.get("Effect").and_then(Value::as_str);
    if !effect.is_some_and(|effect| matches!(effect, "Allow" | "Deny") || is_unknown(effect)) {
        return Some("has no `Effect` of Allow or Deny".to_owned());
    }
    [("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource")]
        .iter()
        .find(|(one, other)| fields.contains_key(*one) == fields.contains_key(*other))
        .map(|(one, other)| format!("needs either `{one}` or `{other}`"))
}
