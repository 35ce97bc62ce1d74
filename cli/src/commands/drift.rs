//! `landfall drift`: looks what is not as it was deployed; accepts it, or sets it right.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use landfall_plan::Tone;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Accepted, Deployment, Detail, Layer, entries, read};
use crate::args::DriftArgs;
use crate::client::{Client, layer_path};
use crate::drift_view::Drift;
use crate::error::{Exit, Failure};
use crate::follow::{Decider, Follow};
use crate::live::Screen;
use crate::ui::{Ui, ago, counted};

/// A look that takes longer than this is left alone: it goes on without us.
const PATIENCE: Duration = Duration::from_secs(900);

/// Layers that are looked at at a time: each asks the API some times in a second.
const AT_ONCE: usize = 8;

/// Looks, accepts or reverts.
pub async fn run(ui: &Ui, client: &Client, args: &DriftArgs) -> Result<Exit, Failure> {
    if let (Some(layer), Some(names)) = (&args.layer, &args.withdraw) {
        return withdraw(ui, client, layer, names).await;
    }
    match (&args.layer, &args.accept) {
        (Some(layer), Some(names)) => accept(ui, client, layer, names).await,
        (Some(layer), None) if args.revert => revert(ui, client, layer, args).await,
        (Some(layer), None) => {
            let look = looking(ui, client, std::slice::from_ref(layer), args.last).await;
            show(ui, look.into_iter().collect::<Result<_, _>>()?, true)
        }
        (None, _) => all(ui, client, args).await,
    }
}

/// Every layer of which something is deployed.
async fn all(ui: &Ui, client: &Client, args: &DriftArgs) -> Result<Exit, Failure> {
    let layers: Vec<Layer> = entries(&client.get("/layers").await?, "layers")?;
    let names: Vec<String> =
        layers.into_iter().filter(|layer| !layer.config.is_null()).map(|layer| layer.layer).collect();
    if names.is_empty() && !ui.json {
        ui.line("Nothing is deployed yet.");
        return Ok(Exit::Done);
    }
    let mut failure = None;
    let mut looks = Vec::new();
    for look in looking(ui, client, &names, args.last).await {
        match look {
            Ok(look) => looks.push(look),
            Err(one) => {
                ui.failure(&one);
                failure.get_or_insert(one.exit);
            }
        }
    }
    let exit = show(ui, looks, false)?;
    Ok(failure.unwrap_or(exit))
}

/// What a look saw.
struct Look {
    /// The answer as it came.
    json: Value,
    /// What kept it from seeing what is there now.
    instead: Option<String>,
}

/// Looks at layers, several at a time, and says meanwhile what goes on.
async fn looking(ui: &Ui, client: &Client, layers: &[String], last: bool) -> Vec<Result<Look, Failure>> {
    let each = stream::iter(layers).map(|layer| look(client, layer, last)).buffered(AT_ONCE);
    let mut looks = std::pin::pin!(each.collect::<Vec<_>>());
    let (begun, mut screen) = (Instant::now(), ui.live.then(Screen::default));
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            found = &mut looks => {
                if let Some(screen) = &mut screen {
                    screen.clear();
                }
                return found;
            }
            _ = ticks.tick() => {
                if let Some(screen) = &mut screen {
                    let what = if let [one] = layers { one.clone() } else { counted(layers.len(), "layer") };
                    let line = format!("looking at {what}  {}s", begun.elapsed().as_secs());
                    screen.draw(&[ui.paint_errors.tone(Tone::Quiet, line)]);
                }
            }
        }
    }
}

async fn look(client: &Client, layer: &str, last: bool) -> Result<Look, Failure> {
    let path = format!("{}/drift", layer_path(layer));
    let mut instead = None;
    if !last {
        match client.ask(&path, &json!({})).await {
            Ok(answer) => {
                let accepted: Accepted = read(&answer)?;
                let end = ended(client, layer, accepted.number).await?;
                match end.status.as_str() {
                    "succeeded" => {}
                    "superseded" => instead = Some("a deployment came first".to_owned()),
                    _ => return Err(unlucky(&end)),
                }
            }
            Err(failure) if failure.exit == Exit::NotFound => return Err(client.no_such_layer(layer, failure).await),
            Err(failure) if failure.exit == Exit::InTheWay && failure.message.contains("comes first") => {
                instead = Some(failure.message);
            }
            Err(failure) => return Err(failure),
        }
    }
    match client.get(&path).await {
        Ok(json) => Ok(Look { json, instead }),
        Err(failure) if failure.exit == Exit::NotFound => Err(client.no_such_layer(layer, failure).await),
        Err(failure) => Err(failure),
    }
}

