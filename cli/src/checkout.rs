//! The checkout of Landfall that `bootstrap` and `local` work from.

use std::path::{Path, PathBuf};

use crate::error::{Exit, Failure};

/// Finds it: `LANDFALL_HOME`, the current folder and those above it, where this command was built.
pub fn root() -> Result<PathBuf, Failure> {
    if let Some(home) = std::env::var_os("LANDFALL_HOME").filter(|home| !home.is_empty()) {
        let home = PathBuf::from(home);
        return if is_checkout(&home) {
            Ok(home)
        } else {
            Err(Failure::new(
                Exit::Invalid,
                format!("LANDFALL_HOME is {}, which is no checkout of Landfall", home.display()),
            )
            .with_hint(
                "a checkout has the folders bootstrap, functions and local; unset it to look from the current folder",
            ))
        };
    }
    let here = std::env::current_dir().unwrap_or_default();
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    here.ancestors().chain([built]).find(|folder| is_checkout(folder)).map(Path::to_owned).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("no checkout of Landfall in {} or above", here.display()))
            .with_hint("clone the repository and run this in it, or set LANDFALL_HOME to where it is")
    })
}

fn is_checkout(folder: &Path) -> bool {
    ["bootstrap/template.yaml", "functions/control", "local/landfall_local"]
        .iter()
        .all(|part| folder.join(part).exists())
}
