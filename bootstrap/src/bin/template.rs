//! Writes `bootstrap/template.yaml`; with `--check` only says whether it is fresh.

use std::path::Path;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let file = root.join("bootstrap/template.yaml");
    let fresh = landfall_bootstrap::template_text(root)?;
    if std::env::args().any(|argument| argument == "--check") {
        let found = std::fs::read_to_string(&file).context("bootstrap/template.yaml is missing")?;
        if found != fresh {
            bail!("bootstrap/template.yaml is stale; run `make template` and commit it");
        }
        return Ok(());
    }
    std::fs::write(&file, fresh).context("bootstrap/template.yaml cannot be written")
}
