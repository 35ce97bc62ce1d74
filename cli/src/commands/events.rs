//! `landfall events`: what happened in a deployment.

use landfall_plan::Tone;
use serde_json::json;

use crate::api::{Event, entries};
use crate::args::EventsArgs;
use crate::client::Client;
use crate::commands::deployment_of;
use crate::error::{Exit, Failure};
use crate::follow::event_line;
use crate::ui::Ui;

/// Lists them, oldest first.
pub async fn run(ui: &Ui, client: &Client, args: &EventsArgs) -> Result<Exit, Failure> {
    let layer = &args.what.layer;
    let number = deployment_of(client, &args.what).await?;
    let answer = json!({ "events": client.all_events(layer, number).await? });
    if ui.json {
        ui.answer(&answer["events"]);
        return Ok(Exit::Done);
    }
    let events: Vec<Event> = entries(&answer, "events")?;
    let day = events.iter().find_map(|event| event.at).map(|at| at.strftime("%Y-%m-%d").to_string());
    ui.line(format!("{}  {}", ui.tone(Tone::Strong, format!("{layer}/{number}")), day.unwrap_or_default()));
    if events.is_empty() {
        ui.line("nothing happened yet");
    }
    for event in &events {
        ui.line(event_line(ui, event));
    }
    Ok(Exit::Done)
}
