//! What the command asks of an installation, and what it says and does with the answers.

#![allow(clippy::unwrap_used)]

mod common;

use common::Installation;
use common::records::{deployment, detail, plan, plan_ref, run, transcript, waiting};
use serde_json::{Value, json};

#[test]
fn a_plan_that_was_not_named_is_not_approved() {
    let installation = Installation::new().answer("GET /layers/shop/deployments/12", 200, waiting());
    insta::assert_snapshot!(transcript(&installation, &["approve", "shop/12"]));
    insta::assert_snapshot!(transcript(&installation, &["approve", "shop/12", "--plan", "beefbeef"]));
    assert!(installation.requests().iter().all(|request| request.line.starts_with("GET ")));
}

#[test]
fn an_approval_names_the_whole_hash_of_the_plan() {
    let path = "POST /layers/shop/deployments/12/approval";
    let installation = Installation::new().answer("GET /layers/shop/deployments/12", 200, waiting()).answer(
        path,
        200,
        json!({ "id": "shop/12", "decision": "approve" }),
    );
    insta::assert_snapshot!(transcript(
        &installation,
        &["approve", "shop/12", "--plan", "3f2a9c", "--reason", "reviewed"]
    ));
    assert_eq!(
        installation.sent(path),
        json!({ "decision": "approve", "plan_hash": "3f2a9c77aa01bb02cc03", "reason": "reviewed" })
    );
}

#[test]
fn what_does_not_wait_for_an_approval_says_what_it_does() {
    let planning = deployment(12, "running", json!({ "phase": "planning" }));
    let installation = Installation::new()
        .answer("GET /layers/shop", 200, json!({ "layer": "shop", "running": 12 }))
        .answer("GET /layers/shop/deployments/12", 200, detail(&planning, json!([])));
    insta::assert_snapshot!(transcript(&installation, &["reject", "shop", "--reason", "no"]));
}

#[test]
fn a_destruction_outside_of_a_terminal_shows_the_plan_and_ends_with_3() {
    let mut waiting = waiting();
    waiting["deployment"]["action"] = json!("destroy");
    let installation = Installation::new()
        .answer("POST /layers/shop/deployments", 202, json!({ "number": 12 }))
        .answer("GET /layers/shop/deployments/12", 200, waiting)
        .answer("GET /layers/shop/deployments/12/events", 200, json!({ "events": [] }))
        .answer("GET /layers/shop/deployments/12/plan", 200, plan("destroy", "delete", "high"));
    insta::assert_snapshot!(transcript(&installation, &["destroy", "shop"]));
    assert_eq!(installation.sent("POST /layers/shop/deployments"), json!({ "action": "destroy" }));
}

#[test]
fn a_destruction_says_what_stays_for_a_while() {
    let destroy = json!({ "action": "destroy" });
    let mut first = waiting();
    first["deployment"]["action"] = json!("destroy");
    let more = json!({ "action": "destroy", "outcome": "destroyed", "plan": plan_ref("high") });
    let gone = run("orders", "sqs", "done", json!({ "counts": { "delete": 2 } }));
    let installation = Installation::new()
        .answer("POST /layers/shop/deployments", 202, json!({ "number": 12 }))
        .answer("GET /layers/shop/deployments/12", 200, first)
        .answer("GET /layers/shop/deployments/12", 200, detail(&deployment(12, "succeeded", more), json!([gone])))
        .answer("GET /layers/shop/deployments/12/events", 200, json!({ "events": [] }))
        .answer("GET /layers/shop/deployments/12/plan", 200, plan("destroy", "delete", "high"))
        .answer("POST /layers/shop/deployments/12/approval", 200, json!({}));
    insta::assert_snapshot!(transcript(&installation, &["destroy", "shop", "--yes"]));
    assert_eq!(installation.sent("POST /layers/shop/deployments"), destroy);
    assert_eq!(installation.sent("POST /layers/shop/deployments/12/approval")["decision"], "approve");
}

#[test]
fn the_same_changes_are_shown_and_asked_about_again_when_aws_would_refuse_them_now() {
    let asks = |risk: &str| {
        let mut asks = waiting();
        asks["deployment"]["action"] = json!("destroy");
        asks["deployment"]["plan"] = plan_ref(risk);
        asks
    };
    let mut blocked = plan("destroy", "delete", "high");
    blocked["plan"]["modules"][0]["preflight"] = json!([{
        "weight": "blocking", "about": "sqs:DeleteQueue", "message": "policy own denies sqs:DeleteQueue to role r",
        "hint": "take that statement out of it",
    }]);
    let more = json!({ "action": "destroy", "outcome": "destroyed", "plan": plan_ref("high") });
    let approval = "POST /layers/shop/deployments/12/approval";
    let installation = Installation::new()
        .answer("POST /layers/shop/deployments", 202, json!({ "number": 12 }))
        .answer("GET /layers/shop/deployments/12", 200, asks("low"))
        .answer("GET /layers/shop/deployments/12", 200, asks("high"))
        .answer("GET /layers/shop/deployments/12", 200, detail(&deployment(12, "succeeded", more), json!([])))
        .answer("GET /layers/shop/deployments/12/events", 200, json!({ "events": [] }))
        .answer("GET /layers/shop/deployments/12/plan", 200, plan("destroy", "delete", "low"))
        .answer("GET /layers/shop/deployments/12/plan", 200, blocked)
        .answer(approval, 200, json!({}));
    let text = transcript(&installation, &["destroy", "shop", "--yes"]);
    assert_eq!(text.matches("Plan to destroy shop").count(), 2, "{text}");
    assert!(text.contains("! will fail: policy own denies sqs:DeleteQueue to role r"), "{text}");
    let approved = installation.requests().iter().filter(|request| request.line.starts_with(approval)).count();
    assert_eq!(approved, 2, "each question is answered: {text}");
}

