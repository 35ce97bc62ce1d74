//! The engine over a cloud in memory: what runs when, what is refused, what is recorded.

mod cloud;
mod drift;
mod interrupted;

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::{Script, Things, cloud, things};
use landfall_engine::{Kind, Outcome, Response};
use landfall_plan::{Action, ModuleChange, Risk};
use landfall_state::RunStatus;
use landfall_testkit::{Deployment, End, Throttle, World};
use serde_json::{Map, Value, json};

/// Plans and applies; fails unless it is done.
async fn deploy(world: &mut World, inputs: &Map<String, Value>) -> Deployment {
    let deployment = planned(world, inputs).await;
    assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
    deployment
}

async fn planned(world: &mut World, inputs: &Map<String, Value>) -> Deployment {
    let mut deployment = world.deploy::<Things>(Some(inputs), &[]).await;
    world.plan::<Things>(&mut deployment).await;
    deployment
}

async fn failed(world: &World, deployment: &Deployment) -> String {
    match world.apply::<Things>(deployment).await {
        End::Failed(why) => why,
        End::Done => panic!("it does not fail"),
    }
}

fn log(world: &World) -> Vec<String> {
    cloud(&world.account.id, |cloud| std::mem::take(&mut cloud.log))
}

fn script(world: &World, name: &str, script: Script) {
    cloud(&world.account.id, |cloud| cloud.script(name, script));
}

#[tokio::test]
async fn every_independent_failure_is_reported_and_what_needs_it_is_named() {
    let mut world = World::new().await;
    script(&world, "a", Script { fails: Some(Kind::Denied), ..Script::default() });
    script(&world, "b", Script { fails: Some(Kind::Quota), ..Script::default() });
    let inputs = things(json!([
        { "resource": "a" }, { "resource": "b" }, { "resource": "c" },
        { "resource": "d", "links": ["a"] }, { "resource": "e", "links": ["d", "c"] },
    ]));
    let deployment = planned(&mut world, &inputs).await;
    let why = failed(&world, &deployment).await;
    assert_eq!(
        why.lines().collect::<Vec<_>>(),
        [
            "a: CreateThing of a: it is scripted to fail",
            "b: CreateThing of b: it is scripted to fail",
            "d: not started because it needs a",
            "e: not started because it needs d",
        ]
    );
    assert_eq!(log(&world), ["create c"]);
}

#[tokio::test]
async fn what_aws_works_on_is_waited_for_made_once_and_counted_once() {
    let mut world = World::new().await;
    script(&world, "a", Script { pending: 2, ..Script::default() });
    let inputs = things(json!([{ "resource": "a" }, { "resource": "b", "links": ["a"] }, { "resource": "c" }]));
    let deployment = planned(&mut world, &inputs).await;
    let first = world.step_within::<Things>(&deployment, world.limits()).await.expect("a step");
    assert_eq!(first, Response::Stepped { outcome: Outcome::Pending, retry_after: 7 });
    let run = world.run(&deployment).await;
    assert_eq!((run.status, run.reason.as_deref()), (RunStatus::Pending, Some("a: AWS makes it")));
    assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
    let made = log(&world);
    assert_eq!((made.len(), made[2].as_str()), (3, "create b"), "what needs it comes after it: {made:?}");
    let run = world.run(&deployment).await;
    assert_eq!((run.counts.create, run.counts.update), (3, 0), "the counts are those of all steps");
}

#[tokio::test]
async fn what_does_not_need_each_other_is_made_at_the_same_time() {
    let mut world = World::new().await;
    for name in ["a", "b", "c"] {
        script(&world, name, Script { slow: Duration::from_millis(300), ..Script::default() });
    }
    deploy(&mut world, &things(json!([{ "resource": "a" }, { "resource": "b" }, { "resource": "c" }]))).await;
    assert_eq!(cloud(&world.account.id, |cloud| cloud.most), 3);
}

#[tokio::test]
async fn the_lease_is_renewed_while_a_step_works() {
    let mut world = World::new().await;
    world.lease_life = Duration::from_millis(800);
    script(&world, "a", Script { slow: Duration::from_millis(2500), ..Script::default() });
    deploy(&mut world, &things(json!([{ "resource": "a" }, { "resource": "b", "links": ["a"] }]))).await;
}

