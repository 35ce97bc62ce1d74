//! The pages generated from the catalogue are those that are checked in.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

/// Compares a page with what is generated, and writes it when `UPDATE` is set.
fn is_fresh(name: &str, generated: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == generated,
        "docs/{name} is not what the catalogue says now: run `UPDATE=1 cargo test -p landfall-catalog --test reference`"
    );
}

#[test]
fn the_reference_of_modules_is_fresh() {
    is_fresh("modules.md", &landfall_catalog::reference());
}

#[test]
fn the_schema_for_editors_is_fresh() {
    let schema = serde_json::to_string_pretty(&landfall_catalog::schema()).unwrap();
    is_fresh("layer.schema.json", &(schema + "\n"));
}
