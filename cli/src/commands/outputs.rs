//! `landfall outputs`: what a deployed layer gives to others.

use landfall_plan::Tone;
use serde_json::Value;

use crate::args::LayerArgs;
use crate::client::Client;
use crate::error::{Exit, Failure};
use crate::tables::outputs_table;
use crate::ui::Ui;

/// Shows them; as JSON by module and name.
pub async fn run(ui: &Ui, client: &Client, args: &LayerArgs) -> Result<Exit, Failure> {
    let layer = &args.layer;
    let answer = match client.outputs(layer).await {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NotFound => return Err(client.no_such_layer(layer, failure).await),
        Err(failure) => return Err(failure),
    };
    if ui.json {
        let outputs = &answer["outputs"];
        ui.answer(if outputs.is_null() { &Value::Null } else { outputs });
        return Ok(Exit::Done);
    }
    let table = outputs_table(ui, &answer["outputs"]);
    if table.is_empty() {
        ui.line(format!("{layer} has no outputs."));
        ui.line(ui.tone(Tone::Quiet, "Outputs appear once its modules are deployed."));
    } else {
        ui.line(table);
    }
    Ok(Exit::Done)
}
