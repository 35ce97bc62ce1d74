//! The gates between modules: a module begins the moment its own needs are met.

use lambda_runtime::Error;
use landfall_control::Control;
use landfall_state::{Gate, Lease, RunStatus, RunUpdate, SKIPPED, StateError, fail, succeed};
use serde_json::{Value, json};

use crate::Failure;

/// Leaves the token of a module; answers it at once when nothing holds it back.
pub(crate) async fn wait(
    control: &Control,
    layer: &str,
    number: u64,
    module: &str,
    task_token: &str,
) -> Result<Value, Error> {
    match control.store.await_dependencies(layer, number, module, task_token).await? {
        Gate::Ready => succeed(&control.sfn, task_token, "{}").await?,
        Gate::Failed(failed) => {
            let cause = format!("not started because {} failed", failed.join(", "));
            fail(&control.sfn, task_token, SKIPPED, &cause).await?;
        }
        // Whoever settles the last of them answers the token.
        Gate::Waiting(_) => {}
    }
    Ok(json!({}))
}

/// Records a module whose execution gave up, and tells those that wait for it.
pub(crate) async fn settle(
    control: &Control,
    lease: &Lease,
    number: u64,
    module: &str,
    error: &Failure,
) -> Result<Value, Error> {
    let skipped = error.error == SKIPPED;
    let mut update = RunUpdate::status(if skipped { RunStatus::Skipped } else { RunStatus::Failed });
    if skipped {
        update.reason = Some(error.message());
    } else {
        update.error = Some(error.message());
    }
    match control.store.writer(lease).run_update(number, module, &update).await {
        // The module's function recorded its end before it died.
        Ok(()) | Err(StateError::Conflict { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let kind = if skipped { "module-skipped" } else { "module-failed" };
    control.store.happened(&lease.layer, number, kind, Some(module), error.message()).await?;
    control.store.wake(&control.sfn, &lease.layer, number).await?;
    Ok(json!({}))
}
