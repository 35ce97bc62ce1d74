//! A sound table, and for every fact a table that breaks it.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::{ATTRIBUTES, Item, broken};

const EXECUTION: &str = "arn:aws:states:eu-west-1:1:execution:landfall-deploy:shop-2";

/// A layer with two deployments that ended well, and what the second one made.
fn sound() -> Vec<Value> {
    let deployment = |number: u64, began: &str, ended: &str| {
        json!({
            "pk": "LAYER#shop", "sk": format!("DEPLOYMENT#{number:010}"), "number": number, "action": "deploy",
            "status": "succeeded", "change": format!("c{number}"), "started_at": began, "finished_at": ended,
        })
    };
    vec![
        json!({ "pk": "LAYER#shop", "sk": "LAYER", "counter": 2, "status": "deployed" }),
        json!({ "pk": "LAYER#shop", "sk": "LEASE", "token": 2 }),
        json!({ "pk": "LAYER#shop", "sk": "QUEUE" }),
        deployment(1, "2026-11-25T12:00:00.5Z", "2026-11-25T12:05:00Z"),
        deployment(2, "2026-11-25T12:05:00Z", "2026-11-25T12:06:00Z"),
        json!({ "pk": "LAYER#shop", "sk": "CHANGE#c1", "number": 1 }),
        json!({ "pk": "LAYER#shop", "sk": "CHANGE#c2", "number": 2 }),
        json!({ "pk": "LAYER#shop", "sk": "RUN#0000000002#orders", "status": "done" }),
        json!({ "pk": "LAYER#shop", "sk": "RES#orders#queue", "status": "applied" }),
        json!({ "pk": "LAYER#shop", "sk": "MODULE#orders", "complete": true }),
        json!({ "pk": "KEY#shop.yaml", "sk": "KEY", "layer": "shop" }),
    ]
}

/// The sound table with these attributes of the record `sk` of the layer `shop` set, or the record added.
fn with(sk: &str, attributes: &Value) -> Vec<Value> {
    let mut table = sound();
    set(&mut table, sk, attributes);
    table
}

fn set(table: &mut Vec<Value>, sk: &str, attributes: &Value) {
    let found = table.iter().position(|item| item["pk"] == "LAYER#shop" && item["sk"] == sk);
    let place = found.unwrap_or_else(|| {
        table.push(json!({ "pk": "LAYER#shop", "sk": sk }));
        table.len() - 1
    });
    for (name, value) in attributes.as_object().unwrap() {
        table[place][name] = value.clone();
    }
}

fn said(table: &[Value]) -> Vec<String> {
    // Of an item only that is read.
    let read = |item: &Value| {
        let attributes = item.as_object().unwrap().clone().into_iter();
        attributes.filter(|(name, _)| ATTRIBUTES.contains(&name.as_str())).collect::<Item>()
    };
    let items: Vec<Item> = table.iter().map(read).collect();
    broken(&items).into_iter().map(|broken| format!("{}: {}", broken.layer, broken.what)).collect()
}

#[test]
fn of_a_sound_table_nothing_is_said() {
    assert_eq!(said(&sound()), Vec::<String>::new());
}

#[test]
fn each_fact_is_broken_by_its_own_table() {
    let two = "DEPLOYMENT#0000000002";
    let rows: [(&str, Value, &str); 20] = [
        ("QUEUE", json!({ "running": 2 }), "2 is still running, and it is succeeded"),
        ("QUEUE", json!({ "waiting": 2 }), "2 is still waiting, and it is succeeded"),
        ("QUEUE", json!({ "waiting": 7 }), "7 is still waiting, and there is no such deployment"),
        (
            two,
            json!({ "status": "running", "finished_at": null }),
            "deployment 2 is running, and the queue does not say so",
        ),
        (
            two,
            json!({ "status": "queued", "finished_at": null }),
            "deployment 2 is queued, and the queue does not say so",
        ),
        ("LEASE", json!({ "holder": "x" }), "its lease is held by x, which runs no deployment of it"),
        ("LEASE", json!({ "cancelled": true }), "a cancellation outlived its lease"),
        ("LAYER", json!({ "counter": 3 }), "it counts 3 deployments and has 2"),
        (two, json!({ "number": 4 }), "its deployments are numbered [1, 4]"),
        (two, json!({ "finished_at": null }), "deployment 2 has no end, and it is succeeded"),
        (two, json!({ "status": "running" }), "deployment 2 ended at 2026-11-25T12:06:00Z, and it is running"),
        (two, json!({ "status": "superseded", "superseded_by": 1 }), "deployment 2 was superseded by 1"),
        (two, json!({ "status": "superseded", "superseded_by": 9 }), "deployment 2 was superseded by 9"),
        (
            two,
            json!({ "started_at": "2026-11-25T12:04:00Z" }),
            "deployment 2 began at 2026-11-25T12:04:00Z, before 1 ended at 2026-11-25T12:05:00Z",
        ),
        ("CHANGE#c3", json!({ "number": 3 }), "its changes and its deployments do not belong to each other"),
        (two, json!({ "change": "c9" }), "deployment 2 serves another change"),
        ("SHARED#app", json!({ "holder": "x", "token": 1 }), "SHARED#app is left, and app does not hold it"),
        ("APPROVAL#0000000002", json!({}), "APPROVAL#0000000002 still waits, and deployment 2 does not run"),
        ("RUN#0000000002#orders", json!({ "status": "pending" }), "a module is pending, and deployment 2 succeeded"),
        ("LAYER", json!({ "status": "destroyed" }), "RES#orders#queue is left of a layer that was destroyed"),
    ];
    for (sk, attributes, what) in rows {
        let found = said(&with(sk, &attributes));
        assert!(found.contains(&format!("shop: {what}")), "{sk} {attributes}: {found:?}");
    }
}

