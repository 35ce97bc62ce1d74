//! The function is killed before and after every AWS call of a creation, a change and a removal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use landfall_aws::Fault;
use landfall_engine::Module;
use serde_json::{Map, Value};

use super::{Baseline, Example, counted, is_complete, is_journalled};
use crate::world::{Deployment, End, World};

/// How many crashes there could be, and how many were tried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub tried: usize,
    pub possible: usize,
}

/// How many accounts are worked on at a time.
const AT_ONCE: usize = 3;
/// How many cases are tried however long they take.
const AT_LEAST: usize = 8;

/// One case: the call with this number is broken in the creation, in the change and in the removal.
#[derive(Clone, Copy, Debug)]
struct Case {
    nth: u64,
    fault: Fault,
}

/// Tries as many cases as fit into `time`, in an order that is spread evenly over the calls wherever it ends.
pub(super) async fn crashes<M: Module>(example: &Example, baseline: &Baseline, time: Duration) -> Tally {
    let began = Instant::now();
    let calls = calls::<M>(example).await;
    let most = calls.iter().copied().max().unwrap_or(0);
    let cases: Vec<Case> =
        (0..most).flat_map(|nth| [Fault::Before, Fault::After].map(|fault| Case { nth, fault })).collect();
    let expected = changed::<M>(example).await;
    let (expected, cases) = (&expected, &cases);
    let tried: usize = stream::iter(spread(cases.len()).into_iter().enumerate())
        .map(|(place, case)| async move {
            if place >= AT_LEAST && began.elapsed() > time {
                return 0;
            }
            crash::<M>(example, baseline, expected, cases[case]).await
        })
        .buffer_unordered(AT_ONCE)
        .fold(0, async |sum, tried| sum + tried)
        .await;
    let possible = calls.iter().map(|calls| 2 * usize::try_from(*calls).unwrap_or(usize::MAX)).sum();
    Tally { tried, possible }
}

/// The numbers below `count`, every beginning of them spread evenly: by their bits in reverse.
fn spread(count: usize) -> Vec<usize> {
    let bits = count.next_power_of_two().trailing_zeros();
    let reversed = |number: usize| if bits == 0 { 0 } else { number.reverse_bits() >> (usize::BITS - bits) };
    (0..count.next_power_of_two()).map(reversed).filter(|number| *number < count).collect()
}

/// The inputs that the change brings.
fn change(example: &Example) -> Option<&Map<String, Value>> {
    example.updated.as_ref().or(example.replaced.as_ref())
}

/// Calls of an undisturbed creation, change and removal.
async fn calls<M: Module>(example: &Example) -> [u64; 3] {
    let mut world = example.world().await;
    let mut calls = [0; 3];
    for (index, inputs) in [Some(&example.inputs), change(example), None].into_iter().enumerate() {
        if index == 1 && inputs.is_none() {
            continue;
        }
        let mut deployment = world.deploy::<M>(inputs, &example.links).await;
        world.plan::<M>(&mut deployment).await;
        world.engine.aws().watch().break_call(u64::MAX, Fault::Before);
        assert_eq!(world.apply::<M>(&deployment).await, End::Done, "{}: it is undisturbed", example.name);
        calls[index] = world.engine.aws().watch().sent();
    }
    calls
}

/// What exists after an undisturbed change.
async fn changed<M: Module>(example: &Example) -> BTreeMap<String, usize> {
    let Some(inputs) = change(example) else { return BTreeMap::new() };
    let mut world = example.world().await;
    let mut deployment = world.deploy::<M>(Some(inputs), &example.links).await;
    world.plan::<M>(&mut deployment).await;
    assert_eq!(world.apply::<M>(&deployment).await, End::Done, "{}: the changed inputs are deployed", example.name);
    counted(&world)
}

/// One case; answers how many crashes happened in it.
async fn crash<M: Module>(
    example: &Example,
    baseline: &Baseline,
    changed: &BTreeMap<String, usize>,
    case: Case,
) -> usize {
    let mut world = example.world().await;
    let mut tried = 0;
    let (inputs, links) = (&example.inputs, &example.links);
    let mut deployment = world.deploy::<M>(Some(inputs), links).await;
    world.plan::<M>(&mut deployment).await;
    let context = format!("{}, creation", example.name);
    if let Some(context) = killed::<M>(&world, &deployment, case, &context).await {
        tried += 1;
        is_complete::<M>(&mut world, inputs, example, &baseline.tagged, &context).await;
    }
    if let Some(inputs) = change(example) {
        let mut deployment = world.deploy::<M>(Some(inputs), links).await;
        world.plan::<M>(&mut deployment).await;
        let context = format!("{}, change", example.name);
        if let Some(context) = killed::<M>(&world, &deployment, case, &context).await {
            tried += 1;
            is_complete::<M>(&mut world, inputs, example, changed, &context).await;
        }
    }
    let mut deployment = world.deploy::<M>(None, &[]).await;
    world.plan::<M>(&mut deployment).await;
    let context = format!("{}, removal", example.name);
    let context = match killed::<M>(&world, &deployment, case, &context).await {
        Some(context) => {
            tried += 1;
            context
        }
        None => context,
    };
    is_journalled(&world, &context).await;
    let left = world.left_behind();
    assert!(left.is_empty(), "{context}: orphans: {left:?}");
    assert!(world.journal().await.is_empty(), "{context}: nothing is left in the journal");
    tried
}

/// Kills the deployment at a call and runs it again, twice. Answers what was broken, if anything was.
async fn killed<M: Module>(world: &World, deployment: &Deployment, case: Case, context: &str) -> Option<String> {
    let broken = world.killed::<M>(deployment, case.nth, case.fault).await;
    let place = broken.as_ref().map_or_else(
        || context.to_owned(),
        |call| format!("{context}, killed {:?} {call} (call {})", case.fault, case.nth),
    );
    assert_eq!(world.apply::<M>(deployment).await, End::Done, "{place}: a rerun converges");
    assert_eq!(world.apply::<M>(deployment).await, End::Done, "{place}: it may run once more");
    assert_eq!(world.writes(), BTreeMap::new(), "{place}: once more changes nothing");
    broken.map(|_| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_comes_once_and_the_first_ones_are_far_apart() {
        assert_eq!(spread(6), [0, 4, 2, 1, 5, 3]);
        assert_eq!(spread(1), [0]);
        assert!(spread(0).is_empty());
    }
}
