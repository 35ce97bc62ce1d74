//! Leases that are over, AWS that says "too fast", and permissions that are missing.

use std::time::Duration;

use landfall_engine::Module;

use super::{Baseline, Example};
use crate::throttle::Throttle;
use crate::world::{End, World};

/// A step under a lease that somebody else took writes nothing.
pub(super) async fn stale_lease<M: Module>(example: &Example) {
    let mut world = example.world().await;
    let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    world.plan::<M>(&mut first).await;
    world.steal_lease().await;
    let end = world.apply::<M>(&first).await;
    assert!(matches!(&end, End::Failed(why) if why.contains("lease")), "{}: {end:?}", example.name);
    nothing_was_made(&world, &example.name).await;
}

/// A step whose lease ends before it gets to work makes nothing.
pub(super) async fn short_lease<M: Module>(example: &Example) {
    let mut world = example.world().await;
    let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    world.plan::<M>(&mut first).await;
    world.lease_life = Duration::from_millis(2);
    let end = world.apply::<M>(&first).await;
    assert!(matches!(&end, End::Failed(why) if why.contains("lease")), "{}: {end:?}", example.name);
    nothing_was_made(&world, &example.name).await;
}

async fn nothing_was_made(world: &World, name: &str) {
    assert!(world.journal().await.is_empty(), "{name}: without a lease nothing is journalled");
    let left = world.left_behind();
    assert!(left.is_empty(), "{name}: without a lease nothing is made: {left:?}");
}

/// A burst of throttled calls delays a deployment and does not fail it.
pub(super) async fn throttled<M: Module>(example: &Example) {
    let name = &example.name;
    let throttle = Throttle::default();
    let mut world = example.world().await;
    world.throttle(&throttle).await;
    let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    throttle.refuse(3);
    world.plan::<M>(&mut first).await;
    throttle.refuse(40);
    assert_eq!(world.apply::<M>(&first).await, End::Done, "{name}: throttled calls are made again");
    assert_eq!(throttle.refused(), 43, "{name}: the calls were throttled");
    let mut destroy = world.deploy::<M>(None, &[]).await;
    world.plan::<M>(&mut destroy).await;
    throttle.refuse(40);
    assert_eq!(world.apply::<M>(&destroy).await, End::Done, "{name}: throttled removals are made again");
    let left = world.left_behind();
    assert!(left.is_empty(), "{name}: nothing is left: {left:?}");
}

/// A permission that is missing in the middle fails the module with the action, the role and the resource; with the
/// permission back the next deployment goes on. Answers what was denied.
pub(super) async fn denied<M: Module>(example: &Example, baseline: &Baseline) -> String {
    let name = &example.name;
    let creations: Vec<&String> = baseline.writes.keys().filter(|call| call.contains(".Create")).collect();
    let Some(call) = creations.get(creations.len() / 2) else { return "nothing".to_owned() };
    let (service, operation) = call.split_once('.').expect("a call is service.Operation");
    let prefix = if service == "cloudwatchlogs" { "logs" } else { service };
    let action = format!("{prefix}:{operation}");
    let mut world = example.world().await;
    world.deny(&action).await;
    let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    world.plan::<M>(&mut first).await;
    let End::Failed(why) = world.apply::<M>(&first).await else { panic!("{name}: {action} is denied") };
    let hint = why.lines().find(|line| line.trim_start().starts_with("hint:")).unwrap_or_default();
    assert!(
        hint.contains(&action) && hint.contains("to role restricted"),
        "{name}: the action and the role are named: {why}"
    );
    let on = hint.split(&format!("{action} on ")).nth(1).and_then(|rest| rest.split_whitespace().next());
    assert!(on.is_some_and(|on| on.len() > 1), "{name}: the resource is named: {why}");
    world.permit().await;
    let mut second = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    world.plan::<M>(&mut second).await;
    assert_eq!(world.apply::<M>(&second).await, End::Done, "{name}: with the permission it goes on");
    assert_eq!(super::counted(&world), baseline.tagged, "{name}: nothing was made twice");
    action
}
