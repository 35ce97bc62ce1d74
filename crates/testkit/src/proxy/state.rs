//! What the proxy knows: rules, the log of calls, what is fresh, lists that are being answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::answer::Failure;
use super::call::{Call, Caller};
use super::fresh::{Freshness, Patience};
use super::pages::Pages;
use super::rule::{Armed, Effect, Rule};

/// A call in the log.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its number, counted from 0 since the last reset.
    pub number: usize,
    /// Milliseconds since the last reset.
    pub at: u64,
    /// Service.
    pub service: String,
    /// Operation.
    pub operation: String,
    /// Whether it changes something.
    pub mutating: bool,
    /// Region.
    pub region: String,
    /// Who called.
    #[serde(flatten)]
    pub caller: Caller,
    /// The fault that struck it.
    pub fault: Option<Effect>,
    /// Whether AWS saw it.
    pub reached: bool,
    /// The status that AWS answered.
    pub status: Option<u16>,
    /// The id of what it created.
    pub created: Option<String>,
    /// Whether the process that made it was killed.
    pub killed: bool,
}

/// What becomes of a call.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) number: usize,
    epoch: u64,
    pub(super) delay: Duration,
    pub(super) fault: Option<Effect>,
    /// An answer without AWS.
    pub(super) refused: Option<Failure>,
    pub(super) page: Option<String>,
    patience: Patience,
    pages: bool,
}

/// Shared by all connections.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    epoch: u64,
    began: Instant,
    rules: Vec<Armed>,
    log: Vec<Entry>,
    fresh: Freshness,
    pages: Pages,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            epoch: 0,
            began: Instant::now(),
            rules: Vec::new(),
            log: Vec::new(),
            fresh: Freshness::default(),
            pages: Pages::default(),
        }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change is whole in itself, so the state stays meaningful whatever panicked.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything; what is under way is not logged any more.
    pub(super) fn reset(&self) {
        let mut inner = self.lock();
        let epoch = inner.epoch + 1;
        *inner = Inner { epoch, ..Inner::default() };
    }

    pub(super) fn set_rules(&self, rules: Vec<Rule>) {
        self.lock().rules = rules.into_iter().map(Armed::new).collect();
    }

    pub(super) fn rules(&self) -> Vec<Armed> {
        self.lock().rules.clone()
    }

    /// The log from a number on.
    pub(super) fn log(&self, from: usize) -> Vec<Entry> {
        self.lock().log.get(from..).unwrap_or_default().to_vec()
    }

    /// Logs a call and decides what becomes of it.
    pub(super) fn judge(&self, call: &Call, caller: &Caller) -> Verdict {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let mut verdict = Verdict {
            number: inner.log.len(),
            epoch: inner.epoch,
            delay: Duration::ZERO,
            fault: None,
            refused: None,
            page: None,
            patience: Patience::default(),
            pages: false,
        };
        for armed in &mut inner.rules {
            // One fault strikes a call; the rules behind it keep their turn.
            let faulty = !matches!(
                armed.rule.effect,
                Effect::Delay { .. }
                    | Effect::Lag { .. }
                    | Effect::Linger { .. }
                    | Effect::Unassumable { .. }
                    | Effect::Pages
            );
            if (faulty && verdict.fault.is_some()) || !armed.strikes(call, caller) {
                continue;
            }
            match &armed.rule.effect {
                Effect::Delay { milliseconds } => verdict.delay += Duration::from_millis(*milliseconds),
                Effect::Lag { looks } => verdict.patience.lag = *looks,
                Effect::Linger { looks } => verdict.patience.linger = *looks,
                Effect::Unassumable { tries } => verdict.patience.unassumable = *tries,
                Effect::Pages => verdict.pages = true,
                fault => verdict.fault = Some(fault.clone()),
            }
        }
        if verdict.fault.is_none() {
            verdict.refused = inner.fresh.refuse(call);
            verdict.page = inner.pages.continued(call);
        }
        inner.log.push(Entry {
            number: verdict.number,
            at: u64::try_from(inner.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            service: call.service.clone(),
            operation: call.operation.clone(),
            mutating: call.mutating,
            region: call.region.clone(),
            caller: caller.clone(),
            fault: verdict.fault.clone(),
            reached: false,
            status: None,
            created: None,
            killed: false,
        });
        verdict
    }

    /// Logs that the process was killed.
    pub(super) fn killed(&self, verdict: &Verdict) {
        let mut inner = self.lock();
        if inner.epoch == verdict.epoch
            && let Some(entry) = inner.log.get_mut(verdict.number)
        {
            entry.killed = true;
        }
    }

    /// Logs what AWS answered. Answers a body to send instead, if another is to be sent.
    pub(super) fn answered(&self, call: &Call, verdict: &Verdict, status: u16, body: &str) -> Option<String> {
        let mut inner = self.lock();
        if inner.epoch != verdict.epoch {
            return None;
        }
        let good = (200..300).contains(&status);
        let created = if good { inner.fresh.note(call, body, verdict.patience) } else { None };
        let entry = inner.log.get_mut(verdict.number)?;
        (entry.reached, entry.status, entry.created) = (true, Some(status), created);
        if !good {
            return None;
        }
        let disguised = inner.fresh.disguise(call, body);
        let page = if verdict.pages { inner.pages.first(call, &disguised) } else { None };
        page.or_else(|| (disguised != body).then_some(disguised))
    }
}
