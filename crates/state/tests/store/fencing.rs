//! Nothing is written by one whose lease is over: every method of the writer, after every way to lose a lease.

use std::collections::BTreeMap;
use std::time::Duration;

use landfall_state::{
    Applied, Beginning, DocumentRef, Event, Finished, IntentAction, LayerEnd, Lease, ModuleEnd, ModuleRecord,
    NewIntent, Place, RunStart, RunStatus, RunUpdate, Scope, StateError, Status, Store,
};
use serde_json::json;

use crate::drift::drift;
use crate::world::{World, is_lost, on_both_stores, planned};

on_both_stores!(
    a_live_lease_writes_everything,
    a_lease_that_was_taken_over_writes_nothing,
    a_lease_that_was_taken_over_writes_nothing_by_a_slow_clock,
    a_lease_that_ended_writes_nothing,
    a_lease_that_was_given_back_writes_nothing,
    a_lease_that_was_unlocked_writes_nothing,
    a_service_whose_environment_was_taken_over_writes_nothing_by_a_slow_clock,
);

/// Every method of the writer that writes. [`no_method_is_forgotten`] compares it with the source.
pub(crate) const METHODS: [&str; 15] = [
    "begin_runs",
    "intend",
    "intend_creation",
    "refused",
    "applied",
    "forgotten",
    "modules_begin",
    "module_deployed",
    "run_recorded",
    "plan_recorded",
    "run_update",
    "drift_looked",
    "drift_settled",
    "module_ended",
    "deployment_ended",
];

fn intent(number: u64, resource: &str) -> NewIntent<'_> {
    NewIntent {
        number,
        module: "queue",
        resource,
        kind: "AWS::SQS::Queue",
        action: IntentAction::Create,
        id: None,
        client_token: "token",
        needs: &[],
    }
}

fn module(name: &str, number: u64) -> ModuleRecord {
    ModuleRecord {
        module: name.to_owned(),
        kind: "sqs".to_owned(),
        number,
        outputs: json!({}),
        defaults: BTreeMap::new(),
        needs: Vec::new(),
        complete: true,
    }
}

/// Calls one method with arguments that a live lease of the service `shop` in `staging` may use.
pub(crate) async fn call(store: &Store, lease: &Lease, method: &str, number: u64) -> Result<(), StateError> {
    let writer = store.writer(lease);
    let document = DocumentRef { key: "k".to_owned(), sha256: "s".to_owned() };
    match method {
        "intend" => writer.intend(intent(number, "key"), None).await.map(drop),
        "intend_creation" => writer.intend_creation(intent(number, "alarm"), &json!({}), None).await.map(drop),
        "refused" => writer.refused(number, "queue", "alarm", 1).await,
        "applied" => {
            let applied = Applied {
                number,
                module: "queue",
                resource: "queue",
                kind: "AWS::SQS::Queue",
                id: "id",
                properties: &json!({}),
                attributes: &json!({}),
                needs: &[],
                pending: false,
            };
            writer.applied(applied).await
        }
        "forgotten" => writer.forgotten("queue", "alias").await,
        "modules_begin" => writer.modules_begin(&[module("new", number)]).await,
        "module_deployed" => writer.module_deployed(&module("queue", number)).await,
        "module_ended" => {
            let event = Event { at: store.now(), kind: "module-done".into(), module: None, message: String::new() };
            let update = RunUpdate::status(RunStatus::Done);
            writer.module_ended(number, "queue", &update, ModuleEnd::Removed, &event).await
        }
        "run_recorded" => {
            let place = Place {
                scope: Scope::Service,
                environment: "staging",
                org_name: "org",
                region: "us-east-1",
                account_id: "111122223333",
                freeze_windows: &[],
                settings: &serde_json::Value::Null,
            };
            writer.run_recorded(number, &document, Some(&place)).await
        }
        "plan_recorded" => {
            let plan = planned(store).plan;
            let runs =
                vec![RunStart { module: "late".into(), kind: "sqs".into(), needs: Vec::new(), unchanged: false }];
            let begins = Beginning { modules: vec![module("late", number)], runs };
            writer.plan_recorded(number, &plan, Some(&begins)).await
        }
        "begin_runs" => {
            let start = RunStart { module: "queue".into(), kind: "sqs".into(), needs: Vec::new(), unchanged: false };
            writer.begin_runs(number, &[start]).await
        }
        "run_update" => writer.run_update(number, "queue", &RunUpdate::status(RunStatus::Running)).await,
        "drift_looked" => writer.drift_looked(number, None, &[drift("queue", "7")]).await.map(drop),
        "drift_settled" => writer.drift_settled(true).await.map(drop),
        "deployment_ended" => {
            let end = Finished { status: Status::Succeeded, outcome: None, message: None, diagnostics: None };
            writer.deployment_ended(number, &end, LayerEnd::Failed, None, Some(&planned(store))).await.map(drop)
        }
        other => panic!("no arguments for {other}"),
    }
}

