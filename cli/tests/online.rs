//! What the command shows of an installation, from recorded answers of its API.

#![allow(clippy::unwrap_used)]

mod common;

use common::Installation;
use serde_json::{Value, json};

const AT: &str = "2026-05-01T10:00:00Z";

fn deployment(number: u64, status: &str, more: Value) -> Value {
    let mut deployment = json!({
        "layer": "shop", "number": number, "action": "deploy", "status": status,
        "source": { "key": "shop.yaml", "version_id": "v7" }, "actor": "arn:aws:sts::111122223333:assumed-role/dev/ana",
        "created_at": AT, "started_at": "2026-05-01T10:00:01Z",
    });
    if status != "running" && status != "queued" {
        deployment["finished_at"] = json!("2026-05-01T10:01:12Z");
    }
    for (key, value) in more.as_object().unwrap() {
        deployment[key] = value.clone();
    }
    deployment
}

fn run(module: &str, kind: &str, status: &str, more: Value) -> Value {
    let mut run = json!({ "module": module, "kind": kind, "status": status, "needs": [] });
    for (key, value) in more.as_object().unwrap() {
        run[key] = value.clone();
    }
    run
}

fn detail(deployment: &Value, runs: Value) -> Value {
    json!({ "deployment": deployment, "runs": runs, "resources": [] })
}

fn plan(request: &str, action: &str, risk: &str) -> Value {
    json!({
        "hash": "3f2a9c77aa01bb02cc03", "risk": risk,
        "summary": { "create": usize::from(action == "create"), "delete": usize::from(action == "delete") },
        "plan": {
            "layer": "shop", "environment": "demo", "account_id": "111122223333", "region": "eu-central-1",
            "request": request,
            "modules": [{
                "module": "orders", "kind": "sqs", "change": if action == "delete" { "destroy" } else { "apply" },
                "needs": [],
                "resources": [{
                    "resource": "queue", "kind": "AWS::SQS::Queue", "name": "demo-shop-orders", "action": action,
                    "risk": risk, "reason": if risk == "high" { "messages in the queue are lost" } else { "" },
                    "note": if action == "delete" { "its key is kept for 30 days" } else { "" },
                }],
            }],
        },
    })
}

fn plan_ref(risk: &str) -> Value {
    json!({ "hash": "3f2a9c77aa01bb02cc03", "document": {}, "summary": { "create": 1 }, "risk": risk })
}

fn events() -> Value {
    json!({ "events": [
        { "at": AT, "kind": "queued", "message": "the change waits for its turn" },
        { "at": "2026-05-01T10:00:02Z", "kind": "planned", "message": "1 to create" },
        { "at": "2026-05-01T10:00:08Z", "kind": "module-pending", "module": "orders", "message":
          "the key is still being made: AWS says that this may take up to a minute; it is looked at again in 5 seconds" },
        { "at": "2026-05-01T10:00:09Z", "kind": "module-done", "module": "orders", "message": "1 created" },
    ] })
}

fn not_found(message: &str) -> Value {
    json!({ "error": { "code": "not-found", "message": message } })
}

fn layers() -> Value {
    json!({ "layers": [
        { "layer": "demo", "status": "deployed", "scope": "environment", "environment": "demo", "last_deployment": 3,
          "updated_at": "2020-01-01T10:00:00Z" },
        { "layer": "shop", "status": "failed", "scope": "service", "environment": "demo", "last_deployment": 11,
          "running": 12, "waiting": 13, "updated_at": "2020-01-02T10:00:00Z" },
    ] })
}

fn transcript(installation: &Installation, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    installation.run(folder.path(), arguments).transcript(arguments)
}

#[test]
fn layers_are_listed_with_what_they_are_doing() {
    let installation = Installation::new().answer("GET /layers", 200, layers()).answer(
        "GET /layers/shop/deployments/12",
        200,
        waiting(),
    );
    insta::assert_snapshot!(transcript(&installation, &["status"]));
    let json = installation.run(tempfile::tempdir().unwrap().path(), &["status", "--json"]).json();
    assert_eq!(json[1]["layer"], "shop");
}

#[test]
fn an_empty_installation_says_how_to_begin() {
    let installation = Installation::new().answer("GET /layers", 200, json!({ "layers": [] }));
    insta::assert_snapshot!(transcript(&installation, &["status"]));
}

