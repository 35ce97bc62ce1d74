//! What became of every resource of a deployment that did not succeed, and the one command to go on. Pure; made at the
//! end of the deployment and kept with it, because later deployments move the journal on.

use std::collections::BTreeMap;

use landfall_plan::{Action, ModulePlan, Plan, ResourceChange};
use landfall_state::{Deployment, EntryStatus, JournalEntry, ResourceFailure, Run, RunStatus};
use serde::{Deserialize, Serialize};

/// What became of a deployment's resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Every resource that was to change, in the order of the plan.
    pub resources: Vec<ResourceEnd>,
    /// What failed about a module as a whole.
    pub modules: Vec<ModuleEnd>,
}

/// What became of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceEnd {
    /// Module.
    pub module: String,
    /// Name in the module.
    pub resource: String,
    /// CloudFormation type name.
    pub kind: String,
    /// Name or id that it has on AWS, if known.
    #[serde(default)]
    pub name: Option<String>,
    /// What was to be done.
    pub action: Action,
    /// What became of it.
    pub end: End,
    /// Why, where it is not done.
    #[serde(default)]
    pub reason: Option<String>,
    /// What AWS said.
    #[serde(default)]
    pub failure: Option<ResourceFailure>,
}

/// What became of a module as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleEnd {
    /// Module.
    pub module: String,
    /// What failed.
    pub failure: ResourceFailure,
}

/// What became of what was to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It was done and is recorded.
    Done,
    /// AWS refused it.
    Failed,
    /// AWS was still working on it.
    InProgress,
    /// A call was begun and its answer was not recorded. Going on looks for it.
    Unknown,
    /// It was to be removed and is still there.
    LeftBehind,
    /// It was not begun.
    NotStarted,
}

/// The report of a deployment from its plan, the runs of its modules and the journal at its end.
pub fn report(deployment: &Deployment, plan: &Plan, runs: &[Run], journal: &[JournalEntry]) -> Report {
    let runs: BTreeMap<&str, &Run> = runs.iter().map(|run| (run.module.as_str(), run)).collect();
    let journal: BTreeMap<(&str, &str), &JournalEntry> =
        journal.iter().map(|entry| ((entry.module.as_str(), entry.resource.as_str()), entry)).collect();
    let mut report = Report::default();
    for module in &plan.modules {
        let run = runs.get(module.module.as_str()).copied();
        let planned: Vec<&str> = module.resources.iter().map(|change| change.resource.as_str()).collect();
        let whole = run.into_iter().flat_map(|run| &run.failures);
        report.modules.extend(
            whole
                .filter(|failure| !planned.contains(&failure.resource.as_str()))
                .map(|failure| ModuleEnd { module: module.module.clone(), failure: failure.clone() }),
        );
        for change in module.resources.iter().filter(|change| change.action != Action::Keep) {
            let entry = journal.get(&(module.module.as_str(), change.resource.as_str())).copied();
            report.resources.push(ended(deployment.number, module, change, run, entry));
        }
    }
    report
}

fn ended(
    number: u64,
    module: &ModulePlan,
    change: &ResourceChange,
    run: Option<&Run>,
    entry: Option<&JournalEntry>,
) -> ResourceEnd {
    let failure = run.and_then(|run| run.failures.iter().find(|failure| failure.resource == change.resource));
    let (end, reason) = match failure {
        Some(failure) => (End::Failed, Some(failure.message.clone())),
        None => judged(number, change.action, entry),
    };
    let reason = reason.or_else(|| (end == End::NotStarted).then(|| not_started(module, run)));
    ResourceEnd {
        module: module.module.clone(),
        resource: change.resource.clone(),
        kind: change.kind.clone(),
        name: entry.and_then(|entry| entry.id.clone()).or_else(|| change.name.clone()),
        action: change.action,
        end,
        reason,
        failure: failure.cloned(),
    }
}

/// What the journal says of a resource that was not refused.
///
/// | to be done | journal | end |
/// |---|---|---|
/// | create, update, replace | applied by this deployment | done |
/// | create, update, replace | pending | in progress |
/// | create, update, replace | intent of this deployment that AWS did not refuse, or being removed | unknown |
/// | create, update, replace | anything else | not started |
/// | delete | none | done |
/// | delete | being removed | in progress |
/// | delete | anything else | left behind |
fn judged(number: u64, action: Action, entry: Option<&JournalEntry>) -> (End, Option<String>) {
    let ours = entry.is_some_and(|entry| entry.number == number);
    let said = |end, why: &str| (end, Some(why.to_owned()));
    match (action, entry.map(|entry| entry.status)) {
        (Action::Delete, None) => (End::Done, None),
        (Action::Delete, Some(EntryStatus::Deleting)) => said(End::InProgress, "its removal was begun"),
        (Action::Delete, Some(_)) => said(End::LeftBehind, "it still exists"),
        (_, Some(EntryStatus::Applied)) if ours => (End::Done, None),
        (_, Some(EntryStatus::Pending)) => said(End::InProgress, "AWS was still working on it"),
        (_, Some(EntryStatus::Intent)) if ours && entry.is_some_and(|entry| entry.refused) => {
            said(End::NotStarted, "AWS refused it so far: nothing was made")
        }
        (_, Some(EntryStatus::Intent)) if ours => {
            said(End::Unknown, "a call was begun and its answer was not recorded: it may exist")
        }
        (_, Some(EntryStatus::Deleting)) => said(End::Unknown, "it was being removed to be made again"),
        _ => (End::NotStarted, None),
    }
}