/// The look once it has ended.
async fn ended(client: &Client, layer: &str, number: u64) -> Result<Deployment, Failure> {
    let begun = Instant::now();
    loop {
        let detail: Detail = read(&client.detail_json(layer, number).await?)?;
        if detail.deployment.is_final() {
            return Ok(detail.deployment);
        }
        if begun.elapsed() > PATIENCE {
            return Err(Failure::new(Exit::Failed, format!("the look {layer}/{number} takes very long"))
                .with_hint(format!("what holds it up: landfall status {layer}/{number}")));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn unlucky(look: &Deployment) -> Failure {
    let told = look.diagnostics.as_deref().or(look.message.as_deref()).unwrap_or("no reason was recorded");
    Failure::new(Exit::Failed, format!("{} could not be looked at: {told}", look.layer))
        .with_hint(format!("what happened: landfall status {}", look.id()))
}

fn show(ui: &Ui, looks: Vec<Look>, single: bool) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    let mut exit = Exit::Done;
    for (at, look) in looks.iter().enumerate() {
        let drift: Drift = read(&look.json)?;
        if drift.is_open() {
            exit = Exit::Drifted;
        }
        if ui.json {
            continue;
        }
        if at > 0 {
            ui.line("");
        }
        if let Some(why) = &look.instead {
            let seen = match drift.looked_at {
                Some(at) => format!("this is what was seen {}", ago(at, now)),
                None => "nobody looked before".to_owned(),
            };
            ui.note(ui.wrapped(0, &format!("{}: {why}; {seen}", drift.layer)));
        }
        for line in drift.lines(ui, now) {
            ui.line(line);
        }
    }
    if ui.json {
        let mut answers: Vec<Value> = looks.into_iter().map(|look| look.json).collect();
        match answers.pop() {
            Some(answer) if single => ui.answer(&answer),
            last => {
                answers.extend(last);
                ui.answer(&answers);
            }
        }
    }
    Ok(exit)
}

/// `POST /layers/{layer}/drift/acceptance`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Acceptances {
    accepted: Vec<String>,
    refused: Vec<Refused>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refused {
    name: String,
    message: String,
    hint: String,
}

async fn accept(ui: &Ui, client: &Client, layer: &str, names: &[String]) -> Result<Exit, Failure> {
    let path = format!("{}/drift/acceptance", layer_path(layer));
    let answer = match client.send("POST", &path, &json!({ "names": names })).await {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NotFound && failure.hint.is_none() => {
            return Err(client.no_such_layer(layer, failure).await);
        }
        Err(failure) => return Err(failure),
    };
    let acceptances: Acceptances = read(&answer)?;
    let exit = if acceptances.refused.is_empty() { Exit::Done } else { Exit::Drifted };
    if ui.json {
        ui.answer(&answer);
        return Ok(exit);
    }
    if acceptances.accepted.is_empty() && acceptances.refused.is_empty() {
        ui.line(format!("The last look at {layer} saw nothing that is not accepted."));
        ui.line(format!("  look again:  landfall drift {layer}"));
        return Ok(exit);
    }
    for name in &acceptances.accepted {
        ui.line(format!("{} {name} is accepted as it is", ui.tone(Tone::Create, "✓")));
    }
    if !acceptances.accepted.is_empty() {
        ui.line("  no plan shows or reverts it until somebody changes it again, or the file does");
    }
    let mut hints: Vec<&str> = Vec::new();
    for refused in &acceptances.refused {
        let text = format!("{} is not accepted: {}", refused.name, refused.message);
        ui.line(format!("{} {}", ui.tone(Tone::Delete, "✗"), ui.hanging(2, &text)));
        if !hints.contains(&refused.hint.as_str()) {
            hints.push(&refused.hint);
        }
    }
    for hint in hints {
        ui.line(ui.wrapped(2, hint));
    }
    Ok(exit)
}

/// `DELETE /layers/{layer}/drift/acceptance`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Withdrawn {
    withdrawn: Vec<String>,
}

async fn withdraw(ui: &Ui, client: &Client, layer: &str, names: &[String]) -> Result<Exit, Failure> {
    let path = format!("{}/drift/acceptance", layer_path(layer));
    let answer = match client.send("DELETE", &path, &json!({ "names": names })).await {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NotFound && failure.hint.is_none() => {
            return Err(client.no_such_layer(layer, failure).await);
        }
        Err(failure) => return Err(failure),
    };
    if ui.json {
        ui.answer(&answer);
        return Ok(Exit::Done);
    }
    let withdrawn: Withdrawn = read(&answer)?;
    for name in &withdrawn.withdrawn {
        ui.line(format!("{} {name} is not accepted any more", ui.tone(Tone::Update, "~")));
    }
    ui.line(format!("  set it right:  landfall drift {layer} --revert"));
    Ok(Exit::Done)
}

async fn revert(ui: &Ui, client: &Client, layer: &str, args: &DriftArgs) -> Result<Exit, Failure> {
    let answer = match client.ask(&format!("{}/drift/reversal", layer_path(layer)), &json!({})).await {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NotFound => return Err(client.no_such_layer(layer, failure).await),
        Err(failure) => return Err(failure),
    };
    let accepted: Accepted = read(&answer)?;
    let decider = if args.yes { Decider::Given } else { Decider::Person };
    let (number, full) = (accepted.number, args.full);
    Follow { ui, client, layer, number, decider, plan_seen: false, full }.run().await
}
