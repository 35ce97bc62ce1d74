//! A freeze: no new deployment of a layer begins until a moment; for an environment also none of its services. What
//! runs goes on, and plans are made all the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::Deployment;
use crate::error::StateError;
use crate::keys;
use crate::limits::{MESSAGE, shortened};
use crate::queue::heeds_freezes;
use crate::store::Store;
use crate::write::{Write, number};

/// A freeze of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Layer.
    pub layer: String,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who froze it; what says so in the file of the layer when it is a window of its settings.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}

/// A freeze as it lies in the table: the end also as a number, which DynamoDB compares.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    freeze: Freeze,
    until_ms: i64,
}

/// A time in which the settings of a layer let no deployment of it begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeWindow {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

impl Freeze {
    /// `shop is frozen until 2026-12-01 08:00 UTC by ana: Black Friday`, for what waits for it.
    pub fn sentence(&self) -> String {
        let until = self.until.strftime("%Y-%m-%d %H:%M UTC");
        format!("{} is frozen until {until} by {}: {}", self.layer, self.by, self.reason)
    }

    /// The freeze of the window that `now` lies in.
    pub(crate) fn of_window(layer: &str, windows: &[FreezeWindow], now: Timestamp) -> Option<Self> {
        let window = windows.iter().filter(|window| window.from <= now && now < window.until);
        window.max_by_key(|window| window.until).map(|window| Self {
            layer: layer.to_owned(),
            until: window.until,
            reason: if window.reason.is_empty() { "no reason was given".to_owned() } else { window.reason.clone() },
            by: format!("the settings of {layer}"),
            since: window.from,
        })
    }
}

impl Store {
    /// Freezes a layer, in place of a freeze that it may have.
    pub async fn freeze(&self, layer: &str, until: Timestamp, reason: &str, by: &str) -> Result<Freeze, StateError> {
        let freeze = Freeze {
            layer: layer.to_owned(),
            until,
            reason: shortened(reason, MESSAGE),
            by: by.to_owned(),
            since: self.now(),
        };
        let record = Record { freeze: freeze.clone(), until_ms: until.as_millisecond() };
        self.transact(vec![Write::put(keys::layer(layer), keys::FREEZE, &record)?]).await?;
        Ok(freeze)
    }

    /// Ends the freeze of a layer; answers it, if there was one that had not ended by itself.
    pub async fn thaw(&self, layer: &str) -> Result<Option<Freeze>, StateError> {
        let freeze = self.frozen(layer).await?;
        self.transact(vec![Write::delete(keys::layer(layer), keys::FREEZE)]).await?;
        Ok(freeze)
    }

    /// The freeze of a layer that somebody set and that has not ended.
    pub async fn frozen(&self, layer: &str) -> Result<Option<Freeze>, StateError> {
        let record: Option<Record> = self.get(&keys::layer(layer), keys::FREEZE).await?;
        Ok(record.map(|record| record.freeze).filter(|freeze| freeze.until > self.now()))
    }

    /// The freeze that keeps a deployment from beginning.
    pub async fn freeze_before(&self, deployment: &Deployment) -> Result<Option<Freeze>, StateError> {
        if !heeds_freezes(deployment.action) {
            return Ok(None);
        }
        let layer = &deployment.layer;
        let environment = deployment.environment_choice.as_deref().filter(|environment| environment != layer);
        self.freeze_of(layer, &deployment.freeze_windows, environment).await
    }

    /// What keeps deployments of a layer from beginning: a freeze or a window of the layer itself or of its
    /// environment.
    pub(crate) async fn freeze_of(
        &self,
        layer: &str,
        windows: &[FreezeWindow],
        environment: Option<&str>,
    ) -> Result<Option<Freeze>, StateError> {
        if let Some(freeze) = self.frozen(layer).await? {
            return Ok(Some(freeze));
        }
        if let Some(freeze) = Freeze::of_window(layer, windows, self.now()) {
            return Ok(Some(freeze));
        }
        let Some(environment) = environment else { return Ok(None) };
        if let Some(freeze) = self.frozen(environment).await? {
            return Ok(Some(freeze));
        }
        let record = self.layer(environment).await?;
        Ok(record.and_then(|record| Freeze::of_window(environment, &record.freeze_windows, self.now())))
    }

    /// That a layer is not frozen, as a part of the transaction that begins a deployment.
    pub(crate) fn not_frozen(&self, layer: &str) -> Write {
        Write::check(keys::layer(layer), keys::FREEZE)
            .when("attribute_not_exists(pk) OR until_ms <= :now")
            .value(":now", number(self.now().as_millisecond()))
    }
}
