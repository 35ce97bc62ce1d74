//! Quotas that plans would use up: asked about once for all modules of an invocation, told with the last of them.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use landfall_aws::Aws;
use landfall_plan::{Action, ModulePlan, Obstacle, Quota};
use serde_json::Value;

use super::blind;
use crate::resource::Registered;
use crate::subject::Subject;

/// What the plans make of one kind.
struct New {
    kind: Registered,
    properties: Vec<Value>,
    modules: BTreeSet<String>,
}

/// Quotas that what the plans make counts against, and what could not be looked at.
pub(super) async fn look<'a>(
    aws: &Aws,
    planned: impl Iterator<Item = (&'a Subject, &'a ModulePlan)>,
) -> (Vec<Quota>, Vec<Obstacle>) {
    let mut new: BTreeMap<&str, New> = BTreeMap::new();
    for (subject, plan) in planned {
        for change in plan.resources.iter().filter(|change| change.action == Action::Create) {
            let Some(node) = subject.nodes.iter().find(|node| node.name == change.resource) else { continue };
            let of = || New { kind: node.kind, properties: Vec::new(), modules: BTreeSet::new() };
            let new = new.entry(node.kind.kind()).or_insert_with(of);
            new.properties.push(node.desired.clone());
            new.modules.insert(plan.module.clone());
        }
    }
    let asked = new.values().map(|new| async move { (new, new.kind.0.quotas(aws, &new.properties).await) });
    let (mut quotas, mut unknown) = (Vec::new(), Vec::new());
    for (new, answer) in join_all(asked).await {
        match answer {
            Ok(found) => quotas.extend(found.into_iter().map(|quota| Quota { modules: new.modules.clone(), ..quota })),
            Err(error) => unknown.extend(blind(&format!("quota of {}", new.kind.kind()), &error)),
        }
    }
    (quotas, unknown)
}
