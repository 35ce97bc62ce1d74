//! `landfall validate`: checks layer files without touching AWS; every error of every file at once.

use landfall_config::Severity;
use landfall_plan::Tone;
use serde_json::{Value, json};

use crate::args::ValidateArgs;
use crate::error::{Exit, Failure};
use crate::files::{Checked, check};
use crate::ui::{Ui, counted};

/// Checks every file.
pub fn run(ui: &Ui, args: &ValidateArgs) -> Result<Exit, Failure> {
    let checked: Vec<Checked> = args.files.iter().map(|path| check(path, None)).collect();
    let invalid = checked.iter().filter(|file| !file.is_valid()).count();
    let exit = if invalid == 0 { Exit::Done } else { Exit::Invalid };
    if ui.json {
        ui.answer(&checked.iter().map(as_json).collect::<Vec<_>>());
        return Ok(exit);
    }
    let name_width = checked.iter().map(|file| file.name.chars().count()).max().unwrap_or_default();
    for file in &checked {
        show(ui, file, name_width);
    }
    if checked.len() > 1 && invalid > 0 {
        let text = format!("{} of {} not valid", invalid, counted(checked.len(), "file"));
        ui.line(ui.tone(Tone::Delete, text));
    }
    Ok(exit)
}

fn as_json(file: &Checked) -> Value {
    json!({
        "file": file.name,
        "valid": file.is_valid(),
        "layer": file.layer.as_ref().map(|layer| &layer.name.value),
        "kind": kind(file),
        "diagnostics": file.diagnostics,
        "omitted": file.omitted,
    })
}

fn kind(file: &Checked) -> Option<&'static str> {
    if file.is_support {
        return Some("support");
    }
    file.layer.as_ref().map(|layer| if layer.environments().is_empty() { "environment" } else { "service" })
}

fn show(ui: &Ui, file: &Checked, name_width: usize) {
    if !file.diagnostics.is_empty() {
        ui.line(file.rendered(ui));
    }
    if !file.is_valid() {
        return;
    }
    let what = match (&file.layer, kind(file)) {
        (Some(layer), Some(kind)) => {
            format!("{kind} {} · {}", layer.name.value, counted(layer.modules.len(), "module"))
        }
        (None, _) | (_, None) => "declares no layer: a support file".to_owned(),
    };
    let warnings = file.diagnostics.iter().filter(|item| item.severity == Severity::Warning).count();
    let warned = if warnings == 0 { String::new() } else { format!(" · {}", counted(warnings, "warning")) };
    let tick = ui.tone(Tone::Create, "✓");
    ui.line(format!("{tick} {:name_width$}  {}", file.name, ui.tone(Tone::Quiet, format!("{what}{warned}"))));
}
