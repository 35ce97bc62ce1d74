//! Create, no change, repeat, change, destroy, destroy again.

use std::collections::BTreeMap;
use std::time::Instant;

use landfall_engine::Module;
use landfall_plan::{Action, ModuleChange, ModulePlan};

use super::{Baseline, Example, counted, described, is_complete};
use crate::world::{End, World};

pub(super) async fn life<M: Module>(example: &Example) -> Baseline {
    let name = &example.name;
    let began = Instant::now();
    let mut world = example.world().await;
    let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    let plan = world.plan::<M>(&mut first).await;
    assert!(
        plan.resources.iter().all(|change| change.action == Action::Create),
        "{name}: everything is created at first: {}",
        described(&plan)
    );
    assert_eq!(plan.change, ModuleChange::Apply, "{name}: a module that does not exist is applied");
    assert!(world.left_behind().is_empty(), "{name}: a plan makes nothing");
    let (end, writes) = world.apply_counted::<M>(&first).await;
    assert_eq!(end, End::Done, "{name}: it is created");
    let journal = world.journal().await;
    assert_eq!(journal.len(), plan.resources.len(), "{name}: every resource is journalled");
    let tagged = counted(&world);
    for (resource, count) in &tagged {
        assert_eq!(*count, 1, "{name}: {resource} exists once");
    }

    assert_eq!(world.apply::<M>(&first).await, End::Done, "{name}: a step may run twice");
    assert_eq!(world.writes(), BTreeMap::new(), "{name}: a repeated step changes nothing");
    no_change::<M>(&mut world, example).await;
    destroy_twice::<M>(&mut world, example, journal.len()).await;

    let mut reborn = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    let plan = world.plan::<M>(&mut reborn).await;
    assert!(
        plan.resources.iter().all(|change| change.action == Action::Create),
        "{name}: nothing is found after a destroy: {}",
        described(&plan)
    );
    let needed = |resource: &str| journal.iter().any(|entry| entry.needs.iter().any(|need| need == resource));
    let journal = journal.iter().map(|entry| (entry.resource.clone(), needed(&entry.resource))).collect();
    Baseline { journal, tagged, writes, life: began.elapsed() }
}

/// A deployment that changes nothing looks once and writes nothing, to AWS and to the journal.
async fn no_change<M: Module>(world: &mut World, example: &Example) {
    let name = &example.name;
    let before = world.journal().await;
    let mut again = world.deploy::<M>(Some(&example.inputs), &example.links).await;
    let plan = world.plan::<M>(&mut again).await;
    assert_eq!(plan.change, ModuleChange::Unchanged, "{name}: nothing changes: {}", described(&plan));
    looks_once(name, &plan, &world.reads());
    // The state machine does not run it; run all the same it writes nothing.
    assert_eq!(world.apply::<M>(&again).await, End::Done, "{name}: an unchanged module may be applied");
    assert_eq!(world.writes(), BTreeMap::new(), "{name}: no change, no writing call");
    looks_once(name, &plan, &world.reads());
    assert_eq!(world.journal().await, before, "{name}: no change, no write to the journal");
}

/// At most one describe per resource kind: EC2 describes answer for all resources of a kind at once, so there are not
/// more of them than kinds. Other services are asked about one resource at a time, once per operation.
fn looks_once(name: &str, plan: &ModulePlan, reads: &BTreeMap<String, u64>) {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for change in &plan.resources {
        *kinds.entry(change.kind.as_str()).or_default() += 1;
    }
    let batched = |call: &str| call.starts_with("ec2.Describe") && call.ends_with('s');
    let describes: u64 = reads.iter().filter(|(call, _)| batched(call)).map(|(_, count)| count).sum();
    // A module that only looks up what exists has kinds of its own for that, which the plan does not list.
    let of_ec2 = kinds.keys().filter(|kind| kind.starts_with("AWS::EC2::")).count().max(4);
    assert!(
        describes <= u64::try_from(of_ec2).unwrap_or(u64::MAX),
        "{name}: {describes} describes of EC2 for {of_ec2} kinds: {reads:?}"
    );
    let most = kinds.values().copied().max().unwrap_or(1);
    for (call, count) in reads.iter().filter(|(call, _)| !batched(call)) {
        assert!(*count <= most, "{name}: {call} was called {count} times: {reads:?}");
    }
}

async fn destroy_twice<M: Module>(world: &mut World, example: &Example, resources: usize) {
    let name = &example.name;
    let mut destroy = world.deploy::<M>(None, &[]).await;
    let plan = world.plan::<M>(&mut destroy).await;
    let deleted = plan.resources.iter().filter(|change| change.action == Action::Delete).count();
    assert_eq!(deleted, resources, "{name}: everything is to be deleted: {}", described(&plan));
    assert_eq!(world.apply::<M>(&destroy).await, End::Done, "{name}: it is destroyed");
    assert!(world.journal().await.is_empty(), "{name}: nothing is left in the journal");
    let left = world.left_behind();
    assert!(left.is_empty(), "{name}: nothing is left: {left:?}");

    let mut twice = world.deploy::<M>(None, &[]).await;
    world.plan::<M>(&mut twice).await;
    assert_eq!(world.apply::<M>(&twice).await, End::Done, "{name}: it may be destroyed twice");
    assert_eq!(world.writes(), BTreeMap::new(), "{name}: there is nothing to destroy twice");
}

/// Changes in place and by replacement, and back.
pub(super) async fn changes<M: Module>(example: &Example, baseline: &Baseline) {
    for (inputs, action) in [(&example.updated, Action::Update), (&example.replaced, Action::Replace)] {
        let Some(inputs) = inputs else { continue };
        let name = &example.name;
        let mut world = example.world().await;
        let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
        world.plan::<M>(&mut first).await;
        assert_eq!(world.apply::<M>(&first).await, End::Done, "{name}: it is created");
        for inputs in [inputs, &example.inputs] {
            let mut change = world.deploy::<M>(Some(inputs), &example.links).await;
            let plan = world.plan::<M>(&mut change).await;
            assert_eq!(plan.change, ModuleChange::Apply, "{name}: changed inputs change something");
            let replaces = plan.resources.iter().any(|change| change.action == Action::Replace);
            assert_eq!(replaces, action == Action::Replace, "{name}: whether it is replaced: {}", described(&plan));
            assert_eq!(world.apply::<M>(&change).await, End::Done, "{name}: the change is applied");
            assert_eq!(world.apply::<M>(&change).await, End::Done, "{name}: the change may be applied twice");
            assert_eq!(world.writes(), BTreeMap::new(), "{name}: a change that is applied is applied");
            let mut again = world.deploy::<M>(Some(inputs), &example.links).await;
            let plan = world.plan::<M>(&mut again).await;
            assert_eq!(plan.change, ModuleChange::Unchanged, "{name}: the change is complete: {}", described(&plan));
        }
        is_complete::<M>(&mut world, &example.inputs, example, &baseline.tagged, &format!("{name}: changed back"))
            .await;
    }
}
