//! Layer files on this machine: read and checked as far as that is possible without AWS, with the environments of a
//! service and the files that a layer refers to.

use std::collections::BTreeMap;
use std::path::Path;

use landfall_catalog::{
    EnvironmentContext, EnvironmentModule, Request, Resolved, Type, files_of, kind, kinds, resolve,
};
use landfall_config::{
    Diagnostic, Diagnostics, EnvironmentRef, File, FileScope, LayerFile, Limits, ModuleEntry, Report, Severity, Source,
    Yaml, classify, classify_documents,
};

use crate::error::{Exit, Failure};
use crate::travelling::absent;
use crate::ui::Ui;

/// A file and everything that is known about it.
#[derive(Debug)]
pub struct Checked {
    /// Its name for people: the path as it was given.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The layer, as far as it could be understood.
    pub layer: Option<LayerFile>,
    /// Valid YAML that declares no layer.
    pub is_support: bool,
    /// Errors and warnings, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there are than these.
    pub omitted: usize,
    /// Paths that the layer refers to, relative to the file.
    pub refers_to: Vec<String>,
    source: Option<Source>,
}

impl Checked {
    /// Whether there is no error.
    pub fn is_valid(&self) -> bool {
        self.diagnostics.iter().all(|item| item.severity != Severity::Error)
    }

    /// The diagnostics as people read them.
    pub fn rendered(&self, ui: &Ui) -> String {
        let color = ui.paint == landfall_plan::Paint::Color;
        Diagnostics::from_items(self.diagnostics.clone(), self.source.clone())
            .map(|diagnostics| diagnostics.with_omitted(self.omitted).render(color, ui.width))
            .unwrap_or_default()
    }

    /// The layer of a file without errors; otherwise shows what is wrong.
    pub fn into_layer(self, ui: &Ui) -> Result<(LayerFile, Vec<u8>, Vec<String>), Failure> {
        if !self.is_valid() {
            return Err(Failure::new(Exit::Invalid, self.rendered_plainly(ui)));
        }
        let name = self.name;
        let layer = self.layer.ok_or_else(|| {
            Failure::new(Exit::Invalid, format!("{name} declares no layer"))
                .with_hint("a layer file has a name and modules; files that layers refer to travel with their layer")
        })?;
        Ok((layer, self.bytes, self.refers_to))
    }

    fn rendered_plainly(&self, ui: &Ui) -> String {
        if ui.json {
            let mut lines: Vec<String> = self.diagnostics.iter().map(ToString::to_string).collect();
            if self.omitted > 0 {
                lines.push(format!("… and {} more", self.omitted));
            }
            return lines.join("\n");
        }
        let kept = self.diagnostics.iter().filter(|item| item.severity == Severity::Error).count();
        // While a warning is kept, no error is left out.
        let count = if kept == self.diagnostics.len() { kept + self.omitted } else { kept };
        format!("{} is not valid: {}\n\n{}", self.name, crate::ui::counted(count, "error"), self.rendered(ui))
    }
}

/// Reads and checks a file. `choice` names the environment of a service, when only that one matters.
pub fn check(path: &Path, choice: Option<&str>) -> Checked {
    let name = path.to_string_lossy().into_owned();
    let mut checked = Checked {
        name: name.clone(),
        bytes: Vec::new(),
        layer: None,
        is_support: false,
        diagnostics: Vec::new(),
        omitted: 0,
        refers_to: Vec::new(),
        source: None,
    };
    match std::fs::read(path) {
        Ok(bytes) => checked.bytes = bytes,
        Err(error) => {
            let what = Diagnostic::at_start(&name, "unreadable", format!("the file cannot be read: {error}"));
            checked.diagnostics.push(what.with_help("is the path right? it is relative to the current folder"));
            return checked;
        }
    }
    let source = match Source::from_bytes(&name, &checked.bytes, &Limits::default()) {
        Ok(source) => source,
        Err(diagnostics) => {
            checked.diagnostics = diagnostics.into_items();
            return checked;
        }
    };
    let mut report = Report::new(&source);
    match classify_documents(&source, &mut report) {
        Some(File::Layer(layer)) => {
            resolve_everywhere(path, layer, &source, choice, &mut checked);
        }
        Some(File::Support) => checked.is_support = true,
        None => {}
    }
    checked.omitted += report.omitted();
    checked.diagnostics.extend(report.into_items());
    if let Some(sorted) = Diagnostics::from_items(std::mem::take(&mut checked.diagnostics), None) {
        checked.omitted += sorted.omitted();
        checked.diagnostics = sorted.into_items();
    }
    checked.source = Some(source);
    checked
}