#[tokio::test]
async fn a_replacement_goes_from_the_outside_in_and_comes_back_from_the_inside_out() {
    let mut world = World::new().await;
    script(&world, "a", Script { leaving: 2, ..Script::default() });
    let with = |size: i64| {
        things(json!([
            { "resource": "a", "size": size }, { "resource": "b", "links": ["a"] },
            { "resource": "c", "links": ["b"] }, { "resource": "d" },
        ]))
    };
    deploy(&mut world, &with(1)).await;
    log(&world);
    let deployment = deploy(&mut world, &with(2)).await;
    assert_eq!(log(&world), ["delete c", "delete b", "delete a", "create a", "create b", "create c"]);
    assert_eq!(world.run(&deployment).await.counts.replace, 3);
}

#[tokio::test]
async fn what_left_the_config_and_hangs_on_a_replaced_one_goes_first() {
    let mut world = World::new().await;
    deploy(&mut world, &things(json!([{ "resource": "a" }, { "resource": "b", "links": ["a"] }]))).await;
    log(&world);
    deploy(&mut world, &things(json!([{ "resource": "a", "size": 2 }]))).await;
    assert_eq!(log(&world), ["delete b", "delete a", "create a"]);
}

#[tokio::test]
async fn a_destroy_goes_in_reverse_order_and_waits_for_aws() {
    let mut world = World::new().await;
    script(&world, "b", Script { leaving: 2, ..Script::default() });
    let chain = json!([{ "resource": "a" }, { "resource": "b", "links": ["a"] }, { "resource": "c", "links": ["b"] }]);
    deploy(&mut world, &things(chain)).await;
    log(&world);
    let mut destroy = world.deploy::<Things>(None, &[]).await;
    world.plan::<Things>(&mut destroy).await;
    assert_eq!(world.apply::<Things>(&destroy).await, End::Done);
    assert_eq!(log(&world), ["delete c", "delete b", "delete a"]);
    assert_eq!(world.run(&destroy).await.counts.delete, 3);
    assert!(world.journal().await.is_empty());
}

#[tokio::test]
async fn a_resource_that_was_renamed_in_its_module_keeps_its_object() {
    let mut world = World::new().await;
    deploy(&mut world, &things(json!([{ "resource": "old", "name": "object" }]))).await;
    log(&world);
    let inputs = things(json!([{ "resource": "new", "name": "object" }]));
    let mut deployment = world.deploy::<Things>(Some(&inputs), &[]).await;
    let plan = world.plan::<Things>(&mut deployment).await;
    let actions: Vec<(&str, Action)> =
        plan.resources.iter().map(|change| (change.resource.as_str(), change.action)).collect();
    assert_eq!(actions, [("new", Action::Update)], "only its tag changes");
    assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
    assert_eq!(log(&world), ["update object"]);
    let journal: Vec<String> = world.journal().await.into_iter().map(|entry| entry.resource).collect();
    assert_eq!(journal, ["new"]);
}

#[tokio::test]
async fn nothing_riskier_than_the_approved_plan_is_done() {
    let mut world = World::new().await;
    deploy(&mut world, &things(json!([{ "resource": "a" }]))).await;
    log(&world);
    let deployment = planned(&mut world, &things(json!([{ "resource": "a", "value": 2 }]))).await;
    cloud(&world.account.id, |cloud| cloud.set("a", "size", json!(9)));
    let why = failed(&world, &deployment).await;
    assert!(why.contains("it would now be replaced, but the plan that was approved said updated"), "{why}");
    assert!(why.contains("hint: something changed since the plan was made: deploy again"), "{why}");
    let deployment = planned(&mut world, &things(json!([{ "resource": "a", "size": 9, "value": 2 }]))).await;
    cloud(&world.account.id, |cloud| cloud.set("a", "class", json!(9)));
    let why = failed(&world, &deployment).await;
    assert!(why.contains("it would now be updated in a way that users may notice"), "{why}");
    assert!(log(&world).is_empty(), "nothing was touched");
}

#[tokio::test]
async fn without_an_approved_plan_nothing_is_done() {
    let mut world = World::new().await;
    let deployment = world.deploy::<Things>(Some(&things(json!([{ "resource": "a" }]))), &[]).await;
    let why = failed(&world, &deployment).await;
    assert!(why.contains("there is no approved plan"), "{why}");
    assert!(log(&world).is_empty());
}

#[tokio::test]
async fn something_of_that_name_that_is_not_ours_is_left_alone() {
    let mut world = World::new().await;
    cloud(&world.account.id, |cloud| cloud.foreign("a"));
    let deployment = world.deploy::<Things>(Some(&things(json!([{ "resource": "a" }]))), &[]).await;
    let why = world.refusal::<Things>(&deployment).await.expect("it is refused");
    assert!(why.contains("Test::Thing a exists already: it was not made by Landfall"), "{why}");
}

