//! `landfall unlock`: frees a layer whose deployment is gone.

use landfall_plan::Tone;
use serde_json::json;

use crate::api::{Lease, read};
use crate::args::UnlockArgs;
use crate::client::{Client, layer_path};
use crate::error::{Exit, Failure};
use crate::ui::Ui;

/// Takes the lease from its holder.
pub async fn run(ui: &Ui, client: &Client, args: &UnlockArgs) -> Result<Exit, Failure> {
    let layer = &args.layer;
    let body = json!({ "force": args.force, "reason": args.reason });
    let answer = match client.send("DELETE", &format!("{}/lease", layer_path(layer)), &body).await {
        Ok(answer) => answer,
        // It exists and is free: that is what was asked for.
        Err(failure) if failure.exit == Exit::NotFound && failure.message.contains("not locked") => {
            if ui.json {
                ui.answer(&json!({ "layer": layer, "was_held_by": null }));
            } else {
                ui.line(format!("{layer} is not locked."));
            }
            return Ok(Exit::Done);
        }
        Err(failure) if failure.exit == Exit::NotFound => return Err(client.no_such_layer(layer, failure).await),
        Err(failure) => return Err(failure),
    };
    if ui.json {
        ui.answer(&answer);
        return Ok(Exit::Done);
    }
    let held: Lease = read(&answer["was_held_by"]).unwrap_or_default();
    let doing = if held.doing.is_empty() { held.holder } else { held.doing };
    ui.line(format!("{} {layer} is unlocked; it was held for: {doing}", ui.tone(Tone::Create, "✓")));
    if answer["still_running"] == true {
        ui.line(ui.tone(Tone::Update, "Its execution still runs; it can write nothing more and will end as failed."));
    }
    ui.line(format!("  what was left undone: deploy again; what happened: landfall events {layer}"));
    Ok(Exit::Done)
}
