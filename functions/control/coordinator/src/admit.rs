//! Taking the lease of a deployment, and giving it back while an approval is awaited.

use std::time::Duration;

use lambda_runtime::Error;
use landfall_control::Control;
use landfall_state::{AcquireRequest, Action, LayerStatus, Lease, Phase, Scope, StateError, Status};
use serde_json::{Value, json};

/// Life of a lease between two renewals. A dead holder blocks its layer no longer than this.
const TTL: Duration = Duration::from_secs(60);
/// Seconds between two tries to take a lease that is held.
const RETRY: u64 = 2;

/// Takes the lease, or says why not yet.
pub(crate) async fn admit(
    control: &Control,
    layer: &str,
    number: u64,
    execution: &str,
    hash: Option<&str>,
) -> Result<Value, Error> {
    let deployment = control.store.deployment(layer, number).await?;
    if deployment.status != Status::Running {
        return Err(format!("deployment {} does not run any more", deployment.id()).into());
    }
    if let Some(hash) = hash
        && deployment.plan.as_ref().is_none_or(|plan| plan.hash != hash)
    {
        return Err(format!("deployment {} has another plan than the one that was approved", deployment.id()).into());
    }
    let environment = environment_of(control, layer, deployment.environment_choice.clone()).await?;
    if deployment.action == Action::Destroy {
        refuse_services(control, layer).await?;
    }
    let doing = match deployment.action {
        Action::Deploy => format!("deploying {}", deployment.id()),
        Action::Plan => format!("planning {}", deployment.id()),
        Action::Destroy => format!("destroying {}", deployment.id()),
    };
    let request =
        AcquireRequest { layer, environment: environment.as_deref(), holder: execution, doing: &doing, ttl: TTL };
    match control.store.acquire(request).await {
        Ok(lease) => {
            let phase = if hash.is_some() { Phase::Applying } else { Phase::Planning };
            control.store.phase(layer, number, phase, None).await?;
            Ok(json!({
                "admitted": true,
                "lease": lease,
                "functions": { "coordinator": control.own_version("coordinator") },
            }))
        }
        Err(StateError::LeaseHeld { layer: held, doing, .. }) => {
            let reason = format!("waits for {held}: {doing}");
            control.store.phase(layer, number, Phase::Admitting, Some(&reason)).await?;
            Ok(json!({ "admitted": false, "retryAfter": RETRY, "reason": reason }))
        }
        Err(error) => Err(error.into()),
    }
}

/// The environment of a service: as it was chosen, else as it was deployed.
async fn environment_of(control: &Control, layer: &str, choice: Option<String>) -> Result<Option<String>, Error> {
    if choice.is_some() {
        return Ok(choice);
    }
    let record = control.store.layer(layer).await?;
    Ok(record.filter(|record| record.scope == Some(Scope::Service)).and_then(|record| record.environment))
}

/// An environment is not destroyed while services live in it.
async fn refuse_services(control: &Control, layer: &str) -> Result<(), Error> {
    let mut alive = Vec::new();
    for service in control.store.services(layer).await? {
        let record = control.store.layer(&service).await?;
        if record.is_some_and(|record| record.status != LayerStatus::Destroyed) {
            alive.push(service);
        }
    }
    if alive.is_empty() {
        return Ok(());
    }
    Err(format!("environment {layer} still has services: {}; destroy them first", alive.join(", ")).into())
}

/// Asks for an approval. The lease is given back, so that nothing else waits for people.
pub(crate) async fn ask_approval(
    control: &Control,
    lease: &Lease,
    number: u64,
    task_token: &str,
    hash: &str,
) -> Result<Value, Error> {
    control.store.ask_approval(&lease.layer, number, task_token, hash).await?;
    control.store.release(lease).await?;
    let deployment = control.store.deployment(&lease.layer, number).await?;
    let message = format!("waits for an approval: landfall approve {}", deployment.id());
    control.announce(&deployment, "approval-requested", &message).await?;
    Ok(json!({}))
}
