//! Plans are decided on.

use std::time::Duration;

use landfall_state::{ApprovalRequest, Decision, Finished, Status};
use serde_json::json;

use crate::world::{ADA, Answer, BOB, World};

const PATH: &str = "/layers/shop/deployments/1/approval";

pub(crate) async fn ask(world: &World, number: u64, not_by: Option<&str>) {
    let asked =
        ApprovalRequest { plan_hash: "hash", blocked: false, patience: Duration::from_secs(600), not_by, under: 1 };
    world.control.store.ask_approval("shop", number, &"a task token".into(), asked).await.unwrap();
}

/// A deployment that waits for an approval of the plan `hash`.
async fn asked() -> World {
    let world = World::new().await;
    let (number, _) = world.running("shop").await;
    ask(&world, number, None).await;
    world
}

async fn decide(world: &World, who: &str, decision: &str, hash: &str) -> Answer {
    let body = json!({ "decision": decision, "plan_hash": hash, "reason": "looked at it" });
    world.ask_as(who, "POST", PATH, Some(body)).await
}

/// Messages of the events of this kind.
async fn told(world: &World, kind: &str) -> Vec<String> {
    let events = world.control.store.events("shop", 1, None).await.unwrap();
    events.into_iter().filter(|event| event.kind == kind).map(|event| event.message).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_approved_is_the_caller_that_iam_authorised() {
    let world = asked().await;
    let answer = decide(&world, BOB, "approve", "hash").await;
    assert_eq!((answer.status, &answer.body), (200, &json!({ "id": "shop/1", "decision": "approve" })), "{answer:?}");
    let approval = world.control.store.deployment("shop", 1).await.unwrap().approval.unwrap();
    assert_eq!((approval.decision, approval.by.as_deref()), (Some(Decision::Approve), Some(BOB)));
    assert_eq!(told(&world, "approved").await, [format!("approved by {BOB}: looked at it")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_does_not_wait_for_a_decision_about_another_one() {
    let world = asked().await;
    world.put("shop.yaml", &world.environment("shop")).await;
    let order = json!({ "action": "plan", "key": "shop.yaml" });
    let refused = world.ask("POST", "/layers/shop/deployments", Some(order.clone())).await;
    assert_eq!((refused.status, refused.error().1), (409, "deployment shop/1 waits for an approval"), "{refused:?}");
    assert!(refused.error().2.contains("landfall approve shop/1"), "{refused:?}");
    assert_eq!(decide(&world, BOB, "approve", "hash").await.status, 200);
    let waits = world.ask("POST", "/layers/shop/deployments", Some(order)).await;
    assert_eq!((waits.status, &waits.body["number"]), (202, &json!(2)), "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_opposite_decisions_the_first_counts() {
    let world = asked().await;
    assert_eq!(decide(&world, ADA, "reject", "hash").await.status, 200);
    let second = decide(&world, BOB, "approve", "hash").await;
    assert_eq!((second.status, second.error().1), (409, "deployment shop/1 was decided already"));
    assert!(second.error().2.contains("landfall status shop/1"), "{second:?}");
    let approval = world.control.store.deployment("shop", 1).await.unwrap().approval.unwrap();
    assert_eq!((approval.decision, approval.by.as_deref()), (Some(Decision::Reject), Some(ADA)));
    assert!(told(&world, "approved").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_decision_again_names_who_decided_first() {
    let world = asked().await;
    assert_eq!(decide(&world, ADA, "reject", "hash").await.status, 200);
    assert_eq!(decide(&world, BOB, "reject", "hash").await.status, 200);
    for message in told(&world, "not-approved").await {
        assert_eq!(message, format!("not approved by {ADA}: looked at it"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_about_another_plan_is_refused() {
    let world = asked().await;
    let refused = decide(&world, ADA, "approve", "another hash").await;
    assert_eq!((refused.status, refused.error().0), (409, "conflict"));
    assert_eq!(refused.error().1, "deployment shop/1 has another plan; look at it again");
    assert_eq!(world.control.store.deployment("shop", 1).await.unwrap().approval.unwrap().decision, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_waits_for_nobody_is_not_decided_on() {
    let world = World::new().await;
    world.running("shop").await;
    let early = decide(&world, ADA, "approve", "hash").await;
    assert_eq!((early.status, early.error().1), (409, "deployment shop/1 does not ask for an approval"));
    ask(&world, 1, None).await;
    let end = Finished { status: Status::Cancelled, outcome: None, message: None, diagnostics: None };
    assert!(world.control.store.finish("shop", 1, end).await.unwrap());
    let late = decide(&world, ADA, "approve", "hash").await;
    assert_eq!((late.status, late.error().0), (409, "conflict"));
    assert!(late.error().1.contains("is over"), "{late:?}");
    let body = json!({ "decision": "approve", "plan_hash": "hash" });
    let missing = world.ask("POST", "/layers/shop/deployments/7/approval", Some(body)).await;
    assert_eq!((missing.status, missing.error().1), (404, "deployment shop/7 does not exist"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_it_may_not_approve_it_where_the_settings_say_so() {
    let world = World::new().await;
    let (number, _) = world.running("shop").await;
    ask(&world, number, Some(ADA)).await;
    let own = decide(&world, ADA, "approve", "hash").await;
    assert_eq!((own.status, own.error().0), (409, "conflict"));
    assert!(own.error().1.contains("let only somebody else approve it"), "{own:?}");
    assert_eq!(decide(&world, BOB, "approve", "hash").await.status, 200);
}
