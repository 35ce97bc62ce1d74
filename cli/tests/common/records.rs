//! Records as the API answers them.

use serde_json::{Value, json};

use super::Installation;

pub const AT: &str = "2026-05-01T10:00:00Z";

pub fn deployment(number: u64, status: &str, more: Value) -> Value {
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

pub fn run(module: &str, kind: &str, status: &str, more: Value) -> Value {
    let mut run = json!({ "module": module, "kind": kind, "status": status, "needs": [] });
    for (key, value) in more.as_object().unwrap() {
        run[key] = value.clone();
    }
    run
}

pub fn detail(deployment: &Value, runs: Value) -> Value {
    json!({ "deployment": deployment, "runs": runs, "resources": [] })
}

pub fn plan(request: &str, action: &str, risk: &str) -> Value {
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

pub fn plan_ref(risk: &str) -> Value {
    json!({ "hash": "3f2a9c77aa01bb02cc03", "document": {}, "summary": { "create": 1 }, "risk": risk })
}

pub fn not_found(message: &str) -> Value {
    json!({ "error": { "code": "not-found", "message": message } })
}

pub fn transcript(installation: &Installation, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    installation.run(folder.path(), arguments).transcript(arguments)
}

pub fn waiting() -> Value {
    let approval = json!({ "plan_hash": "3f2a9c77aa01bb02cc03", "requested_at": AT });
    let more = json!({ "phase": "awaiting-approval", "plan": plan_ref("high"), "approval": approval });
    detail(&deployment(12, "running", more), json!([]))
}
