//! From a layer file to a resolved layer: kinds, variables, references, types, defaults, links, order, names.

mod links;
mod modules;
mod names;
mod order;
mod placed;
mod references;
mod settings;
mod typed;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

use landfall_config::{Diagnostic, Diagnostics, FileScope, LayerFile, Report, Source};
use serde_json::Value;

use crate::layer::{EnvironmentContext, Layer, Module, Scope};
use crate::ty::Type;

/// What is to be resolved, and what is known around it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The file.
    pub file: &'a LayerFile,
    /// Its text, for the places of diagnostics.
    pub source: &'a Source,
    /// The environment of a service; `None` when it is checked offline.
    pub environment: Option<&'a EnvironmentContext>,
    /// Values of variables.
    pub variables: &'a BTreeMap<String, String>,
    /// Defaults that deployed modules are pinned to, by module.
    pub pinned: &'a BTreeMap<String, BTreeMap<String, Value>>,
    /// Kinds whose function is installed; `None` takes all.
    pub supported: Option<&'a BTreeSet<String>>,
    /// Account of the installation.
    pub account_id: Option<&'a str>,
    /// Zones of the region.
    pub zones: Option<u32>,
    /// The bucket that `{state_storage}` stands for.
    pub config_bucket: Option<&'a str>,
}

/// A resolved layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The layer.
    pub layer: Layer,
    /// What is understood but should be looked at.
    pub warnings: Vec<Diagnostic>,
}

/// Resolves a layer file.
///
/// # Errors
/// Everything that is wrong in the file, at once.
pub fn resolve(request: Request<'_>) -> Result<Resolved, Diagnostics> {
    let mut report = Report::new(request.source);
    let file = request.file;
    place(&request, &mut report);
    let variables = variables::variables(&request, &mut report);
    let settings = settings::settings(file, &mut report);
    let modules = modules::resolve(&request, &variables, &mut report);
    let (scope, environment, org_name, region, account_id) = match (&file.scope, request.environment) {
        (FileScope::Environment { org_name, region, account_id }, _) => (
            Scope::Environment,
            file.name.value.clone(),
            org_name.value.clone(),
            region.value.clone(),
            account_id.value.clone(),
        ),
        (FileScope::Service { .. }, Some(environment)) => (
            Scope::Service,
            environment.name.clone(),
            environment.org_name.clone(),
            environment.region.clone(),
            environment.account_id.clone(),
        ),
        (FileScope::Service { .. }, None) => {
            (Scope::Service, String::new(), String::new(), String::new(), String::new())
        }
    };
    let warnings = report.finish()?;
    let name = file.name.value.clone();
    let layer = Layer { name, scope, environment, org_name, region, account_id, modules, settings };
    Ok(Resolved { layer, warnings })
}

/// What a layer says of itself under the key `landfall`, with defaults; null when it says nothing. No environment has a
/// part in it.
///
/// # Errors
/// Everything that is wrong in it, at once.
pub fn settings_of(file: &LayerFile, source: &Source) -> Result<Value, Diagnostics> {
    let mut report = Report::new(source);
    let settings = settings::settings(file, &mut report);
    report.finish()?;
    Ok(settings)
}

/// Account and zones of an environment; the name of a service.
fn place(request: &Request<'_>, report: &mut Report<'_>) {
    match &request.file.scope {
        FileScope::Environment { region, account_id, .. } => {
            if let Some(ours) = request.account_id
                && ours != account_id.value
            {
                let message = format!("account {} is not the account of this installation", account_id.value);
                report.push(
                    report
                        .at(account_id.span, "foreign-account", message)
                        .with_field("providers.aws.account_id")
                        .with_help(format!(
                            "this installation deploys to {ours}; install Landfall in the other account"
                        )),
                );
            }
            if let Some(zones) = request.zones
                && zones < 3
            {
                let message = format!("region {} has {zones} availability zones, three are needed", region.value);
                report.push(
                    report
                        .at(region.span, "too-few-zones", message)
                        .with_field("providers.aws.region")
                        .with_help("choose a region with at least three zones"),
                );
            }
        }
        FileScope::Service { .. } => {
            if let Some(environment) = request.environment
                && environment.name == request.file.name.value
            {
                let message = "the service has the same name as its environment";
                report.push(
                    report
                        .at(request.file.name.span, "same-name", message)
                        .with_field("name")
                        .with_help("give the service a name of its own"),
                );
            }
        }
    }
}

/// Paths that a layer refers to, relative to its file.
pub fn support_files(layer: &Layer) -> Vec<String> {
    let found: BTreeSet<String> = layer.modules.iter().flat_map(files_of).collect();
    found.into_iter().collect()
}

/// Paths that a module refers to, relative to the layer file.
pub fn files_of(module: &Module) -> Vec<String> {
    let mut found = BTreeSet::new();
    let Some(kind) = crate::kinds::by_name(&module.kind) else { return Vec::new() };
    for input in kind.inputs {
        if let Some(value) = module.inputs.get(input.name) {
            paths(&input.ty, value, &mut found);
        }
    }
    if let Some(files) = kind.files {
        found.extend(files(&module.inputs));
    }
    found.into_iter().collect()
}

/// The paths in a value of a type.
fn paths(ty: &Type, value: &Value, found: &mut BTreeSet<String>) {
    match (ty, value) {
        (Type::Path, Value::String(path)) => {
            found.insert(path.clone());
        }
        (Type::List { of, .. }, Value::Array(items)) => items.iter().for_each(|item| paths(of, item, found)),
        (Type::Map(of), Value::Object(map)) => map.values().for_each(|value| paths(of, value, found)),
        (Type::Object(fields), Value::Object(map)) => {
            for field in *fields {
                if let Some(value) = map.get(field.name) {
                    paths(&field.ty, value, found);
                }
            }
        }
        _ => {}
    }
}
