//! The journal: what was about to be done stands there before it is done.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt;
use landfall_state::{Applied, EntryStatus, IntentAction, JournalEntry, Lease, NewIntent, StateError, Store};
use serde_json::{Value, json};

use crate::gate::TRANSACTIONS;
use crate::world::{World, on_both_stores};

on_both_stores!(
    an_intent_stands_before_the_effect_and_counts_its_attempts,
    of_two_who_begin_the_same_creation_one_is_told,
    what_is_written_at_the_same_time_is_written_together_and_each_is_told_its_own,
    who_gives_up_on_the_way_keeps_nobody_else_from_writing,
    what_was_applied_is_read_back_exactly,
    an_update_and_a_deletion_keep_what_was_applied_last,
    a_forgotten_resource_is_gone_and_others_stay,
    modules_whose_names_begin_alike_have_journals_of_their_own,
    a_resource_too_large_for_its_record_is_refused_with_its_name,
);

fn intent<'a>(action: IntentAction, number: u64, module: &'a str, resource: &'a str) -> NewIntent<'a> {
    NewIntent { number, module, resource, kind: "AWS::SQS::Queue", action, id: None, client_token: "token", needs: &[] }
}

fn applied<'a>(module: &'a str, resource: &'a str, properties: &'a Value) -> Applied<'a> {
    Applied {
        number: 1,
        module,
        resource,
        kind: "AWS::SQS::Queue",
        id: "https://queue",
        properties,
        attributes: properties,
        needs: &[],
        pending: false,
    }
}

