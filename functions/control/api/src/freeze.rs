//! Layers are frozen and thawed.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use landfall_control::Control;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::answer::{ApiError, Caller};
use crate::decide::reason_of;
use crate::extract::{Body, LayerPath, Path};
use crate::layers::known;
use crate::schema;

/// How a layer is frozen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Freezing {
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Why. Shown wherever a deployment waits for the end of the freeze.
    #[schema(max_length = 2000)]
    reason: String,
}

/// Lets no new deployment of the layer begin until a moment; of an environment also none of its services. What runs
/// goes on, and plans are made all the same.
#[utoipa::path(
    put,
    path = "/layers/{layer}/freeze",
    operation_id = "freeze",
    tag = "layers",
    params(LayerPath),
    request_body = Freezing,
    responses(
        (status = 200, description = "The layer is frozen", body = schema::Freeze),
        (status = 400, description = "The end lies behind us, or there is no reason", body = schema::ErrorAnswer),
        (status = 404, description = "There is no such layer", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn freeze(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
    caller: Caller,
    Body(freezing): Body<Freezing>,
) -> Result<Json<Value>, ApiError> {
    known(&control, &layer).await?;
    let Some(reason) = reason_of(Some(&freezing.reason))? else {
        return Err(ApiError::invalid("a freeze needs a reason", "say why: whoever has to wait will read it"));
    };
    if freezing.until <= control.store.now() {
        return Err(ApiError::invalid(
            format!("the freeze would have ended at {}", freezing.until),
            "name a moment that is still to come",
        ));
    }
    let freeze = control.store.freeze(&layer, freezing.until, reason, &caller.arn).await?;
    Ok(Json(json!(freeze)))
}

/// Ends the freeze of a layer. What waited for it begins.
#[utoipa::path(
    delete,
    path = "/layers/{layer}/freeze",
    operation_id = "thaw",
    tag = "layers",
    params(LayerPath),
    responses(
        (status = 200, description = "The freeze that was ended", body = schema::Freeze),
        (status = 404, description = "There is no such layer, or nobody froze it", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn thaw(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
) -> Result<Json<Value>, ApiError> {
    let record = known(&control, &layer).await?;
    let Some(freeze) = control.store.thaw(&layer).await? else {
        let error = ApiError::not_found(format!("nobody froze layer {layer}"));
        return Err(match record.freeze_windows.is_empty() {
            true => error,
            false => {
                error.with_hint("the windows under `landfall: freeze` of its file end by themselves or by an edit")
            }
        });
    };
    control.start_next(&layer).await?;
    for service in control.store.services(&layer).await? {
        control.start_next(&service).await?;
    }
    Ok(Json(json!(freeze)))
}