#[test]
fn an_environment_with_services_is_not_destroyed() {
    let error = json!({ "error": {
        "code": "conflict", "message": "environment demo still has services: shop",
        "hint": "destroy them first: landfall destroy shop",
    } });
    let installation = Installation::new().answer("POST /layers/demo/deployments", 409, error);
    insta::assert_snapshot!(transcript(&installation, &["destroy", "demo"]));
}

#[test]
fn deploy_uploads_the_files_first_and_finds_its_deployment_by_the_version() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("site")).unwrap();
    std::fs::write(folder.path().join("site/index.html"), "<p>hello</p>").unwrap();
    let file = "name: web\norg_name: acme\nproviders:\n  aws: { region: eu-central-1, account_id: \"111122223333\" }\n\
                modules:\n  - { type: aws-s3, name: site, bucket_name: acme-site, files: ./site }\n";
    std::fs::write(folder.path().join("web.yaml"), file).unwrap();
    let mut ended = deployment(1, "succeeded", json!({ "outcome": "no-changes", "plan": plan_ref("low") }));
    ended["layer"] = json!("web");
    let mut nothing = plan("deploy", "keep", "low");
    nothing["plan"]["layer"] = json!("web");
    nothing["plan"]["modules"][0]["change"] = json!("unchanged");
    let installation = Installation::new()
        .answer("GET /installation", 200, json!({ "config_bucket": "lf-config" }))
        .answer("GET /layers", 200, json!({ "layers": [] }))
        .answer("GET /layers/web/deployments?limit=100&version_id=v7", 200, json!({ "deployments": [] }))
        .answer("GET /layers/web/deployments?limit=100&version_id=v7", 200, json!({ "deployments": [ended] }))
        .answer("GET /layers/web/deployments/1", 200, detail(&ended, json!([])))
        .answer("GET /layers/web/deployments/1/events", 200, json!({ "events": [] }))
        .answer("GET /layers/web/deployments/1/plan", 200, nothing)
        .answer("GET /layers/web/outputs", 200, json!({ "outputs": {} }));
    let arguments = ["deploy", "web.yaml", "--key", "apps/web.yaml"];
    let done = installation.run(folder.path(), &arguments);
    insta::assert_snapshot!(done.transcript(&arguments));
    let puts: Vec<String> = installation
        .requests()
        .into_iter()
        .filter(|request| request.line.starts_with("PUT "))
        .map(|request| request.line)
        .collect();
    assert_eq!(puts, ["PUT lf-config/apps/site/index.html", "PUT lf-config/apps/web.yaml"]);
    let all = installation.requests();
    let place = |line: &str| all.iter().position(|request| request.line == line);
    let removed: Vec<&str> =
        all.iter().map(|request| request.line.as_str()).filter(|line| line.starts_with("DELETE ")).collect();
    assert_eq!(removed, ["DELETE lf-config/apps/site/old.html"]);
    // The layer file starts the deployment: by then the folder is as it is here.
    assert!(place("DELETE lf-config/apps/site/old.html") < place("PUT lf-config/apps/web.yaml"));
    let upload = all.iter().find(|request| request.line.ends_with("web.yaml")).unwrap();
    assert_eq!(upload.headers["x-amz-meta-landfall-actor"], "ana");
    let signed = all.iter().find(|request| request.line == "GET /installation").unwrap();
    assert!(signed.headers["authorization"].contains("/eu-central-1/execute-api/aws4_request"), "{signed:?}");
}

#[test]
fn a_plan_is_uploaded_aside_and_not_under_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = "name: web\norg_name: acme\nproviders:\n  aws: { region: eu-central-1, account_id: \"111122223333\" }\n\
                modules:\n  - { type: aws-sqs, name: orders }\n";
    std::fs::write(folder.path().join("web.yaml"), file).unwrap();
    let more = json!({ "layer": "web", "action": "plan", "outcome": "planned", "plan": plan_ref("low") });
    let installation = Installation::new()
        .answer("GET /installation", 200, json!({ "config_bucket": "lf-config" }))
        .answer("GET /layers", 200, owned("web", "apps/web.yaml"))
        .answer("POST /layers/web/deployments", 202, json!({ "number": 4 }))
        .answer("GET /layers/web/deployments/4", 200, detail(&deployment(4, "succeeded", more), json!([])))
        .answer("GET /layers/web/deployments/4/events", 200, json!({ "events": [] }))
        .answer("GET /layers/web/deployments/4/plan", 200, plan("deploy", "create", "low"));
    let done = installation.run(folder.path(), &["plan", "web.yaml"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("1 to create"), "{}", done.stdout);
    let asked = installation.sent("POST /layers/web/deployments");
    assert_eq!(
        (&asked["action"], &asked["key"]),
        (&json!("plan"), &json!("apps/web.yaml")),
        "the key that the layer has"
    );
    let object = asked["upload"]["key"].as_str().unwrap();
    assert!(object.starts_with(".landfall/uploads/") && object.ends_with("/apps/web.yaml"), "{object}");
    assert!(installation.requests().iter().any(|request| request.line == format!("PUT lf-config/{object}")));
}

