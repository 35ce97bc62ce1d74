//! Modules that need each other in a circle.

use std::collections::BTreeSet;

use landfall_config::{LayerFile, Report};

use crate::layer::Module;

/// Reports the first circle.
pub(super) fn check_order(file: &LayerFile, modules: &[Module], report: &mut Report<'_>) {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    loop {
        let ready: Vec<&str> = modules
            .iter()
            .filter(|module| !done.contains(module.name.as_str()))
            .filter(|module| {
                module
                    .needs
                    .iter()
                    .all(|need| done.contains(need.as_str()) || !modules.iter().any(|other| other.name == *need))
            })
            .map(|module| module.name.as_str())
            .collect();
        if ready.is_empty() {
            break;
        }
        done.extend(ready);
    }
    let Some(first) = modules.iter().find(|module| !done.contains(module.name.as_str())) else { return };
    let mut path: Vec<&str> = Vec::new();
    let mut at = first;
    let circle = loop {
        if let Some(start) = path.iter().position(|name| *name == at.name) {
            path.push(&at.name);
            break path.split_off(start);
        }
        path.push(&at.name);
        let next = at
            .needs
            .iter()
            .find_map(|need| modules.iter().find(|other| other.name == *need && !done.contains(other.name.as_str())));
        match next {
            Some(next) => at = next,
            None => break path,
        }
    };
    let Some(entry) = file.modules.iter().find(|entry| circle.first() == Some(&entry.name.value.as_str())) else {
        return;
    };
    report.push(
        report
            .at(entry.name.span, "circle", format!("these modules need each other in a circle: {}", circle.join(" → ")))
            .with_field(entry.field("name"))
            .with_help("remove one of the references, links or depends_on"),
    );
}