#[test]
fn a_layer_shows_its_modules_and_why_its_last_deployment_was_rejected() {
    let layer = json!({
        "layer": "shop", "status": "deployed", "scope": "service", "environment": "demo", "key": "services/shop.yaml",
        "updated_at": "2020-01-02T10:00:00Z",
        "modules": [
            { "name": "orders", "kind": "sqs", "number": 11, "complete": true },
            { "name": "events", "kind": "sns", "number": 12, "complete": false },
        ],
    });
    let rejected = deployment(
        13,
        "rejected",
        json!({ "created_at": "2020-01-02T10:00:00Z", "message": "shop.yaml:6:11: there is no module type `aws-sqz`",
                "diagnostics": "unknown-module\n\n  × there is no module type `aws-sqz`\n" }),
    );
    let installation = Installation::new().answer("GET /layers/shop", 200, layer).answer(
        "GET /layers/shop/deployments?limit=1",
        200,
        json!({ "deployments": [rejected] }),
    );
    insta::assert_snapshot!(transcript(&installation, &["status", "shop"]));
}

#[test]
fn an_unknown_layer_gives_the_nearest_known_one() {
    let installation = Installation::new().answer("GET /layers/shpo", 404, not_found("there is no layer shpo")).answer(
        "GET /layers",
        200,
        layers(),
    );
    insta::assert_snapshot!(transcript(&installation, &["status", "shpo"]));
}

#[test]
fn an_unknown_deployment_gives_the_newest_one() {
    let newest = json!({ "deployments": [deployment(12, "succeeded", json!({}))] });
    let installation = Installation::new()
        .answer("GET /layers/shop/deployments/99", 404, not_found("deployment shop/99 is not known"))
        .answer("GET /layers/shop/deployments?limit=1", 200, newest);
    insta::assert_snapshot!(transcript(&installation, &["status", "shop/99"]));
}

#[test]
fn history_is_a_table_of_what_was_done_and_by_whom() {
    let old = "2020-01-02T10:00:00Z";
    let list = json!({ "deployments": [
        deployment(13, "rejected", json!({ "created_at": old, "message": "shop.yaml:6:11: no such type" })),
        deployment(12, "succeeded", json!({ "created_at": old, "outcome": "no-changes" })),
        deployment(11, "succeeded", json!({ "created_at": old, "outcome": "changed", "plan": plan_ref("low") })),
    ] });
    let installation = Installation::new().answer("GET /layers/shop/deployments?limit=20", 200, list);
    insta::assert_snapshot!(transcript(&installation, &["history", "shop"]));
}

#[test]
fn events_and_outputs_read_as_lists() {
    let outputs = json!({ "layer": "shop", "outputs": {
        "orders": { "queue_arn": "arn:aws:sqs:eu-central-1:111122223333:demo-shop-orders", "dlq": null },
        "base": { "private_subnet_ids": ["subnet-1", "subnet-2"], "public_subnets_ids": [], "zones": 3 },
        "worker": {},
    } });
    let installation = Installation::new().answer("GET /layers/shop/deployments/12/events", 200, events()).answer(
        "GET /layers/shop/outputs",
        200,
        outputs,
    );
    insta::assert_snapshot!(transcript(&installation, &["events", "shop/12"]));
    insta::assert_snapshot!(transcript(&installation, &["outputs", "shop"]));
    insta::assert_snapshot!(transcript(&installation, &["outputs", "shop", "--json"]));
}

#[test]
fn following_outside_of_a_terminal_writes_one_line_per_event_and_the_end() {
    let running = deployment(12, "running", json!({ "phase": "applying", "plan": plan_ref("low") }));
    let ended = deployment(12, "succeeded", json!({ "outcome": "changed", "plan": plan_ref("low") }));
    let created = run("orders", "sqs", "done", json!({ "counts": { "create": 1 } }));
    let outputs = json!({ "outputs": { "orders": { "queue_url": "https://sqs/demo-shop-orders" } } });
    let installation = Installation::new()
        .answer("GET /layers/shop/deployments/12", 200, detail(&running, json!([])))
        .answer("GET /layers/shop/deployments/12", 200, detail(&ended, json!([created])))
        .answer("GET /layers/shop/deployments/12/events", 200, events())
        .answer("GET /layers/shop/deployments/12/events?after=2026-05-01T10%3A00%3A07Z", 200, events())
        .answer("GET /layers/shop/deployments/12/plan", 200, plan("deploy", "create", "low"))
        .answer("GET /layers/shop/outputs", 200, outputs);
    insta::assert_snapshot!(transcript(&installation, &["status", "shop/12", "--follow"]));
}

#[test]
fn a_failed_module_is_shown_whole_with_what_to_do() {
    let ended = deployment(12, "failed", json!({ "message": "orders failed" }));
    let failed = run(
        "orders",
        "sqs",
        "failed",
        json!({ "error": "access denied: sqs:CreateQueue on demo-shop-orders is missing for role landfall-sqs\nleft behind: nothing" }),
    );
    let skipped = run("worker", "iam-role", "skipped", json!({ "reason": "not started because orders failed" }));
    let installation = Installation::new()
        .answer("GET /layers/shop/deployments/12", 200, detail(&ended, json!([failed, skipped])))
        .answer("GET /layers/shop/deployments/12/events", 200, json!({ "events": [] }));
    insta::assert_snapshot!(transcript(&installation, &["status", "shop/12", "--follow"]));
}

