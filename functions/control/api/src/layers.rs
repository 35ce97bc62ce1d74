//! The installation and its layers.

use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::ExecutionStatus;
use axum::Json;
use axum::extract::State;
use landfall_control::Control;
use landfall_state::{Deployment, LayerRecord, LeaseInfo, QUIET_TIME, StateError};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::answer::{ApiError, Caller};
use crate::drift::in_short;
use crate::extract::{Body, LayerPath, Path};
use crate::schema;

/// What is installed.
#[utoipa::path(
    get,
    path = "/installation",
    operation_id = "showInstallation",
    tag = "layers",
    responses((status = 200, description = "What is installed", body = schema::Installation))
)]
pub(crate) async fn installation(State(control): State<Control>) -> Json<schema::Installation> {
    Json(schema::Installation {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        release: control.settings.release.clone(),
        region: control.settings.region().to_owned(),
        account_id: control.settings.account_id().to_owned(),
        config_bucket: control.store.bucket().to_owned(),
        kinds: control.settings.kinds.iter().cloned().collect(),
    })
}

/// All layers by name. A layer of the last second may be missing.
#[utoipa::path(
    get,
    path = "/layers",
    operation_id = "listLayers",
    tag = "layers",
    responses((status = 200, description = "All layers", body = schema::Layers))
)]
pub(crate) async fn list(State(control): State<Control>) -> Result<Json<Value>, ApiError> {
    let mut layers = Vec::new();
    for record in control.store.layers().await? {
        let (store, layer) = (&control.store, &record.layer);
        let (queue, freeze, drift) = tokio::try_join!(store.queue(layer), store.frozen(layer), store.drift(layer))?;
        let mut summary = shown(&record);
        summary["running"] = json!(queue.running);
        summary["waiting"] = json!(queue.waiting);
        summary["freeze"] = json!(freeze);
        summary["drift"] = in_short(&drift);
        layers.push(summary);
    }
    Ok(Json(json!({ "layers": layers })))
}

