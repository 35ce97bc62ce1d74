//! What every module must survive, for nothing but a file of example inputs: create then no change, every step
//! repeated, a crash before and after every AWS call, drift, change, destroy twice, a plan that writes nothing, a
//! stale lease. The real engine against the local AWS, a fresh account for every case.

use landfall_aws::Fault;
use landfall_catalog::Link;
use landfall_engine::Module;
use landfall_plan::{Action, ModuleChange, ModulePlan};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::world::{End, World};

/// One example of a module's inputs. `ACCOUNT` in a text stands for the account's id.
#[derive(Clone, Debug, Deserialize)]
pub struct Example {
    /// Name, for messages.
    pub name: String,
    /// Complete inputs.
    pub inputs: Map<String, Value>,
    /// Links that the module holds.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Inputs that change it in place.
    #[serde(default)]
    pub updated: Option<Map<String, Value>>,
    /// Inputs that replace something.
    #[serde(default)]
    pub replaced: Option<Map<String, Value>>,
}

/// Runs the whole suite for module `M` over a JSON list of [`Example`]s.
///
/// # Panics
/// With the fact that does not hold, and the example.
pub async fn run<M: Module>(examples: &str) {
    let examples: Vec<Example> = serde_json::from_str(examples).expect("the examples are a JSON list");
    assert!(!examples.is_empty(), "a module has at least one example");
    let mut faults = 0;
    for example in &examples {
        let created = life::<M>(example).await;
        changes::<M>(example).await;
        stale_lease::<M>(example).await;
        faults += crashes::<M>(example, created).await;
    }
    assert!(faults > 0, "no call was broken");
}

/// Create, no change, repeat, destroy, destroy again. Answers how many resources the example has.
async fn life<M: Module>(example: &Example) -> usize {
    let name = &example.name;
    let mut world = World::new().await;
    let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    let plan = world.plan::<M>(&mut first).await;
    assert!(
        plan.resources.iter().all(|change| change.action == Action::Create),
        "{name}: everything is created at first: {}",
        described(&plan)
    );
    assert_eq!(plan.change, ModuleChange::Apply, "{name}: a module that does not exist is applied");
    assert_eq!(world.apply::<M>(&first).await, End::Done, "{name}: it is created");
    let journalled = world.journalled().await;
    assert_eq!(journalled.len(), plan.resources.len(), "{name}: every resource is journalled");

    assert_eq!(world.apply::<M>(&first).await, End::Done, "{name}: a step may run twice");
    assert_eq!(world.writes(), Default::default(), "{name}: a repeated step changes nothing");

    let mut again = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    let plan = world.plan::<M>(&mut again).await;
    assert_eq!(plan.change, ModuleChange::Unchanged, "{name}: nothing changes: {}", described(&plan));

    let mut destroy = world.deploy::<M>(None, &[]).await;
    let plan = world.plan::<M>(&mut destroy).await;
    let deleted = plan.resources.iter().filter(|change| change.action == Action::Delete).count();
    assert_eq!(deleted, journalled.len(), "{name}: everything is to be deleted: {}", described(&plan));
    assert_eq!(world.apply::<M>(&destroy).await, End::Done, "{name}: it is destroyed");
    assert!(world.journalled().await.is_empty(), "{name}: nothing is left in the journal");

    let mut twice = world.deploy::<M>(None, &[]).await;
    world.plan::<M>(&mut twice).await;
    assert_eq!(world.apply::<M>(&twice).await, End::Done, "{name}: it may be destroyed twice");
    assert_eq!(world.writes(), Default::default(), "{name}: there is nothing to destroy twice");

    let mut reborn = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    let plan = world.plan::<M>(&mut reborn).await;
    assert!(
        plan.resources.iter().all(|change| change.action == Action::Create),
        "{name}: nothing is found after a destroy: {}",
        described(&plan)
    );
    journalled.len()
}

