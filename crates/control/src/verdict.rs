//! How a deployment ended, judged from the error of its execution and the runs of its modules. Pure.

use landfall_state::{Action, Deployment, Finished, Outcome, Run, RunStatus, Status};

use crate::failure::Failure;

/// Begin of the name of the error of an execution that died.
pub const DIED: &str = "Execution.";

/// | error | runs | status |
/// |---|---|---|
/// | of the approval | any | cancelled |
/// | any, cancelled | not all settled well | cancelled |
/// | the execution died | all settled well, at least one | succeeded |
/// | other | any | failed |
/// | none | any failed or skipped | failed |
/// | none | any not settled | failed |
/// | none | all settled well, or none | succeeded |
pub(crate) fn verdict(deployment: &Deployment, runs: &[Run], error: Option<&Failure>) -> Finished {
    let failed: Vec<&Run> = runs.iter().filter(|run| run.status == RunStatus::Failed).collect();
    let open: Vec<&str> = runs.iter().filter(|run| !run.status.is_settled()).map(|run| run.module.as_str()).collect();
    let failed_text = |failed: &[&Run]| {
        let details: Vec<String> = failed
            .iter()
            .map(|run| format!("{}: {}", run.module, run.error.as_deref().unwrap_or("no reason was recorded")))
            .collect();
        details.join("\n")
    };
    let came_true = !runs.is_empty() && open.is_empty() && runs.iter().all(|run| run.status.is_met());
    // An execution that died after its last module was done has only failed to say so.
    let error = error.filter(|error| !(came_true && error.error.starts_with(DIED)));
    if let Some(cancel) = deployment.cancel.as_ref().filter(|_| !came_true) {
        let diagnostics = (!failed.is_empty()).then(|| failed_text(&failed));
        return Finished { status: Status::Cancelled, outcome: None, message: Some(cancel.sentence()), diagnostics };
    }
    if let Some(error) = error {
        let cancelled =
            error.error == "Landfall.NotApproved" || error.error == "States.Timeout" && runs_are_fresh(runs);
        let message = if error.error == "States.Timeout" && runs_are_fresh(runs) {
            "nobody approved the plan in time".to_owned()
        } else {
            error.message()
        };
        let status = if cancelled { Status::Cancelled } else { Status::Failed };
        return Finished { status, outcome: None, message: Some(message), diagnostics: None };
    }
    if !failed.is_empty() {
        let names: Vec<&str> = failed.iter().map(|run| run.module.as_str()).collect();
        let message = format!("{} failed", names.join(", "));
        let diagnostics = Some(failed_text(&failed));
        return Finished { status: Status::Failed, outcome: None, message: Some(message), diagnostics };
    }
    if !open.is_empty() && !deployment.action.only_looks() {
        let message = format!("{} did not come to an end", open.join(", "));
        return Finished { status: Status::Failed, outcome: None, message: Some(message), diagnostics: None };
    }
    let changed = runs.iter().any(|run| run.status == RunStatus::Done);
    let outcome = match deployment.action {
        Action::Plan => Outcome::Planned,
        Action::Drift => Outcome::Looked,
        Action::Destroy => Outcome::Destroyed,
        Action::Rollback => Outcome::RolledBack,
        Action::Deploy if changed => Outcome::Changed,
        Action::Deploy => Outcome::NoChanges,
    };
    let message = deployment.cancel.as_ref().map(|cancel| format!("done before it was {}", cancel.sentence()));
    Finished { status: Status::Succeeded, outcome: Some(outcome), message, diagnostics: None }
}

fn runs_are_fresh(runs: &[Run]) -> bool {
    runs.iter().all(|run| matches!(run.status, RunStatus::Waiting | RunStatus::Unchanged))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn deployment(action: &str) -> Deployment {
        serde_json::from_value(json!({
            "layer": "shop", "number": 3, "change": "c", "action": action, "status": "running",
            "source": { "key": "shop.yaml" }, "actor": "ana", "created_at": "2026-11-25T10:00:00Z", "schema": 1,
        }))
        .unwrap()
    }

    fn run(module: &str, status: RunStatus) -> Run {
        serde_json::from_value(json!({
            "number": 3, "module": module, "kind": "sqs", "status": status, "created_at": "2026-11-25T10:00:00Z",
        }))
        .unwrap()
    }

    #[test]
    fn a_cancelled_deployment_is_cancelled_unless_everything_was_done_before() {
        let mut deployment = deployment("deploy");
        let reason = Some("wrong file".to_owned());
        let at = deployment.created_at;
        deployment.cancel = Some(landfall_state::Cancellation { by: "ana".into(), reason, at });
        let runs = [run("queue", RunStatus::Done), run("topic", RunStatus::Cancelled)];
        let end = verdict(&deployment, &runs, None);
        assert_eq!((end.status, end.message.as_deref()), (Status::Cancelled, Some("cancelled by ana: wrong file")));
        let end = verdict(&deployment, &runs[..1], None);
        assert_eq!((end.status, end.outcome), (Status::Succeeded, Some(Outcome::Changed)));
        assert_eq!(end.message.as_deref(), Some("done before it was cancelled by ana: wrong file"));
        let failure = Failure { error: "Lambda.Unknown".into(), cause: String::new() };
        assert_eq!(verdict(&deployment, &[], Some(&failure)).status, Status::Cancelled, "while it planned");
    }

    fn judged(action: &str, runs: &[RunStatus], error: Option<&str>) -> (Status, Option<Outcome>) {
        let runs: Vec<Run> = runs.iter().map(|status| run("queue", *status)).collect();
        let error = error.map(|error| Failure { error: error.to_owned(), cause: String::new() });
        let end = verdict(&deployment(action), &runs, error.as_ref());
        (end.status, end.outcome)
    }

    #[test]
    fn the_table_of_verdicts() {
        use RunStatus::{Done, Failed, Pending, Skipped, Unchanged, Waiting};
        let changed = (Status::Succeeded, Some(Outcome::Changed));
        let failed = (Status::Failed, None);
        let rows: [(&str, &[RunStatus], Option<&str>, _); 12] = [
            ("deploy", &[Done, Unchanged], None, changed),
            ("deploy", &[Unchanged], None, (Status::Succeeded, Some(Outcome::NoChanges))),
            ("plan", &[], None, (Status::Succeeded, Some(Outcome::Planned))),
            ("drift", &[], None, (Status::Succeeded, Some(Outcome::Looked))),
            ("destroy", &[Done], None, (Status::Succeeded, Some(Outcome::Destroyed))),
            ("deploy", &[Done, Failed, Skipped], None, failed),
            ("deploy", &[Done, Pending], None, failed),
            ("deploy", &[Waiting], Some("Landfall.NotApproved"), (Status::Cancelled, None)),
            ("deploy", &[Done], Some("Lambda.Unknown"), failed),
            ("deploy", &[Done, Waiting], Some("Execution.TIMED_OUT"), failed),
            ("deploy", &[], Some("Execution.ABORTED"), failed),
            ("deploy", &[Done, Unchanged], Some("Execution.FAILED"), changed),
        ];
        for (action, runs, error, expected) in rows {
            assert_eq!(judged(action, runs, error), expected, "{action} {runs:?} {error:?}");
        }
    }
}
