//! Events come back in the order in which they happened.

use jiff::SignedDuration;
use landfall_state::Event;

use crate::world::{World, on_both_stores};

on_both_stores!(events_come_in_order_and_after_a_moment, the_same_event_is_recorded_once);

async fn events_come_in_order_and_after_a_moment(world: World) {
    let begin = world.store.now();
    let at = |microseconds: i64| begin + SignedDuration::from_micros(microseconds);
    let event = |microseconds: i64, kind: &str| Event {
        at: at(microseconds),
        kind: kind.to_owned(),
        module: None,
        message: format!("{kind} happened"),
    };
    // Written in another order, two of them within a millisecond.
    for event in [event(9_000_000, "finished"), event(2, "started"), event(1, "queued"), event(1_000, "planned")] {
        world.store.event("shop", 1, &event).await.unwrap();
    }
    world.store.event("shop", 10, &event(3, "of another deployment")).await.unwrap();
    for microsecond in (1..=6).rev() {
        world.store.event("shop", 2, &event(microsecond, &format!("step {microsecond}"))).await.unwrap();
    }
    let steps = world.store.events("shop", 2, None).await.unwrap();
    assert!(steps.is_sorted_by_key(|event| event.at), "{steps:?}");
    let kinds = async |after: Option<i64>| {
        let events = world.store.events("shop", 1, after.map(at)).await.unwrap();
        events.into_iter().map(|event| event.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(None).await, ["queued", "started", "planned", "finished"]);
    assert_eq!(kinds(Some(1)).await, ["started", "planned", "finished"]);
    assert_eq!(kinds(Some(1_000)).await, ["finished"]);
    assert_eq!(kinds(Some(9_000_000)).await, [""; 0]);
}

async fn the_same_event_is_recorded_once(world: World) {
    let long = "x".repeat(500_000);
    for _ in 0..2 {
        world.store.happened("shop", 1, "module-done", Some("queue"), "1 created").await.unwrap();
        world.store.happened("shop", 1, "module-failed", Some("topic"), long.clone()).await.unwrap();
    }
    let events = world.store.events("shop", 1, None).await.unwrap();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.message.len() < 20_000));
}
