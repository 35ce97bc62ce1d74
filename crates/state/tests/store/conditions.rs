//! The conditions on a lease that DynamoDB checks say what the predicates of the record say, for every record there can
//! be: the models are searched with the predicates.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use landfall_state::{IntentAction, Lease, LeaseRecord, NewIntent, StateError};

use crate::gate::TRANSACTIONS;
use crate::world::{TTL, World, is_lost, on_both_stores};

on_both_stores!(
    a_write_under_a_lease_counts_if_the_record_admits_it,
    something_is_begun_under_a_lease_if_the_record_lets_it,
    a_lease_is_renewed_if_the_record_admits_it,
    an_environment_is_shared_if_its_record_says_that_it_may_be,
    a_lease_whose_record_changed_after_the_look_is_taken_if_it_may_be,
);

/// Who takes, and holds where somebody does.
const OURS: &str = "ours";
const TOKEN: u64 = 3;

/// Every record: held by whom, until when, under which token, cancelled or not, quiet until when.
fn records(now: i64) -> Vec<LeaseRecord> {
    let around = [now - 1, now, now + 1];
    let mut holders = vec![(None, 0)];
    for holder in [OURS, "another"] {
        holders.extend(around.map(|expires| (Some(holder.to_owned()), expires)));
    }
    let mut records = Vec::new();
    for (holder, expires_ms) in holders {
        for token in [TOKEN, TOKEN + 1] {
            for cancelled in [false, true] {
                for quiet_until in std::iter::once(0).chain(around) {
                    let holder = holder.clone();
                    let record =
                        LeaseRecord { token, holder, expires_ms, cancelled, quiet_until, ..Default::default() };
                    records.push(record);
                }
            }
        }
    }
    records
}

/// Puts a record as the store writes it: what is not so is left out.
async fn put(world: &World, layer: &str, record: &LeaseRecord) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: i64| AttributeValue::N(number.to_string());
    let mut item = HashMap::from([
        ("pk".to_owned(), text(&format!("LAYER#{layer}"))),
        ("sk".to_owned(), text("LEASE")),
        ("token".to_owned(), AttributeValue::N(record.token.to_string())),
    ]);
    if let Some(holder) = &record.holder {
        item.insert("holder".to_owned(), text(holder));
        item.insert("expires_ms".to_owned(), number(record.expires_ms));
    }
    if record.cancelled {
        item.insert("cancelled".to_owned(), AttributeValue::Bool(true));
    }
    if record.quiet_until != 0 {
        item.insert("quiet_until".to_owned(), number(record.quiet_until));
    }
    world.ddb.put_item().table_name("landfall").set_item(Some(item)).send().await.unwrap();
}

fn now(world: &World) -> i64 {
    world.store.now().as_millisecond()
}

/// A layer for each record.
fn layers(world: &World) -> Vec<(String, LeaseRecord)> {
    let named = |(at, record): (usize, LeaseRecord)| (format!("layer-{at}"), record);
    let layers: Vec<_> = records(now(world)).into_iter().enumerate().map(named).collect();
    assert!(layers.len() > 100);
    layers
}

async fn put_all(world: &World, layers: &[(String, LeaseRecord)]) {
    futures::future::join_all(layers.iter().map(|(layer, record)| put(world, layer, record))).await;
}

fn lease(world: &World, layer: &str) -> Lease {
    let (layer, holder) = (layer.to_owned(), OURS.to_owned());
    Lease { layer, token: TOKEN, holder, expires_at: world.store.now() + TTL, environment: None }
}

async fn a_write_under_a_lease_counts_if_the_record_admits_it(world: World) {
    let layers = layers(&world);
    put_all(&world, &layers).await;
    let each = layers.iter().map(async |(layer, record)| {
        let written = world.store.writer(&lease(&world, layer)).forgotten("orders", "queue").await;
        assert!(written.is_ok() || is_lost(&written), "{written:?}");
        assert_eq!(written.is_ok(), record.admits(TOKEN, now(&world)), "{record:?}");
    });
    futures::future::join_all(each).await;
}

async fn something_is_begun_under_a_lease_if_the_record_lets_it(world: World) {
    let layers = layers(&world);
    put_all(&world, &layers).await;
    let action = IntentAction::Create;
    let (module, resource, kind) = ("orders", "queue", "AWS::SQS::Queue");
    let each = layers.iter().map(async |(layer, record)| {
        let intent = NewIntent { number: 1, module, resource, kind, action, id: None, client_token: "", needs: &[] };
        let begun = world.store.writer(&lease(&world, layer)).intend(intent, None).await;
        let (admits, lets) = (record.admits(TOKEN, now(&world)), record.lets_begin(TOKEN, now(&world)));
        assert_eq!(begun.is_ok(), lets, "{record:?}: {begun:?}");
        assert_eq!(matches!(begun, Err(StateError::Cancelled { .. })), admits && !lets, "{record:?}: {begun:?}");
        assert_eq!(is_lost(&begun), !admits, "{record:?}: {begun:?}");
    });
    futures::future::join_all(each).await;
}

async fn a_lease_is_renewed_if_the_record_admits_it(world: World) {
    let layers = layers(&world);
    put_all(&world, &layers).await;
    let each = layers.iter().map(async |(layer, record)| {
        let renewed = world.store.renew(&lease(&world, layer), "deploying", TTL).await;
        assert!(renewed.is_ok() || is_lost(&renewed), "{renewed:?}");
        assert_eq!(renewed.is_ok(), record.admits(TOKEN, now(&world)), "{record:?}");
    });
    futures::future::join_all(each).await;
}

async fn an_environment_is_shared_if_its_record_says_that_it_may_be(world: World) {
    let layers = layers(&world);
    put_all(&world, &layers).await;
    let each = layers.iter().map(async |(layer, record)| {
        let shared = world.try_hold(&format!("service-of-{layer}"), Some(layer), "a service").await;
        assert_eq!(shared.is_ok(), record.may_be_shared(now(&world)), "{record:?}: {shared:?}");
    });
    futures::future::join_all(each).await;
}

async fn a_lease_whose_record_changed_after_the_look_is_taken_if_it_may_be(world: World) {
    let mut layers = layers(&world);
    // The token as it was read: another one is refused whatever else the record says, and looked at again.
    layers.retain(|(_, record)| record.token == TOKEN);
    let free = |(layer, record): &(String, LeaseRecord)| {
        (layer.clone(), LeaseRecord { token: record.token, ..LeaseRecord::default() })
    };
    put_all(&world, &layers.iter().map(free).collect::<Vec<_>>()).await;
    let (gate, store) = world.behind_a_gate(TRANSACTIONS).await;
    let takes = layers.iter().map(async |(layer, record)| {
        let taken = store.acquire(World::request(layer, None, OURS)).await;
        assert!(matches!(taken, Ok(_) | Err(StateError::LeaseHeld { .. })), "{record:?}: {taken:?}");
        assert_eq!(taken.is_ok(), record.may_take(OURS, now(&world)), "{record:?}: {taken:?}");
    });
    let change = async {
        gate.gathered(layers.len()).await;
        put_all(&world, &layers).await;
        gate.open();
    };
    tokio::join!(futures::future::join_all(takes), change);
}
