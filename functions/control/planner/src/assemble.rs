//! What is to be done with the plan of a layer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::OptionFuture;
use lambda_runtime::Error;
use landfall_control::{Control, Ending, LayerSettings, Recorded, When};
use landfall_plan::{ModuleChange, ModulePlan, Plan, PlanRequest, Risk, RunDocument, RunModule};
use landfall_state::{
    Action, Approval, Beginning, DocumentRef, Finished, Lease, ModuleRecord, Parcel, Planned, RunStart, Status,
};
use serde::Serialize;
use serde_json::json;

use crate::batch::{Batch, batches};
use crate::draw::{Drawn, draw, is_blocked};
use crate::{Part, Refused, look};

/// Life of the lease from the last step of planning to the first one of a module.
const PLANNING: Duration = Duration::from_secs(330);

/// What is to be done with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Nothing more: the deployment is over.
    Ended,
    /// Nothing more: the deployment comes to its end.
    Nothing,
    /// Ask first.
    Approve,
    /// Go on.
    Apply,
}

/// Answer of `assemble`.
#[derive(Clone, Debug, Serialize)]
pub struct Assembled {
    /// What is to be done.
    pub decision: Decision,
    /// The plan document; none of a rejected change.
    pub plan: Option<DocumentRef>,
    /// The hash that an approval names; none of a rejected change.
    pub hash: Option<String>,
    /// Modules that change and need nothing that does; those that begin together are one batch.
    pub ready: Vec<Batch>,
    /// Modules that change after others, in order.
    pub waiting: Vec<Batch>,
    /// Seconds for which an approval is waited for.
    pub patience: u64,
}

impl Assembled {
    /// Of a deployment that has no plan, or was cancelled.
    pub(crate) fn nothing() -> Self {
        Self {
            decision: Decision::Nothing,
            plan: None,
            hash: None,
            ready: Vec::new(),
            waiting: Vec::new(),
            patience: 0,
        }
    }
}

/// Makes the plan of a deployment. It is drawn and stored while the state is read; one that leaves nothing to do is
/// recorded with the end of the deployment.
pub(crate) async fn assemble(
    control: &Control,
    lease: &Lease,
    number: u64,
    run: &Parcel,
    parts: &[Part],
    approved: Option<&str>,
) -> Result<Assembled, Error> {
    let (store, layer) = (&control.store, &lease.layer);
    let refused: Vec<&Refused> = parts.iter().flat_map(|part| &part.refused).collect();
    // Plans of many modules take their time; what is recorded from here on needs a lease that lives.
    let doing = format!("planning {layer}/{number}");
    let (state, lease, drawn) = tokio::join!(
        async { tokio::try_join!(store.deployment(layer, number), store.modules(layer), store.drift(layer)) },
        store.renew(lease, &doing, PLANNING),
        OptionFuture::from(refused.is_empty().then(|| draw(control, run, parts))),
    );
    let (deployment, known, drift) = state?;
    // It was cancelled; or an earlier try of this step has ended it, and given the lease back.
    if deployment.cancel.is_some() || deployment.status != Status::Running {
        return Ok(Assembled::nothing());
    }
    let lease = lease?;
    let Some(drawn) = drawn else {
        store.finish(layer, number, unplanned(&refused)).await?;
        return Ok(Assembled::nothing());
    };
    let Drawn { run, plan, reference } = drawn?;
    let rule = LayerSettings::of(&run.layer).map_err(|refusal| refusal.summary())?.approval;
    let changing: Vec<&ModulePlan> =
        plan.modules.iter().filter(|module| module.change != ModuleChange::Unchanged).collect();
    let stands = approved == Some(reference.hash.as_str()) && !is_newly_blocked(&plan, deployment.approval.as_ref());
    let decision = if deployment.action.only_looks() || changing.is_empty() {
        Decision::Ended
    } else if stands || !needs_approval(&plan, plan.risk(), rule.when) {
        Decision::Apply
    } else {
        Decision::Approve
    };
    let (event, message) = told(&plan, &reference.hash, approved, stands);
    let (document, hash) = (reference.document.clone(), reference.hash.clone());
    if decision == Decision::Ended {
        if deployment.action == Action::Drift {
            look::record(control, &lease, number, &plan).await?;
        }
        let planned = Planned { plan: reference, event: control.event(&deployment, event, &message) };
        let recorded = Recorded { deployment, runs: Vec::new(), drift, planned: Some(planned) };
        let ending = Ending { layer, number, execution: &lease.holder, lease: Some(lease.clone()), error: None };
        control.finish_recorded(&ending, recorded).await?;
    } else {
        // What waits for an approval has begun nothing: it is planned again before it is applied.
        let begins = (decision == Decision::Apply).then(|| beginning(number, &run, &plan, &known));
        let writer = store.writer(&lease);
        tokio::try_join!(
            writer.plan_recorded(number, &reference, begins.as_ref()),
            control.announce(&deployment, event, &message),
        )?;
    }
    let moves = |name: &String| changing.iter().any(|module| module.module == *name);
    let moving = run.modules.iter().filter(|module| moves(&module.name));
    // What does not change is there already: nobody waits for it.
    let needs = |module: &RunModule| module.needs.iter().filter(|need| moves(need)).cloned().collect::<BTreeSet<_>>();
    let (ready, waiting): (Vec<_>, Vec<_>) =
        moving.map(|module| (module, needs(module))).partition(|(_, needs)| needs.is_empty());
    let (ready, waiting) = (batches(ready.into_iter()), batches(waiting.into_iter()));
    let patience = rule.patience().as_secs();
    Ok(Assembled { decision, plan: Some(document), hash: Some(hash), ready, waiting, patience })
}

