//! Writes under one lease travel together: what comes while a transaction is on its way goes with the next one. A
//! function that works on many resources at a time writes to the table as often as one that works on few, and its own
//! transactions do not meet each other at the lease that all of them check. Where many came aboard lately, the first of
//! them waits a moment for the others: whoever misses a transaction waits for the whole of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::StateError;
use crate::lease::Lease;
use crate::store::Store;
use crate::write::Write;

/// Records that one transaction writes at most: DynamoDB takes 100 items, two are the lease checks
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
pub(crate) const AT_ONCE: usize = 98;
/// Bytes that one transaction writes at most: DynamoDB takes 4 MB.
const BYTES: usize = 3 * 1024 * 1024;

/// The longest wait for others, however slow the table is.
const PATIENCE: Duration = Duration::from_millis(200);

/// The writes that wait, by the lease they are written under.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: Mutex<HashMap<Key, Arc<Lane>>>,
    pace: Mutex<Pace>,
}

/// What the last transactions were like.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// How many callers came aboard; of one that fewer took, half of what it was.
    crowd: usize,
    /// How long the last one took.
    took: Duration,
}

impl Pace {
    fn after(self, aboard: usize, took: Duration) -> Self {
        Self { crowd: aboard.max(self.crowd / 2), took }
    }
}

/// Layer and token of a lease, and whether the writes begin something.
type Key = (String, u64, bool);

#[derive(Debug, Default)]
struct Lane {
    waiting: Mutex<Vec<Arc<Party>>>,
    /// Held by whoever sends.
    road: tokio::sync::Mutex<()>,
}

/// The writes of one caller. They are done together or not at all.
#[derive(Debug)]
struct Party {
    writes: Vec<Write>,
    /// What became of them: which write's condition did not hold, if one did not. Missing until that is known, and
    /// forever when whoever sent them was dropped on the way.
    end: Mutex<Option<End>>,
}

/// How a transaction ended that DynamoDB has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Written,
    /// The lease is not ours, or does not let anything begin.
    Lease,
    /// The condition of a write did not hold.
    Refused,
}

impl Party {
    fn end(&self) -> Option<End> {
        *guard(&self.end)
    }

    fn ended(&self, end: End) {
        *guard(&self.end) = Some(end);
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it holds stays whole whatever panicked while holding it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lanes {
    fn of(&self, key: &Key) -> Arc<Lane> {
        Arc::clone(guard(&self.lanes).entry(key.clone()).or_default())
    }

    fn enter(&self, key: Key, writes: Vec<Write>) -> Place<'_> {
        let lane = self.of(&key);
        let party = Arc::new(Party { writes, end: Mutex::new(None) });
        guard(&lane.waiting).push(Arc::clone(&party));
        Place { lanes: self, key, lane, party }
    }
}

/// The place of one caller in a lane. Who is dropped before his writes were sent does not send them.
struct Place<'a> {
    lanes: &'a Lanes,
    key: Key,
    lane: Arc<Lane>,
    party: Arc<Party>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        guard(&self.lane.waiting).retain(|party| !Arc::ptr_eq(party, &self.party));
        let mut lanes = guard(&self.lanes.lanes);
        // The map's own and ours: nobody else uses it.
        if Arc::strong_count(&self.lane) <= 2 {
            lanes.remove(&self.key);
        }
    }
}

impl Lane {
    /// Waits for those who come usually, as long as one comes after the other, and at most as long as the transaction
    /// takes that they would wait for otherwise. Who is mostly alone does not wait.
    async fn gather(&self, pace: Pace) {
        let most = pace.took.min(PATIENCE);
        let began = Instant::now();
        let mut come = guard(&self.waiting).len();
        while come < pace.crowd && began.elapsed() < most {
            sleep(most / 8).await;
            let now = guard(&self.waiting).len();
            if now <= come {
                break;
            }
            come = now;
        }
    }

    /// Takes what goes into the next transaction: ours, and as many of the others as fit. No record is written twice
    /// in one transaction: DynamoDB refuses that.
    fn board(&self, ours: &Arc<Party>) -> Vec<Arc<Party>> {
        let mut waiting = guard(&self.waiting);
        let mut aboard = vec![Arc::clone(ours)];
        let mut records: BTreeSet<String> = ours.writes.iter().map(Write::name_of_record).collect();
        let mut bytes: usize = ours.writes.iter().map(Write::size).sum();
        waiting.retain(|party| {
            if Arc::ptr_eq(party, ours) {
                return false;
            }
            let names: Vec<String> = party.writes.iter().map(Write::name_of_record).collect();
            let size: usize = party.writes.iter().map(Write::size).sum();
            let fits = records.len() + names.len() <= AT_ONCE
                && bytes + size <= BYTES
                && names.iter().all(|name| !records.contains(name));
            if fits {
                records.extend(names);
                bytes += size;
                aboard.push(Arc::clone(party));
            }
            !fits
        });
        aboard
    }
}

