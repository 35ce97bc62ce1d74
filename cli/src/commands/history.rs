//! `landfall history`: the deployments of a layer.

use jiff::Timestamp;
use landfall_plan::Tone;

use crate::api::{Deployment, entries};
use crate::args::HistoryArgs;
use crate::client::{Client, layer_path};
use crate::error::{Exit, Failure};
use crate::tables::history_table;
use crate::ui::Ui;

/// Lists them, newest first.
pub async fn run(ui: &Ui, client: &Client, args: &HistoryArgs) -> Result<Exit, Failure> {
    let layer = &args.layer;
    let path = format!("{}/deployments?limit={}", layer_path(layer), args.limit);
    let answer = client.get(&path).await?;
    let deployments: Vec<Deployment> = entries(&answer, "deployments")?;
    if deployments.is_empty() {
        let failure = Failure::new(Exit::NotFound, format!("there is no layer {layer}"));
        return Err(client.no_such_layer(layer, failure).await);
    }
    if ui.json {
        ui.answer(answer.get("deployments").unwrap_or(&answer));
        return Ok(Exit::Done);
    }
    ui.line(history_table(ui, &deployments, Timestamp::now()));
    if deployments.len() == args.limit {
        let text = format!("the newest {}; more with --limit; one in detail: landfall status {layer}/N", args.limit);
        ui.line(ui.tone(Tone::Quiet, text));
    }
    Ok(Exit::Done)
}
