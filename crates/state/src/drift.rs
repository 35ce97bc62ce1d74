//! The record of drift: what of a layer is not as it was applied last, since when, and what of that somebody accepted.
//! Looks write it under their lease, people without one; each write is of the version of the record that was read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::{Action, Deployment, Status};
use crate::error::StateError;
use crate::keys;
use crate::limits::shortened;
use crate::store::Store;
use crate::write::{Write, attribute, number};
use crate::writer::Writer;

/// How long a value may be that is kept for readers, in bytes, and where all of a resource together are long. What is
/// compared is its digest.
const SHOWN: usize = 8 * 1024;
const SHOWN_OF_MANY: usize = 256;
/// How much of all values of a resource is kept whole, in bytes.
const ALL: usize = 200 * 1024;
/// Attributes of one resource that are kept.
const MOST: usize = 100;
/// Names of drift that are kept to be told of, of what came and of what went. The record has all of it.
const TOLD: usize = 500;
/// Records that one transaction writes at most.
const AT_ONCE: usize = 80;

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftValue {
    /// Digest of the whole value.
    pub digest: String,
    /// The value as JSON for readers, its beginning when it is long; none of an attribute that is absent.
    #[serde(default)]
    pub text: Option<String>,
}

impl DriftValue {
    /// A value, by its digest and its JSON.
    pub fn new(digest: String, text: Option<String>) -> Self {
        Self { digest, text: text.map(|text| shortened(&text, SHOWN)) }
    }
}

/// That somebody accepted drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Drift of one attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftAttribute {
    /// Path inside the resource's properties.
    pub path: String,
    /// As it was applied last.
    pub recorded: DriftValue,
    /// As it is.
    pub live: DriftValue,
    /// When it was seen first.
    pub first_seen: Timestamp,
    /// When it was seen last.
    pub last_seen: Timestamp,
    /// Whether the config ignores it.
    #[serde(default)]
    pub ignored: bool,
    /// That it was accepted.
    #[serde(default)]
    pub accepted: Option<Acceptance>,
}

impl DriftAttribute {
    /// Whether it is neither ignored nor accepted.
    pub fn is_open(&self) -> bool {
        !self.ignored && self.accepted.is_none()
    }
}

/// Drift of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftRecord {
    /// Module.
    pub module: String,
    /// Name in the module.
    pub resource: String,
    /// CloudFormation type name.
    pub kind: String,
    /// The name that a user would look for in the console.
    #[serde(default)]
    pub name: Option<String>,
    /// When it was first seen that it was deleted outside.
    #[serde(default)]
    pub deleted: Option<Timestamp>,
    /// What differs, unless it was deleted.
    #[serde(default)]
    pub attributes: Vec<DriftAttribute>,
    /// When it was seen last.
    pub last_seen: Timestamp,
    /// Grows with every change of the record.
    pub version: u64,
}

impl DriftRecord {
    /// Names of what is neither ignored nor accepted, with what tells another drift of the same attribute.
    fn open(&self) -> impl Iterator<Item = (String, String)> {
        let name = format!("{}.{}", self.module, self.resource);
        let attributes = self.attributes.iter().filter(|attribute| attribute.is_open());
        let attributes = attributes.map({
            let name = name.clone();
            move |drift| (format!("{name}.{}", drift.path), format!("{} {}", drift.recorded.digest, drift.live.digest))
        });
        self.deleted.map(|_| (name, "deleted".to_owned())).into_iter().chain(attributes)
    }

    /// Since when something of it is neither ignored nor accepted.
    pub fn since(&self) -> Option<Timestamp> {
        let attributes = self.attributes.iter().filter(|attribute| attribute.is_open());
        attributes.map(|attribute| attribute.first_seen).chain(self.deleted).min()
    }
}

/// A resource as a look found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftSeen {
    /// Module.
    pub module: String,
    /// Name in the module.
    pub resource: String,
    /// CloudFormation type name.
    pub kind: String,
    /// The name that a user would look for in the console.
    pub name: Option<String>,
    /// Whether it was deleted outside.
    pub deleted: bool,
    /// What differs: path, recorded, live, and whether the config ignores it.
    pub attributes: Vec<(String, DriftValue, DriftValue, bool)>,
}

/// When a layer was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftLooks {
    /// When the last look ended that saw everything.
    #[serde(default)]
    pub looked_at: Option<Timestamp>,
    /// When the last look was asked for.
    #[serde(default)]
    pub tried_at: Option<Timestamp>,
    /// Number of the last look that saw everything.
    #[serde(default)]
    pub number: Option<u64>,
    /// The deployment with whose config it compared.
    #[serde(default)]
    pub config: Option<u64>,
    /// Looks whose deployments were forgotten.
    #[serde(default)]
    pub forgotten: u64,
    /// What the record has and nobody was told of yet.
    #[serde(default)]
    pub untold: DriftNews,
}

/// What changed in the record since it was told of last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftNews {
    /// Drift that was not there before, or is another one.
    pub found: BTreeSet<String>,
    /// Drift that is no more.
    pub ended: BTreeSet<String>,
}