/// Resolves a layer in each of its environments and collects what is wrong in any of them.
fn resolve_everywhere(path: &Path, layer: LayerFile, source: &Source, choice: Option<&str>, checked: &mut Checked) {
    let Checked { diagnostics: found, omitted, refers_to, .. } = checked;
    let mut places: Vec<(BTreeMap<String, String>, Option<EnvironmentContext>)> = Vec::new();
    for entry in layer.environments() {
        let environment = match environment_of(path, entry) {
            Ok(environment) => Some(environment),
            Err(problem) => {
                let help = "the path is relative to this file; the service was checked without its environment";
                let warning = Diagnostic::new(source, entry.path.span, "environment-not-read", problem);
                found.push(warning.with_help(help).warning());
                None
            }
        };
        let chosen = choice.is_none_or(|choice| {
            choice == entry.name.value || environment.as_ref().is_some_and(|environment| environment.name == choice)
        });
        if chosen {
            places.push((variables(entry), environment));
        }
    }
    if places.is_empty() {
        places.push((BTreeMap::new(), None));
    }
    for (variables, environment) in &places {
        match resolve_in(&layer, source, variables, environment.as_ref()) {
            Ok(resolved) => {
                found.extend(resolved.warnings);
                for (module, entry) in resolved.layer.modules.iter().zip(&layer.modules) {
                    let files = files_of(module);
                    found.extend(files.iter().filter_map(|file| absent(path, source, entry, file)));
                    refers_to.extend(files);
                }
            }
            Err(diagnostics) => {
                // Mostly the same ones in every environment, so not their sum.
                *omitted = (*omitted).max(diagnostics.omitted());
                found.extend(diagnostics.into_items());
                found.extend(written_paths(&layer).filter_map(|(entry, file)| absent(path, source, entry, file)));
            }
        }
    }
    refers_to.sort();
    refers_to.dedup();
    checked.layer = Some(layer);
}

/// Paths in a layer that could not be resolved, as far as they stand there as they are.
fn written_paths(layer: &LayerFile) -> impl Iterator<Item = (&ModuleEntry, &str)> {
    layer.modules.iter().flat_map(|entry| {
        let kind = kinds().iter().find(|kind| kind.type_names.contains(&entry.ty.value.as_str()));
        let inputs = kind.map(|kind| kind.inputs).unwrap_or_default();
        let paths = inputs.iter().filter(|input| matches!(input.ty, Type::Path));
        let given = paths.filter_map(|input| entry.inputs.get(input.name)?.as_str());
        given.filter(|path| !path.contains('{')).map(move |path| (entry, path))
    })
}

fn resolve_in(
    file: &LayerFile,
    source: &Source,
    variables: &BTreeMap<String, String>,
    environment: Option<&EnvironmentContext>,
) -> Result<Resolved, Diagnostics> {
    resolve(Request {
        file,
        source,
        environment,
        variables,
        pinned: &BTreeMap::new(),
        supported: None,
        account_id: None,
        config_bucket: None,
        zones: None,
    })
}

/// What a service may use of its environment, from the environment's file; otherwise why that cannot be told.
fn environment_of(path: &Path, entry: &EnvironmentRef) -> Result<EnvironmentContext, String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let wanted = folder.join(&entry.path.value);
    // `.yaml` and `.yml` stand for one another.
    let twin = wanted.with_extension(if wanted.extension().is_some_and(|end| end == "yml") { "yaml" } else { "yml" });
    let Some((found, bytes)) = [&wanted, &twin].into_iter().find_map(|path| Some((path, std::fs::read(path).ok()?)))
    else {
        return Err(format!("the file of environment `{}` cannot be read: {}", entry.name.value, wanted.display()));
    };
    let shown = found.display();
    let read = Source::from_bytes(found.to_string_lossy(), &bytes, &Limits::default());
    let file = match read.and_then(|source| classify(&source)) {
        Ok(File::Layer(file)) => file,
        Ok(File::Support) => return Err(format!("{shown} declares no layer")),
        Err(_) => return Err(format!("{shown} is not valid: landfall validate {shown}")),
    };
    let FileScope::Environment { org_name, region, account_id } = &file.scope else {
        return Err(format!("{shown} is no environment"));
    };
    let mut context = EnvironmentContext {
        name: file.name.value.clone(),
        org_name: org_name.value.clone(),
        region: region.value.clone(),
        account_id: account_id.value.clone(),
        ..EnvironmentContext::default()
    };
    for entry in &file.modules {
        let Some(kind) = kinds().iter().find(|kind| kind.type_names.contains(&entry.ty.value.as_str())) else {
            continue;
        };
        context.modules.push(EnvironmentModule { name: entry.name.value.clone(), kind: kind.name.to_owned() });
    }
    for module in &context.modules {
        let outputs = kind(&module.kind).map(|kind| kind.outputs).unwrap_or_default();
        for output in outputs.iter().filter(|output| output.exported) {
            // The value is known once the environment is deployed.
            context.outputs.insert(output.name.to_owned(), format!("${{landfall:offline.{}}}", output.name).into());
        }
    }
    Ok(context)
}

fn variables(entry: &EnvironmentRef) -> BTreeMap<String, String> {
    let text = |value: &Yaml| match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Bool(value) => Some(value.to_string()),
        Yaml::Int { raw, .. } | Yaml::Float { raw, .. } => Some(raw.clone()),
        Yaml::Null | Yaml::List(_) | Yaml::Map(_) => None,
    };
    let entries = entry.variables.entries.iter();
    entries.filter_map(|variable| Some((variable.key.clone(), text(&variable.value.value)?))).collect()
}
