//! Which key of the config bucket owns which layer, and the newest event seen for each key.

use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::keys;
use crate::store::Store;
use crate::write::{Write, text};

/// What became of a new version of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceOutcome {
    /// It is the newest version and the key owns the layer.
    Accepted,
    /// A newer version of the key was seen before.
    Stale,
    /// Another key owns the layer.
    OwnedByOtherKey {
        /// The owner.
        key: String,
    },
    /// The key owned another layer before.
    KeyOwnsOtherLayer {
        /// That layer.
        layer: String,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    key: String,
    layer: String,
    sequencer: String,
}

/// Sequencers are hexadecimal strings of different lengths: the shorter one is padded with zeros on the right, then
/// they compare as text (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>).
fn padded(sequencer: &str) -> String {
    format!("{sequencer:0<64}")
}

/// Registers a version of a key that declares `layer`, if the key is still as it was `seen`.
pub(crate) fn register(key: &str, layer: &str, sequencer: &str, seen: Option<&KeyRecord>) -> Result<Write, StateError> {
    let new = KeyRecord { key: key.to_owned(), layer: layer.to_owned(), sequencer: padded(sequencer) };
    let put = Write::put(keys::key(key), keys::KEY, &new)?;
    Ok(match seen {
        None => put.if_absent(),
        Some(seen) => put
            .when("sequencer = :seen AND #layer = :layer")
            .name("#layer", "layer")
            .value(":seen", text(seen.sequencer.clone()))
            .value(":layer", text(seen.layer.clone())),
    })
}

impl Store {
    /// The layer that a key held last, if any.
    pub async fn layer_of_key(&self, key: &str) -> Result<Option<String>, StateError> {
        let record: Option<KeyRecord> = self.get(&keys::key(key), keys::KEY).await?;
        Ok(record.map(|record| record.layer))
    }

    /// What is recorded of a key.
    pub(crate) async fn key_record(&self, key: &str) -> Result<Option<KeyRecord>, StateError> {
        self.get(&keys::key(key), keys::KEY).await
    }

    /// What stands in the way of a version of a key that declares `layer`, as far as the key itself tells.
    pub(crate) async fn refuses(
        &self,
        key: &str,
        layer: &str,
        sequencer: &str,
        record: Option<&KeyRecord>,
    ) -> Result<Option<SourceOutcome>, StateError> {
        let Some(record) = record else { return Ok(None) };
        if record.sequencer > padded(sequencer) {
            return Ok(Some(SourceOutcome::Stale));
        }
        let held = self.held_by(key, layer, Some(record)).await?;
        Ok(held.map(|layer| SourceOutcome::KeyOwnsOtherLayer { layer }))
    }

    /// The living layer, other than `layer`, that a key holds.
    pub(crate) async fn held_by(
        &self,
        key: &str,
        layer: &str,
        record: Option<&KeyRecord>,
    ) -> Result<Option<String>, StateError> {
        let Some(record) = record.filter(|record| record.layer != layer) else { return Ok(None) };
        let held = self.owner(&record.layer).await?.as_deref() == Some(key);
        Ok(held.then(|| record.layer.clone()))
    }

    /// Registers a new version of a key that declares `layer`. The first key that declares a name owns it until the
    /// layer is destroyed. [`Store::enqueue`] does the same for a change that is acceptable.
    pub async fn register_source(&self, key: &str, layer: &str, sequencer: &str) -> Result<SourceOutcome, StateError> {
        for _ in 0..10 {
            let (record, owner) = tokio::try_join!(self.key_record(key), self.owner(layer))?;
            if let Some(refused) = self.refuses(key, layer, sequencer, record.as_ref()).await? {
                return Ok(refused);
            }
            if let Some(owner) = owner.filter(|owner| owner != key) {
                return Ok(SourceOutcome::OwnedByOtherKey { key: owner });
            }
            if self.transact(vec![register(key, layer, sequencer, record.as_ref())?]).await?.is_none() {
                return Ok(SourceOutcome::Accepted);
            }
        }
        Ok(SourceOutcome::Stale)
    }

    /// The key that owns a layer's name now.
    async fn owner(&self, layer: &str) -> Result<Option<String>, StateError> {
        let (record, queue) = tokio::try_join!(self.layer(layer), self.queue(layer))?;
        Ok(record.filter(|record| record.is_alive(queue)).and_then(|record| record.key))
    }
}
