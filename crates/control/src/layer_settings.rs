//! The settings of a layer's deployments, from the key `landfall` of its file.

use std::time::Duration;

use landfall_catalog::Layer;
use landfall_state::{FreezeWindow, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::refusal::Refusal;

/// Settings of a layer's deployments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSettings {
    /// Who has to approve what.
    pub approval: Approval,
    /// Times in which none begins.
    pub freeze: Vec<FreezeWindow>,
    /// Time between two looks for drift; `None` when nothing looks by itself.
    pub drift: Option<Duration>,
    /// What follows a deployment that failed.
    pub on_failure: OnFailure,
}

/// What follows a deployment that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// What exists is held, for a deployment that goes on with it.
    #[default]
    Hold,
    /// The layer is brought back to what was deployed last.
    Rollback,
}

/// Who has to approve what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Approval {
    /// Which changes wait.
    pub when: When,
    /// Whether the one who asked for the deployment may not approve it.
    pub separate: bool,
    /// Days after which a plan that nobody approved is given up.
    expires_days: u64,
}

/// Which changes wait for an approval; a destroy always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Those that lose data.
    Risky,
    /// All.
    Always,
    /// None.
    Never,
}

impl Approval {
    const DEFAULT: Self = Self { when: When::Risky, separate: false, expires_days: 7 };

    /// How long a plan waits for somebody to decide.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.expires_days * 24 * 60 * 60)
    }
}

/// The shape in which the catalogue leaves them: validated, with defaults.
#[derive(Debug, Deserialize)]
struct Raw {
    approval: Short<Approval, When>,
    freeze: Option<Vec<Window>>,
    /// Layers that were deployed before there was such a setting have none.
    #[serde(default)]
    drift: Option<Short<Looks, LooksWord>>,
    #[serde(default)]
    on_failure: OnFailure,
}

#[derive(Debug, Deserialize)]
struct Looks {
    every_hours: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LooksWord {
    Daily,
    Off,
}

/// Time between two looks for drift when the settings say nothing.
const DAILY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Short<T, W> {
    Whole(T),
    Word(W),
}

#[derive(Debug, Deserialize)]
struct Window {
    from: String,
    until: String,
    reason: Option<String>,
}

impl LayerSettings {
    /// Those of a resolved layer.
    ///
    /// # Errors
    /// A date that does not exist, a window that ends before it begins.
    pub fn of(layer: &Layer) -> Result<Self, Refusal> {
        Self::read(&layer.settings)
    }

    /// Those that are recorded with a layer.
    ///
    /// # Errors
    /// What this version does not understand.
    pub fn read(settings: &Value) -> Result<Self, Refusal> {
        let none =
            Self { approval: Approval::DEFAULT, freeze: Vec::new(), drift: Some(DAILY), on_failure: OnFailure::Hold };
        if settings.is_null() {
            return Ok(none);
        }
        let raw: Raw = serde_json::from_value(settings.clone()).map_err(|error| {
            Refusal::new(
                format!("the settings under `landfall` are not understood: {error}"),
                "update the installation with `landfall bootstrap`",
            )
        })?;
        let approval = match raw.approval {
            Short::Whole(approval) => approval,
            Short::Word(when) => Approval { when, ..Approval::DEFAULT },
        };
        let windows = raw.freeze.unwrap_or_default();
        let freeze = windows.iter().enumerate().map(|(at, window)| window.read(at)).collect::<Result<_, _>>()?;
        let drift = match raw.drift {
            Some(Short::Whole(Looks { every_hours })) => Some(Duration::from_secs(every_hours * 60 * 60)),
            Some(Short::Word(LooksWord::Off)) => None,
            Some(Short::Word(LooksWord::Daily)) | None => Some(DAILY),
        };
        Ok(Self { approval, freeze, drift, on_failure: raw.on_failure })
    }
}

impl Window {
    fn read(&self, at: usize) -> Result<FreezeWindow, Refusal> {
        let moment = |field: &str, text: &str| {
            let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00Z") };
            whole.parse::<Timestamp>().map_err(|_| {
                Refusal::new(format!("landfall.freeze[{at}].{field}: there is no {text}"), "name a day that exists")
            })
        };
        let (from, until) = (moment("from", &self.from)?, moment("until", &self.until)?);
        if until <= from {
            return Err(Refusal::new(
                format!("landfall.freeze[{at}]: it ends ({}) before it begins ({})", self.until, self.from),
                "correct one of the two; `until` is the first moment in which deployments begin again",
            ));
        }
        Ok(FreezeWindow { from, until, reason: self.reason.clone().unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn read(settings: &Value) -> LayerSettings {
        LayerSettings::read(settings).unwrap()
    }

    #[test]
    fn an_approval_is_a_word_or_the_whole_of_it() {
        let word = read(&json!({ "approval": "always", "freeze": null }));
        assert_eq!((word.approval.when, word.approval.separate), (When::Always, false));
        let whole = json!({ "when": "risky", "separate": true, "expires_days": 2 });
        let whole = read(&json!({ "approval": whole, "freeze": null })).approval;
        assert!(whole.separate);
        assert_eq!(whole.patience(), Duration::from_secs(2 * 86_400));
        assert_eq!(read(&Value::Null).approval, Approval::DEFAULT);
    }

    #[test]
    fn a_failure_holds_what_exists_unless_the_settings_say_otherwise() {
        let on_failure =
            |value: Value| read(&json!({ "approval": "risky", "freeze": null, "on_failure": value })).on_failure;
        assert_eq!((on_failure(json!("hold")), on_failure(json!("rollback"))), (OnFailure::Hold, OnFailure::Rollback));
        assert_eq!(read(&json!({ "approval": "risky", "freeze": null })).on_failure, OnFailure::Hold);
    }

    #[test]
    fn drift_is_looked_for_daily_unless_the_settings_say_how_often_or_not_at_all() {
        let drift = |value: Value| read(&json!({ "approval": "risky", "freeze": null, "drift": value })).drift;
        assert_eq!(drift(json!("off")), None);
        assert_eq!(drift(json!("daily")), Some(Duration::from_secs(86_400)));
        assert_eq!(drift(json!({ "every_hours": 6 })), Some(Duration::from_secs(6 * 3600)));
        assert_eq!(read(&json!({ "approval": "risky", "freeze": null })).drift, Some(DAILY), "recorded without it");
        assert_eq!(read(&Value::Null).drift, Some(DAILY));
    }

    #[test]
    fn freeze_windows_are_days_or_moments_that_exist_and_end_after_they_begin() {
        let window = |from: &str, until: &str| {
            let freeze = json!([{ "from": from, "until": until, "reason": "sale" }]);
            LayerSettings::read(&json!({ "approval": "risky", "freeze": freeze }))
        };
        let good = window("2026-12-24", "2026-12-27T08:00Z").unwrap().freeze;
        assert_eq!(good[0].from.to_string(), "2026-12-24T00:00:00Z");
        assert_eq!(good[0].until.to_string(), "2026-12-27T08:00:00Z");
        let none = window("2026-02-30", "2026-03-01").unwrap_err();
        assert_eq!(none.summary(), "landfall.freeze[0].from: there is no 2026-02-30");
        let turned = window("2026-12-24", "2026-12-23").unwrap_err();
        assert!(turned.summary().contains("it ends (2026-12-23) before it begins (2026-12-24)"));
    }
}
