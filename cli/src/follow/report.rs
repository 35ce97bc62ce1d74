//! How a deployment ended, for people and for programs.

use jiff::Timestamp;
use landfall_plan::Tone;
use serde_json::{Value, json};

use super::{End, Ended, Follow};
use crate::api::{Counts, Deployment, Detail, read, text};
use crate::error::{Exit, Failure};
use crate::plan_view::Planned;
use crate::report_view::Report;
use crate::tables::outputs_table;
use crate::ui::{Ui, is_laid_out, precise};

/// Tells how it ended and answers the code to end with.
pub(super) async fn tell(follow: &Follow<'_>, ended: Ended) -> Result<Exit, Failure> {
    let deployment = &ended.detail.deployment;
    let exit = match ended.why {
        End::Final => exit_of(&deployment.status),
        End::NeedsApproval | End::Later => Exit::NeedsApproval,
        End::Interrupted => Exit::Interrupted,
    };
    let outputs = match (exit, deployment.action.as_str()) {
        (Exit::Done, "deploy") => follow.client.outputs(follow.layer).await?,
        _ => Value::Null,
    };
    if follow.ui.json {
        follow.ui.answer(&as_json(&ended, &outputs, exit));
        return Ok(exit);
    }
    let report = match (&ended.why, deployment.status.as_str()) {
        // How it ended is told also where the report cannot be read.
        (End::Final, "failed" | "cancelled") => {
            let report = follow.client.report(follow.layer, follow.number).await;
            report.and_then(|report| read::<Report>(&report)).ok()
        }
        _ => None,
    };
    match ended.why {
        End::Final => finished(follow.ui, &ended, &outputs, report.as_ref()),
        End::NeedsApproval => needs_approval(follow.ui, &ended),
        End::Later => {
            follow.ui.line("Nothing was decided; the deployment waits.");
            needs_approval(follow.ui, &ended);
        }
        End::Interrupted => interrupted(follow.ui, deployment),
    }
    Ok(exit)
}

fn exit_of(status: &str) -> Exit {
    match status {
        "succeeded" => Exit::Done,
        "rejected" => Exit::Invalid,
        "superseded" => Exit::InTheWay,
        _ => Exit::Failed,
    }
}

fn as_json(ended: &Ended, outputs: &Value, exit: Exit) -> Value {
    let mut answer = ended.json.clone();
    if let Some(fields) = answer.as_object_mut() {
        // What exists of the layer is asked for with `status`, not here.
        fields.remove("resources");
    } else {
        answer = json!({});
    }
    answer["outputs"] = outputs["outputs"].clone();
    let preflight = ended.planned.as_ref().map(Planned::preflight).unwrap_or_default();
    if !preflight.is_empty() {
        answer["preflight"] = json!(preflight);
    }
    answer["exit_code"] = json!(exit as i32);
    if exit == Exit::NeedsApproval {
        answer["approve"] = json!(approve_command(ended));
    }
    answer
}

fn approve_command(ended: &Ended) -> String {
    let hash = ended.planned.as_ref().map(|planned| planned.short_hash()).unwrap_or_default();
    format!("landfall approve {} --plan {hash}", ended.detail.deployment.id())
}

fn needs_approval(ui: &Ui, ended: &Ended) {
    let id = ended.detail.deployment.id();
    ui.line(ui.tone(Tone::Update, format!("{id} waits for an approval of this plan.")));
    ui.line(format!("  approve:  {}", approve_command(ended)));
    ui.line(format!("  reject:   landfall reject {id} --reason WHY"));
}

fn interrupted(ui: &Ui, deployment: &Deployment) {
    let id = deployment.id();
    ui.note(format!("{id} goes on without this command."));
    ui.note(format!("  come back:  landfall status {id} --follow"));
    if deployment.awaits_approval() {
        ui.note(format!("  approve:    landfall approve {id}"));
    }
}

fn finished(ui: &Ui, ended: &Ended, outputs: &Value, report: Option<&Report>) {
    let detail = &ended.detail;
    match detail.deployment.status.as_str() {
        "succeeded" => succeeded(ui, ended, outputs),
        "rejected" => rejected(ui, &detail.deployment),
        "superseded" => {
            let by = detail.deployment.superseded_by.map(|by| format!(" by {}/{by}", detail.deployment.layer));
            let by = by.unwrap_or_default();
            ui.line(format!("{} {} was superseded{by}.", ui.tone(Tone::Update, "⊘"), detail.deployment.id()));
            if let Some(number) = detail.deployment.superseded_by {
                ui.line(format!("  follow that one: landfall status {}/{number} --follow", detail.deployment.layer));
            }
        }
        "cancelled" => {
            let why = detail.deployment.message.as_deref().unwrap_or("nobody approved it");
            ui.line(format!("{} {} was cancelled: {why}", ui.tone(Tone::Update, "⊘"), detail.deployment.id()));
            match report {
                Some(report) if report.resources.iter().any(|end| end.end != "not-started") => account(ui, report),
                _ => ui.line("Nothing was changed."),
            }
        }
        _ => failed(ui, detail, report),
    }
}

