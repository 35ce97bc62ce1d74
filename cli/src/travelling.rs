//! The files that a layer refers to: they lie beside the layer file, or below it, and travel with it.

use std::path::{Component, Path, PathBuf};

use landfall_config::{Diagnostic, ModuleEntry, Node, Source, Span, Yaml, is_secret_field};

use crate::error::{Exit, Failure, file_failure};

/// An error at the place where a module refers to a path that is not there. That a path leaves the folder of the layer
/// file is refused wherever the file is read.
pub fn absent(file: &Path, source: &Source, entry: &ModuleEntry, path: &str) -> Option<Diagnostic> {
    let place = file.parent().unwrap_or(Path::new("")).join(relative_key(path)?);
    if place.exists() {
        return None;
    }
    let (input, span) = place_of(entry, path);
    // Somebody may have put the key where the path of its file belongs.
    let is_secret = is_secret_field(input);
    let message =
        if is_secret { "there is no such file".to_owned() } else { format!("there is no {}", place.display()) };
    let what = Diagnostic::new(source, span, "missing-file", message);
    Some(what.with_field(entry.field(input)).with_help("the path is relative to this file"))
}

/// Where a module says a path, as far as it stands there as it is.
fn place_of<'a>(entry: &'a ModuleEntry, path: &str) -> (&'a str, Span) {
    let found = entry.inputs.entries.iter().find_map(|input| Some((input.key.as_str(), span_of(&input.value, path)?)));
    found.unwrap_or(("", entry.ty.span))
}

fn span_of(node: &Node, text: &str) -> Option<Span> {
    match &node.value {
        Yaml::String(found) => (found == text).then_some(node.span),
        Yaml::List(items) => items.iter().find_map(|item| span_of(item, text)),
        Yaml::Map(map) => map.entries.iter().find_map(|entry| span_of(&entry.value, text)),
        Yaml::Null | Yaml::Bool(_) | Yaml::Int { .. } | Yaml::Float { .. } => None,
    }
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
