//! Removing: what is replaced before it is made again, and what the config no longer has, dependents first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use landfall_aws::Result;
use landfall_plan::{Action, ModulePlan, ResourceChange};
use serde_json::Value;

use crate::apply::gave_up;
use crate::journal::Entry;
use crate::observe::Leftover;
use crate::plan::{Known, deletion};
use crate::reconcile::{AT_ONCE, Step};
use crate::report::{End, Report};
use crate::resource::{Progress, Registered, Seen, Status};

/// Something to remove.
struct Removal<'a> {
    name: &'a str,
    kind: Registered,
    /// What AWS shows. `None`: only the record goes.
    seen: Option<&'a Seen>,
    entry: Option<&'a Entry>,
    /// What the approved plan has to allow.
    change: Option<ResourceChange>,
    needs: BTreeSet<&'a str>,
}

impl Step<'_> {
    /// Removes what is to be made again, and before it what the config no longer has and needs it. Takes what is gone
    /// out of `seen`.
    pub(crate) async fn remove_replaced(
        &self,
        computed: &ModulePlan,
        seen: &mut BTreeMap<String, Seen>,
        report: &mut Report,
    ) {
        let before = seen.clone();
        let mut removals: Vec<Removal<'_>> = Vec::new();
        for change in computed.resources.iter().filter(|change| change.action == Action::Replace) {
            let (Some(seen), Some(kind)) = (before.get(&change.resource), self.subject.kind_of(&change.resource))
            else {
                continue;
            };
            let entry = self.subject.journal.get(&change.resource);
            let recorded = entry.into_iter().flat_map(|entry| &entry.needs);
            let desired = self.subject.nodes.iter().filter(|node| node.name == change.resource);
            let needs = recorded.chain(desired.flat_map(|node| &node.needs)).map(String::as_str).collect();
            let (name, change) = (change.resource.as_str(), Some(change.clone()));
            removals.push(Removal { name, kind, seen: Some(seen), entry, change, needs });
        }
        if removals.is_empty() {
            return;
        }
        // Whatever the config no longer has and hangs on one of them would keep AWS from removing it.
        loop {
            let hanging: Vec<&Leftover> = self
                .subject
                .leftovers
                .iter()
                .filter(|left| !removals.iter().any(|removal| removal.name == left.name))
                .filter(|left| removals.iter().any(|removal| left.entry.needs.iter().any(|need| need == removal.name)))
                .collect();
            if hanging.is_empty() {
                break;
            }
            removals.extend(hanging.into_iter().map(|left| self.removal(left, &Known::new())));
        }
        let gone = self.remove_all(removals, report).await;
        seen.retain(|name, _| !gone.contains(name));
    }

    /// Removes what the config no longer has.
    pub(crate) async fn remove_leftovers(&self, known: &Known, report: &mut Report) {
        let left = self.subject.leftovers_in_reverse();
        let removals =
            left.into_iter().filter(|left| !report.gone.contains(&left.name)).map(|left| self.removal(left, known));
        let removals = removals.collect();
        self.remove_all(removals, report).await;
    }

    fn removal<'a>(&'a self, left: &'a Leftover, known: &Known) -> Removal<'a> {
        let seen = self.subject.seen.get(&left.name).filter(|_| !self.subject.moved(left, known));
        Removal {
            name: &left.name,
            kind: left.kind,
            seen,
            entry: Some(&left.entry),
            change: seen.map(|seen| deletion(left, Some(seen))),
            needs: left.entry.needs.iter().map(String::as_str).collect(),
        }
    }

    /// Removes all of them, each after what needs it; what does not depend on each other goes together. Answers what
    /// is gone.
    async fn remove_all(&self, removals: Vec<Removal<'_>>, report: &mut Report) -> BTreeSet<String> {
        let mut waiting: Vec<&Removal<'_>> = removals.iter().collect();
        let mut gone: BTreeSet<String> = BTreeSet::new();
        let mut running = FuturesUnordered::new();
        let mut recording = FuturesUnordered::new();
        let mut abandoned = false;
        while !abandoned {
            let held = |removal: &Removal<'_>| {
                removals.iter().any(|other| other.needs.contains(removal.name) && !gone.contains(other.name))
            };
            let (ready, later): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|removal| !report.cancelled && self.in_time() && !held(removal));
            waiting = later;
            let stuck = ready.is_empty() && running.is_empty() && self.in_time() && report.settled();
            // Needs that contradict each other after many versions: then one order is as good as another.
            let forced = if stuck && !waiting.is_empty() { Some(waiting.remove(0)) } else { None };
            let mut ready = ready.into_iter().chain(forced);
            for removal in ready.by_ref().take(AT_ONCE.saturating_sub(running.len())) {
                running.push(Box::pin(async move { (removal.name, self.remove(removal).await) }));
            }
            waiting.extend(ready);
            let (name, end) = tokio::select! {
                biased;
                // First, so that it is written before, or with, what begins because of it.
                Some((name, forgotten)) = recording.next() => {
                    if let Err(error) = forgotten {
                        report.failed(name, error);
                    }
                    continue;
                }
                Some(ended) = running.next() => ended,
                () = self.abandoned(), if !running.is_empty() || !recording.is_empty() => { abandoned = true; continue }
                else => break,
            };
            match end {
                End::Done { .. } | End::Made { .. } => {
                    gone.insert(name.to_owned());
                }
                End::Gone => {
                    gone.insert(name.to_owned());
                    recording.push(Box::pin(async move { (name, self.recorder.forgotten(name).await) }));
                }
                End::Pending { after, reason } => report.wait(name, after, reason),
                End::Failed(error) => report.failed(name, error),
            }
        }
        report.left_calls |= abandoned;
        if abandoned || (report.settled() && !waiting.is_empty()) {
            report.next_step_goes_on();
        }
        for removal in waiting {
            let users =
                removals.iter().filter(|other| other.needs.contains(removal.name) && !gone.contains(other.name));
            report.skipped.insert(removal.name.to_owned(), users.map(|other| other.name.to_owned()).collect());
        }
        report.gone.extend(gone.iter().cloned());
        gone
    }

    async fn remove(&self, removal: &Removal<'_>) -> End {
        match self.try_remove(removal).await {
            Ok(end) => end,
            Err(error) => self.wait_or_fail(error, removal.name, u32::MAX),
        }
    }

    async fn try_remove(&self, removal: &Removal<'_>) -> Result<End> {
        let Some(seen) = removal.seen else {
            // An interrupted creation may show itself only now.
            if let Some(left) = self.limits.interrupted(removal.entry, self.subject.looked_at) {
                let reason = "making sure that an interrupted creation left nothing".to_owned();
                return Ok(End::Pending { after: left, reason });
            }
            return Ok(End::Gone);
        };
        if let Some(change) = &removal.change
            && let Err(refused) = self.permit(change, false)
        {
            return Err(match &seen.status {
                Status::Failed(why) => gave_up(why),
                Status::Ready | Status::Pending(_) | Status::Deleting => refused,
            });
        }
        if seen.status == Status::Deleting {
            return Ok(End::Pending { after: Duration::from_secs(10), reason: "it is being deleted".to_owned() });
        }
        let needs = removal.entry.map(|entry| entry.needs.clone()).unwrap_or_default();
        let tries =
            self.recorder.intend_removal(removal.name, removal.kind.kind(), seen, &needs, removal.entry).await?;
        let nothing = Value::Null;
        let recorded = removal.entry.map_or(&nothing, |entry| &entry.properties);
        match removal.kind.0.delete(self.engine.aws(), seen, recorded).await {
            Ok(Progress::Done(_)) => Ok(End::Gone),
            Ok(Progress::Pending { retry_after, reason, .. }) => Ok(End::Pending { after: retry_after, reason }),
            Err(error) => Ok(self.wait_or_fail(error, removal.name, tries)),
        }
    }
}
