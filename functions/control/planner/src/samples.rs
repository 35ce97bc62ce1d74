//! Plans for the tests of this crate.

use landfall_plan::{Action, ModuleChange, ModulePlan, ResourceChange, Risk};

/// A module with one resource, of which this is to be done.
pub(crate) fn module(name: &str, needs: &[&str], action: Option<Action>) -> ModulePlan {
    let resources = action
        .map(|action| ResourceChange {
            resource: "r".into(),
            kind: "K".into(),
            name: None,
            action,
            risk: Risk::Low,
            reason: String::new(),
            attributes: Vec::new(),
            note: String::new(),
        })
        .into_iter()
        .collect();
    let change = if action.is_some() { ModuleChange::Apply } else { ModuleChange::Unchanged };
    let needs = needs.iter().map(|need| (*need).to_owned()).collect();
    ModulePlan {
        module: name.into(),
        kind: "k".into(),
        change,
        needs,
        resources,
        notes: Vec::new(),
        preflight: Vec::new(),
        quotas: Vec::new(),
        left: Vec::new(),
    }
}
