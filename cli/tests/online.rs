//! What the command shows of an installation, from recorded answers of its API.

#![allow(clippy::unwrap_used)]

mod common;

use common::Installation;
use common::records::{AT, deployment, detail, not_found, plan, plan_ref, run, transcript, waiting};
use serde_json::{Value, json};

fn events() -> Value {
    json!({ "events": [
        { "at": AT, "kind": "queued", "message": "the change waits for its turn" },
        { "at": "2026-05-01T10:00:02Z", "kind": "planned", "message": "1 to create" },
        { "at": "2026-05-01T10:00:08Z", "kind": "module-pending", "module": "orders", "message":
          "the key is still being made: AWS says that this may take up to a minute; it is looked at again in 5 seconds" },
        { "at": "2026-05-01T10:00:09Z", "kind": "module-done", "module": "orders", "message": "1 created" },
    ] })
}

fn layers() -> Value {
    json!({ "layers": [
        { "layer": "demo", "status": "deployed", "scope": "environment", "environment": "demo", "last_deployment": 3,
          "updated_at": "2020-01-01T10:00:00Z" },
        { "layer": "shop", "status": "failed", "scope": "service", "environment": "demo", "last_deployment": 11,
          "running": 12, "waiting": 13, "updated_at": "2020-01-02T10:00:00Z" },
    ] })
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
    let outputs = json!({ "outputs": { "orders": { "queue_id": "https://sqs/demo-shop-orders" } } });
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
fn credentials_that_are_over_are_not_a_missing_permission() {
    let said = json!({ "message": "The security token included in the request is expired" });
    let installation = Installation::new().answer("GET /layers", 403, said);
    insta::assert_snapshot!(transcript(&installation, &["status"]));
}