#[tokio::test]
async fn what_aws_gave_up_on_fails_with_its_reason_and_is_replaced_by_the_next_plan() {
    let mut world = World::new().await;
    script(&world, "a", Script { given_up: true, ..Script::default() });
    let inputs = things(json!([{ "resource": "a" }]));
    let deployment = planned(&mut world, &inputs).await;
    let why = failed(&world, &deployment).await;
    assert!(why.contains("AWS gave up on it: there is no room"), "{why}");
    let mut again = world.deploy::<Things>(Some(&inputs), &[]).await;
    let plan = world.plan::<Things>(&mut again).await;
    assert_eq!((plan.resources[0].action, plan.resources[0].risk), (Action::Replace, Risk::High));
    script(&world, "a", Script::default());
    assert_eq!(world.apply::<Things>(&again).await, End::Done);
}

#[tokio::test]
async fn a_look_up_is_read_only_known_in_the_plan_and_missed_with_a_hint() {
    let mut world = World::new().await;
    let mut inputs = things(json!([{ "resource": "a" }]));
    inputs.insert("existing".into(), json!("theirs"));
    let deployment = world.deploy::<Things>(Some(&inputs), &[]).await;
    let why = world.refusal::<Things>(&deployment).await.expect("it is missing");
    assert!(why.contains(r#"there is no Test::Existing as {"name":"theirs"}"#), "{why}");
    cloud(&world.account.id, |cloud| cloud.foreign("theirs"));
    deploy(&mut world, &inputs).await;
    let journal: Vec<String> = world.journal().await.into_iter().map(|entry| entry.resource).collect();
    assert_eq!(journal, ["a"]);
    let mut again = world.deploy::<Things>(Some(&inputs), &[]).await;
    assert_eq!(world.plan::<Things>(&mut again).await.change, ModuleChange::Unchanged);
    let mut destroy = world.deploy::<Things>(None, &[]).await;
    world.plan::<Things>(&mut destroy).await;
    assert_eq!(world.apply::<Things>(&destroy).await, End::Done);
    assert_eq!(cloud(&world.account.id, |cloud| cloud.names()), ["theirs"]);
}

#[tokio::test]
async fn what_waits_for_the_module_is_woken_once_it_is_done_and_not_before() {
    let mut world = World::new().await;
    script(&world, "a", Script { pending: 1, ..Script::default() });
    let deployment = planned(&mut world, &things(json!([{ "resource": "a" }]))).await;
    world.dependent(&deployment, "later", "token").await;
    world.step_within::<Things>(&deployment, world.limits()).await.expect("a step");
    assert!(world.waits(&deployment, "later").await, "its need is not met");
    assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
    assert!(!world.waits(&deployment, "later").await, "its token was used");
}

#[tokio::test]
async fn a_changed_resource_costs_two_writes_at_most_and_an_unchanged_one_none() {
    let mut world = World::new().await;
    let meter = Throttle::default();
    world.meter(&meter).await;
    let alone = |value: i64| {
        // Each needs the one before it, so that no two are worked on at a time.
        let chain = (0..10).map(|n| {
            let links: Vec<String> = (0..n).last().map(|before| format!("t{before}")).into_iter().collect();
            json!({ "resource": format!("t{n}"), "value": value, "links": links })
        });
        things(chain.collect())
    };
    let together =
        |value: i64| things((0..30).map(|n| json!({ "resource": format!("t{n}"), "value": value })).collect());
    let nothing = things(json!([]));
    let mut writes = BTreeMap::new();
    for (what, inputs) in [
        ("create 10", alone(0)),
        ("none", alone(0)),
        ("update 10", alone(1)),
        ("delete 10", nothing.clone()),
        ("create 30 at a time", together(0)),
        ("update 30 at a time", together(1)),
        ("delete 30 at a time", nothing),
    ] {
        let deployment = planned(&mut world, &inputs).await;
        meter.reset();
        assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
        writes.insert(what, meter.calls("TransactWriteItems") + meter.calls("PutItem") + meter.calls("UpdateItem"));
    }
    let fixed = writes["none"];
    assert!(fixed <= 4, "a step of an unchanged module writes {fixed} times");
    for (what, most) in [("create 10", 20), ("update 10", 20), ("delete 10", 20)] {
        assert_eq!(writes[what] - fixed, most, "{what}");
    }
    // What is worked on at the same time is written together.
    for what in ["create 30 at a time", "update 30 at a time", "delete 30 at a time"] {
        assert!(writes[what] - fixed <= 20, "{what}: {}", writes[what] - fixed);
    }
}
