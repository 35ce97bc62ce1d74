//! The run document of a deployment: the layer at its version, the versions of the functions, what is to be destroyed.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::error::ProvideErrorMetadata;
use lambda_runtime::Error;
use landfall_aws::Target;
use landfall_catalog::{EnvironmentContext, Layer, Scope, support_files};
use landfall_config::Diagnostic;
use landfall_control::{ChosenEnvironment, Control, LayerSettings, LoadedFile, Object, Refusal};
use landfall_plan::{AcceptedDrift, ModuleChange, PlanRequest, RunDocument, RunModule, SupportFile};
use landfall_state::{
    Action, Deployment, DocumentRef, DriftRecord, Finished, LayerRecord, Lease, ModuleRecord, Parcel, Place,
    StateError, Status, room,
};

use crate::batch::{Batch, batches};

/// What a deployment works from.
pub(crate) struct Prepared {
    /// Where the run document lies.
    pub run: DocumentRef,
    /// The run document, as small as it is: in the state of the execution.
    pub handed: Parcel,
    /// Bytes that travel beside it of each batch.
    pub room: usize,
    /// Where the layer lives: what every module function makes its clients for.
    pub target: Target,
    /// Modules to plan, those of a kind together.
    pub batches: Vec<Batch>,
}

/// What is recorded of a layer.
pub(crate) struct Known {
    pub layer: Option<LayerRecord>,
    pub modules: BTreeMap<String, ModuleRecord>,
    pub drift: Vec<DriftRecord>,
}

/// Writes the run document of a deployment, and records where its layer lives before anything of it is made: a destroy
/// after any crash has to look there. `None` when the change was not acceptable; the deployment has ended then. An error
/// would be one of the function, and raise its alarm, for what is only a mistake in somebody's file.
pub(crate) async fn prepare(
    control: &Control,
    lease: &Lease,
    deployment: &Deployment,
    known: Known,
    file: Option<Object>,
) -> Result<Option<Prepared>, Error> {
    let run = match run(control, deployment, known, file).await {
        Ok(run) => run,
        Err(Refusal::State(error)) => return Err(error.into()),
        Err(refusal) => {
            reject(control, deployment, &refusal).await?;
            return Ok(None);
        }
    };
    // A look needs nothing of another module.
    let batches = batches(run.modules.iter().map(|module| (module, ())));
    let target = Target {
        account_id: run.layer.account_id.clone(),
        region: run.layer.region.clone(),
        partition: run.partition.clone(),
    };
    let settings = LayerSettings::of(&run.layer).map_err(|refusal| refusal.summary())?;
    let lives = (deployment.action == Action::Deploy).then(|| place(&run.layer, &settings));
    let bytes = serde_json::to_vec(&run)?;
    // Nobody reads the document before both are done; when one fails both are done again.
    let run = DocumentRef::of(&bytes);
    let room = room(batches.len() + 1);
    let handed = Parcel::of(&bytes, room).unwrap_or_else(|| Parcel::Stored(run.clone()));
    let writer = control.store.writer(lease);
    tokio::try_join!(control.store.put_document(bytes), writer.run_recorded(deployment.number, &run, lives.as_ref()))?;
    Ok(Some(Prepared { run, handed, room, target, batches }))
}

/// The file of a deployment that has one to read.
///
/// # Errors
/// When S3 cannot be reached.
pub(crate) async fn file(control: &Control, deployment: &Deployment) -> Result<Option<Object>, StateError> {
    if !matches!(deployment.action, Action::Deploy | Action::Plan) {
        return Ok(None);
    }
    let source = &deployment.source;
    let key = source.object.as_deref().unwrap_or(&source.key);
    control.read_object(key, source.version_id.as_deref()).await
}

fn place<'a>(layer: &'a Layer, settings: &'a LayerSettings) -> Place<'a> {
    Place {
        scope: match layer.scope {
            Scope::Environment => landfall_state::Scope::Environment,
            Scope::Service => landfall_state::Scope::Service,
        },
        environment: &layer.environment,
        org_name: &layer.org_name,
        region: &layer.region,
        account_id: &layer.account_id,
        freeze_windows: &settings.freeze,
        settings: &layer.settings,
    }
}

