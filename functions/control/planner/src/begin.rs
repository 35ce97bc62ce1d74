//! The beginning of a deployment: the lease, and what it works from.

use lambda_runtime::Error;
use landfall_aws::Target;
use landfall_control::{Control, belongs_to_another};
use landfall_state::{DocumentRef, Lease, Parcel};
use serde::Serialize;

use crate::admit::{Admission, admit, is_over};
use crate::batch::Batch;
use crate::prepare::{Known, file, prepare};

/// Answer of `begin`.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Begun {
    /// Whether it has the lease and a run document.
    admitted: bool,
    /// Whether there is nothing to begin: the execution goes to its end.
    over: bool,
    /// The lease, also of one that is over.
    lease: Option<Lease>,
    /// Seconds until it is tried again.
    retry_after: i64,
    /// For whom it waits.
    reason: String,
    /// Where the run document lies: what every module function gets.
    run: Option<DocumentRef>,
    /// The run document itself, for who makes the plan of the layer.
    handed: Option<Parcel>,
    /// Where the layer lives.
    target: Option<Target>,
    /// Modules to plan, those of a kind together.
    batches: Vec<Batch>,
    /// Bytes that the answer of each has for its plans.
    room: usize,
    /// Pinned versions of the control functions.
    functions: Option<Functions>,
}

/// Pinned versions of the control functions.
#[derive(Clone, Debug, Serialize)]
pub struct Functions {
    /// ARN of the planner's version.
    planner: String,
    /// ARN of the coordinator's version.
    coordinator: String,
}

/// Takes the lease and prepares the deployment. What is recorded of the layer is read while the lease is taken: nobody
/// has held it since it was seen free, so nobody wrote in between.
pub(crate) async fn begin(
    control: &Control,
    layer: &str,
    number: u64,
    execution: &str,
    hash: Option<&str>,
) -> Result<Begun, Error> {
    let store = &control.store;
    let (deployment, record, seen) =
        tokio::try_join!(store.deployment(layer, number), store.layer(layer), store.seen_lease(layer))?;
    if belongs_to_another(&deployment, execution) {
        return Err(format!("another execution runs deployment {}", deployment.id()).into());
    }
    if let Some(hash) = hash
        && deployment.plan.as_ref().is_none_or(|plan| plan.hash != hash)
    {
        return Err(format!("deployment {} has another plan than the one that was approved", deployment.id()).into());
    }
    if is_over(control, &deployment).await? {
        // An earlier try of this step may have taken the lease: it is given back at the end.
        return Ok(Begun::over(seen.of(layer, execution)));
    }
    let admitted = admit(control, &deployment, record.as_ref(), execution, seen);
    let known = async { tokio::try_join!(store.modules(layer), store.drift(layer), file(control, &deployment)) };
    let (admitted, known) = tokio::join!(admitted, known);
    let lease = match admitted? {
        Admission::Admitted(lease) => lease,
        Admission::Over => return Ok(Begun::over(None)),
        Admission::NotYet { retry_after, reason } => return Ok(Begun { retry_after, reason, ..Begun::default() }),
    };
    let prepared = async {
        let (modules, drift, file) = known?;
        prepare(control, &lease, &deployment, Known { layer: record, modules, drift }, file).await
    };
    match prepared.await {
        Ok(Some(prepared)) => Ok(Begun {
            admitted: true,
            lease: Some(lease),
            run: Some(prepared.run),
            handed: Some(prepared.handed),
            target: Some(prepared.target),
            room: prepared.room,
            batches: prepared.batches,
            functions: Some(Functions {
                planner: control.own_version("planner"),
                coordinator: control.settings.pinned("coordinator"),
            }),
            ..Begun::default()
        }),
        Ok(None) => Ok(Begun::over(Some(lease))),
        Err(error) => {
            // Nothing was begun, and nobody must wait for its lease.
            if let Err(error) = store.release(&lease).await {
                tracing::warn!(layer, %error, "the lease was not given back");
            }
            Err(error)
        }
    }
}

impl Begun {
    fn over(lease: Option<Lease>) -> Self {
        Self { over: true, lease, ..Self::default() }
    }
}