#[test]
fn no_method_is_forgotten() {
    let drift = include_str!("../../src/drift.rs").split_once("impl Writer").expect("methods of the writer").1;
    let finish = include_str!("../../src/finish.rs").split_once("impl Writer").expect("methods of the writer").1;
    let finish = finish.split_once("impl Store").expect("methods of the store").0;
    let journal = include_str!("../../src/journal.rs").split_once("impl Writer").expect("methods of the writer").1;
    let sources = [include_str!("../../src/writer.rs"), journal, drift, finish];
    let mut written: Vec<&str> = sources
        .into_iter()
        .flat_map(|source| source.split("pub async fn ").skip(1))
        .filter_map(|rest| rest.split(['(', '<']).next())
        .collect();
    let mut listed = METHODS.to_vec();
    written.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, written, "list every writing method of the writer in METHODS");
}

/// A running deployment of the service and its lease.
async fn service(world: &World) -> (u64, Lease) {
    let number = world.running("shop").await;
    let lease = world.hold_service("shop", "staging", "execution").await;
    // What settles drift writes only where there is some.
    world.store.writer(&lease).drift_looked(number, None, &[drift("queue", "5")]).await.unwrap();
    (number, lease)
}

async fn nothing_is_written(world: &World, store: &Store, lease: &Lease, number: u64) {
    let before = world.raw().await;
    for method in METHODS {
        let refused = call(store, lease, method, number).await;
        assert!(is_lost(&refused), "{method}: {refused:?}");
    }
    let after = world.raw().await;
    assert!(before.len() == after.len() && before.iter().all(|record| after.contains(record)));
}

async fn a_live_lease_writes_everything(world: World) {
    let (number, lease) = service(&world).await;
    for method in METHODS {
        let before = world.raw().await;
        call(&world.store, &lease, method, number).await.unwrap_or_else(|error| panic!("{method}: {error}"));
        let deletes = method == "forgotten";
        assert!(deletes || world.raw().await != before, "{method} writes");
    }
}

async fn a_lease_that_was_taken_over_writes_nothing(world: World) {
    let (number, lease) = service(&world).await;
    world.wait(60);
    world.hold_service("shop", "staging", "another execution").await;
    nothing_is_written(&world, &world.store, &lease, number).await;
}

async fn a_lease_that_was_taken_over_writes_nothing_by_a_slow_clock(world: World) {
    let (number, lease) = service(&world).await;
    let slow = world.with_slow_clock(std::time::Duration::from_secs(50));
    world.wait(60);
    world.hold_service("shop", "staging", "another execution").await;
    nothing_is_written(&world, &slow, &lease, number).await;
}

async fn a_lease_that_ended_writes_nothing(world: World) {
    let (number, lease) = service(&world).await;
    world.wait(60);
    nothing_is_written(&world, &world.store, &lease, number).await;
}

async fn a_lease_that_was_given_back_writes_nothing(world: World) {
    let (number, lease) = service(&world).await;
    world.store.release(&lease).await.unwrap();
    nothing_is_written(&world, &world.store, &lease, number).await;
}

async fn a_lease_that_was_unlocked_writes_nothing(world: World) {
    let (number, lease) = service(&world).await;
    world.store.force_unlock("shop", lease.token, Duration::ZERO).await.unwrap();
    nothing_is_written(&world, &world.store, &lease, number).await;
}

async fn a_service_whose_environment_was_taken_over_writes_nothing_by_a_slow_clock(world: World) {
    let (number, lease) = service(&world).await;
    let slow = world.with_slow_clock(std::time::Duration::from_secs(50));
    world.wait(60);
    let environment = world.hold("staging", "environment").await;
    world.store.release(&environment).await.unwrap();
    nothing_is_written(&world, &slow, &lease, number).await;
}
