//! The record of drift: since when, accepted by whom, and what is news.

use landfall_state::{Action, DriftNews, DriftRecord, DriftSeen, DriftValue, Lease, NewChange, StateError, Status};

use crate::world::{World, change, on_both_stores};

on_both_stores!(
    what_is_seen_again_keeps_its_first_moment_and_is_no_news,
    what_is_no_more_ends_once_and_begins_anew,
    what_nobody_was_told_of_stays_news,
    what_was_accepted_is_no_news_until_it_is_another_value,
    what_is_ignored_is_recorded_and_no_news,
    a_deployment_sets_right_what_nobody_accepted,
    an_acceptance_of_another_record_is_refused,
    a_look_begins_only_where_nothing_runs_or_waits,
    a_look_leaves_no_trace_in_the_history_and_does_not_change_the_layer,
    drift_of_more_resources_than_one_transaction_takes_is_recorded,
);

/// A queue of which something differs.
pub(crate) fn drift(module: &str, live: &str) -> DriftSeen {
    let value = |text: &str| DriftValue::new(format!("digest of {text}"), Some(text.to_owned()));
    DriftSeen {
        module: module.to_owned(),
        resource: "queue".to_owned(),
        kind: "AWS::SQS::Queue".to_owned(),
        name: None,
        deleted: false,
        attributes: vec![("delay".to_owned(), value("5"), value(live), false)],
    }
}

/// A look of which everybody was told.
async fn looked(world: &World, lease: &Lease, seen: &[DriftSeen]) -> DriftNews {
    let news = look_untold(world, lease, seen).await;
    world.store.drift_told("shop", &news).await.unwrap();
    news
}

async fn look_untold(world: &World, lease: &Lease, seen: &[DriftSeen]) -> DriftNews {
    world.store.writer(lease).drift_looked(1, Some(1), seen).await.unwrap()
}

async fn known(world: &World) -> Vec<DriftRecord> {
    world.store.drift("shop").await.unwrap()
}

fn news(found: &[&str], ended: &[&str]) -> DriftNews {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    DriftNews { found: names(found), ended: names(ended) }
}

async fn what_is_seen_again_keeps_its_first_moment_and_is_no_news(world: World) {
    let lease = world.hold("shop", "execution").await;
    let deleted = DriftSeen { deleted: true, attributes: Vec::new(), ..drift("mails", "") };
    let seen = [drift("orders", "7"), deleted];
    let first = world.store.now();
    assert_eq!(looked(&world, &lease, &seen).await, news(&["mails.queue", "orders.queue.delay"], &[]));
    world.wait(30);
    assert!(looked(&world, &lease, &seen).await.is_empty(), "it was told once");
    let records = known(&world).await;
    assert_eq!(records[0].deleted, Some(first));
    assert_eq!(records[1].attributes[0].first_seen, first);
    assert_eq!(records[1].attributes[0].last_seen, world.store.now());
    assert_eq!((records[0].since(), records[1].since()), (Some(first), Some(first)));
    let changed = [drift("orders", "8"), seen[1].clone()];
    assert_eq!(looked(&world, &lease, &changed).await, news(&["orders.queue.delay"], &[]), "another value is news");
    assert_eq!(known(&world).await[1].attributes[0].first_seen, first, "it has drifted since then");
    assert_eq!(world.store.drift_looks("shop").await.unwrap().looked_at, Some(world.store.now()));
}

async fn what_is_no_more_ends_once_and_begins_anew(world: World) {
    let lease = world.hold("shop", "execution").await;
    looked(&world, &lease, &[drift("orders", "7")]).await;
    world.wait(20);
    assert_eq!(looked(&world, &lease, &[]).await, news(&[], &["orders.queue.delay"]));
    assert!(looked(&world, &lease, &[]).await.is_empty());
    assert!(known(&world).await.is_empty());
    world.wait(20);
    looked(&world, &lease, &[drift("orders", "7")]).await;
    assert_eq!(known(&world).await[0].since(), Some(world.store.now()));
}

