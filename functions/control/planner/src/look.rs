//! What a look for drift found: from the plan of what was deployed last to the record of drift.

use lambda_runtime::Error;
use landfall_control::Control;
use landfall_plan::{Action, AttributeChange, ModuleChange, Plan, Why, digest, there, wanted};
use landfall_state::{DriftSeen, DriftValue, Lease};
use serde_json::Value;

/// Records the drift that a plan shows, and announces what is new.
pub(crate) async fn record(control: &Control, lease: &Lease, number: u64, plan: &Plan) -> Result<(), Error> {
    let layer = control.store.layer(&lease.layer).await?;
    let config = layer.and_then(|layer| layer.config).map(|config| config.number);
    let news = control.store.writer(lease).drift_looked(number, config, &seen(plan)).await?;
    if !news.is_empty() {
        control.tell_of_drift(&lease.layer, number, &news).await;
    }
    Ok(())
}

/// The resources that are not as they were applied last. What the config wants otherwise by now is none of it.
fn seen(plan: &Plan) -> Vec<DriftSeen> {
    let mut found: Vec<DriftSeen> = Vec::new();
    for module in plan.modules.iter().filter(|module| module.change != ModuleChange::Destroy) {
        for change in &module.resources {
            let mut seen = DriftSeen {
                module: module.module.clone(),
                resource: change.resource.clone(),
                kind: change.kind.clone(),
                name: change.name.clone(),
                deleted: false,
                attributes: Vec::new(),
            };
            match change.action {
                Action::Create => {
                    let was_there = |change: &AttributeChange| change.drift;
                    seen.deleted = !change.attributes.is_empty() && change.attributes.iter().all(was_there);
                }
                Action::Keep | Action::Update | Action::Replace => {
                    let drifted = change.attributes.iter().filter(|attribute| attribute.drift);
                    seen.attributes.extend(drifted.map(|attribute| differs(attribute, false)));
                    let left = module.left.iter().filter(|left| left.resource == change.resource);
                    seen.attributes.extend(left.map(|left| differs(&left.change, left.why == Why::Ignored)));
                }
                Action::Delete => {}
            }
            if seen.deleted || !seen.attributes.is_empty() {
                found.push(seen);
            }
        }
    }
    found
}

/// A difference as the record keeps it: no more of the values than a plan shows.
fn differs(change: &AttributeChange, ignored: bool) -> (String, DriftValue, DriftValue, bool) {
    let value = |value: Option<&Value>| DriftValue::new(digest(value), value.map(Value::to_string));
    (change.path.clone(), value(wanted(change)), value(there(change)), ignored)
}