impl Store {
    /// Writes under a lease, together with what others write under it at the same time. With `begins` it is refused as
    /// well once the deployment was cancelled.
    pub(crate) async fn write_together(
        &self,
        lease: &Lease,
        begins: bool,
        writes: Vec<Write>,
    ) -> Result<End, StateError> {
        let place = self.lanes().enter((lease.layer.clone(), lease.token, begins), writes);
        // Those who come in the same moment come aboard too.
        tokio::task::yield_now().await;
        let _road = place.lane.road.lock().await;
        if let Some(end) = place.party.end() {
            return Ok(end);
        }
        let pace = *guard(&self.lanes().pace);
        place.lane.gather(pace).await;
        let aboard = place.lane.board(&place.party);
        let (crowd, began) = (aboard.len(), Instant::now());
        let sent = self.send(lease, begins, &place.party, aboard).await;
        let mut pace = guard(&self.lanes().pace);
        *pace = pace.after(crowd, began.elapsed());
        sent
    }

    /// Sends a transaction for all that are aboard, and again without whoever's condition does not hold. What cannot
    /// be decided for all is decided for ours alone; the others send theirs themselves.
    async fn send(
        &self,
        lease: &Lease,
        begins: bool,
        ours: &Arc<Party>,
        mut aboard: Vec<Arc<Party>>,
    ) -> Result<End, StateError> {
        loop {
            let mut all = lease.checks(self.now(), begins);
            let checks = all.len();
            all.extend(aboard.iter().flat_map(|party| party.writes.iter().cloned()));
            match self.transact(all).await {
                Ok(None) => aboard.iter().for_each(|party| party.ended(End::Written)),
                Ok(Some(index)) if index < checks => aboard.iter().for_each(|party| party.ended(End::Lease)),
                Ok(Some(index)) => {
                    let mut before = checks;
                    let refused = aboard.iter().position(|party| {
                        before += party.writes.len();
                        index < before
                    });
                    if let Some(refused) = refused {
                        aboard.remove(refused).ended(End::Refused);
                    }
                }
                Err(error) if aboard.len() == 1 => return Err(error),
                Err(_) => aboard.truncate(1),
            }
            if let Some(end) = ours.end() {
                // Those behind a refused first one are sent by the next of them.
                return Ok(end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(80);

    /// Who waits, and for how long the first of them has waited, when one comes every so many milliseconds.
    async fn gathered(crowd: usize, every: u64, others: usize) -> (usize, u128) {
        let lanes = Lanes::default();
        let key = || ("shop".to_owned(), 1, true);
        let _first = lanes.enter(key(), Vec::new());
        let came = Mutex::new(Vec::new());
        let coming = async {
            for _ in 0..others {
                sleep(Duration::from_millis(every)).await;
                guard(&came).push(lanes.enter(key(), Vec::new()));
            }
            std::future::pending::<()>().await;
        };
        let (lane, began) = (lanes.of(&key()), Instant::now());
        tokio::select! {
            () = lane.gather(Pace { crowd, took: TOOK }) => {}
            () = coming => {}
        }
        let waiting = guard(&lane.waiting).len();
        (waiting, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_first_waits_for_those_that_come_one_after_the_other() {
        assert_eq!(gathered(20, 3, 19).await, (20, 60), "until all are there");
        assert_eq!(gathered(20, 3, 9).await, (10, 40), "until nobody comes any more");
        assert_eq!(gathered(100, 3, 99).await.1, TOOK.as_millis(), "no longer than the next transaction would take");
        assert_eq!(gathered(20, 30, 19).await, (1, 10), "not for those that are far");
        assert_eq!(gathered(1, 3, 19).await, (1, 0), "not where one is mostly alone");
    }

    #[test]
    fn a_crowd_that_is_over_is_soon_forgotten() {
        let mut pace = Pace::default().after(24, TOOK);
        let mut seen = Vec::new();
        for _ in 0..6 {
            pace = pace.after(1, TOOK);
            seen.push(pace.crowd);
        }
        assert_eq!(seen, [12, 6, 3, 1, 1, 1]);
    }
}
