//! What was decided about a plan, told to the execution that waits for it.

use landfall_state::{Approval, Decision, Secret, StateError, fail, succeed};

use crate::entry::Control;

impl Control {
    /// Wakes the execution behind a task token with a decision; answers the kind of its event and what to tell of it.
    ///
    /// # Errors
    /// When Step Functions cannot be reached.
    pub async fn hand_over(
        &self,
        decision: Decision,
        approval: &Approval,
        token: &Secret,
    ) -> Result<(&'static str, String), StateError> {
        let by = approval.by.as_deref().unwrap_or("unknown");
        let why = approval.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        match decision {
            Decision::Approve => {
                succeed(&self.sfn, token, "{}").await?;
                Ok(("approved", format!("approved by {by}{why}")))
            }
            Decision::Reject => {
                let message = format!("not approved by {by}{why}");
                fail(&self.sfn, token, "Landfall.NotApproved", &message).await?;
                Ok(("not-approved", message))
            }
        }
    }
}