async fn what_nobody_was_told_of_stays_news(world: World) {
    let lease = world.hold("shop", "execution").await;
    let (orders, mails) = (drift("orders", "7"), drift("mails", "7"));
    let first = look_untold(&world, &lease, std::slice::from_ref(&orders)).await;
    assert_eq!(first, news(&["orders.queue.delay"], &[]));
    let again = look_untold(&world, &lease, std::slice::from_ref(&orders)).await;
    assert_eq!(again, first, "whoever looked died before it told");
    let both = look_untold(&world, &lease, &[orders.clone(), mails.clone()]).await;
    assert_eq!(both, news(&["mails.queue.delay", "orders.queue.delay"], &[]));
    world.store.drift_told("shop", &first).await.unwrap();
    assert_eq!(world.store.drift_looks("shop").await.unwrap().untold, both, "others came since: they are told, too");
    let one = look_untold(&world, &lease, std::slice::from_ref(&mails)).await;
    assert_eq!(one, news(&["mails.queue.delay"], &[]), "what came and went untold is nothing to tell");
    world.store.drift_told("shop", &one).await.unwrap();
    assert!(look_untold(&world, &lease, &[mails]).await.is_empty(), "it was told once");
    assert_eq!(look_untold(&world, &lease, &[]).await, news(&[], &["mails.queue.delay"]));
    assert_eq!(look_untold(&world, &lease, &[]).await, news(&[], &["mails.queue.delay"]));
}

async fn what_was_accepted_is_no_news_until_it_is_another_value(world: World) {
    let lease = world.hold("shop", "execution").await;
    looked(&world, &lease, &[drift("orders", "7")]).await;
    let record = known(&world).await.remove(0);
    world.wait(10);
    world.store.accept_drift("shop", &record, &["delay".to_owned()], Some("ana")).await.unwrap();
    assert!(looked(&world, &lease, &[drift("orders", "7")]).await.is_empty());
    let record = known(&world).await.remove(0);
    let accepted = record.attributes[0].accepted.clone().unwrap();
    assert_eq!((accepted.by.as_str(), accepted.at, record.since()), ("ana", world.store.now(), None));
    world.store.accept_drift("shop", &record, &["delay".to_owned()], None).await.unwrap();
    let withdrawn = known(&world).await.remove(0);
    assert_eq!(withdrawn.since(), Some(withdrawn.attributes[0].first_seen), "it drifts as before");
    world.store.accept_drift("shop", &withdrawn, &["delay".to_owned()], Some("ana")).await.unwrap();
    world.wait(10);
    assert_eq!(looked(&world, &lease, &[drift("orders", "9")]).await, news(&["orders.queue.delay"], &[]));
    let record = known(&world).await.remove(0);
    assert_eq!((record.attributes[0].accepted.clone(), record.since()), (None, Some(world.store.now())));
}

async fn what_is_ignored_is_recorded_and_no_news(world: World) {
    let lease = world.hold("shop", "execution").await;
    let mut ignored = drift("orders", "7");
    ignored.attributes[0].3 = true;
    assert!(looked(&world, &lease, std::slice::from_ref(&ignored)).await.is_empty());
    assert!(known(&world).await[0].attributes[0].ignored);
    looked(&world, &lease, &[drift("orders", "7")]).await;
    assert_eq!(looked(&world, &lease, &[ignored]).await, news(&[], &["orders.queue.delay"]));
}

async fn a_deployment_sets_right_what_nobody_accepted(world: World) {
    let lease = world.hold("shop", "execution").await;
    let mut both = drift("orders", "7");
    let (_, recorded, live, _) = both.attributes[0].clone();
    both.attributes.push(("retention".to_owned(), recorded, live, false));
    looked(&world, &lease, &[both, drift("mails", "7")]).await;
    let orders = known(&world).await.remove(1);
    world.store.accept_drift("shop", &orders, &["retention".to_owned()], Some("ana")).await.unwrap();
    let settled = world.store.writer(&lease).drift_settled(false).await.unwrap();
    assert_eq!(settled, news(&[], &["mails.queue.delay", "orders.queue.delay"]));
    let left = known(&world).await;
    assert_eq!((left.len(), left[0].attributes.len(), left[0].attributes[0].path.as_str()), (1, 1, "retention"));
    assert_eq!(world.store.writer(&lease).drift_settled(false).await.unwrap(), settled, "nobody was told of it yet");
    world.store.drift_told("shop", &settled).await.unwrap();
    assert!(world.store.writer(&lease).drift_settled(false).await.unwrap().is_empty());
    world.store.writer(&lease).drift_settled(true).await.unwrap();
    assert!(known(&world).await.is_empty(), "a layer that is gone has no drift");
}

