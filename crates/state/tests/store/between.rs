//! What comes between the moment a call has read the queue of a layer and the moment its write is checked.

use std::future::Future;

use landfall_state::{
    Action, DeployedConfig, DocumentRef, Enqueued, Finished, LayerEnd, NewChange, Outcome, StateError, Status, Store,
};

use crate::gate::{Held, QUEUE_READS, TRANSACTIONS};
use crate::world::{World, change, on_both_stores};

on_both_stores!(
    a_look_gives_way_to_a_change_that_came_after_it_had_read,
    a_look_gives_way_to_a_change_that_began_after_it_had_read,
    a_rollback_gives_way_to_a_change_that_came_after_it_had_read,
    of_a_change_and_the_one_that_waits_by_now_the_newer_one_waits,
    a_freeze_that_came_after_the_read_keeps_what_would_have_begun,
    a_deployment_that_was_cancelled_after_the_read_does_not_begin,
    a_layer_that_came_to_be_between_two_reads_keeps_its_name,
);

/// A change of its own.
fn asked(action: Action, nonce: &str) -> NewChange {
    NewChange { action, nonce: nonce.to_owned(), ..change("shop", "v1") }
}

/// Lets `call` read, then does `meanwhile`, then lets the call write.
async fn between<T, C: Future<Output = T>>(world: &World, call: impl FnOnce(Store) -> C, meanwhile: impl Future) -> T {
    held_up(world, TRANSACTIONS, call, meanwhile).await
}

/// Lets `call` come to what the gate holds up, then does `meanwhile`, then lets it go on.
async fn held_up<T, C: Future<Output = T>>(
    world: &World,
    holds: Held,
    call: impl FnOnce(Store) -> C,
    meanwhile: impl Future,
) -> T {
    let (gate, store) = world.behind_a_gate(holds).await;
    let meanwhile = async {
        gate.gathered(1).await;
        meanwhile.await;
        gate.open();
    };
    tokio::join!(call(store), meanwhile).0
}

async fn enqueue(world: &World, change: NewChange) -> u64 {
    world.store.enqueue(change).await.unwrap().deployment.number
}

fn gave_way(result: &Result<Enqueued, StateError>) -> bool {
    matches!(result, Err(StateError::Conflict { what }) if what.ends_with("comes first"))
}

async fn places(world: &World) -> (Option<u64>, Option<u64>) {
    let queue = world.store.queue("shop").await.unwrap();
    (queue.running, queue.waiting)
}

async fn a_look_gives_way_to_a_change_that_came_after_it_had_read(world: World) {
    let look = async |store: Store| store.enqueue(asked(Action::Drift, "look")).await;
    let looked = between(&world, look, enqueue(&world, asked(Action::Deploy, "change"))).await;
    assert!(gave_way(&looked), "{looked:?}");
    assert_eq!(places(&world).await, (None, Some(1)));
}

async fn a_look_gives_way_to_a_change_that_began_after_it_had_read(world: World) {
    let look = async |store: Store| store.enqueue(asked(Action::Drift, "look")).await;
    let looked = between(&world, look, world.running("shop")).await;
    assert!(gave_way(&looked), "{looked:?}");
    assert_eq!(places(&world).await, (Some(1), None));
}

async fn a_rollback_gives_way_to_a_change_that_came_after_it_had_read(world: World) {
    world.running("shop").await;
    let roll_back = async |store: Store| store.enqueue(asked(Action::Rollback, "rollback of shop/1")).await;
    let queued = between(&world, roll_back, enqueue(&world, asked(Action::Deploy, "change"))).await;
    assert!(gave_way(&queued), "{queued:?}");
    assert_eq!(places(&world).await, (Some(1), Some(2)));
    assert_eq!(world.store.deployment("shop", 2).await.unwrap().status, Status::Queued);
}

async fn of_a_change_and_the_one_that_waits_by_now_the_newer_one_waits(world: World) {
    let first = async |store: Store| store.enqueue(asked(Action::Deploy, "first")).await.unwrap();
    let queued = between(&world, first, enqueue(&world, asked(Action::Deploy, "second"))).await;
    assert_eq!((queued.deployment.number, queued.superseded), (2, Some(1)));
    assert_eq!(places(&world).await, (None, Some(2)));
    let overtaken = world.store.deployment("shop", 1).await.unwrap();
    assert_eq!((overtaken.status, overtaken.superseded_by), (Status::Superseded, Some(2)));
}

async fn a_freeze_that_came_after_the_read_keeps_what_would_have_begun(world: World) {
    enqueue(&world, asked(Action::Deploy, "change")).await;
    let until = world.store.now() + std::time::Duration::from_secs(60);
    let start = async |store: Store| store.start_next("shop").await.unwrap();
    let started = between(&world, start, world.store.freeze("shop", until, "Black Friday", "ana")).await;
    assert_eq!(started, None);
    assert_eq!(places(&world).await, (None, Some(1)));
    let why = world.store.deployment("shop", 1).await.unwrap().message.unwrap();
    assert!(why.contains("Black Friday"), "{why}");
}

async fn a_deployment_that_was_cancelled_after_the_read_does_not_begin(world: World) {
    enqueue(&world, asked(Action::Deploy, "change")).await;
    let start = async |store: Store| store.start_next("shop").await.unwrap();
    let started = between(&world, start, world.store.cancel("shop", 1, "ana", None)).await;
    assert_eq!(started, None);
    assert_eq!(places(&world).await, (None, None));
    assert_eq!(world.store.deployment("shop", 1).await.unwrap().status, Status::Cancelled);
    let end = Finished { status: Status::Succeeded, outcome: None, message: None, diagnostics: None };
    assert!(!world.store.finish("shop", 1, end).await.unwrap(), "it is over");
}

/// Whoever owns a name is told by two records. A first deployment that ends between the reads of both leaves neither that
/// it is about to be (the queue is empty) nor that it is (the layer was read before).
async fn a_layer_that_came_to_be_between_two_reads_keeps_its_name(world: World) {
    let (number, lease) = (world.running("shop").await, world.hold("shop", "execution").await);
    let document = DocumentRef::of(b"{}");
    let becomes = LayerEnd::Deployed(DeployedConfig { number, version_id: None, document, compared_at: None });
    let outcome = Some(Outcome::Changed);
    let end = Finished { status: Status::Succeeded, outcome, message: None, diagnostics: None };
    let mut copy = asked(Action::Deploy, "copy");
    copy.source.key = "copy.yaml".to_owned();
    let claim = async |store: Store| store.enqueue_and_begin(copy, None).await;
    let writer = world.store.writer(&lease);
    let claimed = held_up(&world, QUEUE_READS, claim, writer.deployment_ended(number, &end, becomes, None, None)).await;
    assert!(matches!(&claimed, Err(StateError::OwnedByOtherKey { key, .. }) if *key != "copy.yaml"), "{claimed:?}");
    assert_eq!(places(&world).await, (None, None));
}
