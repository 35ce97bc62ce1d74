//! Steps that are cut short, come twice or too late, and calls that are lost on their way: what the next one does.

use std::time::{Duration, Instant};

use landfall_engine::{Kind, Limits, Outcome, Response};
use landfall_plan::{Action, ModuleChange};
use landfall_state::{EntryStatus, RunStatus};
use landfall_testkit::{Deployment, End, World};
use serde_json::json;

use crate::cloud::{Script, Things, cloud, things};
use crate::{deploy, failed, log, planned, script};

#[tokio::test]
async fn a_step_out_of_time_begins_nothing_and_the_next_one_goes_on() {
    let mut world = World::new().await;
    let deployment = planned(&mut world, &things(json!([{ "resource": "a" }]))).await;
    let late = Limits { stop_starting: Instant::now(), ..world.limits() };
    let answer = world.step_within::<Things>(&deployment, late).await.expect("a step");
    assert_eq!(answer, Response::Stepped { outcome: Outcome::Pending, retry_after: 0 });
    assert!(log(&world).is_empty());
    assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
}

#[tokio::test]
async fn a_call_that_hangs_is_left_before_the_function_is_killed_and_adopted_later() {
    let mut world = World::new().await;
    script(&world, "a", Script { slow: Duration::from_secs(600), ..Script::default() });
    let deployment = planned(&mut world, &things(json!([{ "resource": "a" }, { "resource": "b" }]))).await;
    let soon = Limits { abandon: Instant::now() + Duration::from_millis(500), ..world.limits() };
    let began = Instant::now();
    let answer = world.step_within::<Things>(&deployment, soon).await.expect("a step");
    assert_eq!(answer, Response::Stepped { outcome: Outcome::Pending, retry_after: 0 });
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
    let mut made = log(&world);
    made.sort();
    assert_eq!(made, ["create a", "create b"], "each is made once");
    assert!(world.run(&deployment).await.stray, "the call that was left may still be on its way");
}

#[tokio::test]
async fn a_call_that_is_done_only_after_it_was_given_up_makes_nothing_twice() {
    let mut world = World::new().await;
    world.call = Duration::from_secs(10);
    let late = Duration::from_secs(2);
    script(&world, "a", Script { late, ..Script::default() });
    let deployment = planned(&mut world, &things(json!([{ "resource": "a" }]))).await;
    let soon = Limits { abandon: Instant::now() + Duration::from_millis(500), ..world.limits() };
    let answer = world.step_within::<Things>(&deployment, soon).await.expect("a step");
    assert_eq!(answer, Response::Stepped { outcome: Outcome::Pending, retry_after: 0 });
    script(&world, "a", Script::default());
    assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
    tokio::time::sleep(late).await;
    assert_eq!(log(&world), ["create a"]);
}

#[tokio::test]
async fn what_aws_refused_is_tried_again_at_once_and_what_may_have_been_done_is_not() {
    let mut world = World::new().await;
    world.call = Duration::from_secs(600);
    let refuses = Script { fails: Some(Kind::NotReady), ..Script::default() };
    script(&world, "a", refuses);
    let deployment = planned(&mut world, &things(json!([{ "resource": "a" }]))).await;
    let refused = Response::Stepped { outcome: Outcome::Pending, retry_after: 5 };
    assert_eq!(world.step_within::<Things>(&deployment, world.limits()).await.expect("a step"), refused);
    assert_eq!(world.step_within::<Things>(&deployment, world.limits()).await.expect("a step"), refused);
    assert_eq!(world.journal().await[0].attempt, 2);

    // The third attempt is lost on its way.
    script(&world, "a", Script { late: Duration::from_secs(600), ..Script::default() });
    let soon = Limits { abandon: Instant::now() + Duration::from_millis(500), ..world.limits() };
    world.step_within::<Things>(&deployment, soon).await.expect("a step");
    script(&world, "a", Script::default());
    let answer = world.step_within::<Things>(&deployment, world.limits()).await.expect("a step");
    let Response::Stepped { outcome: Outcome::Pending, retry_after } = answer else { panic!("{answer:?}") };
    assert!(retry_after > 5 && log(&world).is_empty(), "{retry_after}");
}

#[tokio::test]
async fn what_shows_itself_only_after_the_look_is_not_forgotten() {
    let mut world = World::new().await;
    world.call = Duration::from_secs(1);
    script(&world, "a", Script { late: Duration::from_secs(1), ..Script::default() });
    let deployment = planned(&mut world, &things(json!([{ "resource": "a" }]))).await;
    let soon = Limits { abandon: Instant::now() + Duration::from_millis(300), ..world.limits() };
    world.step_within::<Things>(&deployment, soon).await.expect("a step");
    // Between the look of this one and its removals lies something slow.
    script(&world, "b", Script { slow: Duration::from_secs(3), ..Script::default() });
    let next = planned(&mut world, &things(json!([{ "resource": "b" }]))).await;
    assert_eq!(world.apply::<Things>(&next).await, End::Done);
    assert_eq!(cloud(&world.account.id, |cloud| cloud.names()), ["b"]);
    assert_eq!(world.journal().await.len(), 1);
}