/// Changes in place and by replacement, and drift: what one deployment did is taken for somebody else's change by
/// deploying the first inputs again.
async fn changes<M: Module>(example: &Example) {
    for (inputs, action) in [(&example.updated, Action::Update), (&example.replaced, Action::Replace)] {
        let Some(inputs) = inputs else { continue };
        let name = &example.name;
        let mut world = World::new().await;
        let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
        world.plan::<M>(&mut first).await;
        assert_eq!(world.apply::<M>(&first).await, End::Done, "{name}: it is created");
        for inputs in [inputs, &example.inputs] {
            let mut change = world.deploy::<M>(Some(inputs), &example.links).await;
            let plan = world.plan::<M>(&mut change).await;
            assert_eq!(plan.change, ModuleChange::Apply, "{name}: changed inputs change something");
            if action == Action::Update {
                assert!(
                    plan.resources.iter().all(|change| change.action != Action::Replace),
                    "{name}: nothing is replaced: {}",
                    described(&plan)
                );
            } else {
                assert!(
                    plan.resources.iter().any(|change| change.action == Action::Replace),
                    "{name}: something is replaced: {}",
                    described(&plan)
                );
            }
            assert_eq!(world.apply::<M>(&change).await, End::Done, "{name}: the change is applied");
            let mut again = world.deploy::<M>(Some(inputs), &example.links).await;
            let plan = world.plan::<M>(&mut again).await;
            assert_eq!(plan.change, ModuleChange::Unchanged, "{name}: the change is complete: {}", described(&plan));
        }
    }
}

/// A step under a lease that somebody else took writes nothing.
async fn stale_lease<M: Module>(example: &Example) {
    let mut world = World::new().await;
    let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    world.plan::<M>(&mut first).await;
    world.steal_lease().await;
    let end = world.apply::<M>(&first).await;
    assert!(matches!(&end, End::Failed(why) if why.contains("lease")), "{}: {end:?}", example.name);
    assert!(world.journalled().await.is_empty(), "{}: a stale holder writes nothing", example.name);
}

/// Kills the function before and after every AWS call of a creation; a rerun converges, and every resource exists
/// once. Answers how many faults were tried.
async fn crashes<M: Module>(example: &Example, resources: usize) -> usize {
    let name = &example.name;
    let mut tried = 0;
    for fault in [Fault::Before, Fault::After] {
        let mut nth = 0;
        loop {
            let mut world = World::new().await;
            let mut deployment = world.deploy::<M>(Some(&example.inputs), &example.links).await;
            world.plan::<M>(&mut deployment).await;
            let Some(broken) = world.killed_step::<M>(&deployment, nth, fault).await else { break };
            tried += 1;
            let context = format!("{name}: killed {fault:?} {broken} (call {nth})");
            assert_eq!(world.apply::<M>(&deployment).await, End::Done, "{context}: a rerun converges");
            assert_eq!(world.journalled().await.len(), resources, "{context}: the journal is complete");
            let mut again = world.deploy::<M>(Some(&example.inputs), &example.links).await;
            let plan = world.plan::<M>(&mut again).await;
            assert_eq!(plan.change, ModuleChange::Unchanged, "{context}: nothing is left to do: {}", described(&plan));
            let mut destroy = world.deploy::<M>(None, &[]).await;
            world.plan::<M>(&mut destroy).await;
            assert_eq!(world.apply::<M>(&destroy).await, End::Done, "{context}: it is destroyed");
            let left = world.left_behind();
            assert!(left.is_empty(), "{context}: orphans: {left:?}");
            nth += stride(resources);
        }
    }
    tried
}

/// Modules with many resources are sampled, so that the suite stays within minutes.
fn stride(resources: usize) -> u64 {
    1 + u64::try_from(resources / 6).unwrap_or(0)
}

fn described(plan: &ModulePlan) -> String {
    plan.resources
        .iter()
        .filter(|change| change.action != Action::Keep)
        .map(|change| {
            let paths: Vec<String> = change
                .attributes
                .iter()
                .map(|attribute| format!("{} {:?} → {:?}", attribute.path, attribute.before, attribute.after))
                .collect();
            format!("{:?} {} [{}]", change.action, change.resource, paths.join("; "))
        })
        .collect::<Vec<_>>()
        .join(", ")
}
