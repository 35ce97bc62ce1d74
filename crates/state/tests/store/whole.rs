//! The whole table is read and held against what always holds; discarded dead letters are kept.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use landfall_state::{Broken, Discarded, Finished, Status, broken};

use crate::world::{World, change, on_both_stores};

on_both_stores!(
    what_the_store_writes_holds_at_every_moment,
    what_was_written_behind_its_back_is_found,
    a_discarded_letter_is_recorded_once_and_the_newest_comes_first,
);

async fn found(world: &World) -> Vec<Broken> {
    let whole = world.store.whole(Instant::now() + Duration::from_secs(60)).await.unwrap();
    assert!(whole.complete);
    assert_eq!(whole.items.len(), world.raw().await.len());
    broken(&whole.items)
}

fn ended(status: Status) -> Finished {
    Finished { status, outcome: None, message: None, diagnostics: None }
}

async fn what_the_store_writes_holds_at_every_moment(world: World) {
    let number = world.running("shop").await;
    assert_eq!(found(&world).await, []);
    world.store.started("shop", number, "execution 1").await.unwrap();
    let lease = world.hold("shop", "execution 1").await;
    for version in ["v2", "v3"] {
        world.store.enqueue(change("shop", version)).await.unwrap();
        assert_eq!(found(&world).await, []);
    }
    world.store.reject(change("shop", "v4"), "not valid", None).await.unwrap();
    assert_eq!(found(&world).await, []);
    world.wait(10);
    world.store.release(&lease).await.unwrap();
    assert_eq!(found(&world).await, []);
    world.store.finish("shop", number, ended(Status::Succeeded)).await.unwrap();
    assert_eq!(found(&world).await, []);
    let next = world.store.start_next("shop").await.unwrap().unwrap();
    assert_eq!((next.number, found(&world).await), (3, vec![]));
    world.store.cancel("shop", 3, "ada", None).await.unwrap();
    assert_eq!(found(&world).await, []);
}

async fn what_was_written_behind_its_back_is_found(world: World) {
    let number = world.running("shop").await;
    world.store.finish("shop", number, ended(Status::Succeeded)).await.unwrap();
    world.tamper("LAYER#shop", "LAYER", "counter", AttributeValue::N("7".to_owned())).await;
    world.tamper("LAYER#shop", "LEASE", "holder", AttributeValue::S("nobody".to_owned())).await;
    let all = found(&world).await;
    let said: Vec<&str> = all.iter().map(|one| one.what.as_str()).collect();
    let expected = ["its lease is held by nobody, which runs no deployment of it", "it counts 7 deployments and has 1"];
    assert_eq!(said, expected);
    // A second look at the layer alone finds the same.
    assert_eq!(broken(&world.store.whole_layers(&["shop".to_owned()]).await.unwrap()), all);
}

async fn a_discarded_letter_is_recorded_once_and_the_newest_comes_first(world: World) {
    let letter = |id: &str| Discarded {
        id: id.to_owned(),
        sent_at: world.store.now(),
        about: "shop.yaml".to_owned(),
        body: "x".repeat(500_000),
        by: "ada".to_owned(),
        reason: "a test".to_owned(),
        at: world.store.now(),
    };
    let first = letter("m1");
    world.store.discard(&first).await.unwrap();
    world.store.discard(&Discarded { reason: "another one".to_owned(), ..first.clone() }).await.unwrap();
    world.wait(1);
    world.store.discard(&letter("m2")).await.unwrap();
    let kept = world.store.discarded(20).await.unwrap();
    let kept: Vec<_> = kept.iter().map(|one| (one.id.as_str(), one.reason.as_str())).collect();
    assert_eq!(kept, [("m2", "a test"), ("m1", "a test")]);
    assert_eq!(world.store.discarded(1).await.unwrap().len(), 1);
}
