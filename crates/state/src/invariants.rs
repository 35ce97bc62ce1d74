//! What always holds of the whole state table, checked on its items as they lie there: pure, so that a table can be
//! broken by hand in a test. `landfall doctor --deep` is this; the tests of the installed system hold it against a
//! second, independent list of the same facts.
//!
//! What a layer has in hand while one of its deployments runs, or left undone because one failed, is not broken: it is
//! what `landfall resume` is for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

/// Attributes of the items that the facts are about; nothing else need be read. Values and messages are not among them.
pub(crate) const ATTRIBUTES: [&str; 21] = [
    "pk",
    "sk",
    "running",
    "waiting",
    "holder",
    "cancelled",
    "token",
    "environment",
    "number",
    "status",
    "counter",
    "started_at",
    "finished_at",
    "superseded_by",
    "change",
    "action",
    "execution_arn",
    "complete",
    "forgotten",
    "quiet_for",
    "waits",
];

/// A fact that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Broken {
    /// Layer, or the partition of a record that belongs to none.
    pub layer: String,
    /// Sort key of the record.
    pub record: String,
    /// What does not hold, in words.
    pub what: String,
}

/// An item of the table.
pub type Item = Map<String, Value>;

type Records<'a> = BTreeMap<&'a str, &'a Item>;

/// Prefix of the partitions of layers.
const LAYER: &str = "LAYER#";

/// What does not hold of these items, which have to be all of the layers they belong to.
pub fn broken(items: &[Item]) -> Vec<Broken> {
    let mut layers: BTreeMap<&str, Records<'_>> = BTreeMap::new();
    for item in items {
        if let Some(layer) = text(item, "pk").and_then(|pk| pk.strip_prefix(LAYER)) {
            layers.entry(layer).or_default().insert(text(item, "sk").unwrap_or_default(), item);
        }
    }
    let mut found = Vec::new();
    for (layer, records) in &layers {
        let facts = Facts { layer, records, layers: &layers };
        facts.of_layer(&mut found);
    }
    found
}

struct Facts<'a> {
    layer: &'a str,
    records: &'a Records<'a>,
    layers: &'a BTreeMap<&'a str, Records<'a>>,
}

impl<'a> Facts<'a> {
    fn of_layer(&self, found: &mut Vec<Broken>) {
        self.record_of_the_layer(found);
        self.queue(found);
        self.lease(found);
        self.numbers(found);
        self.ends(found);
        self.one_at_a_time(found);
        self.changes(found);
        self.shares(found);
        self.approvals(found);
        self.modules(found);
    }

    fn say(&self, found: &mut Vec<Broken>, record: &str, what: impl Into<String>) {
        found.push(Broken { layer: self.layer.to_owned(), record: record.to_owned(), what: what.into() });
    }

    fn of(&self, prefix: &'static str) -> impl Iterator<Item = (&'a str, &'a Item)> {
        self.records.iter().filter(move |(sk, _)| sk.starts_with(prefix)).map(|(sk, item)| (*sk, *item))
    }

