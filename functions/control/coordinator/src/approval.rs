//! Asking for an approval, while nobody holds the lease.

use lambda_runtime::Error;
use landfall_control::{Control, LayerSettings};
use landfall_state::{ApprovalRequest, Lease, Secret};
use serde_json::{Value, json};

/// Asks for an approval. The lease is given back, so that nothing else waits for people.
pub(crate) async fn ask(
    control: &Control,
    lease: &Lease,
    number: u64,
    task_token: &Secret,
    hash: &str,
) -> Result<Value, Error> {
    let deployment = control.store.deployment(&lease.layer, number).await?;
    let rule = match control.run_document(&deployment).await? {
        Some((run, _)) => LayerSettings::of(&run.layer).map_err(|refusal| refusal.summary())?.approval,
        None => return Err(format!("deployment {} has no run document", deployment.id()).into()),
    };
    let not_by = rule.separate.then_some(deployment.actor.0.as_str());
    let blocked = deployment.plan.as_ref().is_some_and(|plan| plan.blocked);
    let asked = ApprovalRequest { plan_hash: hash, blocked, patience: rule.patience(), not_by, under: lease.token };
    let decided = control.store.ask_approval(&lease.layer, number, task_token, asked).await?;
    control.store.release(lease).await?;
    if let Some((decision, approval)) = decided.and_then(|approval| Some((approval.decision?, approval))) {
        // An earlier try of this step had asked, and died; it was told to nobody who still waits.
        control.hand_over(decision, &approval, task_token).await?;
        return Ok(json!({}));
    }
    let message = format!("waits for an approval: landfall approve {}", deployment.id());
    control.announce(&deployment, "approval-requested", &message).await?;
    Ok(json!({}))
}
