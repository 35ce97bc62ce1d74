//! The end of a deployment: its status, what the layer is now, the lease, and who may begin next.

use std::time::Duration;

use lambda_runtime::Error;
use landfall_control::{Control, LayerSettings};
use landfall_plan::RunDocument;
use landfall_state::{
    AcquireRequest, Action, Deployed, DeployedConfig, Deployment, DocumentRef, Finished, LayerStatus, Lease, Outcome,
    Phase, QUIET_TIME, Run, Scope, StateError, Status,
};

use crate::verdict::verdict;
use crate::{Failure, rollback};

/// Why a deployment may have recorded less than it did.
const LOST: &str =
    "it lost its lease, and what it did since is not recorded; resuming it, or deploying again, finds that";

/// What is known of a deployment that ends.
pub(crate) struct Ending<'a> {
    pub layer: &'a str,
    pub number: u64,
    pub execution: &'a str,
    pub lease: Option<Lease>,
    pub error: Option<Failure>,
}

/// Ends a deployment. Reached from every failure; doing it twice is harmless.
pub(crate) async fn finish(control: &Control, ending: &Ending<'_>) -> Result<(), Error> {
    let (deployment, runs) = tokio::try_join!(
        control.store.deployment(ending.layer, ending.number),
        control.store.runs(ending.layer, ending.number),
    )?;
    if belongs_to_another(&deployment, ending.execution) {
        tracing::warn!(deployment = %deployment.id(), execution = ending.execution, "another execution runs it");
        return Ok(());
    }
    if deployment.status == Status::Running {
        let (phased, lease) = tokio::join!(
            control.store.phase(ending.layer, ending.number, Phase::Finishing, None),
            kept(control, &deployment, ending),
        );
        let lease = lease?;
        if let Err(error) = phased {
            // Somebody else ended it in this moment.
            if let Some(lease) = &lease {
                control.store.release(lease).await?;
            }
            return Err(error.into());
        }
        let mut end = verdict(&deployment, &runs, ending.error.as_ref());
        if end.status == Status::Failed && has_lost(ending.lease.as_ref(), lease.as_ref()) {
            end.message = Some(end.message.map_or(LOST.to_owned(), |message| format!("{message}; {LOST}")));
        }
        if end.status != Status::Succeeded
            && let Err(error) = keep_report(control, &deployment, &runs).await
        {
            // The end of a deployment does not hang on its report.
            tracing::error!(deployment = %deployment.id(), %error, "the report could not be made");
        }
        if let Some(what) = rollback::queue(control, &deployment, &runs, &end).await? {
            end.message = Some(end.message.map_or(what.clone(), |message| format!("{message}; {what}")));
        }
        if let Some(lease) = &lease {
            record_layer(control, &deployment, &runs, &end, lease).await?;
        }
        let finished = control.store.finish(ending.layer, ending.number, end);
        // Whoever is next begins once both are done.
        let (finished, released) = tokio::join!(finished, give_back(control, &deployment, &runs, lease.as_ref()));
        released?;
        finished?;
    } else if let Some(lease) = &ending.lease {
        control.store.release(lease).await?;
    }
    let deployment = control.store.deployment(ending.layer, ending.number).await?;
    let message = deployment.message.clone().unwrap_or_else(|| summary(&deployment));
    let kind = serde_json::to_value(deployment.status)?.as_str().unwrap_or("finished").to_owned();
    let (announced, started) =
        tokio::join!(control.announce(&deployment, &kind, &message), control.start_waiting(&deployment));
    announced?;
    started?;
    Ok(())
}

/// Gives the lease back, if it is still there. Where a function may still be at work nobody takes the layer for a while.
async fn give_back(
    control: &Control,
    deployment: &Deployment,
    runs: &[Run],
    lease: Option<&Lease>,
) -> Result<(), StateError> {
    match lease {
        Some(lease) if runs.iter().any(Run::may_be_at_work) => {
            control.store.release_quietly(lease, QUIET_TIME, &deployment.id().to_string()).await
        }
        Some(lease) => control.store.release(lease).await,
        None => Ok(()),
    }
}

/// Whether the lease it began with was taken by somebody, or had to be taken again.
fn has_lost(begun: Option<&Lease>, kept: Option<&Lease>) -> bool {
    begun.is_some_and(|begun| kept.is_none_or(|kept| kept.token != begun.token))
}

/// The lease of an ending, if it had one and still has it.
async fn kept(control: &Control, deployment: &Deployment, ending: &Ending<'_>) -> Result<Option<Lease>, Error> {
    match &ending.lease {
        Some(lease) => still_ours(control, deployment, lease, ending.execution).await,
        None => Ok(None),
    }
}

