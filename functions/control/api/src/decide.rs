//! Approvals.

use axum::Json;
use axum::extract::{Path, State};
use landfall_control::Control;
use landfall_state::{Decision, fail, succeed};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{ApiError, Caller};

/// Body of `POST …/approval`.
#[derive(Debug, Deserialize)]
pub(crate) struct Decide {
    /// Approve or reject.
    decision: Decision,
    /// The plan that was looked at.
    plan_hash: String,
    /// Why.
    #[serde(default)]
    reason: Option<String>,
}

/// `POST /layers/{layer}/deployments/{number}/approval`
pub(crate) async fn decide(
    State(control): State<Control>,
    Path((layer, number)): Path<(String, u64)>,
    caller: Caller,
    Json(decide): Json<Decide>,
) -> Result<Json<Value>, ApiError> {
    let reason = decide.reason.as_deref();
    let token = control.store.decide(&layer, number, &decide.plan_hash, decide.decision, &caller.0, reason).await?;
    let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let (kind, message) = match decide.decision {
        Decision::Approve => {
            succeed(&control.sfn, &token, "{}").await?;
            ("approved", format!("approved by {}{why}", caller.0))
        }
        Decision::Reject => {
            let message = format!("not approved by {}{why}", caller.0);
            fail(&control.sfn, &token, "Landfall.NotApproved", &message).await?;
            ("not-approved", message)
        }
    };
    let deployment = control.store.deployment(&layer, number).await?;
    control.announce(&deployment, kind, &message).await?;
    Ok(Json(json!({ "id": deployment.id().to_string(), "decision": decide.decision })))
}
