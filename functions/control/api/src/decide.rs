//! Approvals.

use axum::Json;
use axum::extract::State;
use landfall_control::Control;
use landfall_state::{Decision, Deployment, StateError};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::answer::{ApiError, Caller};
use crate::extract::{Body, DeploymentPath, Path};
use crate::layers::deployment;
use crate::schema;

/// The longest reason that is taken, in characters: what Step Functions takes as a cause holds it and who decided.
const LONGEST_REASON: usize = 2_000;

/// A decision on a plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    /// Approve or reject.
    #[schema(value_type = schema::Decision)]
    decision: Decision,
    /// Hash of the plan that was looked at. A deployment that has another plan by now is not decided on.
    plan_hash: String,
    /// Why. Recorded and announced.
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// Decides on the plan of a deployment that waits for an approval. The same decision again is harmless.
#[utoipa::path(
    post,
    path = "/layers/{layer}/deployments/{number}/approval",
    operation_id = "decide",
    tag = "deployments",
    params(DeploymentPath),
    request_body = Decide,
    responses(
        (status = 200, description = "The decision is made", body = schema::Decided),
        (status = 400, description = "The body is wrong", body = schema::ErrorAnswer),
        (status = 404, description = "There is no such deployment", body = schema::ErrorAnswer),
        (status = 409, description = "It does not wait for an approval of this plan, or the other decision was made",
            body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn decide(
    State(control): State<Control>,
    Path(path): Path<DeploymentPath>,
    caller: Caller,
    Body(decide): Body<Decide>,
) -> Result<Json<schema::Decided>, ApiError> {
    let DeploymentPath { layer, number } = path;
    let reason = reason_of(decide.reason.as_deref())?;
    let asked = deployment(&control, &layer, number).await?;
    if asked.status.is_final() {
        return Err(over(&asked));
    }
    let decided = control.store.decide(&layer, number, &decide.plan_hash, decide.decision, &caller.arn, reason).await;
    let token = match decided {
        Ok(token) => token,
        Err(StateError::Conflict { what }) => {
            let hint = format!("look at it again: landfall status {layer}/{number}");
            return Err(ApiError::conflict(what, hint));
        }
        // It ended in the meantime: its token is gone.
        Err(StateError::NotFound { .. }) => {
            return Err(over(&deployment(&control, &layer, number).await?));
        }
        Err(error) => return Err(error.into()),
    };
    // Of two who decide the same the first one is recorded, and named.
    let deployment = deployment(&control, &layer, number).await?;
    let Some(approval) = &deployment.approval else { return Err(over(&deployment)) };
    let (kind, message) = control.hand_over(decide.decision, approval, &token).await?;
    control.announce(&deployment, kind, &message).await?;
    Ok(Json(schema::Decided { id: deployment.id().to_string(), decision: decide.decision.into() }))
}

/// A reason without blanks around it; `None` when nothing is left.
pub(crate) fn reason_of(reason: Option<&str>) -> Result<Option<&str>, ApiError> {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
        return Err(ApiError::invalid(format!("a reason has at most {LONGEST_REASON} characters"), "say it shorter"));
    }
    Ok(reason)
}

fn over(deployment: &Deployment) -> ApiError {
    let id = deployment.id();
    ApiError::conflict(format!("deployment {id} is over; there is nothing to decide"), "deploy again for another plan")
}
