//! Drift: looked for, shown, accepted, set right.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_control::{Acceptable, Checked, Control, acceptable, withdrawable};
use landfall_state::{Action, DriftRecord, DriftValue, LayerRecord, Source};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::answer::{ApiError, Caller};
use crate::deployments::{Asked, asked_before, queue};
use crate::extract::{Body, LayerPath, Path};
use crate::layers::{deployment, known};
use crate::schema;

/// What of a layer is not as it was deployed, as the last look saw it.
#[utoipa::path(
    get,
    path = "/layers/{layer}/drift",
    operation_id = "showDrift",
    tag = "drift",
    params(LayerPath),
    responses(
        (status = 200, description = "What drifted; nothing when it is as it was deployed", body = schema::Drift),
        (status = 404, description = "There is no such layer", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn show(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
) -> Result<Json<schema::Drift>, ApiError> {
    let (record, drift, looks) =
        tokio::join!(known(&control, &layer), control.store.drift(&layer), control.store.drift_looks(&layer));
    let (record, drift, looks) = (record?, drift?, looks?);
    Ok(Json(schema::Drift {
        layer,
        looked_at: looks.looked_at.map(|at| at.to_string()),
        compared_with: looks.config,
        deployed: record.config.map(|config| config.number),
        since: since(&drift).map(|at| at.to_string()),
        resources: drift.iter().map(shown).collect(),
    }))
}

/// Asks for a look at what a layer was deployed as last, whatever lies in the config bucket by now. It changes nothing,
/// and begins only where no deployment of the layer runs or waits.
#[utoipa::path(
    post,
    path = "/layers/{layer}/drift",
    operation_id = "lookForDrift",
    tag = "drift",
    params(LayerPath, ("Idempotency-Key" = Option<String>, Header,
        description = "A UUID: another request with it is answered with the deployment of the first one")),
    responses(
        (status = 202, description = "It is about to look; the record is there once it has ended",
            body = schema::Accepted),
        (status = 404, description = "There is no such layer", body = schema::ErrorAnswer),
        (status = 409, description = "Nothing is deployed, or a deployment of the layer runs or waits",
            body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn look(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
    caller: Caller,
) -> Result<(StatusCode, Json<schema::Accepted>), ApiError> {
    let record = known(&control, &layer).await?;
    deployed(&record)?;
    if let Some(before) = asked_before(&control, &layer, &caller, Asked::plainly(Action::Drift)).await? {
        return Ok(before);
    }
    let nonce = caller.request_id.unwrap_or_else(|| control.store.now().to_string());
    let look = match control.look_for_drift(&record, &caller.arn, nonce, caller.key).await {
        Ok(look) => look,
        Err(error @ landfall_state::StateError::Conflict { .. }) => {
            return Err(ApiError::from(error).with_hint("look again once it has ended"));
        }
        Err(error) => return Err(error.into()),
    };
    let accepted =
        schema::Accepted { layer, number: look.number, id: look.id().to_string(), duplicate: false, superseded: None };
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// What is accepted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accept {
    /// `MODULE`, `MODULE.RESOURCE` or `MODULE.RESOURCE.ATTRIBUTE`; left out, all that can be accepted.
    #[serde(default)]
    names: Vec<String>,
}

/// Accepts drift that the last look saw: no later plan shows or reverts it for as long as AWS has that value and the
/// config wants what it wants now. What holds a promise about security and what was deleted is not accepted. Nothing is
/// changed in AWS.
#[utoipa::path(
    post,
    path = "/layers/{layer}/drift/acceptance",
    operation_id = "acceptDrift",
    tag = "drift",
    params(LayerPath),
    request_body(content = Option<Accept>, description = "May be left out: all that can be accepted"),
    responses(
        (status = 200, description = "It is accepted, but for what is refused", body = schema::DriftAccepted),
        (status = 400, description = "The body is wrong", body = schema::ErrorAnswer),
        (status = 404, description = "There is no such layer, or no such drift", body = schema::ErrorAnswer),
        (status = 409, description = "None of it can be accepted, or some of what was named cannot",
            body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn accept(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
    caller: Caller,
    Body(accept): Body<Accept>,
) -> Result<Json<schema::DriftAccepted>, ApiError> {
    known(&control, &layer).await?;
    let drift = control.store.drift(&layer).await?;
    let found = acceptable(&layer, &drift, &accept.names);
    if let Some(name) = found.unknown.first() {
        return Err(ApiError::not_found(format!("nothing of {layer} that drifted is named {name}"))
            .with_hint(format!("look what drifted: landfall drift {layer}")));
    }
    if !found.refused.is_empty() && (found.accepted.is_empty() || !accept.names.is_empty()) {
        return Err(refused(&found));
    }
    let mut accepted = Vec::new();
    for (record, paths) in &found.accepted {
        control.store.accept_drift(&layer, record, paths, Some(&caller.arn)).await?;
        accepted.extend(paths.iter().map(|path| format!("{}.{}.{path}", record.module, record.resource)));
    }
    let refused = found.refused.into_iter().map(|refused| schema::DriftRefused {
        name: refused.name,
        message: refused.message,
        hint: refused.hint,
    });
    Ok(Json(schema::DriftAccepted { layer, accepted, refused: refused.collect() }))
}

/// Withdraws that drift was accepted: the next deployment sets it right, unless it is ignored.
#[utoipa::path(
    delete,
    path = "/layers/{layer}/drift/acceptance",
    operation_id = "withdrawAcceptance",
    tag = "drift",
    params(LayerPath),
    request_body(content = Option<Accept>, description = "May be left out: all that was accepted"),
    responses(
        (status = 200, description = "Nothing of it is accepted any more", body = schema::DriftWithdrawn),
        (status = 400, description = "The body is wrong", body = schema::ErrorAnswer),
        (status = 404, description = "There is no such layer, or nothing of that name was accepted",
            body = schema::ErrorAnswer),
        (status = 409, description = "It was looked at in this moment", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn withdraw(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
    Body(accept): Body<Accept>,
) -> Result<Json<schema::DriftWithdrawn>, ApiError> {
    known(&control, &layer).await?;
    let found = withdrawable(&control.store.drift(&layer).await?, &accept.names);
    if found.is_empty() {
        return Err(ApiError::not_found(format!("nothing like that of {layer} was accepted"))
            .with_hint(format!("see what was: landfall drift {layer} --last")));
    }
    let mut withdrawn = Vec::new();
    for (record, paths) in &found {
        control.store.accept_drift(&layer, record, paths, None).await?;
        withdrawn.extend(paths.iter().map(|path| format!("{}.{}.{path}", record.module, record.resource)));
    }
    Ok(Json(schema::DriftWithdrawn { layer, withdrawn }))
}

/// Deploys the config again that was deployed last, whatever lies in the config bucket by now: what drifted is set
/// right by a deployment like any other, with its plan and the approval that the plan may need.
#[utoipa::path(
    post,
    path = "/layers/{layer}/drift/reversal",
    operation_id = "revertDrift",
    tag = "drift",
    params(LayerPath, ("Idempotency-Key" = Option<String>, Header,
        description = "A UUID: another request with it is answered with the deployment of the first one")),
    responses(
        (status = 202, description = "The deployment waits for its turn", body = schema::Accepted),
        (status = 404, description = "There is no such layer", body = schema::ErrorAnswer),
        (status = 409, description = "Nothing is deployed", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn revert(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
    caller: Caller,
) -> Result<(StatusCode, Json<schema::Accepted>), ApiError> {
    let record = known(&control, &layer).await?;
    if let Some(before) = asked_before(&control, &layer, &caller, Asked::plainly(Action::Deploy)).await? {
        return Ok(before);
    }
    let last = deployment(&control, &layer, deployed(&record)?).await?;
    let source = Source { sequencer: None, ..last.source };
    let checked = Checked { environment: last.environment_choice, freeze_windows: last.freeze_windows };
    let accepted = queue(&control, &layer, Action::Deploy, source, checked, caller, None).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// The deployment whose config a layer has.
fn deployed(record: &LayerRecord) -> Result<u64, ApiError> {
    let layer = &record.layer;
    record.config.as_ref().map(|config| config.number).ok_or_else(|| {
        ApiError::conflict(
            format!("layer {layer} was never deployed whole, so nothing of it can have drifted"),
            format!("see what became of its deployments: landfall history {layer}"),
        )
    })
}

/// Every refusal in one error: the first one's hint helps with most of them.
fn refused(found: &Acceptable) -> ApiError {
    let messages: Vec<String> = found
        .refused
        .iter()
        .map(|refused| format!("{} cannot be accepted: {}", refused.name, refused.message))
        .collect();
    let hint = found.refused.first().map(|refused| refused.hint.clone()).unwrap_or_default();
    ApiError::conflict(messages.join("; "), hint)
}

/// Since when something of a layer drifted that is neither ignored nor accepted, and of how many resources.
pub(crate) fn in_short(drift: &[DriftRecord]) -> Value {
    match since(drift) {
        None => Value::Null,
        Some(since) => {
            let resources = drift.iter().filter(|record| record.since().is_some()).count();
            json!(schema::DriftSince { since: since.to_string(), resources })
        }
    }
}

fn since(drift: &[DriftRecord]) -> Option<landfall_state::Timestamp> {
    drift.iter().filter_map(DriftRecord::since).min()
}

fn shown(record: &DriftRecord) -> schema::DriftResource {
    let attributes = record.attributes.iter().map(|attribute| schema::DriftAttribute {
        path: attribute.path.clone(),
        recorded: value(&attribute.recorded),
        live: value(&attribute.live),
        first_seen: attribute.first_seen.to_string(),
        last_seen: attribute.last_seen.to_string(),
        ignored: attribute.ignored,
        accepted: attribute
            .accepted
            .as_ref()
            .map(|accepted| schema::DriftAcceptance { by: accepted.by.clone(), at: accepted.at.to_string() }),
    });
    schema::DriftResource {
        module: record.module.clone(),
        resource: record.resource.clone(),
        kind: record.kind.clone(),
        name: record.name.clone(),
        deleted_since: record.deleted.map(|at| at.to_string()),
        last_seen: record.last_seen.to_string(),
        attributes: attributes.collect(),
    }
}

/// A value that is kept whole as it is, the beginning of a long one as text.
fn value(value: &DriftValue) -> Value {
    let Some(text) = &value.text else { return Value::Null };
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}