/// What exists stays where it is: a layer with modules is not moved by an edit of its file.
fn refuse_to_move(layer: &Layer, record: Option<&LayerRecord>) -> Result<(), Refusal> {
    let Some(record) = record else { return Ok(()) };
    let places = [
        ("account", record.account_id.as_deref(), layer.account_id.as_str()),
        ("region", record.region.as_deref(), layer.region.as_str()),
        ("environment", record.environment.as_deref(), layer.environment.as_str()),
    ];
    for (what, lives, wanted) in places {
        if let Some(lives) = lives.filter(|lives| *lives != wanted) {
            return Err(Refusal::new(
                format!("layer {} lives in {what} {lives} and cannot be moved to {wanted}", layer.name),
                format!("give the new one another name, or destroy this one first: landfall destroy {}", layer.name),
            ));
        }
    }
    Ok(())
}

/// A module is what it is: under the same name nothing else can be made of what exists.
fn refuse_to_turn(layer: &Layer, records: &BTreeMap<String, ModuleRecord>) -> Result<(), Refusal> {
    let mut deployed = layer.modules.iter().filter_map(|module| Some((module, records.get(&module.name)?)));
    let Some((module, record)) = deployed.find(|(module, record)| module.kind != record.kind) else { return Ok(()) };
    let (name, is, wanted) = (&module.name, &record.kind, &module.kind);
    Err(Refusal::new(
        format!("module {name} is deployed as {is} and cannot become {wanted} under the same name"),
        format!("give the {wanted} another name; or take {name} out of the file, deploy, and put it in again"),
    ))
}

/// Ends the deployment as rejected.
async fn reject(control: &Control, deployment: &Deployment, refusal: &Refusal) -> Result<(), Error> {
    let end = Finished {
        status: Status::Rejected,
        outcome: None,
        message: Some(refusal.summary()),
        diagnostics: Some(refusal.rendered()),
    };
    control.store.finish(&deployment.layer, deployment.number, end).await?;
    tracing::info!(deployment = %deployment.id(), reason = refusal.summary(), "rejected");
    Ok(())
}

async fn run(
    control: &Control,
    deployment: &Deployment,
    known: Known,
    file: Option<Object>,
) -> Result<RunDocument, Refusal> {
    let name = &deployment.layer;
    let Known { layer: record, modules: records, drift } = known;
    let (layer, environment, files, warnings) = match deployment.action {
        Action::Destroy => (destroyed(&deployment.layer, record), None, Vec::new(), Vec::new()),
        Action::Drift => deployed(control, name, record.as_ref()).await?,
        Action::Rollback if record.as_ref().is_some_and(|record| record.config.is_some()) => {
            deployed(control, name, record.as_ref()).await?
        }
        // It never was deployed whole: what was made of it goes.
        Action::Rollback => (destroyed(name, record), None, Vec::new(), Vec::new()),
        Action::Deploy | Action::Plan => {
            let loaded = load(control, deployment, file, &records).await?;
            refuse_to_move(&loaded.0, record.as_ref().filter(|_| !records.is_empty()))?;
            refuse_to_turn(&loaded.0, &records)?;
            loaded
        }
    };
    let mut accepted: BTreeMap<String, Vec<AcceptedDrift>> = BTreeMap::new();
    for record in &drift {
        accepted.entry(record.module.clone()).or_default().extend(landfall_control::accepted(record));
    }
    accepted.retain(|_, accepted| !accepted.is_empty());
    LayerSettings::of(&layer)?;
    let modules = modules(control, &layer, &records)?;
    Ok(RunDocument {
        layer,
        number: deployment.number,
        resumes: deployment.resumes,
        request: match deployment.action {
            Action::Deploy | Action::Plan | Action::Drift => PlanRequest::Deploy,
            Action::Destroy => PlanRequest::Destroy,
            Action::Rollback => PlanRequest::Rollback,
        },
        environment,
        partition: control.settings.partition().to_owned(),
        modules,
        files,
        warnings,
        accepted,
    })
}

