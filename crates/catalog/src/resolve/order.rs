//! Modules that need each other in a circle.

use std::collections::BTreeSet;

use landfall_config::{LayerFile, Report};

use crate::layer::Module;

/// Reports every circle; of circles that share a module, one.
pub(super) fn check_order(file: &LayerFile, modules: &[Module], report: &mut Report<'_>) {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    loop {
        settle(modules, &mut done);
        let Some(first) = modules.iter().find(|module| !done.contains(module.name.as_str())) else { return };
        let circle = circle(modules, first, &done);
        if let Some(entry) = file.modules.iter().find(|entry| circle.first() == Some(&entry.name.value.as_str())) {
            let message = format!("these modules need each other in a circle: {}", circle.join(" → "));
            report.push(
                report
                    .at(entry.name.span, "circle", message)
                    .with_field(entry.field("name"))
                    .with_help("remove one of the references, links or depends_on between them"),
            );
        }
        done.extend(circle);
    }
}

/// Marks everything as done that only needs what is done. What is needed and not there has been reported.
fn settle<'m>(modules: &'m [Module], done: &mut BTreeSet<&'m str>) {
    loop {
        let ready: Vec<&str> = modules
            .iter()
            .filter(|module| !done.contains(module.name.as_str()))
            .filter(|module| open_needs(modules, module, done).next().is_none())
            .map(|module| module.name.as_str())
            .collect();
        if ready.is_empty() {
            return;
        }
        done.extend(ready);
    }
}

/// The modules of the file that a module needs and that are not done.
fn open_needs<'m>(
    modules: &'m [Module],
    module: &'m Module,
    done: &BTreeSet<&str>,
) -> impl Iterator<Item = &'m Module> {
    let done = done.clone();
    module
        .needs
        .iter()
        .filter(move |need| !done.contains(need.as_str()))
        .filter_map(|need| modules.iter().find(|other| other.name == *need))
}

/// The circle that is reached from a module that is not done: names, the first one again at the end.
fn circle<'m>(modules: &'m [Module], first: &'m Module, done: &BTreeSet<&str>) -> Vec<&'m str> {
    let mut path: Vec<&str> = Vec::new();
    let mut at = first;
    loop {
        let start = path.iter().position(|name| *name == at.name);
        path.push(&at.name);
        if let Some(start) = start {
            return path.split_off(start);
        }
        match open_needs(modules, at, done).next() {
            Some(next) => at = next,
            // Every module that is not done needs another one that is not done.
            None => return path,
        }
    }
}
