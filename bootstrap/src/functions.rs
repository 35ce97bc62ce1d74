//! The functions of the installation, found by their folders: a new folder is a new function.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Which of the two kinds of function it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    /// Part of the way of a change.
    Control,
    /// One module kind.
    Module,
}

/// A function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Name of its folder, and of the module kind.
    pub name: String,
    /// Control or module.
    pub kind: FunctionKind,
    /// Its folder.
    pub folder: PathBuf,
    /// Its own IAM policy.
    pub policy: Value,
}

impl Function {
    /// Name of its binary: that of its package.
    pub fn binary(&self) -> String {
        match self.kind {
            FunctionKind::Control => format!("landfall-{}", self.name),
            FunctionKind::Module => format!("landfall-module-{}", self.name),
        }
    }

    /// Its name as part of a CloudFormation logical id.
    pub fn logical(&self) -> String {
        self.name
            .split('-')
            .map(|word| {
                let mut letters = word.chars();
                letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
            })
            .collect()
    }

    /// Name of the template parameter that holds the key of its package.
    pub fn parameter(&self) -> String {
        format!("{}Package", self.logical())
    }
}

/// Every function of the repository at `root`, control functions first, each group by name.
///
/// # Errors
/// When a folder cannot be read or a function has no readable `policy.json`.
pub fn discover(root: &Path) -> Result<Vec<Function>> {
    let mut functions = Vec::new();
    for (kind, group) in [(FunctionKind::Control, "control"), (FunctionKind::Module, "modules")] {
        let folder = root.join("functions").join(group);
        let mut folders: Vec<PathBuf> = std::fs::read_dir(&folder)
            .with_context(|| format!("{} cannot be read", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join("Cargo.toml").exists())
            .collect();
        folders.sort();
        for folder in folders {
            let Some(name) = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
            let file = folder.join("policy.json");
            let text = std::fs::read_to_string(&file).with_context(|| format!("{} is missing", file.display()))?;
            let policy: Value =
                serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
            if policy.get("Statement").and_then(Value::as_array).is_none() {
                bail!("{} has no list of statements", file.display());
            }
            functions.push(Function { name, kind, folder, policy });
        }
    }
    Ok(functions)
}
