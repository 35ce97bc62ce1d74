//! The top-level key `landfall`.

use std::collections::{BTreeMap, BTreeSet};

use landfall_config::{LayerFile, Report};
use serde_json::Value;

use super::placed::Placed;
use super::references::References;
use super::typed::fit;
use crate::settings::SETTINGS;
use crate::ty::Type;

/// The settings with their defaults; null when the file has none.
pub(super) fn settings(file: &LayerFile, report: &mut Report<'_>) -> Value {
    let Some(node) = &file.settings else { return Value::Null };
    let mut nothing = References {
        file,
        kinds: &BTreeMap::new(),
        environment: None,
        config_bucket: None,
        variables: &BTreeMap::new(),
        module: "",
        used: BTreeSet::new(),
    };
    let placed = Placed::of(node, "landfall", &mut nothing, report);
    fit(&placed, &Type::Object(SETTINGS), "landfall", report).unwrap_or(Value::Null)
}
