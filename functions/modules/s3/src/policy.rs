//! The bucket's policy: what the user wants, CloudFront of this account, nobody without TLS.

use landfall_aws::{Policy, Statement, whole_principal};
use landfall_engine::{Context, Error, Kind, Result};
use landfall_resources::{Bucket, tls_only};
use serde_json::{Value, json};

/// The user's statements, then ours.
///
/// # Errors
/// When the user's policy is no policy.
pub(crate) fn merged(user: &Value, bucket: &str, cx: &Context) -> Result<Value> {
    let arn = Bucket::arn_of(bucket, cx);
    let ours = Policy::new([list_for_cloudfront(&arn, cx), read_for_cloudfront(&arn, cx), tls_only(&arn)]).document();
    let Some(user) = parsed(user).map_err(|problem| invalid(&problem, cx))? else { return Ok(ours) };
    let mut statements = statements(&user, cx).map_err(|problem| invalid(&problem, cx))?;
    statements.extend(ours["Statement"].as_array().cloned().unwrap_or_default());
    let version = user.get("Version").cloned().unwrap_or_else(|| json!("2012-10-17"));
    Ok(Policy::normalise(&json!({ "Version": version, "Statement": statements })))
}

/// Distributions of this account read with origin access control
/// (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html>),
/// so that a distribution can be put in front of the bucket without changing it.
fn read_for_cloudfront(arn: &str, cx: &Context) -> Statement {
    for_cloudfront(Statement::allow(["s3:GetObject"]).sid("CloudFrontReads").on([format!("{arn}/*")]), cx)
}

/// Without it a missing object would be answered as forbidden instead of not found.
fn list_for_cloudfront(arn: &str, cx: &Context) -> Statement {
    for_cloudfront(Statement::allow(["s3:ListBucket"]).sid("CloudFrontFinds").on([arn]), cx)
}

fn for_cloudfront(statement: Statement, cx: &Context) -> Statement {
    let distributions = cx.global_arn("cloudfront", "distribution/*");
    statement.services(["cloudfront.amazonaws.com"]).when("ArnLike", "aws:SourceArn", [distributions])
}

/// The policy as a mapping; `None` when there is none.
fn parsed(user: &Value) -> Result<Option<Value>, String> {
    match user {
        Value::Null => Ok(None),
        Value::Object(_) => Ok(Some(user.clone())),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(policy @ Value::Object(_)) => Ok(Some(policy)),
            Ok(_) => Err("its JSON is not an object".to_owned()),
            Err(error) => Err(format!("it is not JSON: {error}")),
        },
        _ => Err("it is neither a mapping nor JSON text".to_owned()),
    }
}

/// The statements, each checked for what every statement of a bucket policy has.
fn statements(policy: &Value, cx: &Context) -> Result<Vec<Value>, String> {
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        Some(_) => return Err("`Statement` is not a list".to_owned()),
        None => return Err("it has no `Statement`".to_owned()),
    };
    for (index, statement) in statements.iter().enumerate() {
        let place = format!("statement {}", index + 1);
        let Some(fields) = statement.as_object() else { return Err(format!("{place} is not a mapping")) };
        if !matches!(fields.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
            return Err(format!("{place} has no `Effect` of Allow or Deny"));
        }
        for (one, other) in [("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource")] {
            if fields.contains_key(one) == fields.contains_key(other) {
                return Err(format!("{place} needs either `{one}` or `{other}`"));
            }
        }
    }
    Ok(statements.into_iter().map(|statement| with_whole_principals(statement, cx)).collect())
}

/// An account id as principal stands for the account's root, and S3 answers it as such.
fn with_whole_principals(mut statement: Value, cx: &Context) -> Value {
    for field in ["Principal", "NotPrincipal"] {
        let Some(accounts) = statement.get_mut(field).and_then(|principal| principal.get_mut("AWS")) else { continue };
        let whole = |who: &mut Value| {
            if let Some(name) = who.as_str() {
                *who = json!(whole_principal(name, &cx.partition));
            }
        };
        match accounts {
            Value::Array(all) => all.iter_mut().for_each(whole),
            one => whole(one),
        }
    }
    statement
}

fn invalid(problem: &str, cx: &Context) -> Error {
    Error::new(Kind::Invalid, "build", format!("bucket_policy is no bucket policy: {problem}")).about(&cx.module).hint(
        "write the policy as a mapping with `Statement`, or as JSON text; statements for CloudFront and TLS are added",
    )
}
