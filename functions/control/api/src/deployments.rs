//! Deployments are asked for: deploy, plan, destroy.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_control::{Checked, Control, LoadedFile, Object};
use landfall_state::{Action, Actor, Deployment, NewChange, Phase, Scope, Source, StateError};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::answer::{ApiError, Caller};
use crate::extract::{Body, LONGEST_KEY, LayerPath, Path};
use crate::layers::{known, unknown};
use crate::schema;

/// Prefix of Landfall's own documents in the config bucket.
const INTERNAL: &str = ".landfall/";
/// Where files lie that are planned and not deployed.
const UPLOADS: &str = ".landfall/uploads/";

/// What is asked of a layer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    /// What is asked.
    #[schema(value_type = schema::Action)]
    action: Action,
    /// A file to plan that is not deployed. It lies under `.landfall/uploads/` in the config bucket.
    #[serde(default)]
    upload: Option<Upload>,
    /// The key in the config bucket that the file has or will have; left out, the one that owns the layer.
    #[serde(default)]
    key: Option<String>,
    /// The environment of a service that lists several.
    #[serde(default)]
    environment: Option<String>,
}

impl Create {
    /// The newest version of the layer's file.
    pub(crate) fn newest(environment: Option<String>) -> Self {
        Self { action: Action::Deploy, upload: None, key: None, environment }
    }
}

/// An object of the config bucket.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upload {
    /// Its key.
    key: String,
    /// Its version; left out, the newest.
    #[serde(default)]
    version_id: Option<String>,
}

/// Asks for a deployment, a plan or the destruction of a layer. It waits for its turn and takes the place of one that
/// waits.
#[utoipa::path(
    post,
    path = "/layers/{layer}/deployments",
    operation_id = "createDeployment",
    tag = "deployments",
    params(LayerPath, ("Idempotency-Key" = Option<String>, Header,
        description = "A UUID: another request with it is answered with the deployment of the first one")),
    request_body = Create,
    responses(
        (status = 202, description = "It waits for its turn", body = schema::Accepted),
        (status = 400, description = "The body or the file is wrong", body = schema::ErrorAnswer),
        (status = 404, description = "There is no such layer or file", body = schema::ErrorAnswer),
        (status = 409, description = "Another key owns the layer, the environment still has services, a plan would take \
            the place of what waits or wait for a decision about another one, or the idempotency key came with another \
            request",
            body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn create(
    State(control): State<Control>,
    Path(LayerPath { layer }): Path<LayerPath>,
    caller: Caller,
    Body(create): Body<Create>,
) -> Result<(StatusCode, Json<schema::Accepted>), ApiError> {
    let object = create.upload.as_ref().map(|upload| upload.key.as_str());
    let asked = Asked { action: create.action, resumes: None, object };
    if let Some(before) = asked_before(&control, &layer, &caller, asked).await? {
        return Ok(before);
    }
    let (source, checked) = match create.action {
        Action::Destroy => {
            if create.upload.is_some() || create.key.is_some() || create.environment.is_some() {
                return Err(ApiError::invalid(
                    "a destruction takes no file and no environment",
                    "what was deployed last is destroyed: send the action alone",
                ));
            }
            destroyed(&control, &layer).await?
        }
        Action::Drift => {
            let hint = format!("POST /layers/{layer}/drift, or: landfall drift {layer}");
            return Err(ApiError::invalid("a look for drift has a path of its own", hint));
        }
        Action::Rollback => {
            let hint = "`on_failure: rollback` under `landfall` in the file has it follow every deployment that fails";
            return Err(ApiError::invalid("a rollback is not asked for", hint));
        }
        Action::Deploy | Action::Plan => configured(&control, &layer, &create).await?,
    };
    Ok((StatusCode::ACCEPTED, Json(queue(&control, &layer, create.action, source, checked, caller, None).await?)))
}

/// What a request asks for: what tells it from another one that has its key by mistake. Not who asks, because the names
/// of sessions differ between honest tries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// What is asked.
    pub(crate) action: Action,
    /// The deployment that it goes on with.
    pub(crate) resumes: Option<u64>,
    /// The object that is planned instead of the layer's file.
    pub(crate) object: Option<&'a str>,
}

impl Asked<'_> {
    /// An action that is about nothing else.
    pub(crate) fn plainly(action: Action) -> Self {
        Self { action, resumes: None, object: None }
    }

    /// That a deployment with the key of this request is one that was asked for by it.
    fn is(self, known: &Deployment) -> Result<(), ApiError> {
        let is = (known.action, known.resumes, known.source.object.as_deref());
        if is == (self.action, self.resumes, self.object) {
            return Ok(());
        }
        Err(ApiError::conflict(
            format!("the request that came first with this idempotency key asked for something else: {}", known.id()),
            "send a key of its own, such as a UUID, with each thing that is asked for",
        ))
    }
}

/// The answer to a request that came before, with the same key. Where whoever took that one died before the start, this
/// one starts it.
pub(crate) async fn asked_before(
    control: &Control,
    layer: &str,
    caller: &Caller,
    asked: Asked<'_>,
) -> Result<Option<(StatusCode, Json<schema::Accepted>)>, ApiError> {
    let Some(key) = &caller.key else { return Ok(None) };
    let Some(known) = control.store.requested(layer, key).await? else { return Ok(None) };
    asked.is(&known)?;
    if known.execution_arn.is_none() && !known.status.is_final() {
        control.start_next(layer).await?;
    }
    let (number, id) = (known.number, known.id().to_string());
    let accepted = schema::Accepted { layer: known.layer, number, id, duplicate: true, superseded: None };
    Ok(Some((StatusCode::ACCEPTED, Json(accepted))))
}

