//! What came to a stop in a layer without anybody having died: made visible on the change, announced once, counted for
//! the alarms. What can be repaired is.

use lambda_runtime::Error;
use landfall_control::{CHANGES_WAITING_TOO_LONG, Control, LEASES_EXPIRED, Trouble, TroubleKind};
use landfall_state::{Deployment, QUIET_TIME, StateError, Status};

/// What one look at all layers found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    expired: usize,
    waiting: usize,
}

impl Watched {
    /// Leaves what was found in the log, zeros too: an alarm ends when its metric does.
    pub(crate) fn count(self, control: &Control) {
        control.count(&[(LEASES_EXPIRED, self.expired), (CHANGES_WAITING_TOO_LONG, self.waiting)]);
    }
}

/// Looks at a layer. Answers what was repaired.
pub(crate) async fn watch(control: &Control, layer: &str, watched: &mut Watched) -> Result<Option<String>, Error> {
    let mut repaired = None;
    for trouble in control.troubles(layer).await? {
        match trouble.kind {
            TroubleKind::DeadLease => {
                if let Some(what) = free(control, &trouble).await? {
                    watched.expired += 1;
                    repaired = Some(what);
                }
            }
            TroubleKind::ExpiredLease => {
                watched.expired += 1;
                tell(control, &trouble, "lease-expired").await?;
            }
            TroubleKind::WaitsLong => {
                watched.waiting += 1;
                tell(control, &trouble, "waits-too-long").await?;
            }
            // The first is ended and the third begun by the sweep itself; the second ends with its execution's wait.
            TroubleKind::DeadDeployment | TroubleKind::ApprovalOver | TroubleKind::NobodyBegins => {}
        }
    }
    Ok(repaired)
}

/// Frees a layer whose holder is gone, once its deployment is over or its time is. Before that the deployment is still to
/// be ended under the lease.
async fn free(control: &Control, trouble: &Trouble) -> Result<Option<String>, Error> {
    let Some(lease) = &trouble.lease else { return Ok(None) };
    let deployments = control.store.deployments(&lease.layer, 20).await?;
    let held = deployments.iter().find(|one| one.execution_arn.as_deref() == Some(&lease.holder));
    let over = held.is_some_and(|deployment| deployment.status.is_final());
    if !over && lease.expires_at > control.store.now() {
        return Ok(None);
    }
    match control.store.force_unlock(&lease.layer, lease.token, QUIET_TIME).await {
        Ok(_) => {}
        // Somebody else took it or gave it back in this moment.
        Err(StateError::NotFound { .. } | StateError::Conflict { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let message = format!("{}; the layer is free again", trouble.message);
    if let Some(deployment) = held {
        control.announce(deployment, "lease-expired", &message).await?;
    }
    tracing::warn!(layer = lease.layer, holder = lease.holder, "a lease outlived its holder");
    Ok(Some(format!("{}: its lease outlived its holder", lease.layer)))
}

/// Says on the change what holds it up, and announces it unless that was done before.
async fn tell(control: &Control, trouble: &Trouble, kind: &str) -> Result<(), Error> {
    let Some(number) = trouble.number else { return Ok(()) };
    let deployment: Deployment = control.store.deployment(&trouble.layer, number).await?;
    let message = format!("{}; {}", trouble.message, trouble.todo);
    if deployment.status == Status::Queued {
        control.store.waits_for(&deployment, &message).await?;
    }
    let events = control.store.events(&trouble.layer, number, None).await?;
    if events.iter().any(|event| event.kind == kind) {
        return Ok(());
    }
    control.announce(&deployment, kind, &message).await?;
    tracing::warn!(deployment = %deployment.id(), message, kind, "came to a stop");
    Ok(())
}
