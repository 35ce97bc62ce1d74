//! What a cancellation does to a deployment, wherever it stands.

use landfall_state::{
    Action, Cancelled, Gate, IntentAction, Lease, NewIntent, Phase, RunStart, RunStatus, RunUpdate, StateError, Status,
};

use crate::world::{World, change, on_both_stores, request};

on_both_stores!(
    what_waits_in_the_queue_ends_and_leaves_its_place,
    what_waits_for_its_lease_ends_and_the_next_one_may_begin,
    what_works_is_told_by_its_lease_and_begins_nothing_more,
    what_a_cancelled_deployment_did_is_still_recorded,
    what_waits_for_an_approval_answers_its_token,
    what_is_over_is_not_cancelled,
    the_next_holder_of_a_cancelled_lease_works_freely,
    a_module_behind_a_cancelled_one_is_told_so,
);

const EXECUTION: &str = "execution";

/// A deployment that applies, and its lease.
async fn applying(world: &World) -> Lease {
    let number = world.running("shop").await;
    world.store.started("shop", number, EXECUTION).await.unwrap();
    let lease = world.hold("shop", EXECUTION).await;
    world.store.phase("shop", number, Phase::Applying, None).await.unwrap();
    lease
}

fn start(module: &str, needs: &[&str]) -> RunStart {
    let needs = needs.iter().map(|need| (*need).to_owned()).collect();
    RunStart { module: module.to_owned(), kind: "sqs".to_owned(), needs, unchanged: false }
}

fn intent() -> NewIntent<'static> {
    let action = IntentAction::Update;
    let (module, resource, kind) = ("orders", "queue", "AWS::SQS::Queue");
    NewIntent { number: 1, module, resource, kind, action, id: None, client_token: "", needs: &[] }
}

async fn what_waits_in_the_queue_ends_and_leaves_its_place(world: World) {
    world.running("shop").await;
    world.store.enqueue(change("shop", "v2")).await.unwrap();
    assert_eq!(world.store.cancel("shop", 2, "ana", Some("wrong file")).await.unwrap(), Cancelled::Ended);
    let cancelled = world.store.deployment("shop", 2).await.unwrap();
    assert_eq!(cancelled.status, Status::Cancelled);
    assert_eq!(cancelled.message.as_deref(), Some("cancelled by ana: wrong file"));
    let queue = world.store.queue("shop").await.unwrap();
    assert_eq!((queue.running, queue.waiting), (Some(1), None));
}

async fn what_waits_for_its_lease_ends_and_the_next_one_may_begin(world: World) {
    world.running("shop").await;
    world.store.enqueue(change("shop", "v2")).await.unwrap();
    assert_eq!(world.store.cancel("shop", 1, "ana", None).await.unwrap(), Cancelled::Ended);
    assert_eq!(world.store.start_next("shop").await.unwrap().unwrap().number, 2);
}

async fn what_works_is_told_by_its_lease_and_begins_nothing_more(world: World) {
    let lease = applying(&world).await;
    let writer = world.store.writer(&lease);
    writer.begin_runs(1, &[start("orders", &[])]).await.unwrap();
    writer.intend(intent(), None).await.unwrap();
    assert_eq!(world.store.cancel("shop", 1, "ana", None).await.unwrap(), Cancelled::Told);
    assert_eq!(world.store.cancel("shop", 1, "bob", None).await.unwrap(), Cancelled::Told);
    assert_eq!(world.store.deployment("shop", 1).await.unwrap().cancel.unwrap().by, "ana", "the first one counts");
    assert!(world.store.is_cancelled(&lease).await.unwrap());
    for refused in [
        writer.intend(intent(), None).await.map(|_| ()),
        writer.intend_creation(intent(), &serde_json::json!({}), None).await.map(|_| ()),
        writer.run_update(1, "orders", &RunUpdate::status(RunStatus::Running)).await,
    ] {
        assert!(matches!(refused, Err(StateError::Cancelled { .. })), "{refused:?}");
    }
}

async fn what_a_cancelled_deployment_did_is_still_recorded(world: World) {
    let lease = applying(&world).await;
    let writer = world.store.writer(&lease);
    writer.begin_runs(1, &[start("orders", &[])]).await.unwrap();
    world.store.cancel("shop", 1, "ana", None).await.unwrap();
    writer.forgotten("orders", "queue").await.unwrap();
    writer.run_update(1, "orders", &RunUpdate::status(RunStatus::Cancelled)).await.unwrap();
    let ended = writer.run_update(1, "orders", &RunUpdate::status(RunStatus::Done)).await;
    assert!(matches!(ended, Err(StateError::Conflict { .. })), "a cancelled run has ended");
}

async fn what_waits_for_an_approval_answers_its_token(world: World) {
    world.running("shop").await;
    world.store.ask_approval("shop", 1, &"a token".into(), request("hash")).await.unwrap();
    let cancelled = world.store.cancel("shop", 1, "ana", None).await.unwrap();
    assert_eq!(cancelled, Cancelled::Waits { task_token: "a token".into() });
}

async fn what_is_over_is_not_cancelled(world: World) {
    world.running("shop").await;
    world.store.cancel("shop", 1, "ana", None).await.unwrap();
    assert_eq!(world.store.cancel("shop", 1, "bob", None).await.unwrap(), Cancelled::Over(Status::Cancelled));
    assert_eq!(world.store.deployment("shop", 1).await.unwrap().action, Action::Deploy);
}

async fn the_next_holder_of_a_cancelled_lease_works_freely(world: World) {
    let lease = applying(&world).await;
    world.store.cancel("shop", 1, "ana", None).await.unwrap();
    assert!(world.store.is_cancelled(&lease).await.unwrap());
    world.wait(60);
    let next = world.hold("shop", "next execution").await;
    world.store.writer(&next).intend(intent(), None).await.unwrap();
    let known = world.store.journal("shop").await.unwrap();
    // Whoever cancels the former one again does not tell the new holder.
    world.store.cancel("shop", 1, "ana", None).await.unwrap();
    world.store.writer(&next).intend(intent(), known.first()).await.unwrap();
    world.store.release(&next).await.unwrap();
    let again = world.hold("shop", "another execution").await;
    assert!(!world.store.is_cancelled(&again).await.unwrap());
}

async fn a_module_behind_a_cancelled_one_is_told_so(world: World) {
    let lease = applying(&world).await;
    let writer = world.store.writer(&lease);
    writer.begin_runs(1, &[start("orders", &[]), start("mail", &["orders"])]).await.unwrap();
    writer.run_update(1, "orders", &RunUpdate::status(RunStatus::Cancelled)).await.unwrap();
    assert_eq!(world.store.await_dependencies("shop", 1, "mail", &"token".into()).await.unwrap(), Gate::Cancelled);
}
