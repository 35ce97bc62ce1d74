//! Dead letters that somebody discarded: what, who, why. Recorded before the message is deleted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::limits::{MESSAGE, shortened};
use crate::store::Store;
use crate::write::Write;

/// A message that is gone because somebody said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discarded {
    /// Id of the message.
    pub id: String,
    /// When it came to the dead letters.
    pub sent_at: Timestamp,
    /// What it was about.
    pub about: String,
    /// Its beginning, as it lay there.
    pub body: String,
    /// Who discarded it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

const PARTITION: &str = "DEAD-LETTERS";

impl Store {
    /// Records that a message is discarded. The same message again stays recorded once.
    pub async fn discard(&self, discarded: &Discarded) -> Result<(), StateError> {
        let sk = format!("LETTER#{:018}#{}", discarded.sent_at.as_microsecond(), discarded.id);
        let record = Discarded {
            body: shortened(&discarded.body, MESSAGE),
            reason: shortened(&discarded.reason, MESSAGE),
            ..discarded.clone()
        };
        self.transact(vec![Write::put(PARTITION, sk, &record)?.if_absent()]).await?;
        Ok(())
    }

    /// The newest discarded messages, newest first.
    pub async fn discarded(&self, limit: usize) -> Result<Vec<Discarded>, StateError> {
        self.newest(PARTITION, "LETTER#", limit).await
    }
}