#[tokio::test]
async fn what_was_refused_and_leaves_the_config_is_no_deletion() {
    let mut world = World::new().await;
    script(&world, "a", Script { fails: Some(Kind::Quota), ..Script::default() });
    let deployment = planned(&mut world, &things(json!([{ "resource": "a" }, { "resource": "b" }]))).await;
    failed(&world, &deployment).await;
    let mut next = world.deploy::<Things>(Some(&things(json!([{ "resource": "b" }]))), &[]).await;
    let plan = world.plan::<Things>(&mut next).await;
    let names: Vec<&str> = plan.resources.iter().map(|change| change.resource.as_str()).collect();
    assert_eq!(names, ["b"]);
    assert_eq!(world.apply::<Things>(&next).await, End::Done);
    let journal: Vec<String> = world.journal().await.into_iter().map(|entry| entry.resource).collect();
    assert_eq!(journal, ["b"]);
}

#[tokio::test]
async fn what_aws_may_still_delete_is_not_taken_for_there() {
    let mut world = World::new().await;
    let inputs = things(json!([{ "resource": "a" }]));
    deploy(&mut world, &inputs).await;
    // Its removal is asked for, and goes no further.
    cloud(&world.account.id, |cloud| {
        cloud.foreign("user");
        cloud.set("user", "links", json!(["a"]));
    });
    let mut destroy = world.deploy::<Things>(None, &[]).await;
    world.plan::<Things>(&mut destroy).await;
    world.step_within::<Things>(&destroy, world.limits()).await.expect("a step");
    world.dying = Duration::from_secs(600);
    let next = planned(&mut world, &inputs).await;
    world.step_within::<Things>(&next, world.limits()).await.expect("a step");
    let run = world.run(&next).await;
    assert_eq!(run.reason.as_deref(), Some("a: its removal was begun, and AWS may still carry that out"));
    // It was not carried out.
    world.dying = Duration::ZERO;
    assert_eq!(world.apply::<Things>(&next).await, End::Done);
    assert_eq!(world.journal().await[0].status, EntryStatus::Applied);
}

/// A deployment whose function was killed while it made something.
async fn after_a_lost_step() -> (World, Deployment) {
    let mut world = World::new().await;
    script(&world, "a", Script { slow: Duration::from_secs(600), ..Script::default() });
    let deployment = planned(&mut world, &things(json!([{ "resource": "a" }]))).await;
    let step = world.step_within::<Things>(&deployment, world.limits());
    assert!(tokio::time::timeout(Duration::from_millis(500), step).await.is_err(), "the function is killed");
    (world, deployment)
}

#[tokio::test]
async fn a_cancellation_after_a_lost_step_says_that_calls_of_it_may_be_on_their_way() {
    let (world, deployment) = after_a_lost_step().await;
    world.cancel().await;
    world.step_within::<Things>(&deployment, world.limits()).await.expect("a step");
    let run = world.run(&deployment).await;
    assert_eq!((run.status, run.stray), (RunStatus::Cancelled, true));
}

#[tokio::test]
async fn a_step_that_repeats_a_lost_one_says_that_calls_of_it_may_be_on_their_way() {
    let (world, deployment) = after_a_lost_step().await;
    let run = world.run(&deployment).await;
    assert_eq!((run.status, run.stray), (RunStatus::Running, false));
    assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
    let run = world.run(&deployment).await;
    assert_eq!((run.status, run.stray), (RunStatus::Done, true), "the mark outlives the end of the run");
}

#[tokio::test]
async fn two_steps_at_once_make_one_thing() {
    let mut world = World::new().await;
    script(&world, "a", Script { late: Duration::from_millis(150), ..Script::default() });
    let deployment = planned(&mut world, &things(json!([{ "resource": "a" }]))).await;
    let limits = world.limits();
    let (one, two) = tokio::join!(
        world.step_within::<Things>(&deployment, limits),
        world.step_within::<Things>(&deployment, limits)
    );
    assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
    assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
    assert_eq!(log(&world), ["create a"]);
}

