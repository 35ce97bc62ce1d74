//! What a step reads from the state: run, plan, journal, deployed modules; and the plan it hands on.

use std::collections::BTreeMap;

use landfall_aws::{Error, Kind, Result};
use landfall_plan::ModulePlan;
use landfall_state::{DocumentRef, EntryStatus, JournalEntry, ModuleRecord, Parcel, StateError, Store};

use crate::journal::{Entry, Journal};

/// Packs the plans of modules into one document.
pub(crate) async fn pack_plans(store: &Store, plans: &[ModulePlan], room: usize) -> Result<Parcel> {
    let bytes = serde_json::to_vec(plans)
        .map_err(|error| Error::new(Kind::Corrupt, "plan", "the plan cannot be written").caused_by(error))?;
    store.pack(bytes, room).await.map_err(state)
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

/// The journals of all modules of a layer.
pub(crate) async fn load_journals(store: &Store, layer: &str) -> Result<BTreeMap<String, Journal>> {
    let mut journals: BTreeMap<String, Journal> = BTreeMap::new();
    for entry in store.journal(layer).await.map_err(state)? {
        journals.entry(entry.module.clone()).or_default().insert(entry.resource.clone(), Entry::from(entry));
    }
    Ok(journals)
}

pub(crate) async fn load_modules(store: &Store, layer: &str) -> Result<BTreeMap<String, ModuleRecord>> {
    store.modules(layer).await.map_err(state)
}

impl From<JournalEntry> for Entry {
    fn from(entry: JournalEntry) -> Self {
        let record = Some(entry.clone());
        Self {
            record,
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
        | StateError::KeyOwnsOtherLayer { .. }
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
