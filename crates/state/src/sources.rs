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
        for _ in 0..10 {
            let record: Option<KeyRecord> = self.get(&keys::key(key), keys::KEY).await?;
            if let Some(record) = &record {
                if record.sequencer > sequencer {
                    return Ok(SourceOutcome::Stale);
                }
                if record.layer != layer && self.is_alive(&record.layer).await? {
                    return Ok(SourceOutcome::KeyOwnsOtherLayer { layer: record.layer.clone() });
                }
            }
            if let Some(owner) = self.layer(layer).await?
                && let Some(owner_key) = owner.key.filter(|owner| owner != key)
                && self.is_alive(layer).await?
            {
                return Ok(SourceOutcome::OwnedByOtherKey { key: owner_key });
            }
            let new = KeyRecord { key: key.to_owned(), layer: layer.to_owned(), sequencer: sequencer.clone() };
            let put = Write::put(keys::key(key), keys::KEY, &new)?
                .when("attribute_not_exists(pk) OR sequencer <= :sequencer")
                .value(":sequencer", text(sequencer.clone()));
            if self.transact(vec![put]).await?.is_none() {
                return Ok(SourceOutcome::Accepted);
            }
        }
        Ok(SourceOutcome::Stale)
    }

    /// Whether a layer exists in any form, so that its name is taken.
    async fn is_alive(&self, layer: &str) -> Result<bool, StateError> {
        let record = self.layer(layer).await?;
        let Some(record) = record else { return Ok(false) };
        Ok(match record.status {
            crate::LayerStatus::Deployed | crate::LayerStatus::Failed => true,
            crate::LayerStatus::New => self.queue(layer).await?.is_busy(),
            crate::LayerStatus::Destroyed => false,
        })
    }
}
