//! Approvals: a plan waits for a decision that names its hash.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::Phase;
use crate::error::StateError;
use crate::keys;
use crate::limits::{MESSAGE, shortened};
use crate::store::{Store, Write, attribute, text};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Go on.
    Approve,
    /// Stop.
    Reject,
}

/// An approval that a deployment asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Hash of the plan it is about.
    pub plan_hash: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// What was decided.
    #[serde(default)]
    pub decision: Option<Decision>,
    /// By whom.
    #[serde(default)]
    pub by: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// When.
    #[serde(default)]
    pub decided_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    task_token: String,
}

impl Store {
    /// Leaves the task token of a deployment that waits for an approval of its plan.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when the deployment does not run.
    pub async fn ask_approval(
        &self,
        layer: &str,
        number: u64,
        task_token: &str,
        plan_hash: &str,
    ) -> Result<(), StateError> {
        let approval = Approval {
            plan_hash: plan_hash.to_owned(),
            requested_at: self.now(),
            decision: None,
            by: None,
            reason: None,
            decided_at: None,
        };
        let ask =
            Write::update(keys::layer(layer), keys::deployment(number), "SET approval = :approval, phase = :phase")
                .when("#status = :running")
                .name("#status", "status")
                .value(":running", text("running"))
                .value(":approval", attribute(&approval)?)
                .value(":phase", attribute(&Phase::AwaitingApproval)?);
        let token =
            Write::put(keys::layer(layer), keys::approval(number), &Pending { task_token: task_token.to_owned() })?;
        self.expect(vec![ask, token], || StateError::conflict(format!("deployment {layer}/{number} does not run")))
            .await
    }

    /// Records a decision and answers the task token to send it with. Deciding the same again answers the token again,
    /// so that a lost wake-up can be repeated.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when no approval of this plan is asked for, or the other decision was made.
    pub async fn decide(
        &self,
        layer: &str,
        number: u64,
        plan_hash: &str,
        decision: Decision,
        by: &str,
        reason: Option<&str>,
    ) -> Result<String, StateError> {
        let deployment = self.deployment(layer, number).await?;
        let id = deployment.id();
        let Some(approval) = deployment.approval else {
            return Err(StateError::conflict(format!("deployment {id} does not ask for an approval")));
        };
        if approval.plan_hash != plan_hash {
            return Err(StateError::conflict(format!("deployment {id} has another plan; look at it again")));
        }
        match approval.decision {
            Some(made) if made == decision => {}
            Some(_) => return Err(StateError::conflict(format!("deployment {id} was decided already"))),
            None => {
                let decided = Approval {
                    decision: Some(decision),
                    by: Some(by.to_owned()),
                    reason: reason.map(|reason| shortened(reason, MESSAGE)),
                    decided_at: Some(self.now()),
                    ..approval
                };
                // Of two who decide at the same moment one is told so.
                let write = Write::update(keys::layer(layer), keys::deployment(number), "SET approval = :approval")
                    .when("#status = :running AND approval.plan_hash = :hash AND approval.decision = :open")
                    .name("#status", "status")
                    .value(":running", text("running"))
                    .value(":hash", text(plan_hash))
                    .value(":open", attribute(&None::<Decision>)?)
                    .value(":approval", attribute(&decided)?);
                let lost = || StateError::conflict(format!("deployment {id} does not run or was decided already"));
                self.expect(vec![write], lost).await?;
            }
        }
        let pending: Option<Pending> = self.get(&keys::layer(layer), &keys::approval(number)).await?;
        pending.map(|pending| pending.task_token).ok_or_else(|| StateError::not_found(format!("the approval of {id}")))
    }
}
