//! Answers as tables.

use jiff::Timestamp;
use landfall_plan::Tone;
use serde_json::Value;

use crate::api::{Deployment, Detail, Layer, text};
use crate::ui::{Ui, ago, duration};

/// All layers.
pub fn layers_table(ui: &Ui, layers: &[Layer], now: Timestamp) -> String {
    let rows = layers
        .iter()
        .map(|layer| {
            let environment = match (layer.scope.as_deref(), layer.environment.as_deref()) {
                (Some("service"), Some(environment)) => environment.to_owned(),
                (Some("environment"), _) => "(environment)".to_owned(),
                _ => "-".to_owned(),
            };
            vec![
                ui.tone(Tone::Strong, &layer.layer),
                match layer.drift.as_ref().and_then(|drift| drift.since) {
                    Some(since) if layer.status == "deployed" => {
                        ui.tone(Tone::Update, format!("drifted {}", ago(since, now)))
                    }
                    Some(_) => format!("{}, {}", layer_status(ui, &layer.status), ui.tone(Tone::Update, "drifted")),
                    None => layer_status(ui, &layer.status),
                },
                environment,
                if layer.awaits_approval { ui.tone(Tone::Update, activity(layer)) } else { activity(layer) },
                layer.last_deployment.map_or_else(|| "-".to_owned(), |number| number.to_string()),
                layer.updated_at.map_or_else(|| "-".to_owned(), |at| ago(at, now)),
            ]
        })
        .collect();
    ui.table(&["LAYER", "STATUS", "LIVES IN", "NOW", "LAST", "CHANGED"], rows)
}

/// What a layer is doing.
pub fn activity(layer: &Layer) -> String {
    let runs = layer.running.map(|number| match layer.awaits_approval {
        true => format!("{number} needs approval"),
        false => format!("runs {number}"),
    });
    let doing = match (runs, layer.waiting) {
        (Some(runs), Some(waiting)) => Some(format!("{runs}, then {waiting}")),
        (Some(runs), None) => Some(runs),
        (None, Some(waiting)) => Some(format!("{waiting} waits")),
        (None, None) => None,
    };
    match (layer.freeze.is_some(), doing) {
        (true, Some(doing)) => format!("frozen, {doing}"),
        (true, None) => "frozen".to_owned(),
        (false, doing) => doing.unwrap_or_else(|| "-".to_owned()),
    }
}

/// The status of a layer in its colour.
pub fn layer_status(ui: &Ui, status: &str) -> String {
    match status {
        "deployed" => ui.tone(Tone::Create, status),
        "failed" => ui.tone(Tone::Delete, status),
        _ => ui.tone(Tone::Quiet, status),
    }
}

/// The status of a deployment in its colour, with what it did.
pub fn deployment_status(ui: &Ui, deployment: &Deployment) -> String {
    let tone = match deployment.status.as_str() {
        "succeeded" => Tone::Create,
        "failed" | "rejected" => Tone::Delete,
        "superseded" | "cancelled" => Tone::Update,
        _ => Tone::Remark,
    };
    let word = if deployment.awaits_approval() { "needs approval" } else { deployment.status.as_str() };
    ui.tone(tone, word)
}

/// Deployments, newest first.
pub fn history_table(ui: &Ui, deployments: &[Deployment], now: Timestamp) -> String {
    let rows = deployments
        .iter()
        .map(|deployment| {
            let what = match deployment.outcome.as_deref() {
                Some("no-changes") => "no changes".to_owned(),
                Some("planned" | "changed" | "destroyed" | "rolled-back") | None => changes(deployment),
                Some(other) => other.to_owned(),
            };
            let message = deployment.message.as_deref().and_then(|text| text.lines().next()).unwrap_or_default();
            vec![
                ui.tone(Tone::Strong, deployment.number.to_string()),
                deployment.action.clone(),
                deployment_status(ui, deployment),
                deployment.created_at.map_or_else(|| "-".to_owned(), |at| ago(at, now)),
                took(deployment, now),
                text(&deployment.actor).map_or_else(|| "-".to_owned(), |actor| short_actor(&actor)),
                if message.is_empty() { what } else { message.to_owned() },
            ]
        })
        .collect();
    ui.table(&["NUMBER", "ACTION", "STATUS", "WHEN", "TOOK", "BY", "WHAT"], rows)
}

fn changes(deployment: &Deployment) -> String {
    deployment.plan.as_ref().map_or_else(String::new, |plan| landfall_plan::summary(plan.summary.into()))
}

fn took(deployment: &Deployment, now: Timestamp) -> String {
    match (deployment.started_at, deployment.finished_at) {
        (Some(began), end) => duration(began, end.unwrap_or(now)),
        (None, _) => "-".to_owned(),
    }
}

/// The last part of an ARN tells people apart; the account is the same for all.
pub fn short_actor(actor: &str) -> String {
    match actor.strip_prefix("arn:") {
        Some(arn) => arn.rsplit_once(':').map_or(arn, |(_, name)| name).to_owned(),
        None => actor.to_owned(),
    }
}

/// The modules of a deployment.
pub fn runs_table(ui: &Ui, detail: &Detail, now: Timestamp) -> String {
    let rows = detail
        .runs
        .iter()
        .map(|run| {
            let tone = match run.status.as_str() {
                "done" => Tone::Create,
                "failed" => Tone::Delete,
                "skipped" | "cancelled" => Tone::Update,
                "running" | "pending" => Tone::Remark,
                _ => Tone::Quiet,
            };
            let end = run.finished_at.unwrap_or(now);
            let said = text(&run.error).or_else(|| run.reason.clone()).unwrap_or_else(|| run.counts.done());
            vec![
                ui.tone(Tone::Strong, &run.module),
                run.kind.clone(),
                ui.tone(tone, &run.status),
                run.started_at.map_or_else(|| "-".to_owned(), |began| duration(began, end)),
                said.lines().next().unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    ui.table(&["MODULE", "KIND", "STATUS", "TOOK", "WHAT"], rows)
}

/// Outputs by module, a list by its items; empty when there are none.
pub fn outputs_table(ui: &Ui, outputs: &Value) -> String {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    for (module, values) in outputs.as_object().into_iter().flatten() {
        for (name, value) in values.as_object().into_iter().flatten() {
            let shown: Vec<String> = match value {
                Value::Null => continue,
                Value::Array(items) => items.iter().map(plain).collect(),
                other => vec![plain(other)],
            };
            if shown.iter().any(|line| !line.is_empty()) {
                rows.push((format!("{module}.{name}"), shown));
            }
        }
    }
    // Values are copied from the terminal, so they are not wrapped.
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (name, values) in rows {
        let mut label = ui.tone(Tone::Strong, format!("{name:width$}"));
        for value in values {
            lines.push(format!("  {label}  {value}"));
            label = " ".repeat(width);
        }
    }
    lines.join("\n")
}

/// A value as it is copied: text without quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Freeze;

    #[test]
    fn what_a_layer_is_doing_says_that_it_is_frozen() {
        let layer = |running, waiting, frozen: bool| {
            activity(&Layer { running, waiting, freeze: frozen.then(Freeze::default), ..Layer::default() })
        };
        assert_eq!(layer(None, None, false), "-");
        assert_eq!(layer(None, None, true), "frozen");
        assert_eq!(layer(None, Some(4), true), "frozen, 4 waits");
        assert_eq!(layer(Some(3), Some(4), false), "runs 3, then 4");
    }
}
