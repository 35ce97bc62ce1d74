//! Approvals: a plan waits for a decision that names its hash.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::Phase;
use crate::error::StateError;
use crate::keys;
use crate::limits::{MESSAGE, shortened};
use crate::secret::Secret;
use crate::store::Store;
use crate::write::{Write, attribute, number as number_, text};

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
    /// Whether the plan said that AWS would refuse something of it.
    #[serde(default)]
    pub blocked: bool,
    /// Until when it may be decided.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Who may not give it, because it asked for the deployment.
    #[serde(default)]
    pub not_by: Option<String>,
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
    /// Token of the lease under which it was asked for: a plan that is asked about once more is under another one.
    #[serde(default)]
    pub under: u64,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ApprovalRequest<'a> {
    /// Hash of the plan it is about.
    pub plan_hash: &'a str,
    /// Whether the plan says that AWS would refuse something of it.
    pub blocked: bool,
    /// How long it may be decided.
    pub patience: Duration,
    /// Who may not approve.
    pub not_by: Option<&'a str>,
    /// Token of the lease under which it is asked for.
    pub under: u64,
}

/// That a deployment may wait for an approval.
const WAITS: &str = "#status = :running AND attribute_not_exists(cancel)";

#[derive(Debug, Deserialize)]
struct Pending {
    task_token: Secret,
}

impl Store {
    /// Leaves the task token of a deployment that waits for an approval of its plan. Whoever asks may die after that and
    /// be repeated: what was decided meanwhile holds, and is answered.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when the deployment does not run or was cancelled.
    pub async fn ask_approval(
        &self,
        layer: &str,
        number: u64,
        task_token: &Secret,
        asked: ApprovalRequest<'_>,
    ) -> Result<Option<Approval>, StateError> {
        let now = self.now();
        let approval = Approval {
            plan_hash: asked.plan_hash.to_owned(),
            requested_at: now,
            blocked: asked.blocked,
            expires_at: Some(now + asked.patience),
            not_by: asked.not_by.map(str::to_owned),
            decision: None,
            by: None,
            reason: None,
            decided_at: None,
            under: asked.under,
        };
        let set = "SET approval = :approval, phase = :phase";
        let ask = Write::update(keys::layer(layer), keys::deployment(number), set)
            .when(format!(
                "{WAITS} AND (attribute_not_exists(approval) OR approval.#under <> :under OR \
                 approval.plan_hash <> :hash OR approval.decision = :open)"
            ))
            .name("#status", "status")
            .name("#under", "under")
            .value(":running", text("running"))
            .value(":under", number_(asked.under))
            .value(":hash", text(asked.plan_hash))
            .value(":open", attribute(&None::<Decision>)?)
            .value(":approval", attribute(&approval)?)
            .value(":phase", attribute(&Phase::AwaitingApproval)?);
        // Written past serde, which cannot serialize it: this record is the only one that is meant to hold it.
        let token = Write::update(keys::layer(layer), keys::approval(number), "SET task_token = :token")
            .value(":token", text(task_token.expose()));
        if self.transact(vec![ask, token.clone()]).await?.is_none() {
            return Ok(None);
        }
        let same = |known: &Approval| known.under == asked.under && known.plan_hash == asked.plan_hash;
        let decided = self.deployment(layer, number).await?.approval.filter(same);
        let still = Write::check(keys::layer(layer), keys::deployment(number))
            .when(WAITS)
            .name("#status", "status")
            .value(":running", text("running"));
        let refused = || StateError::conflict(format!("deployment {layer}/{number} does not run"));
        self.expect(vec![still, token], refused).await?;
        decided.map(Some).ok_or_else(refused)
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
    ) -> Result<Secret, StateError> {
        let deployment = self.deployment(layer, number).await?;
        let id = deployment.id();
        let Some(approval) = deployment.approval else {
            return Err(StateError::conflict(format!("deployment {id} does not ask for an approval")));
        };
        if approval.plan_hash != plan_hash {
            return Err(StateError::conflict(format!("deployment {id} has another plan; look at it again")));
        }
        if approval.expires_at.is_some_and(|expires| expires <= self.now()) {
            return Err(StateError::conflict(format!("the plan of {id} waited too long for an approval")));
        }
        if decision == Decision::Approve && approval.not_by.as_deref() == Some(by) {
            let message = format!("{by} asked for deployment {id}, and its settings let only somebody else approve it");
            return Err(StateError::conflict(message));
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
        let token = self.approval_token(layer, number).await?;
        token.ok_or_else(|| StateError::not_found(format!("the approval of {id}")))
    }

    /// Token of the execution that waits for an approval.
    pub(crate) async fn approval_token(&self, layer: &str, number: u64) -> Result<Option<Secret>, StateError> {
        let pending: Option<Pending> = self.get(&keys::layer(layer), &keys::approval(number)).await?;
        Ok(pending.map(|pending| pending.task_token))
    }
}
