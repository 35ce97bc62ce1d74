//! Taking the lease of a deployment: when it may be taken, and how long to wait when it may not.

use std::time::Duration;

use lambda_runtime::Error;
use landfall_control::Control;
use landfall_state::{
    AcquireRequest, Action, Deployment, Finished, LayerRecord, LayerStatus, Lease, Phase, Scope, SeenLease, StateError,
    Status,
};

/// Life of the lease until the first step renews it: planning reads AWS for at most the time of one function. A holder
/// that dies is noticed by the end of its execution, not by the end of its lease.
const TTL: Duration = Duration::from_secs(330);

/// How long a look for the lease takes at most, with the start of its function.
const LOOKING: Duration = Duration::from_secs(15);

/// Whether a deployment has the lease.
pub(crate) enum Admission {
    /// It has.
    Admitted(Lease),
    /// Not yet: try again after so many seconds.
    NotYet {
        /// Seconds.
        retry_after: i64,
        /// For whom it waits.
        reason: String,
    },
    /// There is nothing to take it for any more.
    Over,
}

/// Seconds between two tries to take a lease that is held, after so many seconds of waiting. A short wait ends soon,
/// one of hours looks twice a minute, and one of the nine days that an execution may take has about 1,700 tries of nine
/// events: far from the 25,000 that a history may have
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
fn retry_after(waited: i64) -> i64 {
    (waited / 10).clamp(1, 30).max(waited / 300)
}

/// Whether there is nothing to take a lease for any more, because the deployment was cancelled or its environment still
/// has services: the execution then goes to its end. An error would be one of the function, and raise its alarm, for
/// what is only somebody's wish or mistake.
pub(crate) async fn is_over(control: &Control, deployment: &Deployment) -> Result<bool, Error> {
    if deployment.status != Status::Running || deployment.cancel.is_some() {
        return Ok(true);
    }
    Ok(deployment.action == Action::Destroy && has_services(control, deployment).await?)
}

/// Takes the lease, or says why not yet.
pub(crate) async fn admit(
    control: &Control,
    deployment: &Deployment,
    record: Option<&LayerRecord>,
    execution: &str,
    seen: SeenLease,
) -> Result<Admission, Error> {
    let environment = environment_of(deployment, record);
    // An earlier try of this step may have taken it already: then nobody is in its way.
    let has_it = seen.of(&deployment.layer, execution).is_some();
    if let Some(environment) = environment.as_deref().filter(|_| !has_it)
        && let Some(busy) = control.busy_with(environment).await?
    {
        let whole = is_whole(control, environment).await?;
        if !whole || !goes_first(deployment, &busy) {
            let reason = format!("waits for environment {environment}: {}", doing(&busy));
            return not_yet(control, deployment, reason, whole.then_some(Turn { environment, execution })).await;
        }
    }
    let doing = doing(deployment);
    let whole = record.is_some_and(|record| record.status == LayerStatus::Deployed);
    let gives_way = whole && deployment.action != Action::Rollback;
    let request = AcquireRequest {
        layer: &deployment.layer,
        environment: environment.as_deref(),
        holder: execution,
        doing: &doing,
        ttl: TTL,
        plans: Some(deployment.number),
        turn: gives_way.then(|| deployment.in_line_since()),
    };
    match control.store.acquire_seen(request, seen).await {
        Ok(lease) => Ok(Admission::Admitted(lease)),
        Err(StateError::LeaseHeld { layer: held, doing, .. }) => {
            let turn = match environment.as_deref() {
                Some(environment) if *environment == held && is_whole(control, environment).await? => {
                    Some(Turn { environment, execution })
                }
                Some(_) | None => None,
            };
            not_yet(control, deployment, format!("waits for {held}: {doing}"), turn).await
        }
        // It was cancelled in this moment.
        Err(StateError::Conflict { .. })
            if control.store.deployment(&deployment.layer, deployment.number).await?.status.is_final() =>
        {
            Ok(Admission::Over)
        }
        Err(StateError::Conflict { what }) => not_yet(control, deployment, format!("waits: {what}"), None).await,
        Err(error) => Err(error.into()),
    }
}

/// What a deployment does, for those that wait for it.
fn doing(deployment: &Deployment) -> String {
    let verb = match deployment.action {
        Action::Deploy => "deploying",
        Action::Plan => "planning",
        Action::Drift => "looking at",
        Action::Rollback => "rolling back",
        Action::Destroy => "destroying",
    };
    format!("{verb} {}", deployment.id())
}

