//! The gates between modules: a module begins the moment its own needs are met.

use lambda_runtime::Error;
use landfall_control::Control;
use landfall_state::{
    CANCELLED, Gate, Lease, NOT_STARTED, RunStatus, RunUpdate, SKIPPED, Secret, StateError, fail, succeed,
};
use serde_json::{Value, json};

use crate::Failure;

/// What modules are told that wait under a lease which is lost.
const LEASE_LOST: &str = "not started because the deployment lost its lease";

/// Leaves the token of a module; answers it at once when nothing holds it back.
pub(crate) async fn wait(
    control: &Control,
    lease: &Lease,
    number: u64,
    module: &str,
    task_token: &Secret,
) -> Result<Value, Error> {
    match control.store.await_dependencies(&lease.layer, number, module, task_token).await? {
        Gate::Ready => succeed(&control.sfn, task_token, "{}").await?,
        Gate::Failed(failed) => {
            let cause = format!("not started because {} failed", failed.join(", "));
            fail(&control.sfn, task_token, SKIPPED, &cause).await?;
        }
        Gate::Cancelled => fail(&control.sfn, task_token, CANCELLED, NOT_STARTED).await?,
        // Whoever settles the last of them answers the token. Without the lease nobody can settle anything; whoever
        // loses it, or cancels the deployment, after this look finds the token.
        Gate::Waiting(_) if !holds(control, lease).await? => {
            fail(&control.sfn, task_token, SKIPPED, LEASE_LOST).await?;
        }
        Gate::Waiting(_) if control.store.is_cancelled(lease).await? => {
            fail(&control.sfn, task_token, CANCELLED, NOT_STARTED).await?;
        }
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
    let (status, kind) = match error.error.as_str() {
        SKIPPED => (RunStatus::Skipped, "module-skipped"),
        CANCELLED => (RunStatus::Cancelled, "module-cancelled"),
        _ => (RunStatus::Failed, "module-failed"),
    };
    let mut update = RunUpdate::status(status);
    if status == RunStatus::Failed {
        update.error = Some(error.message());
    } else {
        update.reason = Some(error.message());
    }
    match control.store.writer(lease).run_update(number, module, &update).await {
        Ok(()) => {
            control.store.happened(&lease.layer, number, kind, Some(module), error.message()).await?;
        }
        // The module's function recorded its end before it died.
        Err(StateError::Conflict { .. }) => {}
        Err(StateError::LeaseLost { .. }) => {
            // Without its lease a deployment records nothing, so nobody would wake the modules that wait: they are
            // told to give up, and the deployment comes to its end.
            let (store, layer) = (&control.store, &lease.layer);
            store.give_up_waiting(&control.sfn, layer, number, SKIPPED, LEASE_LOST).await?;
            return Ok(json!({}));
        }
        Err(error) => return Err(error.into()),
    }
    control.store.wake(&control.sfn, &lease.layer, number).await?;
    Ok(json!({}))
}

async fn holds(control: &Control, lease: &Lease) -> Result<bool, Error> {
    let held = control.store.lease(&lease.layer).await?;
    Ok(held.is_some_and(|held| held.token == lease.token && held.holder == lease.holder))
}