/// The kind of the event that tells of a plan, and what it says.
fn told(plan: &Plan, hash: &str, approved: Option<&str>, stands: bool) -> (&'static str, String) {
    let message = landfall_plan::summary(plan.counts());
    match approved {
        None => ("planned", message),
        Some(_) if stands => ("plan-confirmed", "planned again: it is the plan that was approved".to_owned()),
        Some(approved) if approved == hash => {
            ("plan-changed", format!("AWS would refuse now what was approved; still {message}"))
        }
        Some(_) => ("plan-changed", format!("the plan that was approved does not fit any more; now {message}")),
    }
}

/// The end of a deployment some of whose modules cannot be planned. All of them are told at once.
fn unplanned(refused: &[&Refused]) -> Finished {
    let names: Vec<&str> = refused.iter().map(|one| one.module.as_str()).collect();
    let details: Vec<String> = refused.iter().map(|one| format!("{}: {}", one.module, one.refused)).collect();
    Finished {
        status: Status::Failed,
        outcome: None,
        message: Some(format!("{} cannot be planned", names.join(", "))),
        diagnostics: Some(details.join("\n")),
    }
}

/// `landfall: { approval: always | never | risky }` of the layer; a destroy always asks, a rollback never: it loses
/// nothing, and it was asked for with `on_failure`.
fn needs_approval(plan: &Plan, risk: Risk, when: When) -> bool {
    match plan.request {
        PlanRequest::Destroy => return !plan.is_empty(),
        PlanRequest::Rollback => return false,
        PlanRequest::Deploy => {}
    }
    match when {
        When::Always => true,
        When::Never => false,
        When::Risky => risk == Risk::High,
    }
}

/// Whether AWS would refuse now what it would not have refused when the approval was asked for: whoever gave it did not
/// know. The hash does not tell, because it binds to what changes and not to what stands in the way.
fn is_newly_blocked(plan: &Plan, approval: Option<&Approval>) -> bool {
    is_blocked(plan) && approval.is_some_and(|approval| !approval.blocked)
}

/// Which modules run. A module that is new gets a record before anything of it is made, so that whatever a crash leaves
/// is destroyed when the module leaves the config.
fn beginning(number: u64, run: &RunDocument, plan: &Plan, known: &BTreeMap<String, ModuleRecord>) -> Beginning {
    let new = |module: &&RunModule| module.change != ModuleChange::Destroy && !known.contains_key(&module.name);
    let modules = run.modules.iter().filter(new).map(|module| ModuleRecord {
        module: module.name.clone(),
        kind: module.kind.clone(),
        number,
        outputs: json!({}),
        defaults: BTreeMap::new(),
        needs: module.needs.clone(),
        complete: false,
    });
    let needs = |name: &str| run.modules.iter().find(|planned| planned.name == name).map(|planned| &planned.needs);
    let runs = plan.modules.iter().map(|module| RunStart {
        module: module.module.clone(),
        kind: module.kind.clone(),
        needs: needs(&module.module).cloned().unwrap_or_default(),
        unchanged: module.change == ModuleChange::Unchanged,
    });
    Beginning { modules: modules.collect(), runs: runs.collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::samples::module;
    use landfall_plan::{Action as Change, Obstacle, Weight};

    fn plan(blocked: bool) -> Plan {
        let mut made = module("queue", &[], Some(Change::Create));
        if blocked {
            let weight = Weight::Blocking;
            made.preflight.push(Obstacle { weight, about: "a".into(), message: "m".into(), hint: String::new() });
        }
        Plan {
            layer: "shop".into(),
            environment: "prod".into(),
            account_id: "1".into(),
            region: "us-east-1".into(),
            request: PlanRequest::Deploy,
            modules: vec![made],
            warnings: Vec::new(),
        }
    }

    #[test]
    fn what_aws_will_refuse_is_asked_about_first_unless_nothing_ever_is() {
        let asks = |plan: &Plan, when| needs_approval(plan, plan.risk(), when);
        assert!(asks(&plan(true), When::Risky) && asks(&plan(true), When::Always));
        assert!(!asks(&plan(false), When::Risky) && !asks(&plan(true), When::Never));
        let back = Plan { request: PlanRequest::Rollback, ..plan(true) };
        assert!(!asks(&back, When::Risky), "a rollback asks nobody");
    }

    #[test]
    fn an_approval_of_a_plan_that_aws_would_not_have_refused_does_not_hold_when_it_would() {
        let given = |blocked: bool| {
            let approval =
                json!({ "plan_hash": plan(false).hash(), "requested_at": "2026-11-25T10:00:00Z", "blocked": blocked });
            serde_json::from_value::<Approval>(approval).unwrap()
        };
        assert!(is_newly_blocked(&plan(true), Some(&given(false))));
        assert!(!is_newly_blocked(&plan(true), Some(&given(true))), "it was known");
        assert!(!is_newly_blocked(&plan(false), Some(&given(true))), "it was set right");
        assert!(!is_newly_blocked(&plan(true), None), "nobody was asked");
    }
}
