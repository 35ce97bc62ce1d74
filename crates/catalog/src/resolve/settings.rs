//! The top-level key `landfall`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use landfall_config::{LayerFile, Report};
use serde_json::Value;

use super::placed::{Placed, What};
use super::references::References;
use super::typed::fit;
use crate::settings::{MOMENT, SETTINGS};
use crate::ty::Type;

/// One end of a window as the file has it: the text, its place and what it stands for.
struct End<'a> {
    text: &'a str,
    placed: &'a Placed,
    at: Timestamp,
}

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
    freezes(&placed, report);
    fit(&placed, &Type::Object(SETTINGS), "landfall", report).unwrap_or(Value::Null)
}

/// Reports windows that name a day that does not exist, or do not end after they begin: nothing would be frozen.
fn freezes(settings: &Placed, report: &mut Report<'_>) {
    let Some(What::List(windows)) = settings.get("freeze").map(|freeze| &freeze.value) else { return };
    for (index, window) in windows.iter().enumerate() {
        let field = format!("landfall.freeze[{index}]");
        let from = end(window, "from", &field, report);
        let until = end(window, "until", &field, report);
        let (Some(from), Some(until)) = (from, until) else { continue };
        if from.at < until.at {
            continue;
        }
        let message = if from.at == until.at {
            format!("the window ends when it begins ({})", from.text)
        } else {
            format!("the window ends ({}) before it begins ({})", until.text, from.text)
        };
        report.push(
            report.at(until.placed.span, "invalid-freeze", message).with_field(format!("{field}.until")).with_help(
                "`until` is the first moment in which deployments begin again; a date alone is its midnight",
            ),
        );
    }
}

/// One end of a window. What does not have the form of a moment is reported by its type.
fn end<'a>(window: &'a Placed, name: &str, field: &str, report: &mut Report<'_>) -> Option<End<'a>> {
    let placed = window.get(name)?;
    let What::Text(text) = &placed.value else { return None };
    // The expression is a constant, tested to be valid.
    if !regex_lite::Regex::new(MOMENT.regex).is_ok_and(|form| form.is_match(text)) {
        return None;
    }
    let whole = if text.contains('T') { text.clone() } else { format!("{text}T00:00Z") };
    let Ok(at) = whole.parse::<Timestamp>() else {
        report.push(
            report
                .at(placed.span, "invalid-freeze", format!("there is no {text}"))
                .with_field(format!("{field}.{name}"))
                .with_help("name a day that exists"),
        );
        return None;
    };
    Some(End { text, placed, at })
}