    fn deployment(&self, number: u64) -> Option<&'a Item> {
        self.records.get(format!("DEPLOYMENT#{number:010}").as_str()).copied()
    }

    fn record_of_the_layer(&self, found: &mut Vec<Broken>) {
        if !self.records.contains_key("LAYER") {
            let first = self.records.keys().next().copied().unwrap_or_default();
            self.say(found, first, "the layer has records and no record of its own");
        }
    }

    /// The queue names what runs and what waits, and nothing else runs or waits.
    fn queue(&self, found: &mut Vec<Broken>) {
        let queue = self.records.get("QUEUE").copied();
        for (place, status) in [("running", "running"), ("waiting", "queued")] {
            let named = queue.and_then(|queue| count(queue, place));
            if let Some(number) = named {
                match self.deployment(number).map(|one| text(one, "status").unwrap_or_default()) {
                    Some(is) if is == status => {}
                    Some(is) => self.say(found, "QUEUE", format!("{number} is still {place}, and it is {is}")),
                    None => {
                        self.say(found, "QUEUE", format!("{number} is still {place}, and there is no such deployment"))
                    }
                }
            }
            for (sk, one) in self.of("DEPLOYMENT#") {
                if text(one, "status") == Some(status) && count(one, "number") != named {
                    let number = count(one, "number").unwrap_or_default();
                    self.say(found, sk, format!("deployment {number} is {status}, and the queue does not say so"));
                }
            }
        }
    }

    /// Who holds the layer runs a deployment of it.
    fn lease(&self, found: &mut Vec<Broken>) {
        let Some(lease) = self.records.get("LEASE").copied() else { return };
        match text(lease, "holder") {
            Some(holder) => {
                let runs = self.running().is_some_and(|one| text(one, "execution_arn").is_none_or(|arn| arn == holder));
                if !runs {
                    self.say(found, "LEASE", format!("its lease is held by {holder}, which runs no deployment of it"));
                }
            }
            None if lease.get("cancelled").is_some_and(|cancelled| !cancelled.is_null()) => {
                self.say(found, "LEASE", "a cancellation outlived its lease");
            }
            None => {}
        }
    }

    fn running(&self) -> Option<&'a Item> {
        self.of("DEPLOYMENT#").map(|(_, one)| one).find(|one| text(one, "status") == Some("running"))
    }

    /// Deployments are numbered from 1 without a gap but for looks for drift that were forgotten, and the layer counts
    /// them.
    fn numbers(&self, found: &mut Vec<Broken>) {
        let numbers: Vec<u64> = self.of("DEPLOYMENT#").filter_map(|(_, one)| count(one, "number")).collect();
        let forgotten = self.records.get("DRIFT").and_then(|drift| count(drift, "forgotten")).unwrap_or_default();
        let all = u64::try_from(numbers.len()).unwrap_or(u64::MAX).saturating_add(forgotten);
        let fit = numbers.iter().all(|number| (1..=all).contains(number));
        if !fit || (forgotten == 0 && !numbers.iter().copied().eq(1..=all)) {
            self.say(found, "DEPLOYMENT#", format!("its deployments are numbered {numbers:?}"));
        }
        if let Some(layer) = self.records.get("LAYER").copied()
            && count(layer, "counter").unwrap_or_default() != all
        {
            let counter = count(layer, "counter").unwrap_or_default();
            self.say(found, "LAYER", format!("it counts {counter} deployments and has {all}"));
        }
    }

    /// What is over has an end, and what is superseded was superseded by a newer one.
    fn ends(&self, found: &mut Vec<Broken>) {
        for (sk, one) in self.of("DEPLOYMENT#") {
            let number = count(one, "number").unwrap_or_default();
            let status = text(one, "status").unwrap_or_default();
            let over = !matches!(status, "queued" | "running");
            match (over, text(one, "finished_at")) {
                (true, None) => self.say(found, sk, format!("deployment {number} has no end, and it is {status}")),
                (false, Some(at)) => {
                    self.say(found, sk, format!("deployment {number} ended at {at}, and it is {status}"));
                }
                (true, Some(_)) | (false, None) => {}
            }
            let by = count(one, "superseded_by");
            if status == "superseded" && !by.is_some_and(|by| by > number && self.deployment(by).is_some()) {
                let by = by.map_or_else(|| "nothing".to_owned(), |by| by.to_string());
                self.say(found, sk, format!("deployment {number} was superseded by {by}"));
            }
            if status == "succeeded" && changes(one) {
                self.settled(number, found);
            }
        }
    }

    /// Every module of a deployment that succeeded came to its end.
    fn settled(&self, number: u64, found: &mut Vec<Broken>) {
        let prefix = format!("RUN#{number:010}#");
        for (sk, run) in self.records.iter().filter(|(sk, _)| sk.starts_with(&prefix)) {
            let status = text(run, "status").unwrap_or_default();
            if !matches!(status, "done" | "unchanged") {
                self.say(found, sk, format!("a module is {status}, and deployment {number} succeeded"));
            }
        }
    }

    /// One deployment at a time: none begins before the one before it ended.
    fn one_at_a_time(&self, found: &mut Vec<Broken>) {
        let mut ran: Vec<(&str, Option<&str>, u64)> = self
            .of("DEPLOYMENT#")
            .filter_map(|(_, one)| {
                Some((text(one, "started_at")?, text(one, "finished_at"), count(one, "number").unwrap_or_default()))
            })
            .collect();
        // Moments of one form and zone, to the same unit or a finer one: compared as moments, not as text.
        ran.sort_by_key(|(began, _, number)| (moment(began), *number));
        for pair in ran.windows(2) {
            let ((_, ended, before), (began, _, after)) = (pair[0], pair[1]);
            let overlaps = ended.is_none_or(|ended| moment(began) < moment(ended));
            if overlaps {
                let ended = ended.unwrap_or("any time");
                let what = format!("deployment {after} began at {began}, before {before} ended at {ended}");
                self.say(found, &format!("DEPLOYMENT#{after:010}"), what);
            }
        }
    }

    /// Each change has its deployment and each deployment its change.
    fn changes(&self, found: &mut Vec<Broken>) {
        let mut changes: Vec<u64> = self.of("CHANGE#").filter_map(|(_, change)| count(change, "number")).collect();
        changes.sort_unstable();
        let deployments: Vec<u64> = self.of("DEPLOYMENT#").filter_map(|(_, one)| count(one, "number")).collect();
        if changes != deployments {
            self.say(found, "CHANGE#", "its changes and its deployments do not belong to each other");
            return;
        }
        for (sk, change) in self.of("CHANGE#") {
            let number = count(change, "number").unwrap_or_default();
            let served = self.deployment(number).and_then(|one| text(one, "change"));
            if served.is_some_and(|served| format!("CHANGE#{served}") != sk) {
                self.say(found, sk, format!("deployment {number} serves another change"));
            }
        }
    }

    /// A shared lease belongs to a service that holds itself, with the same token, or was given back and waits for its
    /// time to end; or it is the note of a service that waits for one.
    fn shares(&self, found: &mut Vec<Broken>) {
        for (sk, shared) in self.of("SHARED#") {
            let service = sk.trim_start_matches("SHARED#");
            let lease = self.layers.get(service).and_then(|records| records.get("LEASE")).copied();
            let held = lease.is_some_and(|lease| {
                text(lease, "holder").is_some()
                    && text(lease, "holder") == text(shared, "holder")
                    && count(lease, "token") == count(shared, "token")
                    && text(lease, "environment") == Some(self.layer)
            });
            let waits = shared.get("waits").and_then(Value::as_bool) == Some(true);
            if !held && text(shared, "quiet_for").is_none() && !waits {
                self.say(found, sk, format!("{sk} is left, and {service} does not hold it"));
            }
        }
    }

    /// A token of a waiting execution belongs to a deployment that runs.
    fn approvals(&self, found: &mut Vec<Broken>) {
        for (sk, _) in self.of("APPROVAL#") {
            let number = sk.trim_start_matches("APPROVAL#").parse().unwrap_or_default();
            if self.deployment(number).and_then(|one| text(one, "status")) != Some("running") {
                self.say(found, sk, format!("{sk} still waits, and deployment {number} does not run"));
            }
        }
    }

    /// What is there is there wholly, unless a deployment has it in hand or left it undone.
    fn modules(&self, found: &mut Vec<Broken>) {
        let last = self
            .of("DEPLOYMENT#")
            .map(|(_, one)| one)
            .filter(|one| text(one, "started_at").is_some() && changes(one))
            .last();
        if last.is_none_or(|last| text(last, "status") != Some("succeeded")) {
            return;
        }
        for (sk, resource) in self.of("RES#") {
            let status = text(resource, "status").unwrap_or_default();
            if status != "applied" {
                self.say(found, sk, format!("{sk} is {status}, and nothing works on it"));
            }
        }
        for (sk, module) in self.of("MODULE#") {
            if module.get("complete").and_then(Value::as_bool) != Some(true) {
                self.say(found, sk, format!("{sk} is not complete, and nothing works on it"));
            }
        }
        let gone = self.records.get("LAYER").and_then(|layer| text(layer, "status")) == Some("destroyed");
        let left: BTreeSet<&str> = self.of("RES#").chain(self.of("MODULE#")).map(|(sk, _)| sk).collect();
        if gone {
            for sk in left {
                self.say(found, sk, format!("{sk} is left of a layer that was destroyed"));
            }
        }
    }
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_str()
}

fn count(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_u64()
}

/// Whether a deployment may change anything. Plans and looks for drift do not.
fn changes(one: &Item) -> bool {
    matches!(text(one, "action"), Some("deploy" | "destroy"))
}

fn moment(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests;
