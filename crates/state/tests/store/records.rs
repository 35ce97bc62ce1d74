//! What lies in the table: every record says its schema, and one that is not understood is refused, not guessed at.

use std::error::Error;

use aws_sdk_dynamodb::types::AttributeValue;
use landfall_state::{Phase, RunStatus, RunUpdate, StateError, WakeOutcome};

use crate::fencing::{METHODS, call};
use crate::world::{TTL, World, change, on_both_stores, request};

on_both_stores!(
    every_record_carries_the_schema,
    a_record_of_a_newer_schema_is_refused_and_left_alone,
    a_record_that_cannot_be_read_is_named,
    an_installation_without_its_table_says_what_failed,
);

/// A deployment through all its stations, so that every kind of record is there.
async fn everything(world: &World) {
    let store = &world.store;
    store.register_source("shop.yaml", "shop", "01").await.unwrap();
    let number = world.running("shop").await;
    let lease = world.hold_service("shop", "staging", "execution").await;
    let lease = store.renew(&lease, "applying", TTL).await.unwrap();
    for method in METHODS.into_iter().filter(|method| *method != "deployment_ended") {
        call(store, &lease, method, number).await.unwrap();
    }
    store.await_dependencies("shop", number, "queue", &"token".into()).await.unwrap();
    let wake = landfall_state::Wake { module: "queue".into(), task_token: "token".into(), outcome: WakeOutcome::Ready };
    store.woken("shop", number, &wake).await.unwrap();
    store.ask_approval("shop", number, &"token".into(), request("hash")).await.unwrap();
    store.phase("shop", number, Phase::Applying, None).await.unwrap();
    store.happened("shop", number, "started", None, "it runs").await.unwrap();
    store.enqueue(change("shop", "v2")).await.unwrap();
    store.enqueue(change("shop", "v3")).await.unwrap();
}

async fn every_record_carries_the_schema(world: World) {
    everything(&world).await;
    let records = world.raw().await;
    let mut kinds: Vec<String> = Vec::new();
    for record in &records {
        assert_eq!(record.get("schema").and_then(|schema| schema.as_n().ok()), Some(&"1".to_owned()), "{record:?}");
        kinds.push(record["sk"].as_s().unwrap().split('#').next().unwrap().to_owned());
    }
    kinds.sort();
    kinds.dedup();
    let all = [
        "APPROVAL",
        "CHANGE",
        "DEPLOYMENT",
        "DRIFT",
        "EVENT",
        "KEY",
        "LAYER",
        "LEASE",
        "MODULE",
        "QUEUE",
        "RES",
        "RUN",
        "SERVICE",
        "SHARED",
    ];
    assert_eq!(kinds, all);
    assert!(records.iter().all(|record| !record.contains_key("ttl")), "nothing ends by itself");
}

async fn a_record_of_a_newer_schema_is_refused_and_left_alone(world: World) {
    everything(&world).await;
    let newer = AttributeValue::N("2".to_owned());
    world.tamper("LAYER#shop", "DEPLOYMENT#0000000001", "schema", newer.clone()).await;
    let before = world.raw().await.len();
    let refused = [
        world.store.deployment("shop", 1).await.map(drop).unwrap_err(),
        world.store.deployments("shop", 9).await.map(drop).unwrap_err(),
        world.store.phase("shop", 1, Phase::Finishing, None).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.to_string(), "the record LAYER#shop DEPLOYMENT#0000000001 cannot be read");
        assert_eq!(
            error.source().unwrap().to_string(),
            "it has schema 2 and this version of Landfall knows schemas up to 1; install the newer version again"
        );
    }
    world.tamper("LAYER#staging", "LAYER", "schema", newer.clone()).await;
    assert!(matches!(world.store.enqueue(change("staging", "v1")).await, Err(StateError::Corrupt { .. })));
    world.tamper("LAYER#shop", "RUN#0000000001#queue", "schema", newer).await;
    let lease = world.hold_service("shop", "staging", "execution").await;
    let done = RunUpdate::status(RunStatus::Done);
    let written = world.store.writer(&lease).run_update(1, "queue", &done).await;
    assert!(matches!(written, Err(StateError::Corrupt { .. })), "{written:?}");
    assert_eq!(world.raw().await.len(), before + 1, "only the record of the tampered layer is new");
}

async fn a_record_that_cannot_be_read_is_named(world: World) {
    world.running("shop").await;
    let number = AttributeValue::N("7".to_owned());
    world.tamper("LAYER#shop", "DEPLOYMENT#0000000001", "status", number).await;
    for error in [
        world.store.deployment("shop", 1).await.map(drop).unwrap_err(),
        world.store.deployments("shop", 9).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, StateError::Corrupt { .. }));
        assert_eq!(error.to_string(), "the record LAYER#shop DEPLOYMENT#0000000001 cannot be read");
        assert!(error.source().is_some());
    }
}

async fn an_installation_without_its_table_says_what_failed(world: World) {
    world.ddb.delete_table().table_name("landfall").send().await.unwrap();
    let error = world.store.queue("shop").await.unwrap_err().to_string();
    assert!(error.starts_with("GetItem failed (ResourceNotFoundException): "), "{error}");
}
