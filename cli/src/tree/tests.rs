//! What the live tree shows.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

fn look(height: usize) -> Look {
    Look { paint: Paint::Plain, width: 80, height, now: "2026-05-01T10:01:12Z".parse().unwrap(), tick: 2 }
}

fn detail(phase: &str, runs: serde_json::Value) -> Detail {
    let json = json!({
        "deployment": {
            "layer": "shop", "number": 12, "action": "deploy", "status": "running", "phase": phase,
            "created_at": "2026-05-01T10:00:00Z", "started_at": "2026-05-01T10:00:02Z",
        },
        "runs": runs,
    });
    serde_json::from_value(json).unwrap()
}

fn shown(detail: &Detail, height: usize) -> String {
    frame(detail, &look(height)).join("\n")
}

#[test]
fn every_state_of_a_module_shows_its_time_and_why_it_waits() {
    let detail = detail(
        "applying",
        json!([
            { "module": "worker", "kind": "iam-role", "status": "waiting", "needs": ["orders", "uploads", "events"] },
            { "module": "uploads", "kind": "s3", "status": "done", "counts": { "create": 3 },
              "started_at": "2026-05-01T10:00:10Z", "finished_at": "2026-05-01T10:00:14Z" },
            { "module": "orders", "kind": "sqs", "status": "pending", "reason": "the key is being created",
              "started_at": "2026-05-01T10:00:10Z" },
            { "module": "db", "kind": "postgres", "status": "failed", "started_at": "2026-05-01T10:00:10Z",
              "finished_at": "2026-05-01T10:01:11Z",
              "error": "access denied: rds:CreateDBCluster is missing for role landfall-postgres\nleft behind: nothing" },
            { "module": "events", "kind": "sns", "status": "running", "started_at": "2026-05-01T10:01:10Z" },
            { "module": "site", "kind": "s3", "status": "skipped", "reason": "not started because db failed" },
            { "module": "base", "kind": "base", "status": "unchanged" },
            { "module": "dns", "kind": "dns", "status": "unchanged" },
        ]),
    );
    insta::assert_snapshot!(shown(&detail, 24), @r"
    ⠹ shop/12  applying: 3 of 6 modules done  1m 10s
    ├─ ✓ uploads  s3             4s  3 created
    ├─ ⠹ orders   sqs        1m 02s  waits: the key is being created
    ├─ ✗ db       postgres   1m 01s  access denied: rds:CreateDBCluster is missing…
    ├─ ⠹ events   sns            2s
    ├─ · worker   iam-role           waits for orders, events
    ├─ ⊘ site     s3                 not started because db failed
    └─ = 2 modules unchanged
    ");
}

#[test]
fn before_there_are_modules_the_phase_stands_alone() {
    insta::assert_snapshot!(shown(&detail("planning", json!([])), 24), @"⠹ shop/12  planning  1m 10s");
}

#[test]
fn a_queued_deployment_says_what_it_waits_for() {
    let mut detail = detail("", json!([]));
    detail.deployment.status = "queued".to_owned();
    detail.deployment.phase = None;
    detail.deployment.message = Some("environment demo is being changed by demo/4".to_owned());
    assert_eq!(
        shown(&detail, 24),
        "⠹ shop/12  waits for its turn: environment demo is being changed by demo/4  1m 10s"
            .chars()
            .take(78)
            .collect::<String>()
            + "…"
    );
}

#[test]
fn a_small_terminal_leaves_out_what_waits_before_what_runs_or_failed() {
    let mut runs: Vec<_> =
        (0..20).map(|n| json!({ "module": format!("queue{n}"), "kind": "sqs", "status": "waiting" })).collect();
    runs.push(json!({ "module": "db", "kind": "postgres", "status": "failed", "error": "no" }));
    let text = shown(&detail("applying", json!(runs)), 6);
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(text.contains("✗ db"), "{text}");
    assert!(text.contains("… 18 modules more"), "{text}");
}
