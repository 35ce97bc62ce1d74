//! The runs of modules: who may begin, who is woken, and that an end stays an end.

use landfall_state::{Gate, RunCounts, RunStart, RunStatus, RunUpdate, Secret, StateError, Wake, WakeOutcome};

use crate::world::{World, on_both_stores};

on_both_stores!(
    a_module_waits_for_its_own_needs_only,
    the_last_need_that_settles_wakes_its_dependent_once,
    a_failed_need_skips_its_dependents_and_wakes_them_with_its_name,
    whoever_comes_last_wakes_whatever_the_order,
    an_unchanged_module_and_one_of_an_earlier_deployment_are_met,
    a_run_that_ended_stays_ended,
    a_run_that_goes_on_keeps_no_token,
    beginning_twice_resets_nothing_and_adds_what_is_missing,
    more_modules_than_a_transaction_holds_begin,
    a_module_that_is_not_run_is_named,
);

fn start(module: &str, needs: &[&str]) -> RunStart {
    RunStart {
        module: module.to_owned(),
        kind: "sqs".to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        unchanged: false,
    }
}

/// `key` first, `queue` and `topic` need it, `role` needs both of them.
async fn diamond(world: &World) -> landfall_state::Lease {
    let lease = world.hold("shop", "execution").await;
    let starts =
        vec![start("key", &[]), start("queue", &["key"]), start("topic", &["key"]), start("role", &["queue", "topic"])];
    world.store.writer(&lease).begin_runs(1, &starts).await.unwrap();
    lease
}

async fn wait_for(world: &World, module: &str) -> Gate {
    world.store.await_dependencies("shop", 1, module, &format!("token of {module}").into()).await.unwrap()
}

async fn settle(world: &World, lease: &landfall_state::Lease, module: &str, status: RunStatus) {
    world.store.writer(lease).run_update(1, module, &RunUpdate::status(status)).await.unwrap();
}

async fn woken(world: &World) -> Vec<String> {
    let wakes = world.store.wakes("shop", 1).await.unwrap();
    wakes.into_iter().map(|wake| wake.task_token.expose().to_owned()).collect()
}

async fn a_module_waits_for_its_own_needs_only(world: World) {
    let lease = diamond(&world).await;
    assert_eq!(wait_for(&world, "key").await, Gate::Ready);
    assert_eq!(wait_for(&world, "role").await, Gate::Waiting(vec!["queue".to_owned(), "topic".to_owned()]));
    settle(&world, &lease, "key", RunStatus::Done).await;
    assert_eq!(wait_for(&world, "queue").await, Gate::Ready);
    settle(&world, &lease, "queue", RunStatus::Running).await;
    settle(&world, &lease, "queue", RunStatus::Pending).await;
    settle(&world, &lease, "topic", RunStatus::Done).await;
    assert_eq!(wait_for(&world, "role").await, Gate::Waiting(vec!["queue".to_owned()]));
}

async fn the_last_need_that_settles_wakes_its_dependent_once(world: World) {
    let lease = diamond(&world).await;
    wait_for(&world, "role").await;
    settle(&world, &lease, "queue", RunStatus::Done).await;
    assert_eq!(woken(&world).await, [""; 0]);
    settle(&world, &lease, "topic", RunStatus::Done).await;
    let wakes = world.store.wakes("shop", 1).await.unwrap();
    let expected = Wake { module: "role".into(), task_token: "token of role".into(), outcome: WakeOutcome::Ready };
    assert_eq!(wakes, std::slice::from_ref(&expected));
    assert_eq!(woken(&world).await, ["token of role"], "a lost wake-up is repeated");
    world.store.woken("shop", 1, &expected).await.unwrap();
    assert_eq!(woken(&world).await, [""; 0]);
    wait_for(&world, "role").await;
    let late = Wake { task_token: "an older token".into(), ..expected };
    world.store.woken("shop", 1, &late).await.unwrap();
    assert_eq!(woken(&world).await, ["token of role"], "the token of a new wait stays");
}

async fn a_failed_need_skips_its_dependents_and_wakes_them_with_its_name(world: World) {
    let lease = diamond(&world).await;
    wait_for(&world, "role").await;
    settle(&world, &lease, "queue", RunStatus::Failed).await;
    let wakes = world.store.wakes("shop", 1).await.unwrap();
    assert_eq!(wakes.len(), 1);
    assert_eq!(wakes[0].outcome, WakeOutcome::DependencyFailed(vec!["queue".to_owned()]));
    settle(&world, &lease, "topic", RunStatus::Skipped).await;
    assert_eq!(wait_for(&world, "role").await, Gate::Failed(vec!["queue".to_owned(), "topic".to_owned()]));
}

