//! Every order of operations on a layer with a few deployments.

use landfall_state::{Action, Status};
use stateright::{Checker, Model, Property};

use crate::table::{Deployment, Layer, Op, Told};

const DEPLOYMENTS: usize = 4;

struct Queue;

impl Model for Queue {
    type State = Layer;
    type Action = Op;

    fn init_states(&self) -> Vec<Layer> {
        vec![Layer::default()]
    }

    fn actions(&self, layer: &Layer, actions: &mut Vec<Op>) {
        if layer.deployments.len() < DEPLOYMENTS {
            actions.extend([Op::Enqueue, Op::EnqueueAndBegin, Op::Plan, Op::Look, Op::RollBack]);
        }
        actions.extend([Op::StartNext, Op::Admit, Op::Begin, Op::Record, Op::Finish, Op::Fail]);
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
        let mut properties = vec![
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
                layer.deployments.len() == DEPLOYMENTS && layer.running.is_none() && layer.waiting.is_none()
            }),
        ];
        properties.extend(of_looks_and_rollbacks());
        properties
    }
}

fn of_looks_and_rollbacks() -> Vec<Property<Queue>> {
    vec![
        Property::always(
            "only a change takes the place of another, and a rollback that of a plan",
            |_, layer: &Layer| {
                layer.deployments.iter().filter_map(|old| Some((old, layer.deployments[old.superseded_by?]))).all(
                    |(old, by)| {
                        by.action == Action::Deploy || (by.action, old.action) == (Action::Rollback, Action::Plan)
                    },
                )
            },
        ),
        Property::always("a plan yields to what waits", |_, layer: &Layer| {
            layer.waiting.is_none() || after(layer, &[Op::Plan]) == *layer
        }),
        Property::always("a look comes only where nothing runs or waits", |_, layer: &Layer| {
            let looked = after(layer, &[Op::Look]);
            let busy = layer.running.is_some() || layer.waiting.is_some();
            if busy { looked == *layer } else { looked.waiting == Some(layer.deployments.len()) }
        }),
        Property::always("a rollback yields to what waits, but for a plan", |_, layer: &Layer| {
            let waits = layer.waiting.filter(|waiting| layer.deployments[*waiting].action != Action::Plan);
            waits.is_none() || after(layer, &[Op::RollBack]) == *layer
        }),
        Property::always("a rollback is queued once, by a change that does not end well", |_, layer: &Layer| {
            layer.deployments.iter().enumerate().all(|(at, deployment)| {
                let of = layer.deployments.iter().filter(|of| of.rolled_back_by == Some(at));
                let ends = of.map(|of| (of.action, of.status)).collect::<Vec<_>>();
                match deployment.action {
                    Action::Rollback => {
                        matches!(ends[..], [(Action::Deploy, Status::Running | Status::Failed | Status::Cancelled)])
                    }
                    _ => ends.is_empty(),
                }
            })
        }),
        Property::always(
            "what fails is rolled back next if nothing waits but a plan, frozen or not",
            |_, layer: &Layer| {
                let fails = |at: &usize| {
                    let deployment = layer.deployments[*at];
                    deployment.action == Action::Deploy && deployment.rolled_back_by.is_none() && !layer.cancelled
                };
                let alone = layer.waiting.is_none_or(|waiting| layer.deployments[waiting].action == Action::Plan);
                layer.works().filter(fails).filter(|_| alone).is_none_or(|fails| {
                    let failed = after(layer, &[Op::RollBack, Op::Fail, Op::StartNext]);
                    let next = failed.running.map(|next| failed.deployments[next].action);
                    failed.deployments[fails].status == Status::Failed && next == Some(Action::Rollback)
                })
            },
        ),
        Property::always("a freeze keeps changes and nothing else", |_, layer: &Layer| {
            layer.waiting.filter(|_| layer.running.is_none()).is_none_or(|waiting| {
                let begins = after(layer, &[Op::StartNext]).running == Some(waiting);
                begins == (!layer.frozen || layer.deployments[waiting].action != Action::Deploy)
            })
        }),
        Property::sometimes("a change takes the place of a look", |_, layer: &Layer| superseded(layer, Action::Drift)),
        Property::sometimes("a change takes the place of a rollback", |_, layer: &Layer| {
            superseded(layer, Action::Rollback)
        }),
        Property::sometimes("a plan gives up its place", |_, layer: &Layer| superseded(layer, Action::Plan)),
        Property::sometimes("a rollback ends well", |_, layer: &Layer| {
            let well = |of: &Deployment| of.action == Action::Rollback && of.status == Status::Succeeded;
            layer.deployments.iter().any(well)
        }),
    ]
}

fn after(layer: &Layer, ops: &[Op]) -> Layer {
    let mut after = layer.clone();
    for op in ops {
        after.apply(*op);
    }
    after
}

fn superseded(layer: &Layer, action: Action) -> bool {
    layer.deployments.iter().any(|of| of.action == action && of.status == Status::Superseded)
}

#[test]
fn no_order_of_changes_cancellations_and_freezes_breaks_the_queue() {
    let checker = Queue.checker().spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.unique_state_count() > 10_000, "{} states", checker.unique_state_count());
}
