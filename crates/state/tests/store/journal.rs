//! The journal: what was about to be done stands there before it is done.

use landfall_state::{Applied, EntryStatus, IntentAction, JournalEntry, NewIntent, StateError};
use serde_json::{Value, json};

use crate::world::{World, on_both_stores};

on_both_stores!(
    an_intent_stands_before_the_effect_and_counts_its_attempts,
    of_two_who_begin_the_same_creation_one_is_told,
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
    for attempt in 1..=3 {
        world.wait(1);
        assert_eq!(writer.intend(intent(IntentAction::Create, 1, "orders", "queue")).await.unwrap(), attempt);
        let entry = the_entry(&world).await;
        assert_eq!((entry.status, entry.attempt, entry.id.as_deref()), (EntryStatus::Intent, attempt, None));
        assert_eq!(entry.client_token.as_deref(), Some("token"));
        assert_eq!(entry.intent_at, Some(world.store.now()));
    }
    assert_eq!(writer.intend(intent(IntentAction::Create, 2, "orders", "queue")).await.unwrap(), 1);
}

async fn of_two_who_begin_the_same_creation_one_is_told(world: World) {
    let lease = world.hold("shop", "execution").await;
    let writer = world.store.writer(&lease);
    let properties = json!({ "name": "orders" });
    let begin = |over| writer.intend_creation(intent(IntentAction::Create, 1, "orders", "queue"), &properties, over);
    let both = tokio::join!(begin(None), begin(None));
    assert_ne!(both.0.is_ok(), both.1.is_ok(), "{both:?}");
    let first = the_entry(&world).await;
    assert_eq!((first.status, &first.properties), (EntryStatus::Intent, &properties));
    world.wait(1);
    let both = tokio::join!(begin(Some(first.updated_at)), begin(Some(first.updated_at)));
    assert_ne!(both.0.is_ok(), both.1.is_ok(), "{both:?}");
    assert!(matches!(both.0.and(both.1), Err(StateError::Conflict { .. })));
    assert_eq!(the_entry(&world).await.attempt, 2);
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
        writer.intend(intent).await.unwrap();
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