async fn whoever_comes_last_wakes_whatever_the_order(world: World) {
    let lease = world.hold("shop", "execution").await;
    let token = Secret::from("token");
    for number in 1..=12 {
        let starts = vec![start("queue", &[]), start("role", &["queue"])];
        world.store.writer(&lease).begin_runs(number, &starts).await.unwrap();
        let waits = world.store.await_dependencies("shop", number, "role", &token);
        let settles = async {
            let done = RunUpdate::status(RunStatus::Done);
            world.store.writer(&lease).run_update(number, "queue", &done).await.unwrap();
            world.store.wakes("shop", number).await.unwrap()
        };
        let (gate, wakes) = tokio::join!(waits, settles);
        assert!(gate.unwrap() == Gate::Ready || wakes.len() == 1, "somebody sees that the module may begin");
    }
}

async fn an_unchanged_module_and_one_of_an_earlier_deployment_are_met(world: World) {
    let lease = world.hold("shop", "execution").await;
    let unchanged = RunStart { unchanged: true, ..start("queue", &[]) };
    let starts = vec![unchanged, start("role", &["queue", "deployed before"])];
    world.store.writer(&lease).begin_runs(1, &starts).await.unwrap();
    assert_eq!(wait_for(&world, "role").await, Gate::Ready);
    let runs = world.store.runs("shop", 1).await.unwrap();
    assert_eq!((runs[0].status, runs[0].finished_at), (RunStatus::Unchanged, Some(world.store.now())));
}

async fn a_run_that_goes_on_keeps_no_token(world: World) {
    let lease = world.hold("shop", "execution").await;
    let writer = world.store.writer(&lease);
    writer.begin_runs(1, &[start("queue", &[])]).await.unwrap();
    wait_for(&world, "queue").await;
    assert!(format!("{:?}", world.raw().await).contains("token of queue"));
    writer.run_update(1, "queue", &RunUpdate::status(RunStatus::Running)).await.unwrap();
    assert!(!format!("{:?}", world.raw().await).contains("token of queue"));
}

async fn a_run_that_ended_stays_ended(world: World) {
    let lease = diamond(&world).await;
    let mut failed = RunUpdate::status(RunStatus::Failed);
    failed.error = Some(format!("access denied {}", "x".repeat(1_000_000)));
    failed.counts = RunCounts { create: 2, ..RunCounts::default() };
    failed.calls = [("sqs.CreateQueue".to_owned(), 1)].into();
    settle(&world, &lease, "queue", RunStatus::Running).await;
    let began = world.store.now();
    world.wait(1);
    world.store.writer(&lease).run_update(1, "queue", &failed).await.unwrap();
    for status in [RunStatus::Running, RunStatus::Done, RunStatus::Failed] {
        let again = world.store.writer(&lease).run_update(1, "queue", &RunUpdate::status(status)).await.unwrap_err();
        assert_eq!(again.to_string(), "the run of module queue is not in the expected state");
    }
    let runs = world.store.runs("shop", 1).await.unwrap();
    let run = runs.iter().find(|run| run.module == "queue").unwrap();
    assert_eq!((run.status, run.counts, &run.calls), (RunStatus::Failed, failed.counts, &failed.calls));
    assert_eq!((run.started_at, run.finished_at), (Some(began), Some(world.store.now())));
    assert!(run.error.as_deref().unwrap().len() < 20_000);
}

async fn beginning_twice_resets_nothing_and_adds_what_is_missing(world: World) {
    let lease = diamond(&world).await;
    settle(&world, &lease, "key", RunStatus::Done).await;
    let more = vec![start("key", &[]), start("queue", &["key"]), start("alarm", &[])];
    world.store.writer(&lease).begin_runs(1, &more).await.unwrap();
    let runs = world.store.runs("shop", 1).await.unwrap();
    let names: Vec<_> = runs.iter().map(|run| (run.module.as_str(), run.status)).collect();
    assert_eq!(names.len(), 5);
    assert!(names.contains(&("key", RunStatus::Done)) && names.contains(&("alarm", RunStatus::Waiting)));
}

async fn more_modules_than_a_transaction_holds_begin(world: World) {
    let lease = world.hold_service("shop", "staging", "execution").await;
    let starts: Vec<_> = (0..205).map(|number| start(&format!("module-{number:03}"), &[])).collect();
    world.store.writer(&lease).begin_runs(1, &starts).await.unwrap();
    assert_eq!(world.store.runs("shop", 1).await.unwrap().len(), 205);
    assert_eq!(world.store.runs("shop", 10).await.unwrap().len(), 0);
}

async fn a_module_that_is_not_run_is_named(world: World) {
    diamond(&world).await;
    let error = world.store.await_dependencies("shop", 1, "bucket", &"token".into()).await.unwrap_err();
    assert!(matches!(error, StateError::NotFound { .. }));
    assert_eq!(error.to_string(), "the run of module bucket in shop/1 does not exist");
}
