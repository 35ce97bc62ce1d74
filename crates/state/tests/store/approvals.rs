//! Approvals bind to the plan that was looked at, and are decided once.

use landfall_state::{ApprovalRequest, Cancelled, Decision, Finished, Phase, StateError, Status};

use crate::world::{World, on_both_stores, request};

on_both_stores!(
    a_decision_answers_the_token_that_waits_and_who_decided_is_kept,
    a_decision_about_another_plan_is_refused,
    deciding_the_same_again_answers_the_token_again_and_keeps_the_first,
    of_two_opposite_decisions_at_once_one_counts,
    a_new_plan_asks_again,
    a_deployment_that_does_not_run_asks_for_nothing,
    an_ended_deployment_forgets_its_task_token,
    an_approval_that_came_too_late_is_none,
    who_asked_may_not_approve_where_the_settings_say_so_but_may_reject,
    a_cancelled_deployment_asks_for_no_approval,
    what_was_decided_holds_when_whoever_asked_is_repeated_and_not_when_it_is_asked_anew,
);

async fn decide(world: &World, hash: &str, decision: Decision, by: &str) -> Result<String, StateError> {
    let token = world.store.decide("shop", 1, hash, decision, by, Some("looked at it")).await;
    token.map(|token| token.expose().to_owned())
}

async fn asked(world: &World, token: &str, hash: &str) {
    world.store.ask_approval("shop", 1, &token.into(), request(hash)).await.unwrap();
}

async fn a_decision_answers_the_token_that_waits_and_who_decided_is_kept(world: World) {
    world.running("shop").await;
    let early = decide(&world, "hash", Decision::Approve, "ada").await.unwrap_err();
    assert_eq!(early.to_string(), "deployment shop/1 does not ask for an approval");
    asked(&world, "task token", "hash").await;
    world.wait(60);
    assert_eq!(decide(&world, "hash", Decision::Approve, "ada").await.unwrap(), "task token");
    let approval = world.store.deployment("shop", 1).await.unwrap().approval.unwrap();
    assert_eq!((approval.decision, approval.by.as_deref()), (Some(Decision::Approve), Some("ada")));
    assert_eq!(approval.reason.as_deref(), Some("looked at it"));
    assert_eq!(approval.decided_at, Some(world.store.now()));
}

async fn a_decision_about_another_plan_is_refused(world: World) {
    world.running("shop").await;
    asked(&world, "task token", "new hash").await;
    let refused = decide(&world, "old hash", Decision::Approve, "ada").await.unwrap_err();
    assert_eq!(refused.to_string(), "deployment shop/1 has another plan; look at it again");
    assert_eq!(world.store.deployment("shop", 1).await.unwrap().approval.unwrap().decision, None);
}

async fn deciding_the_same_again_answers_the_token_again_and_keeps_the_first(world: World) {
    world.running("shop").await;
    asked(&world, "task token", "hash").await;
    decide(&world, "hash", Decision::Reject, "ada").await.unwrap();
    let first = world.store.deployment("shop", 1).await.unwrap();
    world.wait(1);
    assert_eq!(decide(&world, "hash", Decision::Reject, "bob").await.unwrap(), "task token");
    assert_eq!(world.store.deployment("shop", 1).await.unwrap(), first);
    let other = decide(&world, "hash", Decision::Approve, "bob").await.unwrap_err();
    assert_eq!(other.to_string(), "deployment shop/1 was decided already");
}

async fn of_two_opposite_decisions_at_once_one_counts(world: World) {
    world.running("shop").await;
    for round in 0..8 {
        let hash = format!("hash {round}");
        asked(&world, "task token", &hash).await;
        let both = tokio::join!(
            decide(&world, &hash, Decision::Approve, "ada"),
            decide(&world, &hash, Decision::Reject, "bob")
        );
        assert_ne!(both.0.is_ok(), both.1.is_ok(), "{both:?}");
        let made = world.store.deployment("shop", 1).await.unwrap().approval.unwrap().decision;
        assert_eq!(made, Some(if both.0.is_ok() { Decision::Approve } else { Decision::Reject }));
    }
}