fn owned(layer: &str, key: &str) -> Value {
    json!({ "layers": [{ "layer": layer, "status": "deployed", "key": key }] })
}

/// Deploys a file `web.yaml` that declares `web`, where the layers are these.
fn deploy_web(layers: Value, more: &[&str]) -> (Installation, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = "name: web\norg_name: acme\nproviders:\n  aws: { region: eu-central-1, account_id: \"111122223333\" }\n\
                modules:\n  - { type: aws-sqs, name: orders }\n";
    std::fs::write(folder.path().join("web.yaml"), file).unwrap();
    let installation = Installation::new()
        .answer("GET /installation", 200, json!({ "config_bucket": "lf-config" }))
        .answer("GET /layers", 200, layers);
    let arguments: Vec<&str> = ["deploy", "web.yaml"].iter().chain(more).copied().collect();
    let text = installation.run(folder.path(), &arguments).transcript(&arguments);
    (installation, text)
}

fn nothing_was_uploaded(installation: &Installation) -> bool {
    installation.requests().iter().all(|request| request.line.starts_with("GET /"))
}

#[test]
fn a_file_is_not_uploaded_over_that_of_another_layer() {
    let (installation, text) = deploy_web(owned("demo", "live/env.yaml"), &["--key", "live/env.yaml"]);
    insta::assert_snapshot!(text);
    assert!(nothing_was_uploaded(&installation), "{text}");
}

#[test]
fn a_layer_is_not_uploaded_under_a_second_key() {
    let (installation, text) = deploy_web(owned("web", "apps/web.yaml"), &["--key", "web.yaml"]);
    insta::assert_snapshot!(text);
    assert!(nothing_was_uploaded(&installation), "{text}");
}

#[test]
fn a_plan_that_failed_says_that_nothing_was_changed() {
    let message = "module base cannot be planned: DescribeVpcs, DescribeSubnets: not allowed to role landfall-base \
                   (UnauthorizedOperation)\n  hint: allow ec2:DescribeVpcs, ec2:DescribeSubnets to role landfall-base";
    let ended = deployment(12, "failed", json!({ "action": "plan", "message": message }));
    let installation = Installation::new()
        .answer("GET /layers/shop/deployments/12", 200, detail(&ended, json!([])))
        .answer("GET /layers/shop/deployments/12/events", 200, json!({ "events": [] }));
    insta::assert_snapshot!(transcript(&installation, &["status", "shop/12", "--follow"]));
}

#[test]
fn a_layer_that_was_never_deployed_has_nothing_to_destroy() {
    let none = json!({ "hash": "3f2a9c77aa01bb02cc03", "summary": {}, "risk": "low" });
    let more = json!({ "action": "destroy", "outcome": "destroyed", "plan": none });
    let mut empty = plan("destroy", "delete", "low");
    empty["summary"] = json!({});
    empty["plan"]["modules"] = json!([]);
    for field in ["account_id", "region"] {
        empty["plan"][field] = json!("");
    }
    let installation = Installation::new()
        .answer("POST /layers/shop/deployments", 202, json!({ "number": 12 }))
        .answer("GET /layers/shop/deployments/12", 200, detail(&deployment(12, "succeeded", more), json!([])))
        .answer("GET /layers/shop/deployments/12/events", 200, json!({ "events": [] }))
        .answer("GET /layers/shop/deployments/12/plan", 200, empty);
    insta::assert_snapshot!(transcript(&installation, &["destroy", "shop"]));
}

#[test]
fn a_rejection_shows_each_mistake_once() {
    let diagnostics =
        "foreign-account\n\n  × account 111122223333 is not ours\n   ╭─[shop.yaml:4:40]\n 3 │ aws:\n   ╰────\n";
    let more = json!({ "message": "shop.yaml:4: account 111122223333 is not ours", "diagnostics": diagnostics });
    let installation = Installation::new()
        .answer("GET /layers/shop/deployments/12", 200, detail(&deployment(12, "rejected", more), json!([])))
        .answer("GET /layers/shop/deployments/12/events", 200, json!({ "events": [] }));
    let text = transcript(&installation, &["status", "shop/12", "--follow"]);
    assert_eq!(text.matches("is not ours").count(), 1, "{text}");
    assert!(text.contains("✗ shop/12 was rejected\n"), "{text}");
}
