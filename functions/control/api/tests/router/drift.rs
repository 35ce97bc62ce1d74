//! Drift is looked for, shown, accepted and set right.

use landfall_state::{DeployedConfig, DocumentRef, DriftSeen, DriftValue, Finished, LayerEnd, Outcome, Status};
use serde_json::{Value, json};

use crate::world::{BOB, World};

fn value(text: &str) -> DriftValue {
    DriftValue::new(format!("digest of {text}"), Some(text.to_owned()))
}

fn queue(attributes: &[(&str, &str)]) -> DriftSeen {
    DriftSeen {
        module: "orders".to_owned(),
        resource: "queue".to_owned(),
        kind: "AWS::SQS::Queue".to_owned(),
        name: Some("prod-shop-orders".to_owned()),
        deleted: false,
        attributes: attributes
            .iter()
            .map(|(path, live)| ((*path).to_owned(), value("5"), value(live), false))
            .collect(),
    }
}

/// A layer that was deployed and at which somebody looked.
async fn looked_at(seen: &[DriftSeen]) -> World {
    let world = World::new().await;
    let (number, execution) = world.running("shop").await;
    let lease = world.hold("shop", &execution).await;
    let writer = world.control.store.writer(&lease);
    writer.drift_looked(1, Some(1), seen).await.unwrap();
    let config = DeployedConfig { number, version_id: None, document: DocumentRef::of(b"{}"), compared_at: None };
    let outcome = Some(Outcome::Changed);
    let end = Finished { status: Status::Succeeded, outcome, message: None, diagnostics: None };
    assert!(writer.deployment_ended(number, &end, LayerEnd::Deployed(config), None, None).await.unwrap());
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_shown_with_both_values_and_since_when() {
    let gone = DriftSeen { resource: "topic".to_owned(), deleted: true, attributes: Vec::new(), ..queue(&[]) };
    let world = looked_at(&[queue(&[("delay_seconds", "7")]), gone]).await;
    let shown = world.ask("GET", "/layers/shop/drift", None).await;
    assert_eq!(shown.status, 200);
    let (queue, topic) = (&shown.body["resources"][0], &shown.body["resources"][1]);
    let delay = &queue["attributes"][0];
    assert_eq!((&delay["recorded"], &delay["live"], &delay["accepted"]), (&json!(5), &json!(7), &Value::Null));
    assert_eq!((&delay["first_seen"], &topic["deleted_since"]), (&shown.body["since"], &shown.body["since"]));
    assert_eq!((&shown.body["deployed"], &shown.body["compared_with"]), (&json!(1), &json!(1)));
    for layer in [
        world.ask("GET", "/layers/shop", None).await.body,
        world.ask("GET", "/layers", None).await.body["layers"][0].clone(),
    ] {
        assert_eq!(layer["drift"], json!({ "since": shown.body["since"], "resources": 2 }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_says_by_whom_and_promises_are_refused_with_what_to_do() {
    let world = looked_at(&[queue(&[("delay_seconds", "7"), ("kms_key", "8")])]).await;
    let path = "/layers/shop/drift/acceptance";
    let refused = world.ask("POST", path, Some(json!({ "names": ["orders.queue.kms_key"] }))).await;
    assert_eq!(refused.status, 409);
    let (_, message, hint) = refused.error();
    assert_eq!(message, "orders.queue.kms_key cannot be accepted: it holds a promise about security");
    assert!(hint.contains("landfall drift shop --revert"), "{hint}");
    let unknown = world.ask("POST", path, Some(json!({ "names": ["orders.queue.size"] }))).await;
    assert_eq!((unknown.status, unknown.error().1), (404, "nothing of shop that drifted is named orders.queue.size"));
    let accepted = world.ask_as(BOB, "POST", path, None).await;
    assert_eq!((accepted.status, &accepted.body["accepted"]), (200, &json!(["orders.queue.delay_seconds"])));
    assert_eq!(accepted.body["refused"][0]["name"], "orders.queue.kms_key");
    let shown = world.ask("GET", "/layers/shop/drift", None).await.body;
    assert_eq!(shown["resources"][0]["attributes"][0]["accepted"]["by"], BOB);
    assert_eq!(shown["resources"][0]["attributes"][1]["accepted"], Value::Null);
    let again = world.ask("POST", path, None).await;
    assert_eq!(again.status, 409, "nothing is left that can be accepted");
    let other = world.ask("DELETE", path, Some(json!({ "names": ["mails"] }))).await;
    assert_eq!((other.status, other.error().1), (404, "nothing like that of shop was accepted"));
    let withdrawn = world.ask("DELETE", path, Some(json!({ "names": ["orders.queue"] }))).await;
    assert_eq!((withdrawn.status, &withdrawn.body["withdrawn"]), (200, &json!(["orders.queue.delay_seconds"])));
    let shown = world.ask("GET", "/layers/shop/drift", None).await.body;
    assert_eq!(shown["resources"][0]["attributes"][0]["accepted"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_waits_for_nobody_and_needs_something_deployed() {
    let world = looked_at(&[]).await;
    world.running("shop").await;
    let busy = world.ask("POST", "/layers/shop/drift", None).await;
    assert_eq!(
        (busy.status, busy.error().1, busy.error().2),
        (409, "deployment shop/2 comes first", "look again once it has ended")
    );
    world.running("new").await;
    for path in ["/layers/new/drift", "/layers/new/drift/reversal"] {
        let never = world.ask("POST", path, None).await;
        assert_eq!(never.status, 409);
        assert!(never.error().1.contains("layer new was never deployed whole"), "{never:?}");
    }
    assert_eq!(world.ask("POST", "/layers/nowhere/drift", None).await.status, 404);
    let reverted = world.ask_as(BOB, "POST", "/layers/shop/drift/reversal", None).await;
    assert_eq!((reverted.status, &reverted.body["id"]), (202, &json!("shop/3")));
    let deployment = world.control.store.deployment("shop", 3).await.unwrap();
    let first = world.control.store.deployment("shop", 1).await.unwrap();
    assert_eq!((deployment.source, deployment.actor.0.as_str()), (first.source, BOB));
    let order = world.ask("POST", "/layers/shop/deployments", Some(json!({ "action": "drift" }))).await;
    assert_eq!(order.status, 400);
}
