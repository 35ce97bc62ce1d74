//! The installation and its layers.

use aws_sdk_sfn::types::ExecutionStatus;
use axum::Json;
use axum::extract::{Path, State};
use landfall_control::Control;
use landfall_state::LayerRecord;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{ApiError, Caller};

/// `GET /installation`
pub(crate) async fn installation(State(control): State<Control>) -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "release": control.settings.release,
        "region": control.settings.region(),
        "account_id": control.settings.account_id(),
        "config_bucket": control.store.bucket(),
        "kinds": control.settings.kinds,
    }))
}

/// `GET /layers`
pub(crate) async fn list(State(control): State<Control>) -> Result<Json<Value>, ApiError> {
    let mut layers = Vec::new();
    for record in control.store.layers().await? {
        let queue = control.store.queue(&record.layer).await?;
        let mut summary = serde_json::to_value(&record).unwrap_or_default();
        summary["running"] = json!(queue.running);
        summary["waiting"] = json!(queue.waiting);
        layers.push(summary);
    }
    Ok(Json(json!({ "layers": layers })))
}

/// `GET /layers/{layer}`
pub(crate) async fn show(State(control): State<Control>, Path(layer): Path<String>) -> Result<Json<Value>, ApiError> {
    let record = known(&control, &layer).await?;
    let queue = control.store.queue(&layer).await?;
    let modules: Vec<Value> = control
        .store
        .modules(&layer)
        .await?
        .into_values()
        .map(|module| json!({ "name": module.module, "kind": module.kind, "number": module.number, "complete": module.complete }))
        .collect();
    let mut answer = serde_json::to_value(&record).unwrap_or_default();
    answer["running"] = json!(queue.running);
    answer["waiting"] = json!(queue.waiting);
    answer["lease"] = json!(control.store.lease(&layer).await?);
    answer["modules"] = json!(modules);
    answer["services"] = json!(control.store.services(&layer).await?);
    Ok(Json(answer))
}

/// `GET /layers/{layer}/outputs`
pub(crate) async fn outputs(
    State(control): State<Control>,
    Path(layer): Path<String>,
) -> Result<Json<Value>, ApiError> {
    known(&control, &layer).await?;
    let modules = control.store.modules(&layer).await?;
    let outputs: serde_json::Map<String, Value> =
        modules.into_iter().map(|(name, module)| (name, module.outputs)).collect();
    Ok(Json(json!({ "layer": layer, "outputs": outputs })))
}

/// Body of `DELETE /layers/{layer}/lease`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Unlock {
    /// Take the lease from a holder that still runs.
    #[serde(default)]
    force: bool,
    /// Why.
    #[serde(default)]
    reason: Option<String>,
}

/// `DELETE /layers/{layer}/lease`
pub(crate) async fn unlock(
    State(control): State<Control>,
    Path(layer): Path<String>,
    caller: Caller,
    body: Option<Json<Unlock>>,
) -> Result<Json<Value>, ApiError> {
    known(&control, &layer).await?;
    let Json(unlock) = body.unwrap_or_default();
    let held = match control.store.lease(&layer).await? {
        Some(held) => held,
        None => control
            .store
            .expired_lease(&layer)
            .await?
            .ok_or_else(|| ApiError::not_found(format!("layer {layer} is not locked")))?,
    };
    let lives = is_running(&control, &held.holder).await;
    if lives && !unlock.force {
        return Err(ApiError::conflict(
            format!("layer {layer} is held since {} by an execution that still runs: {}", held.since, held.doing),
            format!("wait for it, or take it with `landfall unlock {layer} --force --reason WHY`"),
        ));
    }
    let reason = unlock.reason.filter(|reason| !reason.trim().is_empty());
    if unlock.force && reason.is_none() {
        return Err(ApiError::invalid("a forced unlock needs a reason", "add --reason WHY; it is recorded"));
    }
    let info = control.store.force_unlock(&layer).await?;
    let number = control.store.queue(&layer).await?.running;
    if let Some(number) = number {
        let reason = reason.unwrap_or_else(|| "the holder is gone".to_owned());
        let message = format!("unlocked by {}: {reason}", caller.0);
        control.store.happened(&layer, number, "unlocked", None, message).await?;
    }
    Ok(Json(json!({ "layer": layer, "was_held_by": info, "still_running": lives })))
}

async fn is_running(control: &Control, execution: &str) -> bool {
    let described = control.sfn.describe_execution().execution_arn(execution).send().await;
    described.is_ok_and(|described| described.status == ExecutionStatus::Running)
}

/// The record of a layer.
pub(crate) async fn known(control: &Control, layer: &str) -> Result<LayerRecord, ApiError> {
    control.store.layer(layer).await?.ok_or_else(|| ApiError::not_found(format!("there is no layer {layer}")))
}