async fn a_new_plan_asks_again(world: World) {
    world.running("shop").await;
    asked(&world, "first token", "first").await;
    decide(&world, "first", Decision::Approve, "ada").await.unwrap();
    asked(&world, "second token", "second").await;
    assert!(decide(&world, "first", Decision::Approve, "ada").await.is_err());
    assert_eq!(decide(&world, "second", Decision::Approve, "ada").await.unwrap(), "second token");
}

async fn a_deployment_that_does_not_run_asks_for_nothing(world: World) {
    world.running("shop").await;
    asked(&world, "task token", "hash").await;
    let end = Finished { status: Status::Failed, outcome: None, message: None, diagnostics: None };
    world.store.finish("shop", 1, end).await.unwrap();
    let ask = world.store.ask_approval("shop", 1, &"task token".into(), request("hash")).await.unwrap_err();
    assert_eq!(ask.to_string(), "deployment shop/1 does not run");
    let late = decide(&world, "hash", Decision::Approve, "ada").await.unwrap_err();
    assert_eq!(late.to_string(), "deployment shop/1 does not run or was decided already");
}

async fn an_ended_deployment_forgets_its_task_token(world: World) {
    world.running("shop").await;
    asked(&world, "capability", "hash").await;
    let end = Finished { status: Status::Cancelled, outcome: None, message: None, diagnostics: None };
    world.store.finish("shop", 1, end).await.unwrap();
    assert!(!format!("{:?}", world.raw().await).contains("capability"));
}

async fn an_approval_that_came_too_late_is_none(world: World) {
    world.running("shop").await;
    asked(&world, "task token", "hash").await;
    world.wait(3600);
    let late = decide(&world, "hash", Decision::Approve, "ada").await.unwrap_err();
    assert_eq!(late.to_string(), "the plan of shop/1 waited too long for an approval");
    assert_eq!(world.store.deployment("shop", 1).await.unwrap().approval.unwrap().decision, None);
}

async fn who_asked_may_not_approve_where_the_settings_say_so_but_may_reject(world: World) {
    world.running("shop").await;
    let separate = ApprovalRequest { not_by: Some("ada"), ..request("hash") };
    world.store.ask_approval("shop", 1, &"task token".into(), separate).await.unwrap();
    let own = decide(&world, "hash", Decision::Approve, "ada").await.unwrap_err();
    assert_eq!(own.to_string(), "ada asked for deployment shop/1, and its settings let only somebody else approve it");
    assert_eq!(decide(&world, "hash", Decision::Reject, "ada").await.unwrap(), "task token");
}

async fn a_cancelled_deployment_asks_for_no_approval(world: World) {
    world.running("shop").await;
    world.store.phase("shop", 1, Phase::Planning, None).await.unwrap();
    assert_eq!(world.store.cancel("shop", 1, "bob", None).await.unwrap(), Cancelled::Told);
    let ask = world.store.ask_approval("shop", 1, &"task token".into(), request("hash")).await.unwrap_err();
    assert!(matches!(ask, StateError::Conflict { .. }), "{ask}");
}

async fn what_was_decided_holds_when_whoever_asked_is_repeated_and_not_when_it_is_asked_anew(world: World) {
    world.running("shop").await;
    let ask = async |token: &str, under: u64| {
        world.store.ask_approval("shop", 1, &token.into(), ApprovalRequest { under, ..request("hash") }).await.unwrap()
    };
    assert_eq!(ask("first", 1).await, None);
    assert_eq!(ask("second", 1).await, None, "nothing is decided yet");
    assert_eq!(decide(&world, "hash", Decision::Approve, "ada").await.unwrap(), "second");
    let holds = ask("third", 1).await.unwrap();
    assert_eq!((holds.decision, holds.by.as_deref()), (Some(Decision::Approve), Some("ada")));
    assert_eq!(decide(&world, "hash", Decision::Approve, "ada").await.unwrap(), "third", "that one waits by now");
    // The same plan under another lease is another question.
    assert_eq!(ask("fourth", 2).await, None);
    assert_eq!(world.store.deployment("shop", 1).await.unwrap().approval.unwrap().decision, None);
    let end = Finished { status: Status::Failed, outcome: None, message: None, diagnostics: None };
    world.store.finish("shop", 1, end).await.unwrap();
    let over = world.store.ask_approval("shop", 1, &"fifth".into(), request("hash")).await.unwrap_err();
    assert!(matches!(over, StateError::Conflict { .. }), "{over}");
}
