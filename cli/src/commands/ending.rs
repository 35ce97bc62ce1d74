//! `landfall cancel`, `landfall resume` and `landfall report`: a deployment is stopped, gone on with, accounted for.

use landfall_plan::Tone;
use serde_json::json;

use crate::api::{Accepted, Layer, read};
use crate::args::{CancelArgs, ReportArgs, ResumeArgs, Target};
use crate::client::{Client, layer_path};
use crate::commands::deployment_of;
use crate::error::{Exit, Failure};
use crate::follow::{Decider, Follow};
use crate::report_view::Report;
use crate::ui::Ui;

/// Cancels.
pub async fn cancel(ui: &Ui, client: &Client, args: &CancelArgs) -> Result<Exit, Failure> {
    let layer = &args.what.layer;
    let number = unfinished(client, &args.what).await?;
    let path = format!("{}/deployments/{number}/cancel", layer_path(layer));
    let answer = client.send("POST", &path, &json!({ "reason": args.reason })).await?;
    let ended = answer["outcome"] == "ended";
    if args.follow && !ended {
        return followed(ui, client, layer, number, Decider::Others, false).await;
    }
    if ui.json {
        ui.answer(&answer);
        return Ok(Exit::Done);
    }
    let sign = ui.tone(Tone::Update, "⊘");
    if ended {
        ui.line(format!("{sign} {layer}/{number} is cancelled; it had begun nothing."));
    } else {
        ui.line(format!("{sign} {layer}/{number} ends: what it has begun is finished, nothing more is begun."));
        ui.line(format!("  how it ends:  landfall status {layer}/{number} --follow"));
    }
    Ok(Exit::Done)
}

/// The named deployment, or the one of the layer that is not over: of two the one that runs.
async fn unfinished(client: &Client, what: &Target) -> Result<u64, Failure> {
    if let Some(number) = what.number {
        return Ok(number);
    }
    let layer = &what.layer;
    let answer = match client.get(&layer_path(layer)).await {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NotFound => return Err(client.no_such_layer(layer, failure).await),
        Err(failure) => return Err(failure),
    };
    let found: Layer = read(&answer)?;
    found.running.or(found.waiting).ok_or_else(|| {
        Failure::new(Exit::InTheWay, format!("no deployment of {layer} runs or waits"))
            .with_hint(format!("what happened last: landfall history {layer}"))
    })
}

/// Goes on, and follows.
pub async fn resume(ui: &Ui, client: &Client, args: &ResumeArgs) -> Result<Exit, Failure> {
    let layer = &args.what.layer;
    let number = deployment_of(client, &args.what).await?;
    let path = format!("{}/deployments/{number}/resume", layer_path(layer));
    let answer = client.ask(&path, &json!({ "same_config": args.same_config })).await?;
    let accepted: Accepted = read(&answer)?;
    let decider = if args.yes { Decider::Given } else { Decider::Person };
    followed(ui, client, layer, accepted.number, decider, args.full).await
}

async fn followed(
    ui: &Ui,
    client: &Client,
    layer: &str,
    number: u64,
    decider: Decider,
    full: bool,
) -> Result<Exit, Failure> {
    Follow { ui, client, layer, number, decider, plan_seen: false, full }.run().await
}

/// Shows what became of every resource.
pub async fn report(ui: &Ui, client: &Client, args: &ReportArgs) -> Result<Exit, Failure> {
    let layer = &args.what.layer;
    let number = deployment_of(client, &args.what).await?;
    let answer = client.report(layer, number).await?;
    if ui.json {
        ui.answer(&answer);
        return Ok(Exit::Done);
    }
    let report: Report = read(&answer)?;
    ui.line(ui.tone(Tone::Strong, &report.id));
    for line in report.lines(ui) {
        ui.line(line);
    }
    if report.resumable {
        ui.line(format!("\n  go on:  landfall resume {}", report.id));
    }
    Ok(Exit::Done)
}