/// Whether a service goes before a deployment of its environment: it came first, and the other one holds nothing yet. A
/// rollback brings the environment back to what services can use: nobody goes before it.
fn goes_first(service: &Deployment, environment: &Deployment) -> bool {
    let begun = environment.phase.is_some_and(|phase| phase != Phase::Admitting);
    let rolls_back = environment.action == Action::Rollback;
    !begun && !rolls_back && service.in_line_since() < environment.in_line_since()
}

/// Whether an environment is as its config says. Before it is, and while it is half of it, no service goes before the
/// deployment that makes it so.
async fn is_whole(control: &Control, environment: &str) -> Result<bool, Error> {
    Ok(control.store.layer(environment).await?.is_some_and(|record| record.status == LayerStatus::Deployed))
}

/// A service's place in line for its environment.
struct Turn<'a> {
    environment: &'a str,
    execution: &'a str,
}

/// Records for whom the deployment waits, and says when to try again. A service that waits for its environment keeps its
/// `turn` there.
async fn not_yet(
    control: &Control,
    deployment: &Deployment,
    reason: String,
    turn: Option<Turn<'_>>,
) -> Result<Admission, Error> {
    let Deployment { layer, number, .. } = deployment;
    let store = &control.store;
    let retry_after = retry_after(store.now().duration_since(deployment.at_it_since()).as_secs());
    let noted = async {
        let Some(Turn { environment, execution }) = turn else { return };
        let patience = Duration::from_secs(retry_after.unsigned_abs()) + LOOKING;
        let noted = store.wait_in_turn(layer, environment, execution, deployment.in_line_since(), patience).await;
        if let Err(error) = noted {
            // The next look notes it again; nobody fails because it has to wait.
            tracing::warn!(layer, environment, %error, "its turn was not noted");
        }
    };
    let (phased, ()) = tokio::join!(store.phase(layer, *number, Phase::Admitting, Some(&reason)), noted);
    phased?;
    Ok(Admission::NotYet { retry_after, reason })
}

/// The environment of a service: as it was chosen, else as it was deployed.
fn environment_of(deployment: &Deployment, record: Option<&LayerRecord>) -> Option<String> {
    let deployed =
        || record.filter(|record| record.scope == Some(Scope::Service)).and_then(|record| record.environment.clone());
    deployment.environment_choice.clone().or_else(deployed)
}

/// An environment is not destroyed while services live in it: ends the deployment as rejected, and answers whether it
/// did.
async fn has_services(control: &Control, deployment: &Deployment) -> Result<bool, Error> {
    let layer = &deployment.layer;
    let alive = control.store.living_services(layer).await?;
    if alive.is_empty() {
        return Ok(false);
    }
    let message = format!("environment {layer} still has services: {}; destroy them first", alive.join(", "));
    let end = Finished { status: Status::Rejected, outcome: None, message: Some(message), diagnostics: None };
    control.store.finish(layer, deployment.number, end).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A deployment of this action that came and started at these times of the day.
    fn deployment(action: &str, came: &str, started: Option<&str>, phase: Option<&str>) -> Deployment {
        let at = |time: &str| format!("2026-11-26T{time}:00Z");
        let deployment = serde_json::json!({
            "schema": 1, "layer": "shop", "number": 1, "change": "c", "action": action, "status": "running", "phase": phase,
            "source": { "key": "shop.yaml" }, "actor": "ana", "created_at": at(came), "started_at": started.map(at),
        });
        serde_json::from_value(deployment).unwrap()
    }

    #[test]
    fn who_came_first_goes_first_unless_the_other_one_works_or_rolls_back() {
        let service = deployment("deploy", "10:05", Some("10:05"), Some("admitting"));
        let goes = |environment: &Deployment| goes_first(&service, environment);
        assert!(goes(&deployment("deploy", "10:06", Some("10:06"), Some("admitting"))));
        assert!(goes(&deployment("destroy", "10:06", None, None)), "it is only queued");
        assert!(!goes(&deployment("deploy", "10:04", Some("10:06"), Some("admitting"))), "it was queued before");
        for phase in ["planning", "applying", "finishing"] {
            assert!(!goes(&deployment("deploy", "10:06", Some("10:06"), Some(phase))), "it is {phase}");
        }
        assert!(!goes(&deployment("rollback", "10:06", Some("10:06"), None)));
    }

    #[test]
    fn a_wait_of_nine_days_stays_far_from_the_longest_history() {
        let (mut waited, mut tries) = (0, 0);
        while waited < 777_600 {
            waited += retry_after(waited);
            tries += 1;
        }
        assert!(tries < 1_700, "{tries} tries");
        assert_eq!((retry_after(0), retry_after(50), retry_after(3600)), (1, 5, 30));
    }
}
