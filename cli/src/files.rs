//! Layer files on this machine: read and checked as far as that is possible without AWS, with the environments of a
//! service and the files that a layer refers to.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use landfall_catalog::{EnvironmentContext, EnvironmentModule, Request, Resolved, kind, kinds, resolve, support_files};
use landfall_config::{
    Diagnostic, Diagnostics, EnvironmentRef, File, FileScope, LayerFile, Limits, Report, Severity, Source, Yaml,
    classify, classify_documents,
};

use crate::error::{Exit, Failure, file_failure};
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
            .map(|diagnostics| diagnostics.render(color, ui.width))
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
        let count = self.diagnostics.iter().filter(|item| item.severity == Severity::Error).count();
        if ui.json {
            let lines: Vec<String> = self.diagnostics.iter().map(ToString::to_string).collect();
            return lines.join("\n");
        }
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
            let items = resolve_everywhere(path, &layer, &source, choice, &mut checked.refers_to);
            checked.diagnostics.extend(items);
            checked.layer = Some(layer);
        }
        Some(File::Support) => checked.is_support = true,
        None => {}
    }
    checked.diagnostics.extend(report.into_items());
    let sorted = Diagnostics::from_items(std::mem::take(&mut checked.diagnostics), None);
    checked.diagnostics = sorted.map(Diagnostics::into_items).unwrap_or_default();
    checked.source = Some(source);
    checked
}

/// Resolves a layer in each of its environments and collects what is wrong in any of them.
fn resolve_everywhere(
    path: &Path,
    layer: &LayerFile,
    source: &Source,
    choice: Option<&str>,
    refers_to: &mut Vec<String>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut places: Vec<(BTreeMap<String, String>, Option<EnvironmentContext>)> = Vec::new();
    for entry in layer.environments() {
        let environment = match environment_of(path, entry) {
            Ok(environment) => environment,
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
        match resolve_in(layer, source, variables, environment.as_ref()) {
            Ok(resolved) => {
                found.extend(resolved.warnings);
                refers_to.extend(support_files(&resolved.layer));
            }
            Err(diagnostics) => found.extend(diagnostics.into_items()),
        }
    }
    refers_to.sort();
    refers_to.dedup();
    found
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

/// What a service may use of its environment, from the environment's file: `Err` when that is not there or not
/// readable, `None` when it has errors of its own, which `landfall validate` of that file shows.
fn environment_of(path: &Path, entry: &EnvironmentRef) -> Result<Option<EnvironmentContext>, String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let wanted = folder.join(&entry.path.value);
    // `.yaml` and `.yml` stand for one another.
    let twin = wanted.with_extension(if wanted.extension().is_some_and(|end| end == "yml") { "yaml" } else { "yml" });
    let Some(bytes) = [&wanted, &twin].iter().find_map(|path| std::fs::read(path).ok()) else {
        return Err(format!("the file of environment `{}` cannot be read: {}", entry.name.value, wanted.display()));
    };
    let Ok(source) = Source::from_bytes(wanted.to_string_lossy(), &bytes, &Limits::default()) else { return Ok(None) };
    let Ok(File::Layer(file)) = classify(&source) else { return Ok(None) };
    let FileScope::Environment { org_name, region, account_id } = &file.scope else {
        return Err(format!("{} is no environment", wanted.display()));
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
    Ok(Some(context))
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

/// The files that a layer refers to, as they travel: the path relative to the layer file, with `/`, and the content.
pub fn travelling(file: &Path, refers_to: &[String]) -> Result<Vec<(String, PathBuf)>, Failure> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for path in refers_to {
        let relative = relative_key(path).ok_or_else(|| {
            Failure::new(
                Exit::Invalid,
                format!("{} refers to {path}, which lies outside of its folder", file.display()),
            )
            .with_hint("files travel with their layer: put them beside the layer file or below it")
        })?;
        let place = folder.join(&relative);
        if !place.exists() {
            let what = format!("{} refers to {path}, and there is no {}", file.display(), place.display());
            return Err(Failure::new(Exit::Invalid, what).with_hint("the path is relative to the layer file"));
        }
        collect(&place, &relative, &mut found)?;
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// A path below the folder of the layer file, as part of a key.
fn relative_key(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?.to_owned()),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn collect(place: &Path, relative: &str, found: &mut Vec<(String, PathBuf)>) -> Result<(), Failure> {
    if !place.is_dir() {
        found.push((relative.to_owned(), place.to_owned()));
        return Ok(());
    }
    for entry in std::fs::read_dir(place).map_err(|error| file_failure("list", place, &error))? {
        let entry = entry.map_err(|error| file_failure("list", place, &error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(Failure::new(Exit::Invalid, format!("{} has no name in UTF-8", entry.path().display())));
        };
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        // A link to a folder could lead back to where it is.
        if is_link && entry.path().is_dir() {
            continue;
        }
        collect(&entry.path(), &format!("{relative}/{name}"), found)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_travels_with_everything_in_it_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("site/css")).unwrap();
        std::fs::create_dir_all(folder.path().join("site-old")).unwrap();
        for file in ["site/index.html", "site/css/main.css", "site-old/index.html"] {
            std::fs::write(folder.path().join(file), "x").unwrap();
        }
        let found = travelling(&folder.path().join("shop.yaml"), &["./site".to_owned()]).unwrap();
        let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["site/css/main.css", "site/index.html"]);
    }

    #[test]
    fn files_outside_of_the_folder_do_not_travel() {
        let failure = travelling(Path::new("services/shop.yaml"), &["../secrets".to_owned()]).unwrap_err();
        assert_eq!(failure.exit, Exit::Invalid);
        assert!(failure.message.contains("outside of its folder"), "{failure}");
    }

    #[test]
    fn a_missing_file_is_named_with_its_place() {
        let failure = travelling(Path::new("services/shop.yaml"), &["site".to_owned()]).unwrap_err();
        assert_eq!(failure.message, "services/shop.yaml refers to site, and there is no services/site");
    }
}
