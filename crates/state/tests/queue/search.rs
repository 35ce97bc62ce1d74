//! Every order of operations on a layer with three changes.

use landfall_state::Status;
use stateright::{Checker, Model, Property};

use crate::table::{Layer, Op, Told};

const CHANGES: usize = 3;

struct Queue;

impl Model for Queue {
    type State = Layer;
    type Action = Op;

    fn init_states(&self) -> Vec<Layer> {
        vec![Layer::default()]
    }

    fn actions(&self, layer: &Layer, actions: &mut Vec<Op>) {
        if layer.deployments.len() < CHANGES {
            actions.push(Op::Enqueue);
        }
        actions.extend([Op::StartNext, Op::Admit, Op::Begin, Op::Record, Op::Finish]);
        actions.extend([if layer.frozen { Op::Thaw } else { Op::Freeze }]);
        actions.extend((0..layer.deployments.len()).map(Op::Cancel));
    }

    fn next_state(&self, before: &Layer, op: Op) -> Option<Layer> {
        let mut after = before.clone();
        let told = after.apply(op);
        if op == Op::Begin && told == Told::Yes && before.cancelled {
            let running = before.running?;
            after.deployments[running].begun_too_late = true;
        }
        (after != *before).then_some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one runs at most, and it is the one in its place", |_, layer: &Layer| {
                let runs = |at: &usize| layer.deployments[*at].status == Status::Running;
                (0..layer.deployments.len()).filter(runs).eq(layer.running)
            }),
            Property::always("one waits at most, and it is the newest that is not over", |_, layer: &Layer| {
                let waits = |at: &usize| layer.deployments[*at].status == Status::Queued;
                (0..layer.deployments.len()).filter(waits).eq(layer.waiting)
                    && layer.running.zip(layer.waiting).is_none_or(|(running, waiting)| running < waiting)
            }),
            Property::always("only a newer change supersedes, and nothing that ran", |_, layer: &Layer| {
                layer.deployments.iter().enumerate().all(|(at, deployment)| match deployment.superseded_by {
                    Some(by) => by > at && deployment.status == Status::Superseded && !deployment.works,
                    None => deployment.status != Status::Superseded,
                })
            }),
            Property::always("what was cancelled begins nothing", |_, layer: &Layer| {
                layer.deployments.iter().all(|deployment| !deployment.begun_too_late)
            }),
            Property::always("a cancellation does not outlive its deployment", |_, layer: &Layer| {
                !layer.cancelled || layer.running.is_some_and(|running| layer.deployments[running].works)
            }),
            Property::always("what is over holds no lease", |_, layer: &Layer| {
                layer.deployments.iter().all(|deployment| !deployment.works || deployment.status == Status::Running)
            }),
            Property::sometimes("every change can end", |_, layer: &Layer| {
                layer.deployments.len() == CHANGES && layer.running.is_none() && layer.waiting.is_none()
            }),
        ]
    }
}

#[test]
fn no_order_of_changes_cancellations_and_freezes_breaks_the_queue() {
    let checker = Queue.checker().spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.unique_state_count() > 200, "{} states", checker.unique_state_count());
}
