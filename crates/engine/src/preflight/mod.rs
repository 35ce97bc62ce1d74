//! What stands in the way of the plans of an invocation's modules, looked at before anything is made and only where
//! something changes. Only reads, and never fails a plan: what cannot be looked at is said or, where nobody can do
//! anything about it, logged.

mod actions;
mod caller;
mod decision;
mod permissions;
mod quota;

use std::time::Duration;

use futures::future::join_all;
use landfall_aws::{Aws, Error, Kind};
use landfall_plan::{ModulePlan, Obstacle, Weight};
use tokio::time::timeout;

pub use actions::Actions;
pub(crate) use caller::Caller;

use crate::subject::Subject;

/// How long a plan waits for it. IAM answers within a second, unless many ask at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Modules of an invocation whose permissions are simulated. The others are of the same kind, under the same role, and
/// IAM answers few simulations at a time.
const ASKED: usize = 3;

/// A module that was planned, with the clients under which its calls are counted.
pub(crate) type Planned<'a> = (&'a Aws, Subject, ModulePlan);

/// Adds to the plans what stands in the way of them. What they add to quotas stands in the last one that changes
/// something: it is told what it means when the whole layer is known.
pub(crate) async fn look(aws: &Aws, caller: &Caller, planned: &mut [Planned<'_>]) {
    let changing: Vec<&Planned<'_>> = planned.iter().filter(|(_, _, plan)| plan.changes()).collect();
    if changing.is_empty() {
        return;
    }
    let quotas = timeout(PATIENCE, quota::look(aws, changing.iter().map(|(_, subject, plan)| (subject, plan))));
    let permissions = changing.iter().take(ASKED).map(|(aws, subject, plan)| {
        let asked = timeout(PATIENCE, permissions::look(aws, caller, subject, plan));
        async { asked.await.unwrap_or_else(|_| vec![late("permissions")]) }
    });
    let (quotas, permissions) = tokio::join!(quotas, join_all(permissions));
    let (quotas, unknown) = quotas.unwrap_or_else(|_| (Vec::new(), vec![late("quotas")]));
    let mut changing: Vec<&mut ModulePlan> =
        planned.iter_mut().map(|(_, _, plan)| plan).filter(|plan| plan.changes()).collect();
    for (plan, obstacles) in changing.iter_mut().zip(permissions) {
        plan.preflight = obstacles;
    }
    if let Some(last) = changing.last_mut() {
        last.preflight.extend(unknown);
        last.quotas = quotas;
    }
}

fn late(what: &str) -> Obstacle {
    unchecked(what, format!("AWS did not tell its {what} within {PATIENCE:?}"))
}

fn unchecked(about: &str, message: impl Into<String>) -> Obstacle {
    Obstacle { weight: Weight::Unchecked, about: about.to_owned(), message: message.into(), hint: String::new() }
}

/// What a reader is told when something could not be looked at. Where a region has no such service that is not news in
/// every plan: it is logged.
fn blind(about: &str, error: &Error) -> Option<Obstacle> {
    match error.kind {
        Kind::Denied | Kind::Throttled | Kind::NotReady => {
            let hint = error.hint.clone().unwrap_or_default();
            Some(Obstacle { hint, ..unchecked(about, format!("{about}: {}", error.reason())) })
        }
        Kind::Invalid
        | Kind::Conflict
        | Kind::Quota
        | Kind::Unsupported
        | Kind::NotFound
        | Kind::Cancelled
        | Kind::Corrupt
        | Kind::Unexpected => {
            tracing::warn!(about, error = error.chain(), "not checked before the deployment");
            None
        }
    }
}
