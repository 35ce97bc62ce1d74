//! The gates between modules: a module begins the moment its own needs are met.

use futures::future::join_all;
use lambda_runtime::Error;
use landfall_control::{Control, Failure};
use landfall_state::{
    CANCELLED, Event, Gate, Lease, ModuleEnd, NOT_STARTED, RunStatus, RunUpdate, SKIPPED, Secret, StateError, fail,
    succeed,
};
use serde_json::{Value, json};

/// What modules are told that wait under a lease which is lost.
const LEASE_LOST: &str = "not started because the deployment lost its lease";

/// Leaves the token of modules that need the same, with the first of them; answers it at once when nothing holds them
/// back.
pub(crate) async fn wait(
    control: &Control,
    lease: &Lease,
    number: u64,
    modules: &[String],
    task_token: &Secret,
) -> Result<Value, Error> {
    let module = modules.first().ok_or("no module is to wait")?;
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

/// Records modules whose execution gave up, and tells those that wait for them.
pub(crate) async fn settle(
    control: &Control,
    lease: &Lease,
    number: u64,
    modules: &[String],
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
        update.stray = true;
    } else {
        update.reason = Some(error.message());
    }
    for ended in join_all(modules.iter().map(|module| end(control, lease, number, module, &update, kind))).await {
        match ended {
            // Or the module's function recorded its end before it died.
            Ok(()) | Err(StateError::Conflict { .. }) => {}
            Err(StateError::LeaseLost { .. }) => {
                // Without its lease a deployment records nothing, so nobody would wake the modules that wait: they are
                // told to give up, and the deployment comes to its end.
                let (store, layer) = (&control.store, &lease.layer);
                store.give_up_waiting(&control.sfn, layer, number, SKIPPED, LEASE_LOST).await?;
                return Ok(json!({}));
            }
            Err(error) => return Err(error.into()),
        }
    }
    control.store.wake(&control.sfn, &lease.layer, number).await?;
    Ok(json!({}))
}

/// The end of a module that could not record its own.
async fn end(
    control: &Control,
    lease: &Lease,
    number: u64,
    module: &str,
    update: &RunUpdate,
    kind: &str,
) -> Result<(), StateError> {
    let message = update.error.as_ref().or(update.reason.as_ref()).cloned().unwrap_or_default();
    let (at, kind, name) = (control.store.now(), kind.to_owned(), Some(module.to_owned()));
    let event = Event { at, kind, module: name, message };
    control.store.writer(lease).module_ended(number, module, update, ModuleEnd::AsItWas, &event).await
}

async fn holds(control: &Control, lease: &Lease) -> Result<bool, Error> {
    let held = control.store.lease(&lease.layer).await?;
    Ok(held.is_some_and(|held| held.token == lease.token && held.holder == lease.holder))
}
