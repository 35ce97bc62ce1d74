//! What the command does when an answer gets lost.

#![allow(clippy::unwrap_used)]

mod common;

use common::Installation;
use serde_json::json;

const ASKED: &str = "POST /layers/shop/deployments";

#[test]
fn what_is_asked_for_again_carries_its_key_and_what_is_asked_for_anew_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let waiting = json!({ "deployment": {
        "layer": "shop", "number": 12, "action": "destroy", "status": "succeeded", "outcome": "no-changes",
        "source": { "key": "shop.yaml" }, "actor": "ana", "created_at": "2026-05-01T10:00:00Z",
        "finished_at": "2026-05-01T10:01:12Z",
    }, "runs": [], "resources": [] });
    let installation = Installation::new()
        .answer(ASKED, 502, json!({ "message": "Bad Gateway" }))
        .answer(ASKED, 504, json!({ "message": "Gateway Timeout" }))
        .answer(ASKED, 202, json!({ "number": 12, "duplicate": true }))
        .answer("GET /layers/shop/deployments/12", 200, waiting)
        .answer("GET /layers/shop/deployments/12/events", 200, json!({ "events": [] }));
    for _ in 0..2 {
        let done = installation.run(folder.path(), &["destroy", "shop"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    let keys: Vec<String> = installation
        .requests()
        .into_iter()
        .filter(|request| request.line == ASKED)
        .map(|request| request.headers["idempotency-key"].clone())
        .collect();
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert!(keys[0] == keys[1] && keys[1] == keys[2] && keys[2] != keys[3], "{keys:?}");
}

#[test]
fn what_is_refused_is_not_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let refused = json!({ "error": { "code": "conflict", "message": "environment shop still has services: a" } });
    let installation = Installation::new().answer(ASKED, 409, refused);
    assert_ne!(installation.run(folder.path(), &["destroy", "shop"]).code, 0);
    assert_eq!(installation.requests().iter().filter(|request| request.line == ASKED).count(), 1);
}
