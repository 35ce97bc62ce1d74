//! What becomes of changes: one deployment of a layer runs, the newest one waits, the same change is served once.

use landfall_state::{Action, Finished, LayerEnd, Lease, NewChange, Outcome, Queue, StateError, Status, Store};

use crate::world::{World, change, is_lost, on_both_stores, planned};

on_both_stores!(
    one_runs_and_the_newest_waits,
    the_same_change_twice_is_one_deployment,
    the_same_change_many_times_at_once_is_one_deployment,
    a_request_with_a_nonce_of_its_own_is_a_change_of_its_own,
    of_many_changes_at_once_one_waits_and_the_others_say_by_whom_they_were_superseded,
    a_finished_deployment_makes_room_for_the_one_that_waits,
    finishing_twice_changes_nothing,
    a_waiting_deployment_that_is_cancelled_leaves_its_place,
    two_who_start_the_next_start_the_same,
    a_started_deployment_is_not_started_again,
    a_rejected_change_is_visible_and_waits_for_nobody,
    a_deployment_that_ended_takes_no_phase_and_no_execution,
    numbers_are_never_reused_and_the_newest_are_listed_first,
    diagnostics_of_any_length_are_kept_within_bounds,
    a_rollback_takes_nobodys_place_and_gives_up_its_own,
    a_plan_that_leaves_nothing_to_do_is_recorded_with_the_end_or_not_at_all,
);

async fn numbers(store: &Store, layer: &str) -> (Option<u64>, Option<u64>) {
    let Queue { running, waiting } = store.queue(layer).await.unwrap();
    (running, waiting)
}

fn ended(status: Status) -> Finished {
    let outcome = (status == Status::Succeeded).then_some(Outcome::Changed);
    Finished { status, outcome, message: None, diagnostics: None }
}

async fn one_runs_and_the_newest_waits(world: World) {
    let store = &world.store;
    assert_eq!(store.enqueue(change("shop", "v1")).await.unwrap().deployment.status, Status::Queued);
    let running = store.start_next("shop").await.unwrap().unwrap();
    assert_eq!((running.number, running.status), (1, Status::Running));
    store.enqueue(change("shop", "v2")).await.unwrap();
    let third = store.enqueue(change("shop", "v3")).await.unwrap();
    assert_eq!(third.superseded, Some(2));
    assert_eq!(numbers(store, "shop").await, (Some(1), Some(3)));
    let second = store.deployment("shop", 2).await.unwrap();
    assert_eq!((second.status, second.superseded_by), (Status::Superseded, Some(3)));
    assert_eq!(second.message.as_deref(), Some("superseded by 3"));
    assert!(second.finished_at.is_some());
    assert_eq!(store.deployment("shop", 1).await.unwrap().status, Status::Running);
}

async fn a_rollback_takes_nobodys_place_and_gives_up_its_own(world: World) {
    let store = &world.store;
    let rollback = || NewChange { action: Action::Rollback, nonce: "rollback".to_owned(), ..change("shop", "v1") };
    world.running("shop").await;
    assert_eq!(store.enqueue(rollback()).await.unwrap().deployment.number, 2, "what fails still runs");
    let again = store.enqueue(rollback()).await.unwrap();
    assert_eq!((again.duplicate, again.deployment.number), (true, 2), "its end may come twice");
    assert_eq!(store.enqueue(change("shop", "v3")).await.unwrap().superseded, Some(2), "a newer change comes first");
    let late = NewChange { nonce: "another".to_owned(), ..rollback() };
    let refused = store.enqueue(late).await.unwrap_err().to_string();
    assert!(refused.contains("deployment shop/3 comes first"), "{refused}");
    assert_eq!(numbers(store, "shop").await, (Some(1), Some(3)));
}

async fn a_plan_that_leaves_nothing_to_do_is_recorded_with_the_end_or_not_at_all(world: World) {
    let store = &world.store;
    let (number, lease) = (world.running("shop").await, world.hold("shop", "execution").await);
    let planned = planned(store);
    let end = Finished { outcome: Some(Outcome::NoChanges), ..ended(Status::Succeeded) };
    let finish = async |lease: &Lease| {
        store.writer(lease).deployment_ended(number, &end, LayerEnd::AsItWas, None, Some(&planned)).await
    };
    let another = Lease { token: lease.token + 1, ..lease.clone() };
    assert!(is_lost(&finish(&another).await));
    let before = store.deployment("shop", number).await.unwrap();
    assert_eq!((before.status, before.plan), (Status::Running, None));
    assert_eq!(store.events("shop", number, None).await.unwrap(), []);
    assert!(finish(&lease).await.unwrap());
    let after = store.deployment("shop", number).await.unwrap();
    assert_eq!((after.status, after.plan.as_ref()), (Status::Succeeded, Some(&planned.plan)));
    assert_eq!(store.events("shop", number, None).await.unwrap(), Vec::from_iter(planned.event.clone()));
}