async fn the_entry(world: &World) -> JournalEntry {
    let mut entries = world.store.journal("shop").await.unwrap();
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

async fn an_intent_stands_before_the_effect_and_counts_its_attempts(world: World) {
    let lease = world.hold("shop", "execution").await;
    let writer = world.store.writer(&lease);
    let mut known = None;
    for attempt in 1..=3 {
        world.wait(1);
        let begun = writer.intend(intent(IntentAction::Create, 1, "orders", "queue"), known.as_ref()).await;
        assert_eq!(begun.unwrap(), attempt);
        let entry = the_entry(&world).await;
        assert_eq!((entry.status, entry.attempt, entry.id.as_deref()), (EntryStatus::Intent, attempt, None));
        assert_eq!(entry.client_token.as_deref(), Some("token"));
        assert_eq!(entry.intent_at, Some(world.store.now()));
        known = Some(entry);
    }
    let next = intent(IntentAction::Create, 2, "orders", "queue");
    assert_eq!(writer.intend(next, known.as_ref()).await.unwrap(), 1);
}

async fn of_two_who_begin_the_same_creation_one_is_told(world: World) {
    let lease = world.hold("shop", "execution").await;
    let writer = world.store.writer(&lease);
    let properties = json!({ "name": "orders" });
    let begin = |known| writer.intend_creation(intent(IntentAction::Create, 1, "orders", "queue"), &properties, known);
    let both = tokio::join!(begin(None), begin(None));
    assert_ne!(both.0.is_ok(), both.1.is_ok(), "{both:?}");
    let first = the_entry(&world).await;
    assert_eq!((first.status, &first.properties), (EntryStatus::Intent, &properties));
    world.wait(1);
    let both = tokio::join!(begin(Some(&first)), begin(Some(&first)));
    assert_ne!(both.0.is_ok(), both.1.is_ok(), "{both:?}");
    assert!(matches!(both.0.and(both.1), Err(StateError::Conflict { .. })));
    assert_eq!(the_entry(&world).await.attempt, 2);
}

/// Begins the creation of many resources at the same time; answers what each was told, by its name.
async fn begin_all(store: &Store, lease: &Lease, names: &[String]) -> BTreeMap<String, Result<u32, StateError>> {
    let writer = store.writer(lease);
    let nothing = json!({});
    let all = names.iter().map(|name| async {
        let begun = writer.intend_creation(intent(IntentAction::Create, 1, "orders", name), &nothing, None).await;
        (name.clone(), begun)
    });
    futures::future::join_all(all).await.into_iter().collect()
}

async fn what_is_written_at_the_same_time_is_written_together_and_each_is_told_its_own(world: World) {
    let lease = world.hold("shop", "execution").await;
    let names: Vec<String> = (0..150).map(|number| format!("r{number}")).collect();
    // Two of them are begun by somebody else already.
    begin_all(&world.store, &lease, &[names[40].clone(), names[149].clone()]).await;
    let told = begin_all(&world.store, &lease, &names).await;
    let refused: Vec<&String> = told.iter().filter(|(_, told)| told.is_err()).map(|(name, _)| name).collect();
    assert_eq!(refused, ["r149", "r40"]);
    assert_eq!(world.store.journal("shop").await.unwrap().len(), 150);
    // One whose lease is over writes nothing, however many write with it.
    world.wait(60);
    world.hold("shop", "another execution").await;
    let more: Vec<String> = (0..20).map(|number| format!("late{number}")).collect();
    assert!(
        begin_all(&world.store, &lease, &more)
            .await
            .values()
            .all(|told| matches!(told, Err(StateError::LeaseLost { .. })))
    );
    assert_eq!(world.store.journal("shop").await.unwrap().len(), 150);
}

async fn who_gives_up_on_the_way_keeps_nobody_else_from_writing(world: World) {
    let lease = world.hold("shop", "execution").await;
    let names: Vec<String> = (0..40).map(|number| format!("r{number}")).collect();
    let nothing = json!({});
    let (gate, store) = world.behind_a_gate(TRANSACTIONS).await;
    let writer = store.writer(&lease);
    let mut first =
        Box::pin(writer.intend_creation(intent(IntentAction::Create, 1, "orders", "first"), &nothing, None));
    // It is on its way with the road taken; the others queue behind it.
    tokio::select! {
        begun = &mut first => panic!("the gate is closed: {begun:?}"),
        () = gate.gathered(1) => {}
    }
    let mut others = Box::pin(begin_all(&store, &lease, &names));
    for _ in 0..2 {
        assert!((&mut others).now_or_never().is_none());
    }
    drop(first);
    gate.open();
    assert!(others.await.values().all(Result::is_ok));
    let begun: BTreeSet<String> = world.store.journal("shop").await.unwrap().into_iter().map(|e| e.resource).collect();
    assert!(names.iter().all(|name| begun.contains(name)));
}

async fn what_was_applied_is_read_back_exactly(world: World) {
    let lease = world.hold("shop", "execution").await;
    let properties = json!({
        "empty": {}, "list": [], "text": "", "null": null, "deep": [[{ "a": [1, 2.5, -0.1] }]],
        "big": 18_446_744_073_709_551_615_u64, "order": { "z": 1, "a": 2 }, "unicode": "Grüße 🚢",
    });
    let needs = ["key".to_owned()];
    let pending = Applied { pending: true, needs: &needs, ..applied("orders", "queue", &properties) };
    world.store.writer(&lease).applied(pending.clone()).await.unwrap();
    assert_eq!(the_entry(&world).await.status, EntryStatus::Pending);
    world.store.writer(&lease).applied(Applied { pending: false, ..pending }).await.unwrap();
    let entry = the_entry(&world).await;
    assert_eq!((entry.status, entry.action), (EntryStatus::Applied, None));
    assert_eq!(entry.properties.to_string(), properties.to_string(), "keys keep their order");
    assert_eq!(entry.attributes, properties);
    assert_eq!((entry.id.as_deref(), entry.needs), (Some("https://queue"), needs.to_vec()));
}

async fn an_update_and_a_deletion_keep_what_was_applied_last(world: World) {
    let lease = world.hold("shop", "execution").await;
    let writer = world.store.writer(&lease);
    let properties = json!({ "delay": 5 });
    writer.applied(applied("orders", "queue", &properties)).await.unwrap();
    for (action, status) in [(IntentAction::Update, EntryStatus::Intent), (IntentAction::Delete, EntryStatus::Deleting)]
    {
        let intent = NewIntent { id: Some("https://queue"), ..intent(action, 2, "orders", "queue") };
        writer.intend(intent, Some(&the_entry(&world).await)).await.unwrap();
        let entry = the_entry(&world).await;
        assert_eq!((entry.status, entry.action, &entry.properties), (status, Some(action), &properties));
        assert_eq!(entry.id.as_deref(), Some("https://queue"));
    }
}

async fn a_forgotten_resource_is_gone_and_others_stay(world: World) {
    let lease = world.hold("shop", "execution").await;
    let writer = world.store.writer(&lease);
    for resource in ["key", "queue"] {
        writer.applied(applied("orders", resource, &json!({}))).await.unwrap();
    }
    writer.forgotten("orders", "queue").await.unwrap();
    writer.forgotten("orders", "queue").await.unwrap();
    assert_eq!(the_entry(&world).await.resource, "key");
}

async fn modules_whose_names_begin_alike_have_journals_of_their_own(world: World) {
    let lease = world.hold("shop", "execution").await;
    for module in ["db", "db2", "d"] {
        world.store.writer(&lease).applied(applied(module, "cluster", &json!({}))).await.unwrap();
    }
    let of_db = world.store.journal_of("shop", "db").await.unwrap();
    assert_eq!(of_db.iter().map(|entry| entry.module.as_str()).collect::<Vec<_>>(), ["db"]);
    assert_eq!(world.store.journal("shop").await.unwrap().len(), 3);
    assert_eq!(world.store.journal("sho").await.unwrap().len(), 0);
}

async fn a_resource_too_large_for_its_record_is_refused_with_its_name(world: World) {
    let lease = world.hold("shop", "execution").await;
    let writer = world.store.writer(&lease);
    let fits = json!({ "policy": "x".repeat(150 * 1024) });
    writer.applied(applied("orders", "queue", &fits)).await.unwrap();
    let large = json!({ "policy": "x".repeat(250 * 1024) });
    let refused = writer.applied(applied("orders", "queue", &large)).await.unwrap_err();
    assert!(matches!(refused, StateError::TooLarge { .. }), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        "the record LAYER#shop RES#orders#queue would be 500 KB long; DynamoDB takes 400 KB"
    );
    assert_eq!(the_entry(&world).await.properties, fits);
}
