//! The plan of a layer, drawn from its run document and the plans of its modules, and kept.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt};
use lambda_runtime::Error;
use landfall_control::Control;
use landfall_plan::{Action as Change, ModuleChange, ModulePlan, Plan, RunDocument};
use landfall_state::{Parcel, PlanRef, PlanSummary};
use serde_json::json;

use crate::Part;

/// Documents of plans that are read at a time.
const AT_ONCE: usize = 64;

/// A plan, and what it was drawn from.
pub(crate) struct Drawn {
    /// The run document.
    pub run: RunDocument,
    /// The plan.
    pub plan: Plan,
    /// What the deployment is told of it. Its document is stored.
    pub reference: PlanRef,
}

/// Draws the plan of a layer and stores it, before anything refers to it.
pub(crate) async fn draw(control: &Control, run: &Parcel, parts: &[Part]) -> Result<Drawn, Error> {
    let (run, modules) = tokio::try_join!(async { Ok(control.store.unpack(run).await?) }, plans(control, parts))?;
    let run: RunDocument = serde_json::from_slice(&run)?;
    let plan = plan(&run, modules);
    let counts = plan.counts();
    let reference = PlanRef {
        hash: plan.hash(),
        document: control.store.put_document(serde_json::to_vec(&plan)?).await?,
        summary: PlanSummary {
            create: counts.create,
            update: counts.update,
            replace: counts.replace,
            delete: counts.delete,
            keep: counts.keep,
        },
        risk: json!(plan.risk()).as_str().unwrap_or_default().to_owned(),
        blocked: is_blocked(&plan),
    };
    Ok(Drawn { run, plan, reference })
}

/// The modules' plans as one, in the order of the run document.
fn plan(run: &RunDocument, mut modules: Vec<ModulePlan>) -> Plan {
    let place = |module: &ModulePlan| run.modules.iter().position(|planned| planned.name == module.module);
    modules.sort_by_cached_key(place);
    spread(&mut modules);
    landfall_plan::weigh(&mut modules);
    Plan {
        layer: run.layer.name.clone(),
        environment: run.layer.environment.clone(),
        account_id: run.layer.account_id.clone(),
        region: run.layer.region.clone(),
        request: run.request,
        modules,
        warnings: run.warnings.clone(),
    }
}

/// The plans that the module functions handed on.
async fn plans(control: &Control, parts: &[Part]) -> Result<Vec<ModulePlan>, Error> {
    let mut plans: Vec<ModulePlan> = Vec::new();
    let mut documents = stream::iter(parts).map(|part| control.store.unpack(&part.part)).buffered(AT_ONCE);
    while let Some(document) = documents.next().await {
        plans.extend(serde_json::from_slice::<Vec<ModulePlan>>(&document?)?);
    }
    Ok(plans)
}

/// A module that has nothing to do itself is run all the same when something it needs makes or replaces resources:
/// the values it refers to may change.
fn spread(modules: &mut [ModulePlan]) {
    let mut moving: BTreeSet<String> = BTreeSet::new();
    for module in modules {
        let needs_moving = module.needs.iter().any(|need| moving.contains(need));
        if module.change == ModuleChange::Unchanged && needs_moving {
            module.change = ModuleChange::Apply;
        }
        let makes = module.resources.iter().any(|change| matches!(change.action, Change::Create | Change::Replace));
        if makes || (needs_moving && module.change == ModuleChange::Apply) {
            moving.insert(module.module.clone());
        }
    }
}

/// Whether AWS will refuse something of a plan as things are now.
pub(crate) fn is_blocked(plan: &Plan) -> bool {
    plan.modules.iter().any(ModulePlan::is_blocked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::module;

    #[test]
    fn what_depends_on_something_new_is_run_and_what_depends_on_an_update_is_not() {
        let mut modules = vec![
            module("queue", &[], Some(Change::Replace)),
            module("topic", &["queue"], None),
            module("role", &["topic"], None),
            module("bucket", &[], Some(Change::Update)),
            module("site", &["bucket"], None),
        ];
        spread(&mut modules);
        let changes: Vec<ModuleChange> = modules.iter().map(|module| module.change).collect();
        assert_eq!(
            changes,
            [
                ModuleChange::Apply,
                ModuleChange::Apply,
                ModuleChange::Apply,
                ModuleChange::Apply,
                ModuleChange::Unchanged
            ]
        );
    }
}