async fn the_same_change_twice_is_one_deployment(world: World) {
    let first = world.store.enqueue(change("shop", "v1")).await.unwrap();
    world.wait(3600);
    let again = world.store.enqueue(change("shop", "v1")).await.unwrap();
    assert!(again.duplicate && !first.duplicate);
    assert_eq!(again.deployment, first.deployment);
    let rejected = world.store.reject(change("shop", "v1"), "not acceptable", None).await.unwrap();
    assert!(rejected.duplicate, "a change that was accepted is not rejected later");
    world.store.start_next("shop").await.unwrap();
    world.store.finish("shop", 1, ended(Status::Succeeded)).await.unwrap();
    let late = world.store.enqueue(change("shop", "v1")).await.unwrap();
    assert_eq!((late.duplicate, late.deployment.status), (true, Status::Succeeded));
    assert_eq!(numbers(&world.store, "shop").await, (None, None));
}

async fn the_same_change_many_times_at_once_is_one_deployment(world: World) {
    let same = (0..8).map(|_| world.store.enqueue(change("shop", "v1")));
    let taken: Vec<_> = futures::future::join_all(same).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(taken.iter().filter(|taken| !taken.duplicate).count(), 1);
    assert!(taken.iter().all(|taken| taken.deployment.number == 1));
}

async fn a_request_with_a_nonce_of_its_own_is_a_change_of_its_own(world: World) {
    let request = |nonce: &str| NewChange { nonce: nonce.to_owned(), ..change("shop", "v1") };
    world.store.enqueue(request("")).await.unwrap();
    assert!(!world.store.enqueue(request("request-1")).await.unwrap().duplicate);
    assert!(world.store.enqueue(request("request-1")).await.unwrap().duplicate);
    let destroy = NewChange { action: Action::Destroy, ..request("") };
    assert!(!world.store.enqueue(destroy).await.unwrap().duplicate);
}

async fn of_many_changes_at_once_one_waits_and_the_others_say_by_whom_they_were_superseded(world: World) {
    let versions: Vec<String> = (0..8).map(|number| format!("v{number}")).collect();
    let all = versions.iter().map(|version| world.store.enqueue(change("shop", version)));
    for taken in futures::future::join_all(all).await {
        taken.unwrap();
    }
    let (running, waiting) = numbers(&world.store, "shop").await;
    assert_eq!((running, waiting), (None, Some(8)));
    for deployment in world.store.deployments("shop", 20).await.unwrap() {
        if deployment.number == 8 {
            assert_eq!(deployment.status, Status::Queued);
        } else {
            assert_eq!(deployment.status, Status::Superseded);
            assert_eq!(deployment.superseded_by, Some(deployment.number + 1));
        }
    }
}

async fn a_finished_deployment_makes_room_for_the_one_that_waits(world: World) {
    let store = &world.store;
    world.running("shop").await;
    store.started("shop", 1, "execution-1").await.unwrap();
    store.enqueue(change("shop", "v2")).await.unwrap();
    assert_eq!(store.start_next("shop").await.unwrap(), None, "one runs already");
    assert!(store.finish("shop", 1, ended(Status::Failed)).await.unwrap());
    assert_eq!(store.start_next("shop").await.unwrap().unwrap().number, 2);
    assert_eq!(numbers(store, "shop").await, (Some(2), None));
    assert_eq!(store.layer("shop").await.unwrap().unwrap().last_deployment, Some(1));
}

async fn finishing_twice_changes_nothing(world: World) {
    let store = &world.store;
    world.running("shop").await;
    assert!(store.finish("shop", 1, ended(Status::Succeeded)).await.unwrap());
    let first = store.deployment("shop", 1).await.unwrap();
    assert_eq!((first.status, first.outcome, first.phase), (Status::Succeeded, Some(Outcome::Changed), None));
    world.wait(5);
    store.enqueue(change("shop", "v2")).await.unwrap();
    store.start_next("shop").await.unwrap();
    assert!(!store.finish("shop", 1, ended(Status::Failed)).await.unwrap());
    assert_eq!(store.deployment("shop", 1).await.unwrap(), first);
    assert_eq!(numbers(store, "shop").await, (Some(2), None), "the next one keeps its place");
}

