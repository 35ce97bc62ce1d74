//! Somebody else changes what Landfall made, and AWS shows later than it makes.

use std::time::{Duration, Instant};

use landfall_aws::Fault;
use landfall_engine::Module;
use landfall_plan::{Action, ModuleChange, ModulePlan};

use super::{Baseline, Example, counted, described, is_complete, say};
use crate::world::{End, World};

/// How many resources are tampered with in each way.
const TAMPERED: usize = 3;

/// Tags that were changed outside are shown as drift and set right; what was deleted outside is made again. Answers
/// how many drifts were repaired.
pub(super) async fn drift<M: Module>(example: &Example, baseline: &Baseline) -> usize {
    let mut world = example.world().await;
    let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    world.plan::<M>(&mut first).await;
    assert_eq!(world.apply::<M>(&first).await, End::Done, "{}: it is created", example.name);
    tags::<M>(&mut world, example, baseline).await + deletions::<M>(&mut world, example, baseline).await
}

async fn tags<M: Module>(world: &mut World, example: &Example, baseline: &Baseline) -> usize {
    let mut repaired = 0;
    for (arn, tags) in world.inventory().into_iter().take(TAMPERED) {
        let context = format!("{}: the tag landfall:module of {arn} was changed", example.name);
        if let Err(error) = world.account.tag(&arn, "landfall:module", "somebody-else") {
            say(&format!("{context}: not tried, because the local AWS refused it: {error}"));
            continue;
        }
        let plan = repair::<M>(world, example, baseline, &context).await;
        let change = plan.resources.iter().find(|change| Some(&change.resource) == tags.get("landfall:resource"));
        let change = change.unwrap_or_else(|| panic!("{context}: the plan has it: {}", described(&plan)));
        assert_eq!(change.action, Action::Update, "{context}: it is changed in place: {}", described(&plan));
        assert!(change.attributes.iter().all(|attribute| attribute.drift), "{context}: the plan says that it is drift");
        assert_eq!(world.inventory().get(&arn), Some(&tags), "{context}: it is set right");
        repaired += 1;
    }
    repaired
}

async fn deletions<M: Module>(world: &mut World, example: &Example, baseline: &Baseline) -> usize {
    let leaves = baseline.journal.iter().filter(|(_, needed)| !**needed).map(|(resource, _)| resource);
    let mut repaired = 0;
    for resource in leaves.take(TAMPERED) {
        let context = format!("{}: {resource} was deleted outside", example.name);
        let deployment = world.deploy::<M>(Some(&example.inputs), &example.links).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        while !world.delete_outside::<M>(&deployment, resource).await {
            assert!(Instant::now() < deadline, "{context}: it goes away");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let plan = repair::<M>(world, example, baseline, &context).await;
        let change = plan.resources.iter().find(|change| change.resource == *resource);
        let change = change.unwrap_or_else(|| panic!("{context}: the plan has it"));
        assert!(
            matches!(change.action, Action::Create | Action::Update),
            "{context}: it is brought back: {}",
            described(&plan)
        );
        repaired += 1;
    }
    repaired
}

/// The plan that shows the drift; deploying it sets everything right.
async fn repair<M: Module>(world: &mut World, example: &Example, baseline: &Baseline, context: &str) -> ModulePlan {
    // A describe that shows nothing is believed only after a while.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut deployment = world.deploy::<M>(Some(&example.inputs), &example.links).await;
        let plan = world.plan::<M>(&mut deployment).await;
        if plan.change == ModuleChange::Unchanged {
            assert!(Instant::now() < deadline, "{context}: the plan shows it");
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        assert_eq!(world.apply::<M>(&deployment).await, End::Done, "{context}: it is repaired");
        is_complete::<M>(world, &example.inputs, example, &baseline.tagged, context).await;
        return plan;
    }
}

/// Describes that lag behind creates make no duplicates and no orphans, whether a step was killed or not.
pub(super) async fn lag<M: Module>(example: &Example, baseline: &Baseline) {
    let name = &example.name;
    let mut world = lagging(example, baseline).await;
    let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    world.plan::<M>(&mut first).await;
    assert_eq!(world.apply::<M>(&first).await, End::Done, "{name}: it is created while describes lag");
    let mut again = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    let plan = world.plan::<M>(&mut again).await;
    assert_eq!(plan.change, ModuleChange::Unchanged, "{name}: a lagging describe is no drift: {}", described(&plan));
    world.engine.aws().watch().hide_fresh(2);
    destroyed::<M>(&mut world, &format!("{name}: destroyed while describes lag")).await;

    let writes: u64 = baseline.writes.values().sum();
    // Every wait for a describe that can be believed costs a large module as long as a life.
    let kills = if baseline.life < Duration::from_secs(1) { 6 } else { 2 };
    let stride = usize::try_from(writes.div_ceil(kills)).unwrap_or(1).max(1);
    for nth in (0..writes).step_by(stride) {
        let mut world = lagging(example, baseline).await;
        let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
        world.plan::<M>(&mut first).await;
        let Some(broken) = world.killed_at_write::<M>(&first, nth, Fault::After).await else { continue };
        let context = format!("{name}: killed after {broken} while describes lag");
        assert_eq!(world.apply::<M>(&first).await, End::Done, "{context}: a rerun converges");
        assert_eq!(counted(&world), baseline.tagged, "{context}: every resource exists once");

        let mut world = lagging(example, baseline).await;
        let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
        world.plan::<M>(&mut first).await;
        world.killed_at_write::<M>(&first, nth, Fault::After).await;
        destroyed::<M>(&mut world, &format!("{context}, then destroyed")).await;
    }
}

/// A world in which describes lag for two looks. The journal has to be believed until then, however long the steps of a
/// large module take.
async fn lagging(example: &Example, baseline: &Baseline) -> World {
    let mut world = example.world().await;
    world.settle = baseline.life.max(Duration::from_millis(600));
    world.engine.aws().watch().hide_fresh(2);
    world
}

async fn destroyed<M: Module>(world: &mut World, context: &str) {
    let mut destroy = world.deploy::<M>(None, &[]).await;
    world.plan::<M>(&mut destroy).await;
    assert_eq!(world.apply::<M>(&destroy).await, End::Done, "{context}: it is destroyed");
    let left = world.left_behind();
    assert!(left.is_empty(), "{context}: orphans: {left:?}");
}