impl DriftNews {
    /// With what came and went from one record to the next one. What came and went untold is nothing to tell.
    fn and(self, before: &[DriftRecord], after: &[DriftRecord]) -> Self {
        let open = |records: &[DriftRecord]| records.iter().flat_map(DriftRecord::open).collect::<BTreeMap<_, _>>();
        let (before, after) = (open(before), open(after));
        let came = after.iter().filter(|(name, what)| before.get(*name) != Some(what)).map(|(name, _)| name);
        let went = before.keys().filter(|name| !self.found.contains(*name));
        let found = self.found.iter().chain(came).filter(|name| after.contains_key(*name));
        let ended = self.ended.iter().chain(went).filter(|name| !after.contains_key(*name));
        let mut news = Self { found: found.cloned().collect(), ended: ended.cloned().collect() };
        for names in [&mut news.found, &mut news.ended] {
            if let Some(over) = names.iter().nth(TOLD).cloned() {
                names.split_off(&over);
            }
        }
        news
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.ended.is_empty()
    }
}

/// The record of a resource after a look. What is still there keeps when it was seen first, and that it was accepted
/// for as long as both values stay.
fn merged(seen: &DriftSeen, known: Option<&DriftRecord>, now: Timestamp) -> DriftRecord {
    let attribute = |(path, recorded, live, ignored): &(String, DriftValue, DriftValue, bool)| {
        let before = known.and_then(|known| known.attributes.iter().find(|attribute| attribute.path == *path));
        let same =
            before.filter(|before| before.recorded.digest == recorded.digest && before.live.digest == live.digest);
        // Another value in the place of an accepted one is drift of its own.
        let goes_on = before.filter(|before| same.is_some() || before.accepted.is_none());
        DriftAttribute {
            path: path.clone(),
            recorded: recorded.clone(),
            live: live.clone(),
            first_seen: goes_on.map_or(now, |before| before.first_seen),
            last_seen: now,
            ignored: *ignored,
            accepted: same.and_then(|same| same.accepted.clone()),
        }
    };
    let mut attributes: Vec<DriftAttribute> = seen.attributes.iter().take(MOST).map(attribute).collect();
    let mut all = 0;
    for value in attributes.iter_mut().flat_map(|attribute| [&mut attribute.recorded, &mut attribute.live]) {
        all += value.text.as_ref().map_or(0, String::len);
        if all > ALL {
            value.text = value.text.as_ref().map(|text| shortened(text, SHOWN_OF_MANY));
        }
    }
    DriftRecord {
        module: seen.module.clone(),
        resource: seen.resource.clone(),
        kind: seen.kind.clone(),
        name: seen.name.clone(),
        deleted: seen.deleted.then(|| known.and_then(|known| known.deleted).unwrap_or(now)),
        attributes,
        last_seen: now,
        version: known.map_or(0, |known| known.version) + 1,
    }
}

impl Store {
    /// What of a layer is not as it was applied last, as the last look saw it.
    pub async fn drift(&self, layer: &str) -> Result<Vec<DriftRecord>, StateError> {
        self.query(&keys::layer(layer), "DRIFT#").await
    }

    /// When a layer was looked at.
    pub async fn drift_looks(&self, layer: &str) -> Result<DriftLooks, StateError> {
        Ok(self.get(&keys::layer(layer), keys::DRIFT).await?.unwrap_or_default())
    }

    /// Accepts drift of attributes of one resource, as `record` says it; by nobody withdraws that it was accepted.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when the record is another one by now.
    pub async fn accept_drift(
        &self,
        layer: &str,
        record: &DriftRecord,
        paths: &[String],
        by: Option<&str>,
    ) -> Result<(), StateError> {
        let mut next = record.clone();
        next.version += 1;
        for attribute in next.attributes.iter_mut().filter(|attribute| paths.contains(&attribute.path)) {
            attribute.accepted = by.map(|by| Acceptance { by: by.to_owned(), at: self.now() });
        }
        let write = self.drift_put(layer, &next, record.version)?;
        self.expect(vec![write], || StateError::conflict(format!("the drift of {layer} was looked at meanwhile"))).await
    }

    /// Notes that somebody was told of `news`. Where there are others by now nothing is noted, and all of them are told.
    pub async fn drift_told(&self, layer: &str, news: &DriftNews) -> Result<(), StateError> {
        let told = Write::update(keys::layer(layer), keys::DRIFT, "REMOVE untold").when("untold = :told");
        self.transact(vec![told.value(":told", attribute(news)?)]).await?;
        Ok(())
    }

    /// Before the record itself: whoever dies in between has noted what there is to tell.
    fn untold(&self, layer: &str, news: &DriftNews, over: &DriftNews) -> Result<Option<Write>, StateError> {
        if news == over {
            return Ok(None);
        }
        let untold = Write::update(keys::layer(layer), keys::DRIFT, "SET untold = :untold");
        Ok(Some(untold.value(":untold", attribute(news)?)))
    }