/// Keeps what became of every resource, as the journal says it now.
async fn keep_report(control: &Control, deployment: &Deployment, runs: &[Run]) -> Result<(), Error> {
    let Some(plan) = &deployment.plan else { return Ok(()) };
    let plan = serde_json::from_slice(&control.store.get_document(&plan.document).await?)?;
    let journal = control.store.journal(&deployment.layer).await?;
    let report = landfall_control::report(deployment, &plan, runs, &journal);
    let document = control.store.put_document(serde_json::to_vec(&report)?).await?;
    control.store.reported(&deployment.layer, deployment.number, &document).await?;
    Ok(())
}

/// Whether another execution runs the deployment than this one: somebody started a copy by hand, which ends nothing.
pub(crate) fn belongs_to_another(deployment: &Deployment, execution: &str) -> bool {
    deployment.execution_arn.as_deref().is_some_and(|own| own != execution)
}

/// The lease, renewed; taken again by the same execution when its time ran out while nothing else took it.
async fn still_ours(
    control: &Control,
    deployment: &Deployment,
    lease: &Lease,
    execution: &str,
) -> Result<Option<Lease>, Error> {
    let ttl = Duration::from_secs(60);
    let doing = format!("finishing {}", deployment.id());
    match control.store.renew(lease, &doing, ttl).await {
        Ok(lease) => return Ok(Some(lease)),
        Err(StateError::LeaseLost { .. } | StateError::Conflict { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let request = AcquireRequest {
        layer: &lease.layer,
        environment: lease.environment.as_deref(),
        holder: execution,
        doing: &doing,
        ttl,
    };
    match control.store.acquire(request).await {
        Ok(lease) => Ok(Some(lease)),
        // Somebody else works on the layer by now; what this deployment did is in the journal.
        Err(StateError::LeaseHeld { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What the layer is after this deployment.
async fn record_layer(
    control: &Control,
    deployment: &Deployment,
    runs: &[Run],
    end: &Finished,
    lease: &Lease,
) -> Result<(), Error> {
    if deployment.action.only_looks() || end.status == Status::Rejected {
        return Ok(());
    }
    let writer = control.store.writer(lease);
    if end.outcome == Some(Outcome::Destroyed) {
        writer.layer_destroyed(lease.environment.as_deref()).await?;
        writer.drift_settled(true).await?;
        return Ok(());
    }
    if deployment.action == Action::Rollback {
        return rollback::record(control, deployment, end, lease).await;
    }
    let touched = end.status == Status::Succeeded || runs.iter().any(|run| run.started_at.is_some());
    if !touched || deployment.action == Action::Destroy {
        return Ok(());
    }
    let Some(run) = run_document(control, deployment).await? else { return Ok(()) };
    let succeeded = end.status == Status::Succeeded;
    let config = succeeded.then(|| DeployedConfig {
        number: deployment.number,
        version_id: deployment.source.version_id.clone(),
        document: run.1.clone(),
    });
    let scope = match run.0.layer.scope {
        landfall_plan::LayerScope::Environment => Scope::Environment,
        landfall_plan::LayerScope::Service => Scope::Service,
    };
    let settings = LayerSettings::of(&run.0.layer).map_err(|refusal| refusal.summary())?;
    let deployed = Deployed {
        scope,
        environment: &run.0.layer.environment,
        org_name: &run.0.layer.org_name,
        region: &run.0.layer.region,
        account_id: &run.0.layer.account_id,
        status: Some(if succeeded { LayerStatus::Deployed } else { LayerStatus::Failed }),
        config,
        freeze_windows: &settings.freeze,
        settings: &run.0.layer.settings,
    };
    // One that went on with another asked AWS only about the rest: what drifted may still be there.
    if !succeeded || deployment.resumes.is_some() {
        writer.layer_deployed(deployed).await?;
        return Ok(());
    }
    let ((), news) = tokio::try_join!(writer.layer_deployed(deployed), writer.drift_settled(false))?;
    if !news.is_empty() {
        control.tell_of_drift(&deployment.layer, deployment.number, &news).await;
    }
    Ok(())
}

/// The run document of a deployment, once it was made.
pub(crate) async fn run_document(
    control: &Control,
    deployment: &Deployment,
) -> Result<Option<(RunDocument, DocumentRef)>, Error> {
    let Some(reference) = deployment.run.clone() else { return Ok(None) };
    let bytes = control.store.get_document(&reference).await?;
    Ok(Some((serde_json::from_slice(&bytes)?, reference)))
}

fn summary(deployment: &Deployment) -> String {
    match deployment.outcome {
        Some(Outcome::NoChanges) => "no changes".to_owned(),
        Some(Outcome::Changed) => "the layer is as its config says".to_owned(),
        Some(Outcome::Planned) => "the plan is made".to_owned(),
        Some(Outcome::Looked) => "what drifted is recorded".to_owned(),
        Some(Outcome::Destroyed) => "the layer is gone".to_owned(),
        Some(Outcome::RolledBack) => "the layer is as it was deployed last, but for what stores data".to_owned(),
        None => "the deployment ended".to_owned(),
    }
}
