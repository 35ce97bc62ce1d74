//! Deployments are cancelled, gone on with, and accounted for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_control::{Checked, Control};
use landfall_state::{Action, CANCELLED, Cancelled, Deployment, NOT_STARTED, Source, Status, fail};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::answer::{ApiError, Caller};
use crate::decide::reason_of;
use crate::deployments::{Asked, Create, asked_before, configured, destroyed, queue};
use crate::extract::{Body, DeploymentPath, Path};
use crate::layers::deployment;
use crate::schema;

/// Why a deployment is cancelled.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    /// Why. Recorded and announced.
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// Cancels a deployment. What it has begun is brought to its end and recorded; nothing more is begun.
#[utoipa::path(
    post,
    path = "/layers/{layer}/deployments/{number}/cancel",
    operation_id = "cancelDeployment",
    tag = "deployments",
    params(DeploymentPath),
    request_body(content = Option<Cancel>, description = "May be left out"),
    responses(
        (status = 200, description = "It has ended or is about to", body = schema::CancelledDeployment),
        (status = 400, description = "The body is wrong", body = schema::ErrorAnswer),
        (status = 404, description = "There is no such deployment", body = schema::ErrorAnswer),
        (status = 409, description = "It was over before", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn cancel(
    State(control): State<Control>,
    Path(DeploymentPath { layer, number }): Path<DeploymentPath>,
    caller: Caller,
    Body(cancel): Body<Cancel>,
) -> Result<Json<schema::CancelledDeployment>, ApiError> {
    deployment(&control, &layer, number).await?;
    let reason = reason_of(cancel.reason.as_deref())?;
    let cancelled = control.store.cancel(&layer, number, &caller.arn, reason).await?;
    let deployment = deployment(&control, &layer, number).await?;
    let id = deployment.id();
    let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let outcome = match cancelled {
        Cancelled::Over(status) => {
            let status = json!(status).as_str().unwrap_or_default().to_owned();
            return Err(ApiError::conflict(
                format!("deployment {id} is over: {status}"),
                format!("see what runs and waits: landfall status {layer}"),
            ));
        }
        Cancelled::Ended => {
            control.announce(&deployment, "cancelled", &format!("cancelled by {}{why}", caller.arn)).await?;
            control.start_waiting(&deployment).await?;
            schema::CancelledHow::Ended
        }
        Cancelled::Waits { task_token } => {
            fail(&control.sfn, &task_token, CANCELLED, &format!("cancelled by {}{why}", caller.arn)).await?;
            schema::CancelledHow::Ending
        }
        Cancelled::Told => {
            control.store.give_up_waiting(&control.sfn, &layer, number, CANCELLED, NOT_STARTED).await?;
            let message = format!("cancelled by {}{why}; what it has begun is brought to its end", caller.arn);
            control.announce(&deployment, "cancelling", &message).await?;
            schema::CancelledHow::Ending
        }
    };
    Ok(Json(schema::CancelledDeployment { id: id.to_string(), outcome }))
}

/// How a deployment is gone on with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resume {
    /// Go on with the config that it had; left out, with the newest.
    #[serde(default)]
    same_config: bool,
}

/// Goes on with a deployment that failed or was cancelled: what its journal records as done and unchanged is believed,
/// and AWS is asked only about the rest.
#[utoipa::path(
    post,
    path = "/layers/{layer}/deployments/{number}/resume",
    operation_id = "resumeDeployment",
    tag = "deployments",
    params(DeploymentPath, ("Idempotency-Key" = Option<String>, Header,
        description = "A UUID: another request with it is answered with the deployment of the first one")),
    request_body(content = Option<Resume>, description = "May be left out"),
    responses(
        (status = 202, description = "A deployment that goes on waits for its turn", body = schema::Accepted),
        (status = 400, description = "The body or the file is wrong", body = schema::ErrorAnswer),
        (status = 404, description = "There is no such deployment or file", body = schema::ErrorAnswer),
        (status = 409, description = "It is not over, succeeded, or another one came after it",
            body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn resume(
    State(control): State<Control>,
    Path(DeploymentPath { layer, number }): Path<DeploymentPath>,
    caller: Caller,
    Body(resume): Body<Resume>,
) -> Result<(StatusCode, Json<schema::Accepted>), ApiError> {
    let before = deployment(&control, &layer, number).await?;
    let asked = Asked { resumes: Some(number), ..Asked::plainly(before.action) };
    if let Some(answer) = asked_before(&control, &layer, &caller, asked).await? {
        return Ok(answer);
    }
    refuse_to_resume(&control, &before).await?;
    let (source, checked) = match before.action {
        Action::Destroy => destroyed(&control, &layer).await?,
        Action::Deploy | Action::Plan | Action::Drift | Action::Rollback
            if resume.same_config || before.action == Action::Rollback =>
        {
            let checked = Checked {
                environment: before.environment_choice.clone(),
                freeze_windows: before.freeze_windows.clone(),
            };
            // A newer version of the file that never began does not overtake what is gone on with.
            (Source { sequencer: None, ..before.source.clone() }, checked)
        }
        Action::Deploy | Action::Plan | Action::Drift | Action::Rollback => {
            configured(&control, &layer, &Create::newest(before.environment_choice.clone())).await?
        }
    };
    let accepted = queue(&control, &layer, before.action, source, checked, caller, Some(number)).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// Only the last deployment that touched the layer is gone on with: what an earlier one left is not what is there now.
async fn refuse_to_resume(control: &Control, before: &Deployment) -> Result<(), ApiError> {
    let id = before.id();
    let layer = &before.layer;
    if before.action.only_looks() {
        let what = if before.action == Action::Plan { "a plan" } else { "a look for drift" };
        return Err(ApiError::conflict(
            format!("deployment {id} was {what}: it began nothing"),
            "make another plan: landfall plan FILE",
        ));
    }
    match before.status {
        Status::Failed | Status::Cancelled => {}
        Status::Queued | Status::Running => {
            return Err(ApiError::conflict(
                format!("deployment {id} is not over"),
                format!("follow it: landfall status {id}"),
            ));
        }
        Status::Succeeded | Status::Rejected | Status::Superseded => {
            return Err(ApiError::conflict(
                format!("deployment {id} left nothing to go on with"),
                format!("deploy the file again; all deployments: landfall history {layer}"),
            ));
        }
    }
    let newer = control.store.deployments(layer, 100).await?;
    let newer = newer
        .iter()
        .filter(|newer| newer.number > before.number && !newer.action.only_looks())
        .find(|newer| !newer.status.is_final() || newer.run.is_some());
    match newer {
        None => Ok(()),
        Some(newer) => Err(ApiError::conflict(
            format!("deployment {} came after {id}", newer.id()),
            format!("what is there now is shown by: landfall status {layer}"),
        )),
    }
}

/// What became of every resource of a deployment that did not succeed.
#[utoipa::path(
    get,
    path = "/layers/{layer}/deployments/{number}/report",
    operation_id = "showReport",
    tag = "deployments",
    params(DeploymentPath),
    responses(
        (status = 200, description = "The report", body = schema::Report),
        (status = 404, description = "There is no such deployment, or nothing to report about it",
            body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn report(
    State(control): State<Control>,
    Path(DeploymentPath { layer, number }): Path<DeploymentPath>,
) -> Result<Json<Value>, ApiError> {
    let deployment = deployment(&control, &layer, number).await?;
    let id = deployment.id();
    let Some(report) = &deployment.report else {
        let hint = match deployment.status {
            Status::Queued | Status::Running => "a report is made at the end",
            _ => "only what was planned and did not succeed has one",
        };
        return Err(ApiError::not_found(format!("deployment {id} has no report")).with_hint(hint));
    };
    let bytes = control.store.get_document(report).await?;
    let mut answer: Value = serde_json::from_slice(&bytes).map_err(|error| {
        tracing::error!(key = report.key, error = %error, "report");
        ApiError::internal(format!("the report of {id} cannot be read: {error}"))
    })?;
    answer["id"] = json!(id.to_string());
    answer["resumable"] = json!(refuse_to_resume(&control, &deployment).await.is_ok());
    Ok(Json(answer))
}
