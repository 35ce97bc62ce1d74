//! What the module makes of its inputs, without a client.

use landfall_engine::{Context, Graph, Module, Result};
use landfall_module_s3::S3;
use serde_json::{Map, Value, json};

fn context() -> Context {
    let context = json!({
        "layer": "shop",
        "environment": "prod",
        "scope": "service",
        "org_name": "org",
        "region": "cn-north-1",
        "account_id": "123456789012",
        "partition": "aws-cn",
        "module": "bucket",
        "links": [],
        "files_bucket": "config",
        "files": [],
    });
    serde_json::from_value(context).expect("a context")
}

fn build(more: Value, cx: &Context) -> Result<Map<String, Value>> {
    let mut inputs = json!({ "bucket_name": "b", "block_public": true, "same_region_replication": false });
    if let (Some(all), Value::Object(more)) = (inputs.as_object_mut(), more) {
        all.extend(more);
    }
    let mut graph = Graph::new(cx);
    S3::build(serde_json::from_value(inputs).expect("inputs"), cx, &mut graph)?;
    Ok(graph.desired().map(|(name, _, desired)| (name.to_owned(), desired.clone())).collect())
}

fn problem(more: Value) -> String {
    build(more, &context()).expect_err("it is refused").to_string()
}

#[test]
fn arns_have_the_partition_of_the_region() {
    let built = build(json!({}), &context()).expect("it is built");
    let statements = &built["bucket"]["policy"]["Statement"];
    assert_eq!(statements[0]["Resource"], json!(["arn:aws-cn:s3:::b"]));
    assert_eq!(
        statements[0]["Condition"]["ArnLike"]["aws:SourceArn"],
        json!(["arn:aws-cn:cloudfront::123456789012:distribution/*"])
    );
}

#[test]
fn a_policy_may_be_a_mapping_or_text() {
    let policy = json!({ "Statement": {
        "Sid": "Partner", "Effect": "Allow", "Principal": { "AWS": "210987654321" },
        "Action": "s3:GetObject", "Resource": "arn:aws-cn:s3:::b/*",
    } });
    let mapping = build(json!({ "bucket_policy": policy }), &context()).expect("a mapping");
    let text = build(json!({ "bucket_policy": policy.to_string() }), &context()).expect("text");
    assert_eq!(mapping, text);
    let statements = mapping["bucket"]["policy"]["Statement"].as_array().expect("statements");
    let sids: Vec<_> = statements.iter().map(|statement| statement["Sid"].as_str().unwrap_or_default()).collect();
    assert_eq!(sids, ["Partner", "CloudFrontFinds", "CloudFrontReads", "TlsOnly"]);
    // What S3 answers for an account id, so that the next plan finds no difference.
    assert_eq!(statements[0]["Principal"]["AWS"], json!(["arn:aws-cn:iam::210987654321:root"]));
}

#[test]
fn a_bad_policy_is_explained() {
    for (policy, why) in [
        (json!("{ Statement: }"), "it is not JSON"),
        (json!("[]"), "its JSON is not an object"),
        (json!(7), "it is neither a mapping nor JSON text"),
        (json!({}), "it has no `Statement`"),
        (json!({ "Statement": ["x"] }), "statement 1 is not a mapping"),
        (json!({ "Statement": [{ "Effect": "allow" }] }), "statement 1 has no `Effect` of Allow or Deny"),
        (
            json!({ "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] }),
            "statement 1 needs either `Principal` or `NotPrincipal`",
        ),
    ] {
        let problem = problem(json!({ "bucket_policy": policy }));
        assert!(problem.contains(why), "{problem}");
    }
}

#[test]
fn cors_needs_origins_and_methods() {
    assert!(problem(json!({ "cors_rule": { "allowed_methods": ["GET"] } })).contains("no allowed_origins"));
    assert!(problem(json!({ "cors_rule": { "allowed_origins": ["*"] } })).contains("no allowed_methods"));
}

#[test]
fn files_that_did_not_travel_are_missed() {
    assert!(problem(json!({ "files": "site" })).contains("there are no files under site"));
}

#[test]
fn replication_adds_a_bucket_and_a_role_that_s3_takes_for_this_bucket_only() {
    let mut cx = context();
    cx.layer = "a-layer-with-a-name-that-is-rather-long-for-iam".to_owned();
    let built = build(json!({ "same_region_replication": true, "s3_log_bucket_name": "logs" }), &cx).expect("built");
    assert_eq!(built["replica"]["name"], "b-replica");
    assert_eq!(built["replica"]["logging"], json!({ "bucket": "logs", "prefix": "log/" }));
    let role = &built["replication-role"];
    assert!(role["name"].as_str().is_some_and(|name| name.len() <= 64 && name.ends_with("-replication")), "{role}");
    let conditions = &role["trust"]["Statement"][0]["Condition"];
    assert_eq!(conditions["ArnLike"]["aws:SourceArn"], json!(["arn:aws-cn:s3:::b"]));
    assert_eq!(built["bucket"]["replication"]["destination"], "${landfall:replica.arn}");
}
