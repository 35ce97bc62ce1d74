//! What stands in the way of a module's plan, looked at before anything is made and only when something changes. Only
//! reads, and never fails a plan: what cannot be looked at is said or, where nobody can do anything about it, logged.

mod actions;
mod caller;
mod decision;
mod permissions;
mod quota;

use std::time::Duration;

use landfall_aws::{Aws, Error, Kind};
use landfall_plan::{ModulePlan, Obstacle, Weight};
use tokio::time::timeout;

pub use actions::Actions;
pub(crate) use caller::Caller;
pub use quota::Quota;

use crate::subject::Subject;

/// How long a plan waits for it. IAM answers within a second, unless many ask at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// What stands in the way of `plan`, the heaviest first.
pub(crate) async fn look(aws: &Aws, caller: &Caller, subject: &Subject, plan: &ModulePlan) -> Vec<Obstacle> {
    if !plan.changes() {
        return Vec::new();
    }
    let both = async { tokio::join!(quota::look(aws, subject, plan), permissions::look(aws, caller, subject, plan)) };
    let mut obstacles = match timeout(PATIENCE, both).await {
        Ok((quotas, permissions)) => [quotas, permissions].concat(),
        Err(_) => vec![unchecked("time", format!("AWS did not tell its quotas and permissions within {PATIENCE:?}"))],
    };
    obstacles.sort_by_key(|obstacle| std::cmp::Reverse(obstacle.weight));
    obstacles
}

fn unchecked(about: &str, message: impl Into<String>) -> Obstacle {
    Obstacle { weight: Weight::Unchecked, about: about.to_owned(), message: message.into(), hint: String::new() }
}

/// What a reader is told when something could not be looked at. Where AWS has no such service (the local AWS has no
/// Service Quotas) that is not news in every plan: it is logged.
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