/// A layer: what exists of it, who holds it, what runs and waits.
#[utoipa::path(
    get,
    path = "/layers/{layer}",
    operation_id = "showLayer",
    tag = "layers",
    params(LayerPath),
    responses(
        (status = 200, description = "The layer", body = schema::LayerDetail),
        (status = 404, description = "There is no such layer; the hint names the nearest one",
            body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn show(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
) -> Result<Json<Value>, ApiError> {
    let record = known(&control, &layer).await?;
    let queue = control.store.queue(&layer).await?;
    let modules: Vec<schema::Module> = control
        .store
        .modules(&layer)
        .await?
        .into_values()
        .map(|module| schema::Module {
            name: module.module,
            kind: module.kind,
            number: module.number,
            complete: module.complete,
        })
        .collect();
    let mut answer = shown(&record);
    answer["running"] = json!(queue.running);
    answer["waiting"] = json!(queue.waiting);
    answer["freeze"] = json!(control.store.frozen(&layer).await?);
    answer["drift"] = in_short(&control.store.drift(&layer).await?);
    answer["lease"] = json!(control.store.lease(&layer).await?);
    answer["modules"] = json!(modules);
    answer["services"] = json!(control.store.services(&layer).await?);
    Ok(Json(answer))
}

/// A layer's record without what only its next deployment needs.
fn shown(record: &LayerRecord) -> Value {
    let mut shown = json!(record);
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("settings");
    }
    shown
}

/// Outputs of a layer's modules.
#[utoipa::path(
    get,
    path = "/layers/{layer}/outputs",
    operation_id = "showOutputs",
    tag = "layers",
    params(LayerPath),
    responses(
        (status = 200, description = "Outputs by module", body = schema::Outputs),
        (status = 404, description = "There is no such layer", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn outputs(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
) -> Result<Json<schema::Outputs>, ApiError> {
    known(&control, &layer).await?;
    let modules = control.store.modules(&layer).await?;
    let outputs = modules.into_iter().map(|(name, module)| (name, module.outputs)).collect();
    Ok(Json(schema::Outputs { layer, outputs }))
}

/// How a lease is taken away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unlock {
    /// Take the lease from a holder that still runs.
    #[serde(default)]
    force: bool,
    /// Why. A forced unlock needs a reason.
    #[serde(default)]
    reason: Option<String>,
}

/// Takes the lease of a layer away from its holder, who can write nothing from then on.
#[utoipa::path(
    delete,
    path = "/layers/{layer}/lease",
    operation_id = "unlock",
    tag = "layers",
    params(LayerPath),
    request_body(content = Option<Unlock>, description = "May be left out when the holder is gone"),
    responses(
        (status = 200, description = "The lease is free", body = schema::Unlocked),
        (status = 400, description = "A forced unlock without a reason", body = schema::ErrorAnswer),
        (status = 404, description = "There is no such layer, or nobody holds it", body = schema::ErrorAnswer),
        (status = 409, description = "The holder still runs", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn unlock(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
    caller: Caller,
    Body(unlock): Body<Unlock>,
) -> Result<Json<Value>, ApiError> {
    known(&control, &layer).await?;
    let reason = unlock.reason.filter(|reason| !reason.trim().is_empty());
    if unlock.force && reason.is_none() {
        return Err(ApiError::invalid("a forced unlock needs a reason", "add --reason WHY; it is recorded"));
    }
    let held = match control.store.lease(&layer).await? {
        Some(held) => held,
        None => {
            let expired = control.store.expired_lease(&layer).await?;
            expired.ok_or_else(|| ApiError::not_found(format!("layer {layer} is not locked")))?
        }
    };
    let lives = is_running(&control, &held).await?;
    if lives && !unlock.force {
        return Err(ApiError::conflict(
            format!("layer {layer} is held since {} by an execution that still runs: {}", held.since, held.doing),
            format!("wait for it, or take it with `landfall unlock {layer} --force --reason WHY`"),
        ));
    }
    let info = control.store.force_unlock(&layer, held.token, QUIET_TIME).await?;
    let number = control.store.queue(&layer).await?.running;
    if let Some(number) = number {
        let reason = reason.unwrap_or_else(|| "the holder is gone".to_owned());
        let message = format!("unlocked by {}: {reason}", caller.arn);
        control.store.happened(&layer, number, "unlocked", None, message).await?;
    }
    Ok(Json(json!({ "layer": layer, "was_held_by": info, "still_running": lives })))
}

/// Whether the holder still runs. When that cannot be told, nothing is taken from it.
async fn is_running(control: &Control, held: &LeaseInfo) -> Result<bool, ApiError> {
    match control.sfn.describe_execution().execution_arn(&held.holder).send().await {
        Ok(described) => Ok(described.status == ExecutionStatus::Running),
        // Executions are forgotten 90 days after their end.
        Err(error) if matches!(error.code(), Some("ExecutionDoesNotExist" | "InvalidArn")) => Ok(false),
        Err(error) => {
            tracing::error!(holder = held.holder, error = ?error, "describe");
            let said = error.message().unwrap_or("no answer");
            Err(ApiError::busy(format!("whether {} still runs cannot be told: {said}", held.holder)))
        }
    }
}

/// The record of a layer.
pub(crate) async fn known(control: &Control, layer: &str) -> Result<LayerRecord, ApiError> {
    match control.store.layer(layer).await? {
        Some(record) => Ok(record),
        None => Err(unknown(control, layer).await),
    }
}

/// That there is no such layer, with the nearest one that there is.
pub(crate) async fn unknown(control: &Control, layer: &str) -> ApiError {
    let error = ApiError::not_found(format!("there is no layer {layer}"));
    // A list that cannot be read costs the hint, not the answer.
    let layers = control.store.layers().await.unwrap_or_default();
    let names = layers.iter().map(|record| record.layer.as_str());
    match landfall_config::nearest(layer, names) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    }
}

/// A deployment of a layer.
pub(crate) async fn deployment(control: &Control, layer: &str, number: u64) -> Result<Deployment, ApiError> {
    match control.store.deployment(layer, number).await {
        Ok(deployment) => Ok(deployment),
        Err(error @ StateError::NotFound { .. }) => {
            known(control, layer).await?;
            Err(ApiError::from(error).with_hint(format!("all deployments: landfall history {layer}")))
        }
        Err(error) => Err(error.into()),
    }
}
