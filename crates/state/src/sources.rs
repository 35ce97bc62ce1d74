//! Which key of the config bucket owns which layer, and the newest event seen for each key.

use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::keys;
use crate::store::{Store, Write, text};

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

#[derive(Debug, Serialize, Deserialize)]
struct KeyRecord {
    key: String,
    layer: String,
    sequencer: String,
}

/// Sequencers are hexadecimal strings of different lengths: the shorter one is padded with zeros on the right, then
/// they compare as text (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>).
fn padded(sequencer: &str) -> String {
    format!("{sequencer:0<64}")
}

/// That no newer version of the key than this one was registered.
pub(crate) fn newest(key: &str, sequencer: &str) -> Write {
    Write::check(keys::key(key), keys::KEY)
        .when("attribute_not_exists(pk) OR sequencer <= :sequencer")
        .value(":sequencer", text(padded(sequencer)))
}

impl Store {
    /// The layer that a key held last, if any.
    pub async fn layer_of_key(&self, key: &str) -> Result<Option<String>, StateError> {
        let record: Option<KeyRecord> = self.get(&keys::key(key), keys::KEY).await?;
        Ok(record.map(|record| record.layer))
    }

    /// Registers a new version of a key that declares `layer`. The first key that declares a name owns it until the
    /// layer is destroyed.
    pub async fn register_source(&self, key: &str, layer: &str, sequencer: &str) -> Result<SourceOutcome, StateError> {
        let sequencer = padded(sequencer);
        let (pk, sk) = (keys::key(key), keys::KEY);
        for _ in 0..10 {
            let (record, owner) = tokio::try_join!(self.get::<KeyRecord>(&pk, sk), self.owner(layer))?;
            if let Some(record) = &record {
                if record.sequencer > sequencer {
                    return Ok(SourceOutcome::Stale);
                }
                if record.layer != layer && self.owner(&record.layer).await?.as_deref() == Some(key) {
                    return Ok(SourceOutcome::KeyOwnsOtherLayer { layer: record.layer.clone() });
                }
            }
            if let Some(owner) = owner.filter(|owner| owner != key) {
                return Ok(SourceOutcome::OwnedByOtherKey { key: owner });
            }
            let new = KeyRecord { key: key.to_owned(), layer: layer.to_owned(), sequencer: sequencer.clone() };
            let put = Write::put(&pk, sk, &new)?
                .when("attribute_not_exists(pk) OR sequencer <= :sequencer")
                .value(":sequencer", text(sequencer.clone()));
            if self.transact(vec![put]).await?.is_none() {
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
