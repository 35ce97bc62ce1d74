//! `landfall redrive`: the events that nobody could take are shown, and processed again or discarded.

use jiff::Timestamp;
use landfall_plan::Tone;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{entries, read};
use crate::args::RedriveArgs;
use crate::client::Client;
use crate::error::{Exit, Failure};
use crate::ui::{Ui, ago, counted};

#[derive(Debug, Deserialize)]
struct Letter {
    sent_at: Option<Timestamp>,
    #[serde(default)]
    about: String,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Discarded {
    at: Option<Timestamp>,
    #[serde(default)]
    about: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Redriven {
    #[serde(default)]
    letters: Vec<Value>,
    #[serde(default)]
    more: bool,
}

/// Shows the dead letters, and processes them again or discards them.
pub async fn run(ui: &Ui, client: &Client, args: &RedriveArgs) -> Result<Exit, Failure> {
    let listed = client.get("/dead-letters").await?;
    if args.list {
        if ui.json {
            ui.answer(&listed);
        } else {
            show(ui, &listed)?;
        }
        return Ok(Exit::Done);
    }
    let letters: Vec<Letter> = entries(&listed, "letters")?;
    if !ui.json {
        show(ui, &listed)?;
    }
    if !letters.is_empty() && ui.interactive && !args.yes {
        let verb = if args.discard { "Discard" } else { "Process" };
        let answer = ui.ask(&format!("\n{verb} {}? (yes/no)", counted(letters.len(), "event")))?;
        if !matches!(answer.as_str(), "y" | "yes") {
            return Err(Failure::new(Exit::InTheWay, "nothing was done"));
        }
    }
    let ends = if letters.is_empty() { Vec::new() } else { redrive(client, args).await? };
    let kept = ends.iter().filter(|end| end["end"] == "kept").count();
    if ui.json {
        ui.answer(&json!({ "letters": ends }));
    } else if !ends.is_empty() {
        ui.line("");
        for end in &ends {
            ui.line(line(ui, end));
        }
        if kept > 0 {
            ui.line(format!("\n{} could not be taken and stays with the dead letters.", counted(kept, "event")));
        }
    }
    Ok(if kept > 0 { Exit::Failed } else { Exit::Done })
}

/// Asks until all were tried. What could not be taken is tried again with every request, so one that gets nothing done
/// is the last.
async fn redrive(client: &Client, args: &RedriveArgs) -> Result<Vec<Value>, Failure> {
    let body = json!({ "discard": args.discard, "reason": args.reason });
    let mut ends: Vec<Value> = Vec::new();
    loop {
        let answer: Redriven = read(&client.send("POST", "/dead-letters/redrive", &body).await?)?;
        let done = answer.letters.iter().any(|end| end["end"] != "kept");
        for end in answer.letters {
            ends.retain(|before| before["id"] != end["id"]);
            ends.push(end);
        }
        if !answer.more || !done {
            return Ok(ends);
        }
    }
}

fn show(ui: &Ui, listed: &Value) -> Result<(), Failure> {
    let now = Timestamp::now();
    let letters: Vec<Letter> = entries(listed, "letters")?;
    let discarded: Vec<Discarded> = entries(listed, "discarded")?;
    let hidden = listed["in_flight"].as_u64().unwrap_or_default();
    match letters.len() {
        0 => ui.line("No dead letters: every event was taken."),
        number => ui.line(format!("{} nobody could take:", counted(number, "event"))),
    }
    for letter in &letters {
        let since = letter.sent_at.map(|at| ago(at, now)).unwrap_or_default();
        ui.line(format!("  {} {}  {}", ui.tone(Tone::Delete, "✗"), letter.about, ui.tone(Tone::Quiet, since)));
        if let Some(error) = letter.error.as_deref().filter(|error| !error.is_empty()) {
            ui.line(format!("    {}", ui.hanging(4, error)));
        }
    }
    let hidden = usize::try_from(hidden).unwrap_or_default();
    if hidden > 0 {
        ui.line(format!("\nSomebody else is looking at {} in this moment.", counted(hidden, "more event")));
    }
    if !discarded.is_empty() {
        ui.line(format!("\n{}", ui.tone(Tone::Strong, "Discarded before")));
        for one in discarded {
            let when = one.at.map(|at| ago(at, now)).unwrap_or_default();
            let text = format!("{} by {}, {when}: {}", one.about, one.by, one.reason);
            ui.line(format!("  {} {}", ui.tone(Tone::Quiet, "○"), ui.hanging(4, &text)));
        }
    }
    Ok(())
}

fn line(ui: &Ui, end: &Value) -> String {
    let part = |name: &str| end[name].as_str().unwrap_or_default();
    let (sign, tone) = match part("end") {
        "processed" => ("✓", Tone::Create),
        "discarded" => ("○", Tone::Update),
        _ => ("✗", Tone::Delete),
    };
    format!("  {} {}\n    {}", ui.tone(tone, sign), part("about"), ui.hanging(4, part("message")))
}