/// The layer as it was deployed last, whatever lies in the bucket by now.
async fn deployed(control: &Control, name: &str, record: Option<&LayerRecord>) -> Result<LoadedLayer, Refusal> {
    let Some(config) = record.and_then(|record| record.config.as_ref()) else {
        return Err(Refusal::new(format!("layer {name} is not deployed"), "deploy it first"));
    };
    let bytes = control.store.get_document(&config.document).await?;
    let run: RunDocument = serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::new(
            format!("the config of deployment {name}/{} cannot be read: {error}", config.number),
            "deploy the file again with this version of Landfall",
        )
    })?;
    Ok((run.layer, run.environment, run.files, Vec::new()))
}

type LoadedLayer = (Layer, Option<EnvironmentContext>, Vec<SupportFile>, Vec<String>);

async fn load(
    control: &Control,
    deployment: &Deployment,
    file: Option<Object>,
    records: &BTreeMap<String, ModuleRecord>,
) -> Result<LoadedLayer, Refusal> {
    let source = &deployment.source;
    let mut object = file.ok_or_else(|| {
        Refusal::new(
            format!("this version of {} is not in the config bucket any more", source.key),
            "upload the file again",
        )
    })?;
    let key = source.object.as_deref().unwrap_or(&source.key);
    // Diagnostics name the file as the user knows it, not the place it was uploaded to.
    object.key.clone_from(&source.key);
    let LoadedFile::Layer(file, text) = control.read_file(&object)? else {
        return Err(Refusal::new(format!("{} declares no layer", source.key), "upload a layer file"));
    };
    let choice = deployment.environment_choice.as_deref();
    let chosen = control.environment_of(&source.key, &file, choice).await?;
    if let Some(environment) = chosen.as_ref().filter(|environment| !environment.deployed) {
        return Err(Refusal::new(
            format!("environment {} is not deployed", environment.name),
            format!("see why: landfall status {}; then deploy this file again", environment.name),
        ));
    }
    let chosen = chosen.as_ref().map(ChosenEnvironment::named);
    let loaded = control.resolve_known(&file, &text, chosen, records).await?;
    let files = files(control, key, &loaded.resolved.layer).await?;
    let warnings = loaded.resolved.warnings.iter().map(sentence).collect();
    Ok((loaded.resolved.layer, loaded.environment, files, warnings))
}

/// A warning on one line, with its place and what to do.
fn sentence(warning: &Diagnostic) -> String {
    let help = warning.help.as_deref().map(|help| format!(": {help}")).unwrap_or_default();
    format!("{}:{}: {}{help}", warning.file, warning.line, warning.message)
}

/// The files that the layer refers to, as they lie beside it in the bucket.
async fn files(control: &Control, key: &str, layer: &Layer) -> Result<Vec<SupportFile>, Refusal> {
    let folder = key.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    let mut found = Vec::new();
    for path in support_files(layer) {
        let path = path.trim_start_matches("./").trim_end_matches('/').to_owned();
        let mut pages = control
            .s3
            .list_objects_v2()
            .bucket(control.store.bucket())
            .prefix(format!("{folder}{path}"))
            .into_paginator()
            .send();
        let mut any = false;
        while let Some(page) = pages.next().await {
            // Not the user's fault, so not a rejection: the deployment fails and says why.
            let page = page.map_err(|error| {
                Refusal::State(StateError::Aws {
                    operation: "ListObjectsV2",
                    code: error.code().unwrap_or("Unknown").to_owned(),
                    message: format!(
                        "the files under {path} cannot be listed: {}",
                        error.message().unwrap_or("no answer")
                    ),
                    source: Box::new(error),
                })
            })?;
            for object in page.contents() {
                let Some(key) = object.key() else { continue };
                let relative = key.strip_prefix(&folder).unwrap_or(key).to_owned();
                // `site` does not mean `site-old`.
                if relative != path && !relative.starts_with(&format!("{path}/")) {
                    continue;
                }
                any = true;
                found.push(SupportFile {
                    path: relative,
                    key: key.to_owned(),
                    version_id: None,
                    etag: object.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
                    size: u64::try_from(object.size().unwrap_or_default()).unwrap_or_default(),
                });
            }
        }
        if !any {
            return Err(Refusal::new(
                format!("{key} refers to {path}, and no such file or folder was uploaded beside it"),
                format!("upload it to {folder}{path} before the layer file, or use `landfall deploy`, which does"),
            ));
        }
    }
    Ok(found)
}