#[test]
fn what_is_not_whole_is_broken_unless_a_deployment_left_it_undone() {
    for (sk, attributes, what) in [
        ("RES#orders#queue", json!({ "status": "intent" }), "RES#orders#queue is intent, and nothing works on it"),
        ("MODULE#orders", json!({ "complete": false }), "MODULE#orders is not complete, and nothing works on it"),
    ] {
        let mut table = with(sk, &attributes);
        assert_eq!(said(&table), [format!("shop: {what}")]);
        set(&mut table, "DEPLOYMENT#0000000002", &json!({ "status": "failed" }));
        assert_eq!(said(&table), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn a_look_for_drift_that_was_forgotten_leaves_a_gap_that_is_counted() {
    let mut table = with("DRIFT", &json!({ "forgotten": 1, "number": 3 }));
    set(&mut table, "LAYER", &json!({ "counter": 3 }));
    set(&mut table, "DEPLOYMENT#0000000002", &json!({ "number": 3, "sk": "DEPLOYMENT#0000000003", "action": "drift" }));
    set(&mut table, "CHANGE#c2", &json!({ "number": 3 }));
    table.retain(|item| !item["sk"].as_str().unwrap().starts_with("RUN#"));
    assert_eq!(said(&table), Vec::<String>::new());
    set(&mut table, "LAYER", &json!({ "counter": 4 }));
    assert_eq!(said(&table), ["shop: it counts 4 deployments and has 3"]);
}

#[test]
fn a_layer_without_a_record_of_its_own_is_broken() {
    let table = [json!({ "pk": "LAYER#ghost", "sk": "RES#orders#queue", "status": "applied" })];
    assert_eq!(said(&table), ["ghost: the layer has records and no record of its own"]);
}

#[test]
fn what_a_running_deployment_has_in_hand_is_not_broken() {
    let mut table = with("DEPLOYMENT#0000000002", &json!({ "status": "running", "finished_at": null }));
    set(&mut table, "DEPLOYMENT#0000000002", &json!({ "execution_arn": EXECUTION }));
    set(&mut table, "QUEUE", &json!({ "running": 2 }));
    set(&mut table, "LEASE", &json!({ "holder": EXECUTION, "token": 2, "environment": "staging" }));
    set(&mut table, "APPROVAL#0000000002", &json!({}));
    set(&mut table, "RES#orders#queue", &json!({ "status": "pending" }));
    set(&mut table, "MODULE#orders", &json!({ "complete": false }));
    table.push(json!({ "pk": "LAYER#staging", "sk": "LAYER", "counter": 0, "status": "deployed" }));
    table.push(json!({ "pk": "LAYER#staging", "sk": "SHARED#shop", "holder": EXECUTION, "token": 2 }));
    // One that was given back while calls may still be on their way, and one that is waited for.
    table.push(json!({ "pk": "LAYER#staging", "sk": "SHARED#app", "holder": "x", "token": 1, "quiet_for": "app/1" }));
    table.push(json!({ "pk": "LAYER#staging", "sk": "SHARED#web", "holder": "y", "token": 0, "waits": true }));
    assert_eq!(said(&table), Vec::<String>::new());
    set(&mut table, "LEASE", &json!({ "holder": "another execution" }));
    let found = said(&table);
    assert!(found[0].contains("held by another execution"), "{found:?}");
    assert!(found[1].contains("SHARED#shop is left"), "{found:?}");
}
