//! Cancelling a deployment. What waits ends at once. What works is told through its lease: it may record what it did,
//! and begin nothing more. A step checks that in the same transaction in which it writes an intent, so a cancellation
//! takes effect between two actions and never in the middle of one: what was begun is brought to its end and recorded.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::{Phase, Status};
use crate::error::StateError;
use crate::finish::Finished;
use crate::keys;
use crate::limits::{MESSAGE, shortened};
use crate::secret::Secret;
use crate::store::Store;
use crate::write::{Write, attribute, text};

/// Who cancelled a deployment, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Who.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Cancellation {
    /// `cancelled by ana: wrong file`.
    pub fn sentence(&self) -> String {
        let why = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("cancelled by {}{why}", self.by)
    }
}

/// What a cancellation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The deployment had begun nothing and has ended.
    Ended,
    /// It waits for an approval: this token is to be failed with [`CANCELLED`].
    Waits {
        /// Task token of the waiting execution.
        task_token: Secret,
    },
    /// It works. It brings what it has begun to an end, begins nothing more and ends.
    Told,
    /// It was over before.
    Over(Status),
}

/// Name of the error that executions get which waited when their deployment was cancelled.
pub const CANCELLED: &str = "Landfall.Cancelled";

impl Store {
    /// Cancels a deployment. Doing it twice is harmless; the first one who did it stays recorded.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when there is no such deployment.
    pub async fn cancel(
        &self,
        layer: &str,
        number: u64,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Cancelled, StateError> {
        let asked =
            Cancellation { by: by.to_owned(), reason: reason.map(|reason| shortened(reason, MESSAGE)), at: self.now() };
        for _ in 0..20 {
            let deployment = self.deployment(layer, number).await?;
            if deployment.status.is_final() {
                return Ok(Cancelled::Over(deployment.status));
            }
            let recorded = deployment.cancel.clone();
            let cancellation = recorded.as_ref().unwrap_or(&asked);
            let begun = deployment.status == Status::Running && deployment.phase != Some(Phase::Admitting);
            if !begun {
                let message = Some(cancellation.sentence());
                let end = Finished { status: Status::Cancelled, outcome: None, message, diagnostics: None };
                if self.finish_from(layer, number, end, deployment.status, deployment.phase).await? {
                    return Ok(Cancelled::Ended);
                }
                continue;
            }
            if !self.tell(layer, number, cancellation, &deployment).await? {
                continue;
            }
            if deployment.phase == Some(Phase::AwaitingApproval)
                && let Some(task_token) = self.approval_token(layer, number).await?
            {
                return Ok(Cancelled::Waits { task_token });
            }
            return Ok(Cancelled::Told);
        }
        Err(StateError::conflict(format!("deployment {layer}/{number} changes too often")))
    }

    /// Records the cancellation with the deployment and with the lease that its execution holds, if it holds one.
    /// `false` when the deployment went on meanwhile.
    async fn tell(
        &self,
        layer: &str,
        number: u64,
        cancellation: &Cancellation,
        deployment: &crate::Deployment,
    ) -> Result<bool, StateError> {
        let pk = keys::layer(layer);
        let record = Write::update(&pk, keys::deployment(number), "SET cancel = :cancel")
            .when("#status = :running AND phase = :phase")
            .name("#status", "status")
            .value(":running", text("running"))
            .value(":phase", attribute(&deployment.phase)?)
            .value(":cancel", attribute(cancellation)?);
        let mut writes = vec![record];
        if let Some(execution) = &deployment.execution_arn
            && let Some(lease) = self.lease(layer).await?
            && lease.holder == *execution
        {
            let lease = Write::update(&pk, keys::LEASE, "SET cancelled = :yes")
                .when("holder = :holder")
                .value(":yes", attribute(&true)?)
                .value(":holder", text(execution));
            writes.push(lease);
        }
        Ok(self.transact(writes).await?.is_none())
    }
}