fn succeeded(ui: &Ui, ended: &Ended, outputs: &Value) {
    let deployment = &ended.detail.deployment;
    let (layer, took) = (&deployment.layer, took(deployment));
    let counts = done(&ended.detail).done();
    let text = match deployment.outcome.as_deref() {
        Some("no-changes") => format!("{} had nothing to change; looked at in {took}.", deployment.id()),
        Some("planned") => format!("Planned in {took}; nothing was changed."),
        Some("rolled-back") => format!("{layer} is as it was deployed last, but for what stores data, in {took}."),
        Some("destroyed") if had_nothing(ended) => format!("{layer} had nothing to destroy; looked at in {took}."),
        Some("destroyed") if counts.is_empty() => format!("{layer} is gone, after {took}."),
        Some("destroyed") => format!("{layer} is gone: {counts} in {took}."),
        _ if counts.is_empty() => format!("{} succeeded in {took}.", deployment.id()),
        _ => format!("{} succeeded: {counts} in {took}.", deployment.id()),
    };
    ui.line(format!("{} {text}", ui.tone(Tone::Create, "✓")));
    if deployment.action != "plan" {
        let stays = ended.planned.as_ref().map(|planned| planned.stays_behind()).unwrap_or_default();
        if !stays.is_empty() {
            ui.line("\nWhat stays behind:");
            for line in stays {
                ui.line(ui.wrapped(2, &line));
            }
        }
    }
    if deployment.action == "deploy" && deployment.outcome.as_deref() != Some("no-changes") {
        let table = outputs_table(ui, &outputs["outputs"]);
        if !table.is_empty() {
            ui.line(format!("\nOutputs\n{table}"));
        }
    }
}

/// Whether nothing existed of what was to be destroyed.
fn had_nothing(ended: &Ended) -> bool {
    let is_nothing = |plan: &crate::api::PlanRef| plan.summary == Counts::default();
    ended.detail.runs.is_empty() && ended.detail.deployment.plan.as_ref().is_some_and(is_nothing)
}

fn rejected(ui: &Ui, deployment: &Deployment) {
    let message = deployment.message.as_deref().unwrap_or("the config was not accepted");
    let diagnostics = deployment.diagnostics.as_deref().unwrap_or_default().trim_end();
    // Diagnostics with their places say all that the message says.
    let because = if is_laid_out(diagnostics) { String::new() } else { format!(": {message}") };
    let text = ui.hanging(2, &format!("{} was rejected{because}", deployment.id()));
    ui.note(format!("{} {text}", ui.paint_errors.tone(Tone::Delete, "✗")));
    // A refusal without places repeats the message before its hint.
    let rest = diagnostics.strip_prefix(message).unwrap_or(diagnostics).trim_start_matches('\n');
    if !rest.is_empty() {
        ui.note(ui.readable(2, rest));
    }
}

/// What became of every resource, and how to go on.
fn account(ui: &Ui, report: &Report) {
    for line in report.lines(ui) {
        ui.note(line);
    }
    if report.resumable {
        let hint = ui.paint_errors.tone(Tone::Remark, "  go on:");
        ui.note(format!("{hint} landfall resume {}", report.id));
    }
}

fn failed(ui: &Ui, detail: &Detail, report: Option<&Report>) {
    let deployment = &detail.deployment;
    let message = deployment.message.as_deref().unwrap_or("no reason was recorded");
    let cross = ui.paint_errors.tone(Tone::Delete, "✗");
    let headline = format!("{cross} {} failed after {}", deployment.id(), took(deployment));
    match message.lines().count() {
        1 if message.chars().count() < ui.width => ui.note(format!("{headline}: {message}")),
        _ => {
            ui.note(headline);
            ui.note(explained(ui, 2, message));
        }
    }
    if let Some(report) = report {
        account(ui, report);
        let hint = ui.paint_errors.tone(Tone::Remark, "  hint:");
        ui.note(format!("{hint} everything that happened: landfall events {}", deployment.id()));
        return;
    }
    for run in &detail.runs {
        match run.status.as_str() {
            "failed" => {
                let error = text(&run.error).unwrap_or_else(|| "no reason was recorded".to_owned());
                ui.note(format!("\n  {}  {}", ui.paint_errors.tone(Tone::Strong, &run.module), run.kind));
                ui.note(explained(ui, 4, &error));
            }
            "skipped" => {
                let why = run.reason.as_deref().unwrap_or("not started");
                ui.note(format!("\n  {}  {}", ui.paint_errors.tone(Tone::Strong, &run.module), run.kind));
                ui.note(ui.wrapped(4, why));
            }
            _ => {}
        }
    }
    let counts = done(detail).done();
    ui.note(if counts.is_empty() { String::new() } else { format!("\nBefore that: {counts}.") });
    let hint = ui.paint_errors.tone(Tone::Remark, "  hint:");
    let again = match deployment.action.as_str() {
        "plan" => "nothing was changed; correct the cause and plan again",
        "destroy" => "correct the cause and destroy again: what is gone stays gone",
        _ => "correct the cause and deploy again: what exists is kept and taken over",
    };
    ui.note(format!("{hint} {again}"));
    ui.note(format!("{hint} everything that happened: landfall events {}", deployment.id()));
}

/// An error in full, wrapped; what belongs to several causes stands on lines of its own.
fn explained(ui: &Ui, indent: usize, error: &str) -> String {
    ui.wrapped(indent, &error.replace("; also ", "\nalso "))
}

fn done(detail: &Detail) -> Counts {
    detail.runs.iter().fold(Counts::default(), |sum, run| sum.plus(run.counts))
}

fn took(deployment: &Deployment) -> String {
    let end = deployment.finished_at.unwrap_or_else(Timestamp::now);
    precise(deployment.created_at.unwrap_or(end), end)
}
