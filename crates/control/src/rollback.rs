//! `landfall: { on_failure: rollback }`: a deployment that failed is followed by one that brings the layer back to what
//! was deployed last. It is a deployment like any other, with a plan, under the lease, and visible; only that it deletes
//! and replaces nothing that stores data, asks nobody, and yields to a change that waits.

use lambda_runtime::Error;
use landfall_state::{Action, Actor, Deployment, Finished, LayerEnd, NewChange, Run, Source, StateError, Status};

use crate::entry::Control;
use crate::layer_settings::{LayerSettings, OnFailure};

/// Who asks for a rollback.
const ACTOR: &str = "landfall: on_failure";

/// Queues the rollback of a deployment that ends, if its settings want one and it began anything. Done while the
/// deployment still runs, so that a crash cannot come between its end and its rollback; a second time changes nothing.
/// Answers what is to be told.
pub(crate) async fn queue(
    control: &Control,
    deployment: &Deployment,
    runs: &[Run],
    end: &Finished,
) -> Result<Option<String>, Error> {
    let began = runs.iter().any(|run| run.started_at.is_some());
    if deployment.action != Action::Deploy || end.status != Status::Failed || !began {
        return Ok(None);
    }
    let Some((run, _)) = control.run_document(deployment).await? else { return Ok(None) };
    if LayerSettings::of(&run.layer).map_err(|refusal| refusal.summary())?.on_failure != OnFailure::Rollback {
        return Ok(None);
    }
    let record = control.store.layer(&deployment.layer).await?;
    let last = match record.and_then(|record| record.config) {
        Some(config) => control.store.deployment(&deployment.layer, config.number).await?,
        None => deployment.clone(),
    };
    let source = Source { key: deployment.source.key.clone(), sequencer: None, ..last.source };
    let change = NewChange {
        environment_choice: last.environment_choice,
        nonce: format!("rollback of {}", deployment.id()),
        ..NewChange::new(&deployment.layer, Action::Rollback, source, Actor(ACTOR.to_owned()))
    };
    match control.queue(change, None).await {
        Ok(queued) => Ok(Some(format!("rolled back by {}", queued.deployment.id()))),
        Err(StateError::Conflict { what }) => Ok(Some(format!("not rolled back: {what}"))),
        Err(error) => Err(error.into()),
    }
}

/// What the layer is after a rollback: as it was deployed last. One that never was is gone when nothing of it is left.
pub(crate) async fn becomes(
    control: &Control,
    deployment: &Deployment,
    end: &Finished,
) -> Result<LayerEnd, StateError> {
    let (store, layer) = (&control.store, &deployment.layer);
    if end.status != Status::Succeeded {
        return Ok(LayerEnd::AsItWas);
    }
    let (record, modules) = tokio::try_join!(store.layer(layer), store.modules(layer))?;
    Ok(match record {
        Some(record) if record.config.is_some() => LayerEnd::RolledBack,
        Some(_) if modules.is_empty() => LayerEnd::Destroyed,
        Some(_) | None => LayerEnd::AsItWas,
    })
}