/// Queues what a person asks for.
pub(crate) async fn queue(
    control: &Control,
    layer: &str,
    action: Action,
    source: Source,
    checked: Checked,
    caller: Caller,
    resumes: Option<u64>,
) -> Result<schema::Accepted, ApiError> {
    let change = NewChange {
        layer: layer.to_owned(),
        action,
        source,
        environment_choice: checked.environment,
        actor: Actor(caller.arn),
        commit: None,
        resumes,
        freeze_windows: checked.freeze_windows,
        // Every request of a person is a change of its own, unless a key says that it is an earlier one.
        nonce: caller.request_id.unwrap_or_else(|| control.store.now().to_string()),
        key: caller.key,
    };
    let object = change.source.object.clone();
    if action == Action::Plan {
        refuse_behind_a_decision(control, layer).await?;
    }
    let queued = control.queue(change, None).await.map_err(|error| match error {
        error @ StateError::Conflict { .. } if action == Action::Plan => {
            ApiError::from(error).with_hint(format!("plan again once it has ended: landfall status {layer}"))
        }
        error => error.into(),
    })?;
    // Another one with its key may have come in this moment.
    Asked { action, resumes, object: object.as_deref() }.is(&queued.deployment)?;
    Ok(schema::Accepted {
        layer: layer.to_owned(),
        number: queued.deployment.number,
        id: queued.deployment.id().to_string(),
        duplicate: queued.duplicate,
        superseded: queued.superseded,
    })
}

/// A plan is asked for to be read now: it does not wait until somebody decides about another one, which may take days.
async fn refuse_behind_a_decision(control: &Control, layer: &str) -> Result<(), ApiError> {
    let Some(running) = control.store.queue(layer).await?.running else { return Ok(()) };
    let deployment = control.store.deployment(layer, running).await?;
    let undecided = deployment.approval.as_ref().is_some_and(|approval| approval.decision.is_none());
    if deployment.phase != Some(Phase::AwaitingApproval) || !undecided {
        return Ok(());
    }
    let id = deployment.id();
    let hint = format!("decide about it first: landfall approve {id}, or landfall reject {id} --reason WHY");
    Err(ApiError::conflict(format!("deployment {id} waits for an approval"), hint))
}

/// The config of a layer that is to be planned or deployed again, checked as its deployment will see it.
pub(crate) async fn configured(control: &Control, layer: &str, create: &Create) -> Result<(Source, Checked), ApiError> {
    let key = key_of(control, layer, create).await?;
    let (object_key, version) = match &create.upload {
        None => (key.clone(), None),
        Some(_) if create.action != Action::Plan => {
            return Err(ApiError::invalid(
                "an upload can be planned, not deployed",
                format!("upload the file as {key}: that deploys it"),
            ));
        }
        Some(upload) if !upload.key.starts_with(UPLOADS) => {
            return Err(ApiError::invalid("an upload lies under .landfall/uploads/", "upload the file there first"));
        }
        Some(upload) => (upload.key.clone(), upload.version_id.clone()),
    };
    let object = object(control, &object_key, version.as_deref()).await?;
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
    let checked = control.check(&key, &file, &text, create.environment.as_deref()).await?;
    let source = Source {
        object: (object_key != key).then_some(object_key),
        version_id: object.version_id,
        etag: object.etag,
        sequencer: None,
        key,
    };
    Ok((source, checked))
}

/// The key of the layer's file: the given one if no other one owns the name, else the owner.
async fn key_of(control: &Control, layer: &str, create: &Create) -> Result<String, ApiError> {
    let record = control.store.layer(layer).await?;
    let Some(key) = create.key.clone() else {
        return match record.and_then(|record| record.key) {
            Some(key) => Ok(key),
            None => Err(unknown(control, layer).await),
        };
    };
    if key.is_empty() || key.len() > LONGEST_KEY || key.starts_with(INTERNAL) {
        return Err(ApiError::invalid(
            "the key is not one that a layer file has",
            format!("a key has 1 to {LONGEST_KEY} bytes and does not begin with {INTERNAL}"),
        ));
    }
    if let Some(record) = record
        && record.is_alive(control.store.queue(layer).await?)
        && let Some(owner) = record.key.filter(|owner| *owner != key)
    {
        return Err(ApiError::conflict(
            format!("layer {layer} belongs to {owner}; {key} declares the same name"),
            format!("give one of the two another name, or destroy the layer first: landfall destroy {layer}"),
        ));
    }
    Ok(key)
}

/// An object of the config bucket.
async fn object(control: &Control, key: &str, version: Option<&str>) -> Result<Object, ApiError> {
    match control.read_object(key, version).await {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(ApiError::not_found(format!("{key} is not in the config bucket"))
            .with_hint("upload the file, or name the key that it has")),
        // S3 calls a version that it never gives an invalid argument.
        Err(StateError::Aws { code, message, .. })
            if matches!(code.as_str(), "InvalidArgument" | "KeyTooLongError") =>
        {
            Err(ApiError::invalid(message, "name a key and a version that S3 answered"))
        }
        Err(error) => Err(error.into()),
    }
}

/// A layer that is to be destroyed: it must exist, and an environment must be empty.
pub(crate) async fn destroyed(control: &Control, layer: &str) -> Result<(Source, Checked), ApiError> {
    let record = known(control, layer).await?;
    let alive = control.store.living_services(layer).await?;
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
    Ok((source, Checked { environment, freeze_windows: record.freeze_windows }))
}