#[tokio::test]
async fn a_journal_that_a_crash_left_open_is_closed_by_the_next_deployment() {
    let mut world = World::new().await;
    deploy(&mut world, &things(json!([{ "resource": "a", "value": 1 }]))).await;
    script(&world, "a", Script { slow: Duration::from_secs(600), ..Script::default() });
    let inputs = things(json!([{ "resource": "a", "value": 2 }]));
    let deployment = planned(&mut world, &inputs).await;
    let soon = Limits { abandon: Instant::now() + Duration::from_millis(500), ..world.limits() };
    world.step_within::<Things>(&deployment, soon).await.expect("a step");
    assert_eq!(world.journal().await[0].status, EntryStatus::Intent);
    let mut next = world.deploy::<Things>(Some(&inputs), &[]).await;
    let plan = world.plan::<Things>(&mut next).await;
    assert_eq!((plan.resources[0].action, plan.change), (Action::Keep, ModuleChange::Apply), "only the record changes");
    assert_eq!(world.apply::<Things>(&next).await, End::Done);
    assert_eq!(world.journal().await[0].status, EntryStatus::Applied);
    assert_eq!(log(&world), ["create a", "update a"]);
}

/// Journal writes of a deployment, without what every step of a module writes.
#[tokio::test]
async fn a_cancelled_deployment_ends_what_it_began_and_begins_nothing_more() {
    let mut world = World::new().await;
    script(&world, "a", Script { slow: Duration::from_millis(700), ..Script::default() });
    let inputs = things(json!([{ "resource": "a" }, { "resource": "b", "links": ["a"] }]));
    let deployment = planned(&mut world, &inputs).await;
    let cancel = async {
        while log(&world).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.cancel().await;
    };
    let (answer, ()) = tokio::join!(world.step_within::<Things>(&deployment, world.limits()), cancel);
    assert_eq!(answer.expect("a step"), Response::Stepped { outcome: Outcome::Failed, retry_after: 0 });
    let run = world.run(&deployment).await;
    assert_eq!((run.status, run.reason.as_deref()), (RunStatus::Cancelled, Some("b: not started")));
    assert_eq!(cloud(&world.account.id, |cloud| cloud.names()), ["a"]);
    let journal: Vec<_> = world.journal().await.into_iter().map(|entry| (entry.resource, entry.status)).collect();
    assert_eq!(journal, [("a".to_owned(), EntryStatus::Applied)], "what was made is recorded");
}

#[tokio::test]
async fn a_step_that_comes_after_the_cancellation_does_nothing() {
    let mut world = World::new().await;
    script(&world, "a", Script { pending: 1, ..Script::default() });
    let deployment =
        planned(&mut world, &things(json!([{ "resource": "a" }, { "resource": "b", "links": ["a"] }]))).await;
    world.dependent(&deployment, "later", "token").await;
    world.step_within::<Things>(&deployment, world.limits()).await.expect("a step");
    world.cancel().await;
    for _ in 0..2 {
        let answer = world.step_within::<Things>(&deployment, world.limits()).await.expect("a step");
        assert_eq!(answer, Response::Stepped { outcome: Outcome::Failed, retry_after: 0 });
    }
    assert_eq!(log(&world), ["create a"]);
    assert_eq!(world.run(&deployment).await.status, RunStatus::Cancelled);
    assert!(!world.waits(&deployment, "later").await, "what waited was told");
}

#[tokio::test]
async fn going_on_with_a_deployment_asks_only_about_what_is_not_recorded_as_done() {
    let mut world = World::new().await;
    script(&world, "b", Script { fails: Some(Kind::Quota), ..Script::default() });
    let inputs = things(json!([{ "resource": "a" }, { "resource": "b" }, { "resource": "c", "links": ["b"] }]));
    let first = planned(&mut world, &inputs).await;
    failed(&world, &first).await;
    // What was done is believed, also where it is not true any more: that is for the next plain plan to find.
    cloud(&world.account.id, |cloud| cloud.lose("a"));
    script(&world, "b", Script::default());
    world.resumes = Some(1);
    let mut next = world.deploy::<Things>(Some(&inputs), &[]).await;
    let plan = world.plan::<Things>(&mut next).await;
    let actions: Vec<Action> = plan.resources.iter().map(|change| change.action).collect();
    assert_eq!(actions, [Action::Keep, Action::Create, Action::Create]);
    assert_eq!(world.apply::<Things>(&next).await, End::Done);
    assert_eq!(log(&world), ["create a", "create b", "create c"]);
    let mut changed = inputs.clone();
    changed.insert("things".into(), json!([{ "resource": "a", "value": 5 }, { "resource": "b" }]));
    world.resumes = Some(2);
    tokio::time::sleep(world.settle).await;
    let mut edited = world.deploy::<Things>(Some(&changed), &[]).await;
    let plan = world.plan::<Things>(&mut edited).await;
    assert_eq!(plan.resources[0].action, Action::Create, "what the config changed is asked about");
}
