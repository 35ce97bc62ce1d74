//! The journal of a module as the engine reads it, and how far describes can be trusted against it.

use std::collections::BTreeMap;
use std::time::Duration;

use landfall_state::{JournalEntry, Timestamp};
use serde_json::{Map, Value};

use crate::graph::Node;
use crate::resource::{Seen, Status};

/// A journal entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub kind: String,
    pub id: Option<String>,
    /// It is as `properties` say.
    pub applied: bool,
    /// Its removal was begun.
    pub leaving: bool,
    /// Deployment that touched it last.
    pub deployment: u64,
    /// When it was touched last.
    pub touched_at: Timestamp,
    /// Last applied properties; of a creation that was begun, the ones it will have.
    pub properties: Value,
    pub attributes: Map<String, Value>,
    pub needs: Vec<String>,
    /// The record as it was read. None of an entry that is only assumed.
    pub record: Option<JournalEntry>,
}

/// The journal of one module by resource name.
pub(crate) type Journal = BTreeMap<String, Entry>;

impl Entry {
    /// The entry of a resource that was applied as it is seen.
    pub(crate) fn of(node: &Node, seen: &Seen) -> Self {
        Self {
            kind: node.kind.kind().to_owned(),
            id: Some(seen.id.clone()),
            applied: true,
            leaving: false,
            deployment: 0,
            touched_at: Timestamp::UNIX_EPOCH,
            properties: seen.properties.clone(),
            attributes: seen.attributes.clone(),
            needs: needs(node),
            record: None,
        }
    }

    /// How much of `settle` was left since it was touched, when somebody looked at `looked_at`.
    pub(crate) fn unsettled(&self, settle: Duration, looked_at: Timestamp) -> Option<Duration> {
        let age = Duration::try_from(looked_at.duration_since(self.touched_at)).unwrap_or_default();
        settle.checked_sub(age).filter(|left| !left.is_zero())
    }

    /// Whether a creation was begun and no id is recorded.
    pub(crate) fn is_open_intent(&self) -> bool {
        self.id.is_none() && !self.leaving
    }

    /// Whether a creation was begun of which it is not known what it made.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.is_open_intent() && !self.record.as_ref().is_some_and(|record| record.refused)
    }

    /// The resource as the journal remembers it, when AWS does not show it: believed while the journal is younger than
    /// describes can be trusted (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>), and for
    /// as long as the deployment `number` that applied it goes on.
    pub(crate) fn remembered(&self, settle: Duration, number: u64, looked_at: Timestamp) -> Option<Seen> {
        let id = self.id.clone().filter(|_| !self.leaving)?;
        let ours = self.applied && self.deployment == number;
        if !ours {
            self.unsettled(settle, looked_at)?;
        }
        let status = if self.applied { Status::Ready } else { Status::Pending("nothing about it yet".to_owned()) };
        Some(Seen { id, properties: self.properties.clone(), attributes: self.attributes.clone(), status })
    }

    /// The resource as it was applied. `None` when its id is not known.
    pub(crate) fn as_seen(&self) -> Option<Seen> {
        let id = self.id.clone()?;
        let mut attributes = self.attributes.clone();
        attributes.insert("id".into(), Value::String(id.clone()));
        Some(Seen { id, properties: self.properties.clone(), attributes, status: Status::Ready })
    }

    /// Whether it says that the node is applied with these properties.
    pub(crate) fn records(&self, node: &Node, desired: &Value) -> bool {
        self.applied && self.properties == *desired && self.needs == needs(node)
    }
}

/// Names of what a node needs.
pub(crate) fn needs(node: &Node) -> Vec<String> {
    node.needs.iter().cloned().collect()
}
