//! Taking the lease of a deployment, and giving it back while an approval is awaited.

use std::time::Duration;

use lambda_runtime::Error;
use landfall_control::{Control, LayerSettings};
use landfall_state::{
    AcquireRequest, Action, ApprovalRequest, Deployment, Finished, LayerRecord, Lease, Phase, Scope, Secret,
    StateError, Status,
};
use serde_json::{Value, json};

use crate::finish::{belongs_to_another, run_document};

/// Life of the lease until the first step renews it: planning reads AWS for at most the time of one function. A holder
/// that dies is noticed by the end of its execution, not by the end of its lease.
const TTL: Duration = Duration::from_secs(330);
/// Seconds between two tries to take a lease that is held, after so many seconds of waiting. A short wait ends soon,
/// one of hours looks once a minute, and one of the nine days that an execution may take has about 1,500 tries of nine
/// events: far from the 25,000 that a history may have
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
fn retry_after(waited: i64) -> i64 {
    (waited / 10).clamp(1, 60).max(waited / 300)
}

/// Takes the lease, or says why not yet. Where there is nothing to take it for any more, because the deployment was
/// cancelled or its environment still has services, `over` sends the execution to its end: an error would be one of the
/// function, and raise its alarm, for what is only somebody's wish or mistake.
pub(crate) async fn admit(
    control: &Control,
    layer: &str,
    number: u64,
    execution: &str,
    hash: Option<&str>,
) -> Result<Value, Error> {
    let (deployment, record) = tokio::try_join!(control.store.deployment(layer, number), control.store.layer(layer))?;
    if belongs_to_another(&deployment, execution) {
        return Err(format!("another execution runs deployment {}", deployment.id()).into());
    }
    if deployment.status != Status::Running || deployment.cancel.is_some() {
        return Ok(over());
    }
    if let Some(hash) = hash
        && deployment.plan.as_ref().is_none_or(|plan| plan.hash != hash)
    {
        return Err(format!("deployment {} has another plan than the one that was approved", deployment.id()).into());
    }
    let environment = environment_of(&deployment, record);
    if deployment.action == Action::Destroy && has_services(control, &deployment).await? {
        return Ok(over());
    }
    if let Some(environment) = &environment
        && let Some(busy) = control.busy_with(environment).await?
    {
        return not_yet(control, &deployment, &format!("waits for environment {environment}: {}", doing(&busy))).await;
    }
    let doing = doing(&deployment);
    let request =
        AcquireRequest { layer, environment: environment.as_deref(), holder: execution, doing: &doing, ttl: TTL };
    match control.store.acquire(request).await {
        Ok(lease) => {
            if let Err(error) = control.store.phase(layer, number, Phase::Planning, None).await {
                // Nothing was begun, and nobody must wait for its lease.
                control.store.release(&lease).await?;
                return match error {
                    // It was cancelled in this moment.
                    StateError::Conflict { .. } => Ok(over()),
                    error => Err(error.into()),
                };
            }
            Ok(json!({
                "admitted": true,
                "lease": lease,
                "functions": { "coordinator": control.own_version("coordinator") },
            }))
        }
        Err(StateError::LeaseHeld { layer: held, doing, .. }) => {
            not_yet(control, &deployment, &format!("waits for {held}: {doing}")).await
        }
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

/// Records for whom the deployment waits, and says when to try again.
async fn not_yet(control: &Control, deployment: &Deployment, reason: &str) -> Result<Value, Error> {
    control.store.phase(&deployment.layer, deployment.number, Phase::Admitting, Some(reason)).await?;
    let waited = control.store.now().duration_since(deployment.started_at.unwrap_or(deployment.created_at));
    Ok(json!({ "admitted": false, "retryAfter": retry_after(waited.as_secs()), "reason": reason }))
}

/// The environment of a service: as it was chosen, else as it was deployed.
fn environment_of(deployment: &Deployment, record: Option<LayerRecord>) -> Option<String> {
    let deployed =
        || record.filter(|record| record.scope == Some(Scope::Service)).and_then(|record| record.environment);
    deployment.environment_choice.clone().or_else(deployed)
}

/// The execution goes to its end.
fn over() -> Value {
    json!({ "admitted": false, "over": true })
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

/// Asks for an approval. The lease is given back, so that nothing else waits for people.
pub(crate) async fn ask_approval(
    control: &Control,
    lease: &Lease,
    number: u64,
    task_token: &Secret,
    hash: &str,
) -> Result<Value, Error> {
    let deployment = control.store.deployment(&lease.layer, number).await?;
    let rule = match run_document(control, &deployment).await? {
        Some((run, _)) => LayerSettings::of(&run.layer).map_err(|refusal| refusal.summary())?.approval,
        None => return Err(format!("deployment {} has no run document", deployment.id()).into()),
    };
    let not_by = rule.separate.then_some(deployment.actor.0.as_str());
    let asked = ApprovalRequest { plan_hash: hash, patience: rule.patience(), not_by };
    control.store.ask_approval(&lease.layer, number, task_token, asked).await?;
    control.store.release(lease).await?;
    let message = format!("waits for an approval: landfall approve {}", deployment.id());
    control.announce(&deployment, "approval-requested", &message).await?;
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_of_nine_days_stays_far_from_the_longest_history() {
        let (mut waited, mut tries) = (0, 0);
        while waited < 777_600 {
            waited += retry_after(waited);
            tries += 1;
        }
        assert!(tries * 9 < 15_000, "{tries} tries");
        assert_eq!((retry_after(0), retry_after(50), retry_after(3600)), (1, 5, 60));
    }
}
