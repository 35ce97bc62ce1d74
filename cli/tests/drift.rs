//! What the command shows of drift, from recorded answers of the API.

#![allow(clippy::unwrap_used)]

mod common;

use common::Installation;
use serde_json::{Value, json};

/// Long ago, so that the texts do not depend on when the test runs.
const AT: &str = "2020-05-01T10:00:00Z";

fn attribute(path: &str, recorded: Value, live: Value, more: Value) -> Value {
    let mut attribute = json!({
        "path": path, "recorded": recorded, "live": live, "first_seen": AT, "last_seen": AT, "ignored": false,
        "accepted": null,
    });
    for (key, value) in more.as_object().unwrap() {
        attribute[key] = value.clone();
    }
    attribute
}

fn resource(name: &str, kind: &str, attributes: Vec<Value>) -> Value {
    let (module, resource) = name.split_once('.').unwrap();
    json!({
        "module": module, "resource": resource, "kind": kind, "name": format!("demo-shop-{module}"),
        "deleted_since": null, "last_seen": AT, "attributes": attributes,
    })
}

fn drift(since: Value, resources: Vec<Value>) -> Value {
    json!({
        "layer": "shop", "looked_at": AT, "compared_with": 12, "deployed": 12, "since": since, "resources": resources,
    })
}

fn drifted() -> Value {
    let accepted = json!({ "accepted": { "by": "arn:aws:iam::111122223333:user/ana", "at": AT } });
    let document = |principal: &str| json!([{ "Sid": "Account", "Effect": "Allow", "Principal": principal, "Action": ["sns:Publish", "sns:Subscribe"], "Resource": ["arn:aws:sns:eu-central-1:111122223333:demo-shop-news"] }]);
    let mut gone = resource("mails.queue", "AWS::SQS::Queue", vec![]);
    gone["deleted_since"] = json!(AT);
    let news = attribute("policy.Statement", document("111122223333"), document("*"), json!({}));
    let orders = vec![
        attribute("delay_seconds", json!(5), json!(7), json!({})),
        attribute("tags.Team", json!("shop"), Value::Null, json!({ "ignored": true })),
        attribute("message_retention_seconds", json!(345_600), json!(600), accepted),
    ];
    let resources = vec![
        gone,
        resource("news.topic", "AWS::SNS::Topic", vec![news]),
        resource("orders.queue", "AWS::SQS::Queue", orders),
    ];
    drift(json!(AT), resources)
}

fn look(status: &str, more: Value) -> Value {
    let mut look = json!({ "layer": "shop", "number": 14, "action": "drift", "status": status });
    for (key, value) in more.as_object().unwrap() {
        look[key] = value.clone();
    }
    json!({ "deployment": look, "runs": [], "resources": [] })
}

fn looks(end: Value, drift: Value) -> Installation {
    Installation::new()
        .answer("POST /layers/shop/drift", 202, json!({ "layer": "shop", "number": 14, "id": "shop/14" }))
        .answer("GET /layers/shop/deployments/14", 200, look("running", json!({})))
        .answer("GET /layers/shop/deployments/14", 200, end)
        .answer("GET /layers/shop/drift", 200, drift)
}

fn transcript(installation: &Installation, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    installation.run(folder.path(), arguments).transcript(arguments)
}

#[test]
fn drift_reads_as_what_was_and_what_is_and_since_when() {
    let installation = looks(look("succeeded", json!({})), drifted());
    insta::assert_snapshot!(transcript(&installation, &["drift", "shop"]));
}

#[test]
fn no_drift_is_said_plainly() {
    let installation = looks(look("succeeded", json!({})), drift(Value::Null, vec![]));
    insta::assert_snapshot!(transcript(&installation, &["drift", "shop"]));
}

#[test]
fn what_is_accepted_or_ignored_is_no_drift() {
    let ignored = attribute("delay_seconds", json!(5), json!(7), json!({ "ignored": true }));
    let known = drift(Value::Null, vec![resource("orders.queue", "AWS::SQS::Queue", vec![ignored])]);
    let installation = looks(look("succeeded", json!({})), known);
    insta::assert_snapshot!(transcript(&installation, &["drift", "shop"]));
}

#[test]
fn a_layer_that_is_changed_shows_what_the_last_look_saw() {
    let busy = json!({ "error": { "code": "conflict", "message": "deployment shop/13 comes first", "hint": "look again once it has ended" } });
    let installation = Installation::new().answer("POST /layers/shop/drift", 409, busy).answer(
        "GET /layers/shop/drift",
        200,
        drift(Value::Null, vec![]),
    );
    insta::assert_snapshot!(transcript(&installation, &["drift", "shop"]));
}

#[test]
fn a_look_that_failed_says_why() {
    let why = json!({ "message": "orders cannot be planned", "diagnostics": "orders: GetQueueAttributes: denied" });
    let installation = looks(look("failed", why), drift(Value::Null, vec![]));
    insta::assert_snapshot!(transcript(&installation, &["drift", "shop"]));
}

#[test]
fn every_deployed_layer_is_looked_at_and_programs_get_a_list() {
    let layers = json!({ "layers": [
        { "layer": "shop", "status": "deployed", "config": { "number": 12 }, "drift": { "since": AT, "resources": 2 } },
        { "layer": "new", "status": "new", "config": null, "drift": null },
    ] });
    let installation = looks(look("succeeded", json!({})), drifted()).answer("GET /layers", 200, layers);
    let folder = tempfile::tempdir().unwrap();
    let done = installation.run(folder.path(), &["drift", "--json"]);
    assert_eq!((done.code, done.json()), (8, json!([drifted()])));
    insta::assert_snapshot!(transcript(&installation, &["status"]));
}

#[test]
fn an_acceptance_says_what_is_not_accepted_and_what_to_do() {
    let hint = "set it right: landfall drift shop --revert; or change the module's inputs in the file";
    let answer = json!({
        "layer": "shop", "accepted": ["orders.queue.delay_seconds"],
        "refused": [
            { "name": "news.topic.policy.Statement", "message": "it holds a promise about security", "hint": hint },
            { "name": "orders.queue.kms_key", "message": "it holds a promise about security", "hint": hint },
        ],
    });
    let installation = Installation::new().answer("POST /layers/shop/drift/acceptance", 200, answer);
    insta::assert_snapshot!(transcript(&installation, &["drift", "shop", "--accept"]));
    assert_eq!(installation.sent("POST /layers/shop/drift/acceptance"), json!({ "names": [] }));
}

#[test]
fn what_was_accepted_is_withdrawn_by_name() {
    let answer = json!({ "layer": "shop", "withdrawn": ["orders.queue.delay_seconds"] });
    let installation = Installation::new().answer("DELETE /layers/shop/drift/acceptance", 200, answer);
    insta::assert_snapshot!(transcript(&installation, &["drift", "shop", "--withdraw", "orders"]));
    assert_eq!(installation.sent("DELETE /layers/shop/drift/acceptance"), json!({ "names": ["orders"] }));
}

#[test]
fn a_layer_at_which_nobody_looked_is_not_said_to_be_well() {
    let mut never = drift(Value::Null, vec![]);
    (never["looked_at"], never["compared_with"]) = (Value::Null, Value::Null);
    let installation = Installation::new().answer("GET /layers/shop/drift", 200, never);
    insta::assert_snapshot!(transcript(&installation, &["drift", "shop", "--last"]));
}