async fn an_acceptance_of_another_record_is_refused(world: World) {
    let lease = world.hold("shop", "execution").await;
    looked(&world, &lease, &[drift("orders", "7")]).await;
    let old = known(&world).await.remove(0);
    looked(&world, &lease, &[drift("orders", "8")]).await;
    let refused = world.store.accept_drift("shop", &old, &["delay".to_owned()], Some("ana")).await;
    assert!(matches!(refused, Err(StateError::Conflict { .. })), "{refused:?}");
    assert_eq!(known(&world).await[0].attributes[0].accepted, None);
}

fn look(nonce: &str) -> NewChange {
    NewChange { action: Action::Drift, nonce: nonce.to_owned(), ..change("shop", "v1") }
}

async fn a_look_begins_only_where_nothing_runs_or_waits(world: World) {
    let conflict = |result: Result<_, StateError>| matches!(result, Err(StateError::Conflict { .. }));
    world.store.enqueue(change("shop", "v1")).await.unwrap();
    assert!(conflict(world.store.enqueue(look("a")).await), "one waits: a look does not take its place");
    world.store.start_next("shop").await.unwrap();
    assert!(conflict(world.store.enqueue(look("b")).await), "one runs");
    let end = landfall_state::Finished { status: Status::Succeeded, outcome: None, message: None, diagnostics: None };
    world.store.finish("shop", 1, end).await.unwrap();
    assert_eq!(world.store.enqueue(look("c")).await.unwrap().deployment.number, 2);
    assert_eq!(world.store.drift_looks("shop").await.unwrap().tried_at, Some(world.store.now()));
    assert_eq!(world.store.enqueue(change("shop", "v2")).await.unwrap().superseded, Some(2), "a change comes first");
}

async fn a_look_leaves_no_trace_in_the_history_and_does_not_change_the_layer(world: World) {
    let number = world.running("shop").await;
    let end = landfall_state::Finished { status: Status::Succeeded, outcome: None, message: None, diagnostics: None };
    world.store.finish("shop", number, end).await.unwrap();
    let before = world.store.layer("shop").await.unwrap().unwrap();
    for (nonce, number) in [("a", 2), ("b", 3)] {
        world.wait(60);
        world.store.enqueue(look(nonce)).await.unwrap();
        world.store.start_next("shop").await.unwrap();
        let lease = world.hold("shop", nonce).await;
        world.store.writer(&lease).drift_looked(number, Some(1), &[]).await.unwrap();
        world.store.release(&lease).await.unwrap();
        let outcome = Some(landfall_state::Outcome::Looked);
        let end = landfall_state::Finished { status: Status::Succeeded, outcome, message: None, diagnostics: None };
        assert!(world.store.finish("shop", number, end).await.unwrap());
    }
    let kept: Vec<u64> =
        world.store.deployments("shop", 9).await.unwrap().iter().map(|deployment| deployment.number).collect();
    assert_eq!(kept, [3, 1], "only the last look is kept");
    let after = world.store.layer("shop").await.unwrap().unwrap();
    assert_eq!((after.updated_at, after.last_deployment), (before.updated_at, before.last_deployment));
    assert_eq!(after.counter, 3, "numbers are never reused");
    assert_eq!(world.store.drift_looks("shop").await.unwrap().forgotten, 1, "what is forgotten is counted");
}

async fn drift_of_more_resources_than_one_transaction_takes_is_recorded(world: World) {
    let lease = world.hold("shop", "execution").await;
    let seen: Vec<DriftSeen> = (0..170).map(|module| drift(&format!("m{module}"), "7")).collect();
    assert_eq!(looked(&world, &lease, &seen).await.found.len(), 170);
    assert_eq!(known(&world).await.len(), 170);
}
