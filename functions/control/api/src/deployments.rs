//! Deployments: asked for, listed, shown with their runs, plan and events.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use landfall_control::{ChosenEnvironment, Control, LoadedFile, Refusal};
use landfall_state::{Action, Actor, NewChange, Scope, Source};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{ApiError, Caller};
use crate::layers::known;

/// Body of `POST /layers/{layer}/deployments`.
#[derive(Debug, Deserialize)]
pub(crate) struct Create {
    /// What is asked.
    action: Action,
    /// A file that was uploaded for a plan, under `.landfall/uploads/`.
    #[serde(default)]
    upload: Option<Upload>,
    /// The key in the config bucket that the file has or will have.
    #[serde(default)]
    key: Option<String>,
    /// The environment of a service that lists several.
    #[serde(default)]
    environment: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Upload {
    key: String,
    #[serde(default)]
    version_id: Option<String>,
}

/// `POST /layers/{layer}/deployments`
pub(crate) async fn create(
    State(control): State<Control>,
    Path(layer): Path<String>,
    caller: Caller,
    Json(create): Json<Create>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let (source, environment_choice) = match create.action {
        Action::Destroy => destroyed(&control, &layer).await?,
        Action::Deploy | Action::Plan => configured(&control, &layer, &create).await?,
    };
    let now = control.store.now();
    let change = NewChange {
        layer: layer.clone(),
        action: create.action,
        source,
        environment_choice,
        actor: Actor(caller.0),
        commit: None,
        // Every request of a person is a change of its own.
        nonce: now.to_string(),
    };
    let queued = control.store.enqueue(change).await?;
    control.announce(&queued.deployment, "queued", "the change waits for its turn").await?;
    control.start_next(&layer).await?;
    let answer = json!({
        "layer": layer,
        "number": queued.deployment.number,
        "id": queued.deployment.id().to_string(),
        "duplicate": queued.duplicate,
        "superseded": queued.superseded,
    });
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// The config of a layer that is to be planned or deployed again, checked as its deployment will see it.
async fn configured(control: &Control, layer: &str, create: &Create) -> Result<(Source, Option<String>), ApiError> {
    let owner = control.store.layer(layer).await?.and_then(|record| record.key);
    let key = create.key.clone().or(owner).ok_or_else(|| ApiError::not_found(format!("there is no layer {layer}")))?;
    let (object_key, version) = match &create.upload {
        Some(upload) if upload.key.starts_with(".landfall/uploads/") => (upload.key.clone(), upload.version_id.clone()),
        Some(_) => {
            return Err(ApiError::invalid("an upload lies under .landfall/uploads/", "upload the file there first"));
        }
        None => (key.clone(), None),
    };
    let object = control
        .read_object(&object_key, version.as_deref())
        .await?
        .ok_or_else(|| ApiError::not_found(format!("{object_key} is not in the config bucket")))?;
    let mut named = object.clone();
    named.key.clone_from(&key);
    let LoadedFile::Layer(file, text) = control.read_file(&named)? else {
        return Err(ApiError::invalid(format!("{key} declares no layer"), "a layer file has a name and modules"));
    };
    if file.name.value != layer {
        return Err(ApiError::invalid(
            format!("{key} declares layer {}, not {layer}", file.name.value),
            "name the layer that the file declares",
        ));
    }
    let environment = control.environment_of(&key, &file, create.environment.as_deref()).await?;
    // What the service uses of an environment that is being made shows when its turn comes.
    if environment.as_ref().is_none_or(|environment| environment.deployed) {
        let chosen = environment.as_ref().map(ChosenEnvironment::named);
        control.resolve_layer(&file, &text, chosen).await?;
    }
    let source = Source {
        object: (object_key != key).then_some(object_key),
        version_id: object.version_id,
        etag: object.etag,
        sequencer: None,
        key,
    };
    Ok((source, environment.map(|environment| environment.name)))
}

/// A layer that is to be destroyed: it must exist, and an environment must be empty.
async fn destroyed(control: &Control, layer: &str) -> Result<(Source, Option<String>), ApiError> {
    let record = known(control, layer).await?;
    let mut alive = Vec::new();
    for service in control.store.services(layer).await? {
        let status = control.store.layer(&service).await?.map(|record| record.status);
        if status != Some(landfall_state::LayerStatus::Destroyed) {
            alive.push(service);
        }
    }
    if !alive.is_empty() {
        let list = alive.join(", ");
        return Err(ApiError::conflict(
            format!("environment {layer} still has services: {list}"),
            format!(
                "destroy them first: {}",
                alive.iter().map(|name| format!("landfall destroy {name}")).collect::<Vec<_>>().join("; ")
            ),
        ));
    }
    let environment = record.environment.filter(|_| record.scope == Some(Scope::Service));
    let source = Source { key: record.key.unwrap_or_default(), ..Source::default() };
    Ok((source, environment))
}

/// Query of `GET /layers/{layer}/deployments`.
#[derive(Debug, Deserialize)]
pub(crate) struct ListQuery {
    /// How many, newest first.
    #[serde(default)]
    limit: Option<usize>,
    /// Only those of this version of the layer's object.
    #[serde(default)]
    version_id: Option<String>,
}

/// `GET /layers/{layer}/deployments`
pub(crate) async fn list(
    State(control): State<Control>,
    Path(layer): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(20).clamp(1, 100);
    let mut deployments = control.store.deployments(&layer, limit).await?;
    if let Some(version) = query.version_id {
        deployments.retain(|deployment| deployment.source.version_id.as_deref() == Some(&version));
    }
    Ok(Json(json!({ "deployments": deployments })))
}

/// `GET /layers/{layer}/deployments/{number}`
pub(crate) async fn show(
    State(control): State<Control>,
    Path((layer, number)): Path<(String, u64)>,
) -> Result<Json<Value>, ApiError> {
    let deployment = control.store.deployment(&layer, number).await?;
    let mut runs = control.store.runs(&layer, number).await?;
    for run in &mut runs {
        // A token is a capability: whoever has it can end the wait.
        run.task_token = None;
    }
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

/// `GET /layers/{layer}/deployments/{number}/plan`
pub(crate) async fn plan(
    State(control): State<Control>,
    Path((layer, number)): Path<(String, u64)>,
) -> Result<Json<Value>, ApiError> {
    let deployment = control.store.deployment(&layer, number).await?;
    let plan = deployment
        .plan
        .as_ref()
        .ok_or_else(|| ApiError::not_found(format!("deployment {} has no plan yet", deployment.id())))?;
    let bytes = control.store.get_document(&plan.document).await?;
    let document: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::new(format!("the plan cannot be read: {error}"), "plan again"))?;
    Ok(Json(json!({ "hash": plan.hash, "risk": plan.risk, "summary": plan.summary, "plan": document })))
}

/// Query of `GET /layers/{layer}/deployments/{number}/events`.
#[derive(Debug, Deserialize)]
pub(crate) struct EventsQuery {
    /// Only those after this moment.
    #[serde(default)]
    after: Option<Timestamp>,
}

/// `GET /layers/{layer}/deployments/{number}/events`
pub(crate) async fn events(
    State(control): State<Control>,
    Path((layer, number)): Path<(String, u64)>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Value>, ApiError> {
    control.store.deployment(&layer, number).await?;
    let events = control.store.events(&layer, number, query.after).await?;
    Ok(Json(json!({ "events": events })))
}
