//! Events of a deployment: what happened to it and its modules, in order. Resource-level progress is in the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::StateError;
use crate::keys;
use crate::limits::{ERROR, shortened};
use crate::store::Store;
use crate::write::Write;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What kind: `queued`, `started`, `planned`, `approval-requested`, `module-done`, `finished`, …
    pub kind: String,
    /// Module, when it is about one.
    #[serde(default)]
    pub module: Option<String>,
    /// For readers.
    pub message: String,
}

impl Event {
    /// What records it. Its key is made of what it says, so doing it twice is harmless.
    pub(crate) fn write(&self, layer: &str, number: u64) -> Result<Write, StateError> {
        let identity = format!("{}{:?}{}", self.kind, self.module, self.message);
        let mut id = hex::encode(Sha256::digest(identity));
        id.truncate(8);
        let sk = format!("{}#{id}", keys::events_at(number, self.at));
        Write::put(keys::layer(layer), sk, &Self { message: shortened(&self.message, ERROR), ..self.clone() })
    }
}

impl Store {
    /// Records an event. The same event at the same moment is recorded once.
    pub async fn event(&self, layer: &str, number: u64, event: &Event) -> Result<(), StateError> {
        self.transact(vec![event.write(layer, number)?.if_absent()]).await?;
        Ok(())
    }

    /// Records an event that happens now.
    pub async fn happened(
        &self,
        layer: &str,
        number: u64,
        kind: &str,
        module: Option<&str>,
        message: impl Into<String>,
    ) -> Result<(), StateError> {
        let event =
            Event { at: self.now(), kind: kind.to_owned(), module: module.map(str::to_owned), message: message.into() };
        self.event(layer, number, &event).await
    }

    /// The events of a deployment after `after`, oldest first.
    pub async fn events(&self, layer: &str, number: u64, after: Option<Timestamp>) -> Result<Vec<Event>, StateError> {
        let from = after.map_or_else(|| keys::events(number), |after| keys::events_at(number, after));
        let to = keys::events_at(number, Timestamp::MAX);
        let found: Vec<Event> = self.range(&keys::layer(layer), &from, &to).await?;
        Ok(found.into_iter().filter(|event| after.is_none_or(|after| event.at > after)).collect())
    }
}