/// Modules of the config in topological order, then those that left it, each after everything that used it.
fn modules(
    control: &Control,
    layer: &Layer,
    records: &BTreeMap<String, ModuleRecord>,
) -> Result<Vec<RunModule>, Refusal> {
    let function = |kind: &str| {
        control.settings.module_function(kind).ok_or_else(|| {
            Refusal::new(
                format!("module kind {kind} is not supported by this installation"),
                "update the installation with `landfall bootstrap`",
            )
        })
    };
    let names: Vec<(&str, Vec<&str>)> = layer
        .modules
        .iter()
        .map(|module| (module.name.as_str(), module.needs.iter().map(String::as_str).collect()))
        .collect();
    let order = landfall_plan::order(&names)
        .map_err(|cycle| Refusal::new(cycle.to_string(), "remove one of the references"))?;
    let mut modules = Vec::new();
    for name in order {
        let Some(module) = layer.module(name) else { continue };
        modules.push(RunModule {
            name: module.name.clone(),
            kind: module.kind.clone(),
            change: ModuleChange::Apply,
            function: function(&module.kind)?,
            needs: module.needs.clone(),
        });
    }
    let gone: Vec<&ModuleRecord> = records.values().filter(|record| layer.module(&record.module).is_none()).collect();
    for record in destroy_order(&gone) {
        let mut needs: BTreeSet<String> = records
            .values()
            .filter(|other| other.needs.contains(&record.module))
            .map(|other| other.module.clone())
            .collect();
        // Whatever stays is brought to the new config first, so that it lets go of what is removed.
        needs.extend(layer.modules.iter().map(|module| module.name.clone()));
        modules.push(RunModule {
            name: record.module.clone(),
            kind: record.kind.clone(),
            change: ModuleChange::Destroy,
            function: function(&record.kind)?,
            needs: needs.into_iter().collect(),
        });
    }
    Ok(modules)
}

/// Each before what it needed.
fn destroy_order<'a>(gone: &[&'a ModuleRecord]) -> Vec<&'a ModuleRecord> {
    let pairs: Vec<(&str, Vec<&str>)> =
        gone.iter().map(|record| (record.module.as_str(), record.needs.iter().map(String::as_str).collect())).collect();
    // Records of different versions could contradict each other; any order then works, only slower, because AWS
    // refuses to delete what is in use and the step waits.
    let order = landfall_plan::order(&pairs).unwrap_or_else(|_| pairs.iter().map(|(name, _)| *name).collect());
    order.iter().rev().filter_map(|name| gone.iter().find(|record| record.module == *name).copied()).collect()
}

/// A layer that is destroyed: its name and place, without modules.
fn destroyed(name: &str, record: Option<LayerRecord>) -> Layer {
    let scope = match record.as_ref().and_then(|record| record.scope) {
        Some(landfall_state::Scope::Service) => Scope::Service,
        Some(landfall_state::Scope::Environment) | None => Scope::Environment,
    };
    let environment = record.as_ref().and_then(|record| record.environment.clone()).unwrap_or_else(|| name.to_owned());
    let settings = record.as_ref().map(|record| record.settings.clone()).unwrap_or_default();
    Layer {
        name: name.to_owned(),
        scope,
        environment,
        org_name: record.as_ref().and_then(|record| record.org_name.clone()).unwrap_or_default(),
        region: record.as_ref().and_then(|record| record.region.clone()).unwrap_or_default(),
        account_id: record.and_then(|record| record.account_id).unwrap_or_default(),
        modules: Vec::new(),
        settings,
    }
}
