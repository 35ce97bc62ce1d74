//! `landfall freeze` and `landfall thaw`: no new deployment of a layer begins for a while.

use jiff::{Span, Timestamp};
use landfall_plan::Tone;
use serde_json::json;

use crate::api::{Freeze, read};
use crate::args::{FreezeArgs, ThawArgs};
use crate::client::{Client, layer_path};
use crate::error::{Exit, Failure};
use crate::ui::Ui;

/// Freezes.
pub async fn freeze(ui: &Ui, client: &Client, args: &FreezeArgs) -> Result<Exit, Failure> {
    let layer = &args.layer;
    let until = moment(&args.until, Timestamp::now())?;
    let body = json!({ "until": until, "reason": args.reason });
    let answer = match client.send("PUT", &format!("{}/freeze", layer_path(layer)), &body).await {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NotFound => return Err(client.no_such_layer(layer, failure).await),
        Err(failure) => return Err(failure),
    };
    if ui.json {
        ui.answer(&answer);
        return Ok(Exit::Done);
    }
    let freeze: Freeze = read(&answer)?;
    let until = freeze.until.unwrap_or(until).strftime("%Y-%m-%d %H:%M UTC");
    ui.line(format!("{} {layer} is frozen until {until}: no new deployment begins.", ui.tone(Tone::Update, "❄")));
    ui.line(format!("  what runs goes on; end it early:  landfall thaw {layer}"));
    Ok(Exit::Done)
}

/// Thaws.
pub async fn thaw(ui: &Ui, client: &Client, args: &ThawArgs) -> Result<Exit, Failure> {
    let layer = &args.layer;
    let answer = match client.send("DELETE", &format!("{}/freeze", layer_path(layer)), &json!({})).await {
        Ok(answer) => answer,
        // That is what was asked for.
        Err(failure) if failure.exit == Exit::NotFound && failure.message.contains("nobody froze") => {
            if ui.json {
                ui.answer(&json!(null));
            } else {
                ui.line(format!("{layer} is not frozen."));
            }
            return Ok(Exit::Done);
        }
        Err(failure) if failure.exit == Exit::NotFound => return Err(client.no_such_layer(layer, failure).await),
        Err(failure) => return Err(failure),
    };
    if ui.json {
        ui.answer(&answer);
    } else {
        ui.line(format!("{} {layer} is thawed; what waited begins.", ui.tone(Tone::Create, "✓")));
    }
    Ok(Exit::Done)
}

/// A moment, the beginning of a day, or a time from now such as `2h` or `3 days`.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let day = format!("{text}T00:00:00Z");
    if let Ok(at) = text.parse::<Timestamp>().or_else(|_| day.parse::<Timestamp>()) {
        return Ok(at);
    }
    // A day is 24 hours here: freezes are about moments, not calendars.
    let span = text.parse::<Span>().ok().and_then(|span| {
        span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok().and_then(|span| now.checked_add(span).ok())
    });
    span.ok_or_else(|| {
        Failure::new(Exit::Invalid, format!("--until {text} is no moment"))
            .with_hint("give a time from now (2h, 3 days), a day (2026-12-27) or a moment (2026-12-27T08:00Z)")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_end_is_a_moment_a_day_or_a_time_from_now() {
        let now: Timestamp = "2026-12-24T10:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2h", "2026-12-24T12:00:00Z"),
            ("3 days", "2026-12-27T10:00:00Z"),
            ("1d12h", "2026-12-25T22:00:00Z"),
            ("2026-12-27", "2026-12-27T00:00:00Z"),
            ("2026-12-27T08:00Z", "2026-12-27T08:00:00Z"),
        ] {
            assert_eq!(moment(text, now).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(moment("soon", now).unwrap_err().exit, Exit::Invalid);
    }
}