    fn drift_put(&self, layer: &str, record: &DriftRecord, over: u64) -> Result<Write, StateError> {
        let put = Write::put(keys::layer(layer), keys::drift(&record.module, &record.resource), record)?;
        if over == 0 {
            return Ok(put.if_absent());
        }
        Ok(put.when("#version = :over").name("#version", "version").value(":over", number(over)))
    }

    fn drift_delete(&self, layer: &str, record: &DriftRecord) -> Write {
        Write::delete(keys::layer(layer), keys::drift(&record.module, &record.resource))
            .when("#version = :over")
            .name("#version", "version")
            .value(":over", number(record.version))
    }

    /// The removal of the record of an earlier look, so that looks do not fill the history.
    async fn forget_look(&self, layer: &str, look: Option<u64>) -> Result<Vec<Write>, StateError> {
        let Some(number_) = look else { return Ok(Vec::new()) };
        let known: Option<Deployment> = self.get(&keys::layer(layer), &keys::deployment(number_)).await?;
        let over = known.filter(|known| known.action == Action::Drift && known.status == Status::Succeeded);
        let pk = keys::layer(layer);
        Ok(over.map_or_else(Vec::new, |over| {
            vec![Write::delete(&pk, keys::deployment(number_)), Write::delete(&pk, keys::change(&over.change))]
        }))
    }
}

impl Writer<'_> {
    /// Records what the look `number` saw, compared with the config of the deployment `config`. Answers what is to be
    /// told: it is news until [`Store::drift_told`].
    pub async fn drift_looked(
        &self,
        number_: u64,
        config: Option<u64>,
        seen: &[DriftSeen],
    ) -> Result<DriftNews, StateError> {
        let layer = &self.lease().layer;
        let store = self.store();
        for _ in 0..5 {
            let (known, looks) = tokio::try_join!(store.drift(layer), store.drift_looks(layer))?;
            let now = store.now();
            let find = |seen: &DriftSeen| {
                known.iter().find(|known| known.module == seen.module && known.resource == seen.resource)
            };
            let after: Vec<DriftRecord> = seen.iter().map(|seen| merged(seen, find(seen), now)).collect();
            let news = looks.untold.clone().and(&known, &after);
            let mut writes: Vec<Write> = store.untold(layer, &news, &looks.untold)?.into_iter().collect();
            for record in &after {
                writes.push(store.drift_put(layer, record, record.version - 1)?);
            }
            let gone = known.iter().filter(|known| {
                after.iter().all(|after| (&after.module, &after.resource) != (&known.module, &known.resource))
            });
            writes.extend(gone.map(|gone| store.drift_delete(layer, gone)));
            // What is forgotten is counted with it: numbers are never reused, and none is missing without a reason.
            let mut end = store.forget_look(layer, looks.number.filter(|look| *look != number_)).await?;
            let forgotten = looks.forgotten + u64::from(!end.is_empty());
            let looked = "SET looked_at = :now, #number = :number, config = :config, forgotten = :forgotten";
            end.push(
                Write::update(keys::layer(layer), keys::DRIFT, looked)
                    .name("#number", "number")
                    .value(":now", attribute(&now)?)
                    .value(":number", number(number_))
                    .value(":config", attribute(&config)?)
                    .value(":forgotten", number(forgotten)),
            );
            if self.in_parts(writes).await? && self.in_parts(end).await? {
                return Ok(news);
            }
        }
        Err(StateError::conflict(format!("the drift of layer {layer} changes too often")))
    }

    /// Forgets drift that a deployment has set right: all that was neither ignored nor accepted. Of a layer that is
    /// gone everything. Answers what is to be told, as [`Self::drift_looked`] does.
    pub async fn drift_settled(&self, gone: bool) -> Result<DriftNews, StateError> {
        let layer = &self.lease().layer;
        let store = self.store();
        for _ in 0..5 {
            let (known, looks) = tokio::try_join!(store.drift(layer), store.drift_looks(layer))?;
            let mut after = Vec::new();
            let mut writes = Vec::new();
            for record in &known {
                let mut rest = record.clone();
                rest.attributes.retain(|attribute| !gone && !attribute.is_open());
                rest.deleted = None;
                if rest.attributes.is_empty() {
                    writes.push(store.drift_delete(layer, record));
                } else if rest != *record {
                    rest.version += 1;
                    writes.push(store.drift_put(layer, &rest, record.version)?);
                    after.push(rest);
                }
            }
            let news = looks.untold.clone().and(&known, &after);
            writes.splice(0..0, store.untold(layer, &news, &looks.untold)?);
            if writes.is_empty() || self.in_parts(writes).await? {
                return Ok(news);
            }
        }
        Err(StateError::conflict(format!("the drift of layer {layer} changes too often")))
    }

    /// Writes under the lease, as few transactions as it takes. `false` when a record was another one than was read.
    async fn in_parts(&self, writes: Vec<Write>) -> Result<bool, StateError> {
        let mut writes = writes.into_iter().peekable();
        while writes.peek().is_some() {
            let part: Vec<Write> = writes.by_ref().take(AT_ONCE).collect();
            match self.write(part, "the record of drift").await {
                Ok(()) => {}
                Err(StateError::Conflict { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