fn waiting() -> Value {
    let approval = json!({ "plan_hash": "3f2a9c77aa01bb02cc03", "requested_at": AT });
    let more = json!({ "phase": "awaiting-approval", "plan": plan_ref("high"), "approval": approval });
    detail(&deployment(12, "running", more), json!([]))
}

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
fn a_held_layer_is_not_unlocked_without_force() {
    let error = json!({ "error": {
        "code": "conflict", "message": "layer shop is held since 10:00 by an execution that still runs: applying shop/12",
        "hint": "wait for it, or take it with `landfall unlock shop --force --reason WHY`",
    } });
    let installation = Installation::new().answer("DELETE /layers/shop/lease", 409, error).answer(
        "DELETE /layers/shop/lease",
        404,
        not_found("layer shop is not locked"),
    );
    insta::assert_snapshot!(transcript(&installation, &["unlock", "shop"]));
    insta::assert_snapshot!(transcript(&installation, &["unlock", "shop"]));
}

#[test]
fn a_denied_request_names_the_permission() {
    let installation = Installation::new().answer("GET /layers", 403, json!({ "message": "Forbidden" }));
    insta::assert_snapshot!(transcript(&installation, &["status"]));
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

#[test]
fn a_running_layer_shows_who_holds_it() {
    let layer = json!({
        "layer": "shop", "status": "deployed", "scope": "service", "environment": "demo", "running": 12,
        "lease": { "holder": "arn", "since": "2020-01-01T00:00:00Z", "doing": "applying shop/12" },
    });
    let running = deployment(12, "running", json!({ "phase": "applying", "created_at": "2020-01-01T00:00:00Z" }));
    let installation = Installation::new()
        .answer("GET /layers/shop", 200, layer)
        .answer("GET /layers/shop/deployments/12", 200, detail(&running, json!([])))
        .answer("GET /layers/shop/deployments?limit=1", 200, json!({ "deployments": [running] }));
    let text = transcript(&installation, &["status", "shop"]);
    assert!(text.contains("locked for  applying shop/12, since"), "{text}");
    assert!(text.contains("follow it: landfall status shop/12 --follow"), "{text}");
}

#[test]
fn a_queued_deployment_says_what_comes_first() {
    let queued = deployment(13, "queued", json!({}));
    let approval = json!({ "plan_hash": "3f2a9c77aa01bb02cc03" });
    let first = deployment(12, "running", json!({ "phase": "awaiting-approval", "approval": approval }));
    let superseded = deployment(13, "superseded", json!({ "superseded_by": 14 }));
    let none = json!({ "events": [] });
    let installation = Installation::new()
        .answer("GET /layers/shop/deployments/13", 200, detail(&queued, json!([])))
        .answer("GET /layers/shop/deployments/13", 200, detail(&superseded, json!([])))
        .answer("GET /layers/shop", 200, json!({ "layer": "shop", "running": 12, "waiting": 13 }))
        .answer("GET /layers/shop/deployments/12", 200, detail(&first, json!([])))
        .answer("GET /layers/shop/deployments/13/events", 200, none);
    let text = transcript(&installation, &["status", "shop/13", "--follow"]);
    assert!(text.contains("waits               shop/12 comes first (waits for an approval)"), "{text}");
    assert!(text.ends_with("follow that one: landfall status shop/14 --follow\n[exit 6]\n"), "{text}");
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
fn an_approval_that_is_waited_for_stands_before_what_is_queued_behind_it() {
    let layer = json!({
        "layer": "shop", "status": "deployed", "scope": "service", "environment": "demo", "running": 12, "waiting": 13,
        "updated_at": "2020-01-01T00:00:00Z",
    });
    let old = json!({ "created_at": "2020-01-01T00:00:00Z" });
    let mut first = waiting();
    first["deployment"]["created_at"] = old["created_at"].clone();
    let queued = deployment(13, "queued", old);
    let installation = Installation::new()
        .answer("GET /layers/shop", 200, layer)
        .answer("GET /layers/shop/deployments/12", 200, first)
        .answer("GET /layers/shop/deployments/13", 200, detail(&queued, json!([])))
        .answer("GET /layers/shop/deployments?limit=1", 200, json!({ "deployments": [queued] }));
    insta::assert_snapshot!(transcript(&installation, &["status", "shop"]));
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

#[test]
fn credentials_that_are_over_are_not_a_missing_permission() {
    let said = json!({ "message": "The security token included in the request is expired" });
    let installation = Installation::new().answer("GET /layers", 403, said);
    insta::assert_snapshot!(transcript(&installation, &["status"]));
}
