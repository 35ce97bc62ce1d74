//! What a step reads from the state: run, plan, journal, deployed modules; and the plan it leaves there.

use std::collections::BTreeMap;

use landfall_aws::{Error, Kind, Result};
use landfall_plan::{ModulePlan, RunDocument};
use landfall_state::{DocumentRef, EntryStatus, JournalEntry, ModuleRecord, StateError, Store};

use crate::journal::{Entry, Journal};

/// Stores the plan of one module and answers where.
pub(crate) async fn store_plan(store: &Store, plan: &ModulePlan) -> Result<DocumentRef> {
    let bytes = serde_json::to_vec(plan)
        .map_err(|error| Error::new(Kind::Corrupt, "plan", "the plan cannot be written").caused_by(error))?;
    store.put_document(bytes).await.map_err(state)
}

pub(crate) async fn load_run(store: &Store, run: &DocumentRef) -> Result<RunDocument> {
    document(store, run).await
}

pub(crate) async fn document<T: serde::de::DeserializeOwned>(store: &Store, at: &DocumentRef) -> Result<T> {
    let bytes = store.get_document(at).await.map_err(state)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(Kind::Corrupt, "load", "the document cannot be read").about(&at.key).caused_by(error)
    })
}

pub(crate) async fn load_journal(store: &Store, layer: &str, module: &str) -> Result<Journal> {
    let entries = store.journal_of(layer, module).await.map_err(state)?;
    Ok(entries.into_iter().map(|entry| (entry.resource.clone(), Entry::from(entry))).collect())
}

pub(crate) async fn load_modules(store: &Store, layer: &str) -> Result<BTreeMap<String, ModuleRecord>> {
    store.modules(layer).await.map_err(state)
}

impl From<JournalEntry> for Entry {
    fn from(entry: JournalEntry) -> Self {
        Self {
            kind: entry.kind,
            id: entry.id,
            applied: entry.status == EntryStatus::Applied,
            leaving: entry.status == EntryStatus::Deleting,
            deployment: entry.number,
            touched_at: entry.updated_at,
            properties: entry.properties,
            attributes: entry.attributes.as_object().cloned().unwrap_or_default(),
            needs: entry.needs,
        }
    }
}

/// A state error as one that crosses crate borders.
pub(crate) fn state(error: StateError) -> Error {
    let kind = match &error {
        StateError::NotFound { .. } => Kind::NotFound,
        StateError::Conflict { .. }
        | StateError::LeaseLost { .. }
        | StateError::LeaseHeld { .. }
        | StateError::Overtaken { .. }
        | StateError::OwnedByOtherKey { .. } => Kind::Conflict,
        StateError::Cancelled { .. } => Kind::Cancelled,
        StateError::Corrupt { .. } => Kind::Corrupt,
        StateError::TooLarge { .. } => Kind::Quota,
        StateError::Setting { .. } => Kind::Invalid,
        StateError::Aws { .. } if error.is_transient() => Kind::Throttled,
        StateError::Aws { .. } => Kind::Unexpected,
    };
    let message = error.to_string();
    Error::new(kind, "state", message).caused_by(error)
}