async fn a_waiting_deployment_that_is_cancelled_leaves_its_place(world: World) {
    let store = &world.store;
    world.running("shop").await;
    store.enqueue(change("shop", "v2")).await.unwrap();
    assert!(store.finish("shop", 2, ended(Status::Cancelled)).await.unwrap());
    assert_eq!(store.deployment("shop", 2).await.unwrap().status, Status::Cancelled);
    assert_eq!(numbers(store, "shop").await, (Some(1), None));
}

async fn two_who_start_the_next_start_the_same(world: World) {
    world.store.enqueue(change("shop", "v1")).await.unwrap();
    let both = tokio::join!(world.store.start_next("shop"), world.store.start_next("shop"));
    assert_eq!(both.0.unwrap().map(|started| started.number), Some(1));
    assert_eq!(both.1.unwrap().map(|started| started.number), Some(1));
    assert_eq!(numbers(&world.store, "shop").await, (Some(1), None));
}

async fn a_started_deployment_is_not_started_again(world: World) {
    let store = &world.store;
    world.running("shop").await;
    assert_eq!(store.start_next("shop").await.unwrap().map(|deployment| deployment.number), Some(1));
    store.started("shop", 1, "execution-1").await.unwrap();
    store.started("shop", 1, "execution-1").await.unwrap();
    assert_eq!(store.start_next("shop").await.unwrap(), None);
}

async fn a_rejected_change_is_visible_and_waits_for_nobody(world: World) {
    let store = &world.store;
    world.running("shop").await;
    let rejected = store.reject(change("shop", "bad"), "shop.yaml:3: unknown field", Some("the line")).await.unwrap();
    let deployment = store.deployment("shop", rejected.deployment.number).await.unwrap();
    assert_eq!(deployment, rejected.deployment);
    assert_eq!((deployment.status, deployment.diagnostics.as_deref()), (Status::Rejected, Some("the line")));
    assert_eq!(deployment.finished_at, Some(store.now()));
    assert_eq!(numbers(store, "shop").await, (Some(1), None));
    store.reject(change("fresh", "bad"), "empty file", None).await.unwrap();
    let layers = store.layers().await.unwrap();
    let names: Vec<_> = layers.iter().map(|layer| (layer.layer.as_str(), layer.key.as_deref())).collect();
    assert_eq!(names, [("fresh", None), ("shop", Some("shop.yaml"))]);
}

async fn a_deployment_that_ended_takes_no_phase_and_no_execution(world: World) {
    let store = &world.store;
    world.running("shop").await;
    store.finish("shop", 1, ended(Status::Failed)).await.unwrap();
    for refused in [
        store.phase("shop", 1, landfall_state::Phase::Applying, None).await,
        store.started("shop", 1, "execution-1").await,
        store.phase("shop", 7, landfall_state::Phase::Applying, None).await,
    ] {
        assert!(matches!(refused, Err(StateError::Conflict { .. })), "{refused:?}");
    }
    let missing = store.deployment("shop", 7).await.unwrap_err();
    assert_eq!(missing.to_string(), "deployment shop/7 does not exist");
}

async fn numbers_are_never_reused_and_the_newest_are_listed_first(world: World) {
    for version in 1..=12 {
        world.store.reject(change("shop", &format!("v{version}")), "no", None).await.unwrap();
    }
    let listed: Vec<u64> =
        world.store.deployments("shop", 3).await.unwrap().iter().map(|deployment| deployment.number).collect();
    assert_eq!(listed, [12, 11, 10]);
    assert!(world.store.deployments("shop", 0).await.unwrap().is_empty());
}

async fn diagnostics_of_any_length_are_kept_within_bounds(world: World) {
    let long = "é".repeat(500_000);
    for version in 0..24 {
        let change = change("shop", &format!("v{version}"));
        world.store.reject(change, &long, Some(&long)).await.unwrap();
    }
    let listed = world.store.deployments("shop", 24).await.unwrap();
    assert_eq!(listed.len(), 24, "a listing goes on after DynamoDB's page of 1 MB");
    let text = listed[0].diagnostics.as_deref().unwrap();
    assert!(text.len() < 70_000 && text.ends_with("more characters"), "{}", text.len());
}