fn not_started(module: &ModulePlan, run: Option<&Run>) -> String {
    let reason = |run: &Run| run.reason.clone().unwrap_or_default();
    match run.map(|run| (run.status, run)) {
        Some((RunStatus::Skipped, run)) if !reason(run).is_empty() => reason(run),
        Some((RunStatus::Cancelled, _)) => "the deployment was cancelled before".to_owned(),
        Some((RunStatus::Failed, _)) => format!("{} failed before", module.module),
        _ => format!("{} did not get to it", module.module),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn entry(resource: &str, status: &str, number: u64) -> JournalEntry {
        serde_json::from_value(json!({
            "module": "orders", "resource": resource, "kind": "AWS::SQS::Queue", "status": status, "id": format!("id-{resource}"),
            "properties": "null", "attributes": "null", "number": number, "updated_at": "2026-11-25T10:00:00Z", "schema": 1,
        }))
        .unwrap()
    }

    fn plan(actions: &[(&str, &str)]) -> Plan {
        let resources: Vec<Value> = actions
            .iter()
            .map(|(resource, action)| {
                json!({
                    "resource": resource, "kind": "AWS::SQS::Queue", "name": null, "action": action, "risk": "low",
                    "reason": "", "attributes": [], "note": "",
                })
            })
            .collect();
        serde_json::from_value(json!({
            "layer": "shop", "environment": "staging", "account_id": "1", "region": "us-east-1", "request": "deploy",
            "modules": [{
                "module": "orders", "kind": "sqs", "change": "apply", "needs": [], "resources": resources, "notes": [],
            }],
            "warnings": [],
        }))
        .unwrap()
    }

    fn deployment() -> Deployment {
        serde_json::from_value(json!({
            "layer": "shop", "number": 7, "change": "c", "action": "deploy", "status": "running",
            "source": { "key": "shop.yaml" }, "actor": "ana", "created_at": "2026-11-25T10:00:00Z", "schema": 1,
        }))
        .unwrap()
    }

    fn failed(resource: &str) -> Run {
        let failure = json!({ "resource": resource, "operation": "CreateQueue", "message": "no", "request_id": "r-1" });
        serde_json::from_value(json!({
            "number": 7, "module": "orders", "kind": "sqs", "status": "failed", "failures": [failure],
            "created_at": "2026-11-25T10:00:00Z",
        }))
        .unwrap()
    }

    #[test]
    fn the_table_of_ends() {
        let rows = [
            ("made", "create", Some(("applied", 7)), End::Done),
            ("changed", "update", Some(("applied", 7)), End::Done),
            ("slow", "create", Some(("pending", 7)), End::InProgress),
            ("lost", "create", Some(("intent", 7)), End::Unknown),
            ("swapped", "replace", Some(("deleting", 7)), End::Unknown),
            ("old", "update", Some(("applied", 6)), End::NotStarted),
            ("new", "create", None, End::NotStarted),
            ("gone", "delete", None, End::Done),
            ("going", "delete", Some(("deleting", 7)), End::InProgress),
            ("stays", "delete", Some(("applied", 6)), End::LeftBehind),
            ("refused", "create", Some(("intent", 7)), End::Failed),
        ];
        let actions: Vec<(&str, &str)> = rows.iter().map(|(resource, action, ..)| (*resource, *action)).collect();
        let journal: Vec<JournalEntry> = rows
            .iter()
            .filter_map(|(resource, _, recorded, _)| recorded.map(|(status, number)| entry(resource, status, number)))
            .collect();
        let report = report(&deployment(), &plan(&actions), &[failed("refused")], &journal);
        for ((resource, _, _, end), reported) in rows.iter().zip(&report.resources) {
            assert_eq!((reported.resource.as_str(), reported.end), (*resource, *end));
            assert_eq!(reported.reason.is_none(), *end == End::Done, "{resource}: what is not done has a reason");
        }
        let refused = report.resources.last().unwrap().failure.as_ref().unwrap();
        assert_eq!(refused.request_id.as_deref(), Some("r-1"));
        assert!(report.modules.is_empty());
    }

    #[test]
    fn what_failed_about_a_module_as_a_whole_is_told_apart_from_its_resources() {
        let report = report(&deployment(), &plan(&[("queue", "create")]), &[failed("")], &[]);
        assert_eq!(report.modules[0].module, "orders");
        assert_eq!(report.resources[0].end, End::NotStarted);
        assert_eq!(report.resources[0].reason.as_deref(), Some("orders failed before"));
    }
}
