//! Deployments are looked at: listed, shown with their runs, plan and events.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use landfall_control::Control;
use landfall_state::{Action, Deployment, Event, Status};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::answer::ApiError;
use crate::extract::{DeploymentPath, LayerPath, Path, Query};
use crate::layers::deployment;
use crate::schema;

/// The most deployments in one list.
const MOST: usize = 100;
/// Looks for drift among the newest deployments: the one that runs and the last one, seldom more.
const LOOKS: usize = 4;
/// How much of diagnostics one list carries, in bytes: Lambda answers at most 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), and a list is for an overview.
const DIAGNOSTICS: usize = 1024 * 1024;

/// Query of a list of deployments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many, newest first: from 1 to 100, else the nearest of them.
    #[serde(default)]
    #[param(default = 20)]
    limit: Option<u64>,
    /// Only those of this version of the layer's object, among the newest 100.
    #[serde(default)]
    version_id: Option<String>,
}

/// Whether it is a look for drift that found its way: what it saw is shown as drift, and nothing happened to the layer.
fn is_quiet(deployment: &Deployment) -> bool {
    let well = !matches!(deployment.status, Status::Failed | Status::Rejected | Status::Cancelled);
    deployment.action == Action::Drift && well
}

/// The newest deployments of a layer, without looks for drift that ended well. None for a layer that no change named yet.
#[utoipa::path(
    get,
    path = "/layers/{layer}/deployments",
    operation_id = "listDeployments",
    tag = "deployments",
    params(LayerPath, ListQuery),
    responses(
        (status = 200, description = "Deployments; where many have long diagnostics the older ones come without",
            body = schema::Deployments),
        (status = 400, description = "The query is wrong", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn list(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.map_or(20, |limit| usize::try_from(limit).unwrap_or(MOST)).clamp(1, MOST);
    let read = if query.version_id.is_some() { MOST } else { limit };
    let mut deployments = control.store.deployments(&layer, read + LOOKS).await?;
    deployments.retain(|deployment| !is_quiet(deployment));
    if let Some(version) = query.version_id {
        deployments.retain(|deployment| deployment.source.version_id.as_deref() == Some(&version));
    }
    deployments.truncate(limit);
    let mut carried = 0;
    for deployment in &mut deployments {
        carried += deployment.diagnostics.as_ref().map_or(0, String::len);
        if carried > DIAGNOSTICS {
            deployment.diagnostics = None;
        }
    }
    Ok(Json(json!({ "deployments": deployments })))
}

/// A deployment with its modules, and the resources of its layer.
#[utoipa::path(
    get,
    path = "/layers/{layer}/deployments/{number}",
    operation_id = "showDeployment",
    tag = "deployments",
    params(DeploymentPath),
    responses(
        (status = 200, description = "The deployment", body = schema::DeploymentDetail),
        (status = 404, description = "There is no such deployment", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn show(
    State(control): State<Control>,
    Path(DeploymentPath { layer, number }): Path<DeploymentPath>,
) -> Result<Json<Value>, ApiError> {
    let deployment = deployment(&control, &layer, number).await?;
    let runs = control.store.runs(&layer, number).await?;
    let resources: Vec<Value> = control
        .store
        .journal(&layer)
        .await?
        .into_iter()
        .map(|entry| {
            json!({
                "module": entry.module, "resource": entry.resource, "kind": entry.kind, "status": entry.status,
                "id": entry.id, "number": entry.number, "updated_at": entry.updated_at,
            })
        })
        .collect();
    Ok(Json(json!({ "deployment": deployment, "runs": runs, "resources": resources })))
}

/// The plan of a deployment.
#[utoipa::path(
    get,
    path = "/layers/{layer}/deployments/{number}/plan",
    operation_id = "showPlan",
    tag = "deployments",
    params(DeploymentPath),
    responses(
        (status = 200, description = "The plan", body = schema::Plan),
        (status = 404, description = "There is no such deployment, or no plan yet", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn plan(
    State(control): State<Control>,
    Path(DeploymentPath { layer, number }): Path<DeploymentPath>,
) -> Result<Json<Value>, ApiError> {
    let deployment = deployment(&control, &layer, number).await?;
    let Some(plan) = &deployment.plan else {
        let id = deployment.id();
        let hint =
            if deployment.status.is_final() { "it ended before it was planned" } else { "look again in a moment" };
        return Err(ApiError::not_found(format!("deployment {id} has no plan yet")).with_hint(hint));
    };
    let bytes = control.store.get_document(&plan.document).await?;
    let document: Value = serde_json::from_slice(&bytes).map_err(|error| {
        tracing::error!(key = plan.document.key, error = %error, "plan");
        ApiError::internal(format!("the plan of {} cannot be read: {error}", deployment.id()))
    })?;
    Ok(Json(json!({ "hash": plan.hash, "risk": plan.risk, "summary": plan.summary, "plan": document })))
}

/// Query of the events of a deployment.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Only those after this moment.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    after: Option<Timestamp>,
    /// How many at most, from 1 to 500, else the nearest of them; those of one moment stay together. `more` says
    /// whether there are later ones: ask again after the moment of the last.
    #[serde(default)]
    #[param(default = 500)]
    limit: Option<u64>,
}

/// The most events in one answer: each has at most 16 KB, and Lambda answers at most 6 MB.
const MOST_EVENTS: usize = 500;

/// The events of a deployment, oldest first.
#[utoipa::path(
    get,
    path = "/layers/{layer}/deployments/{number}/events",
    operation_id = "listEvents",
    tag = "deployments",
    params(DeploymentPath, EventsQuery),
    responses(
        (status = 200, description = "Events", body = schema::Events),
        (status = 400, description = "The query is wrong", body = schema::ErrorAnswer),
        (status = 404, description = "There is no such deployment", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn events(
    State(control): State<Control>,
    Path(DeploymentPath { layer, number }): Path<DeploymentPath>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Value>, ApiError> {
    deployment(&control, &layer, number).await?;
    let mut events = control.store.events(&layer, number, query.after).await?;
    let limit = query.limit.map_or(MOST_EVENTS, |limit| usize::try_from(limit).unwrap_or(MOST_EVENTS));
    let more = cut(&mut events, limit.clamp(1, MOST_EVENTS));
    Ok(Json(json!({ "events": events, "more": more })))
}

/// Cuts after `limit` events and those of the same moment, so that asking after the last moment misses none. Answers
/// whether there were more.
fn cut(events: &mut Vec<Event>, limit: usize) -> bool {
    let Some(last) = events.get(limit - 1).map(|event| event.at) else { return false };
    let all = events.len();
    let keep = events.partition_point(|event| event.at <= last);
    events.truncate(keep);
    keep < all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(second: i64) -> Event {
        let at = Timestamp::from_second(second).unwrap_or_default();
        Event { at, kind: "module-done".to_owned(), module: None, message: String::new() }
    }

    #[test]
    fn a_page_of_events_ends_between_two_moments() {
        let seconds = |limit| {
            let mut events: Vec<Event> = [1, 2, 2, 2, 3].map(event).to_vec();
            let more = cut(&mut events, limit);
            (events.len(), more)
        };
        assert_eq!(seconds(1), (1, true));
        assert_eq!(seconds(2), (4, true));
        assert_eq!(seconds(4), (4, true));
        assert_eq!(seconds(5), (5, false));
        assert_eq!(seconds(9), (5, false));
    }
}
