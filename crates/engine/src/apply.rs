//! Making and changing: each resource of the graph as soon as what it needs is done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use landfall_aws::{Error, Kind, Result, sent_by};
use landfall_plan::{Action, ResourceChange, resolve};
use serde_json::Value;

use crate::graph::Node;
use crate::journal::Entry;
use crate::plan::{Known, judge, lookup};
use crate::reconcile::{AT_ONCE, Step};
use crate::report::{End, Report};
use crate::resource::{Changes, Progress, Seen, Status};
use crate::step::SEND_WITHIN;

/// How soon something is looked at again that AWS works on.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How often a creation is tried whose earlier attempt may have made what now "exists already" and is not shown yet.
const ADOPTIONS: u32 = 24;

/// To what a resource is brought.
struct Bring {
    /// As the config wants it: what is recorded, so that a change of the config is seen as one.
    recorded: Value,
    /// The same with drift that is left alone as it is now.
    written: Value,
}

impl Step<'_> {
    /// Makes and changes the graph's resources. What could not be removed for its replacement, and what needs it,
    /// stays as it is; everything else goes on.
    pub(crate) async fn apply(&self, seen: &BTreeMap<String, Seen>, report: &mut Report) -> Known {
        let mut known = Known::new();
        let mut waiting: Vec<&Node> = self.subject.nodes.iter().filter(|node| report.is_free(&node.name)).collect();
        let mut done: BTreeSet<String> = BTreeSet::new();
        let mut running = FuturesUnordered::new();
        let mut recording = FuturesUnordered::new();
        let mut abandoned = false;
        while !abandoned {
            let mut later = Vec::new();
            for node in waiting {
                let ready = !report.cancelled
                    && self.in_time()
                    && running.len() < AT_ONCE
                    && node.needs.iter().all(|need| done.contains(need));
                if !ready {
                    later.push(node);
                    continue;
                }
                let mut desired = resolve(&node.desired, &|token| lookup(&known, token));
                desired.value = node.kind.0.canonical(desired.value);
                let before = seen.get(&node.name);
                // What was removed for its replacement has no entry any more.
                let entry = self.subject.journal.get(&node.name).filter(|_| !report.gone.contains(&node.name));
                running.push(Box::pin(async move { (node, self.bring(node, desired, before, entry).await) }));
            }
            waiting = later;
            let (node, end) = tokio::select! {
                biased;
                // First, so that it is written before, or with, what begins because of it.
                Some((node, recorded)) = recording.next() => {
                    let node: &Node = node;
                    if let Err(error) = recorded {
                        report.failed(&node.name, error);
                    }
                    continue;
                }
                Some(ended) = running.next() => ended,
                () = self.abandoned(), if !running.is_empty() || !recording.is_empty() => { abandoned = true; continue }
                else => break,
            };
            match end {
                End::Done { action, attributes } => {
                    report.acted.insert(node.name.clone(), action);
                    known.insert(node.name.clone(), attributes);
                    done.insert(node.name.clone());
                }
                End::Made { action, attributes, id, desired } => {
                    report.acted.insert(node.name.clone(), action);
                    known.insert(node.name.clone(), attributes.clone());
                    done.insert(node.name.clone());
                    recording.push(Box::pin(async move {
                        (node, self.recorder.applied(node, &desired, &id, &attributes).await)
                    }));
                }
                End::Gone => {}
                End::Pending { after, reason } => report.wait(&node.name, after, reason),
                End::Failed(error) => report.failed(&node.name, error),
            }
        }
        report.left_calls |= abandoned;
        if abandoned || (report.settled() && !waiting.is_empty()) {
            report.next_step_goes_on();
        }
        for node in waiting {
            let open = node.needs.iter().filter(|need| !done.contains(*need)).cloned().collect();
            report.skipped.insert(node.name.clone(), open);
        }
        known
    }

    async fn bring(
        &self,
        node: &Node,
        desired: landfall_plan::Resolution,
        before: Option<&Seen>,
        entry: Option<&Entry>,
    ) -> End {
        if let Some(token) = desired.unknown.first() {
            let error = Error::new(Kind::Corrupt, "apply", format!("it refers to {token}, which nothing made known"));
            return End::Failed(error.about(&node.name));
        }
        match self.try_bring(node, desired.value, before, entry).await {
            Ok(end) => end,
            Err(error) => self.wait_or_fail(error, &node.name, u32::MAX),
        }
    }

    /// The truth table of one resource. What AWS does not show counts as seen when the journal recorded it a moment ago,
    /// or this deployment applied it: describes lag behind creates ([`Entry::remembered`]).
    ///
    /// | seen | journal | done |
    /// |---|---|---|
    /// | looked up | any | nothing |
    /// | none | intent without id, too young, no name to find it by | waited out |
    /// | none | anything else | create |
    /// | being made or removed | any | waited for |
    /// | given up by AWS | any | failed (an approved replacement was removed before) |
    /// | ready | being removed, a moment ago | waited for |
    /// | ready, as desired | applied, as desired | nothing, no write |
    /// | ready, as desired | anything else | adopted |
    /// | ready, differs | any | updated (a replacement was removed before) |
    async fn try_bring(
        &self,
        node: &Node,
        desired: Value,
        before: Option<&Seen>,
        entry: Option<&Entry>,
    ) -> Result<End> {
        if node.kind.0.is_lookup() {
            let seen = before.ok_or_else(|| Error::new(Kind::NotFound, "look up", "it does not exist"))?;
            return Ok(End::Done { action: Action::Keep, attributes: seen.attributes.clone() });
        }
        let begun = entry.is_some_and(|entry| entry.deployment == self.number);
        let Some(seen) = before else {
            if let Some(left) = self.limits.interrupted(entry.filter(|_| !node.kind.0.named()), self.subject.looked_at)
            {
                let reason = "making sure that an interrupted creation left nothing".to_owned();
                return Ok(End::Pending { after: left, reason });
            }
            self.permit(&judge(node, &desired, entry, None, &self.subject.leave).change, begun)?;
            return self.create(node, desired, entry).await;
        };
        match &seen.status {
            Status::Ready => {}
            Status::Pending(what) => {
                return Ok(End::Pending { after: LOOK_AGAIN, reason: format!("AWS says {what}") });
            }
            Status::Deleting => {
                return Ok(End::Pending { after: LOOK_AGAIN, reason: "it is being deleted".to_owned() });
            }
            Status::Failed(why) => return Err(gave_up(why)),
        }
        let leaving = entry.filter(|entry| entry.leaving);
        if let Some(left) = leaving.and_then(|entry| entry.unsettled(self.limits.dying, self.subject.looked_at)) {
            let reason = "its removal was begun, and AWS may still carry that out".to_owned();
            return Ok(End::Pending { after: left, reason });
        }
        let judged = judge(node, &desired, entry, Some(seen), &self.subject.leave);
        let planned = judged.change;
        match planned.action {
            Action::Keep | Action::Create | Action::Delete => {
                if !judged.spared && !entry.is_some_and(|entry| entry.records(node, &desired)) {
                    self.recorder.applied(node, &desired, &seen.id, &seen.attributes).await?;
                }
                Ok(End::Done { action: Action::Keep, attributes: seen.attributes.clone() })
            }
            Action::Update => {
                self.permit(&planned, begun)?;
                self.update(node, Bring { recorded: desired, written: judged.desired }, seen, &planned, entry).await
            }
            Action::Replace => {
                self.permit(&planned, begun)?;
                Err(Error::new(Kind::NotReady, "apply", "it is replaced in the next step"))
            }
        }
    }

    async fn create(&self, node: &Node, desired: Value, entry: Option<&Entry>) -> Result<End> {
        // Before the intent, whose age says what may still come of it.
        let by = Instant::now() + SEND_WITHIN;
        let intent = self.recorder.intend_creation(node, &desired, entry).await?;
        let interrupted = entry.is_some_and(Entry::is_interrupted);
        match sent_by(by, node.kind.0.create(desired.clone(), self.engine.aws(), &intent)).await {
            Ok(progress) => self.made(node, desired, progress, Action::Create, None).await,
            // An earlier attempt made it and AWS does not show it yet: a later look adopts it.
            Err(error) if error.says_it_exists() && interrupted && intent.attempt < ADOPTIONS => {
                let reason = format!("an interrupted attempt may have made it: {}", error.message);
                Ok(End::Pending { after: Duration::from_secs(5), reason })
            }
            Err(error) => {
                // What was interrupted before was waited out; nothing is left to wait for before it is tried again.
                if !node.kind.0.named() && node.kind.makes_nothing(&error) {
                    self.recorder.refused(node, intent.attempt).await;
                }
                Ok(self.wait_or_fail(error, &node.name, intent.attempt))
            }
        }
    }

    async fn update(
        &self,
        node: &Node,
        bring: Bring,
        seen: &Seen,
        planned: &ResourceChange,
        entry: Option<&Entry>,
    ) -> Result<End> {
        let attempt = self.recorder.intend_update(node, &seen.id, entry).await?;
        let changes = Changes { attributes: &planned.attributes, seen };
        match node.kind.0.update(bring.written, self.engine.aws(), &changes).await {
            Ok(progress) => self.made(node, bring.recorded, progress, Action::Update, Some(seen)).await,
            Err(error) => Ok(self.wait_or_fail(error, &node.name, attempt)),
        }
    }

    async fn made(
        &self,
        node: &Node,
        desired: Value,
        progress: Progress,
        action: Action,
        before: Option<&Seen>,
    ) -> Result<End> {
        match progress {
            Progress::Done(recorded) => {
                let mut attributes = before.map(|seen| seen.attributes.clone()).unwrap_or_default();
                attributes.extend(recorded.attributes);
                attributes.insert("id".into(), Value::String(recorded.id.clone()));
                Ok(End::Made { action, attributes, id: recorded.id, desired })
            }
            Progress::Pending { recorded, retry_after, reason } => {
                self.recorder.progressed(node, &desired, &recorded).await?;
                Ok(End::Pending { after: retry_after, reason })
            }
        }
    }
}

/// The failure of a resource that AWS gave up on.
pub(crate) fn gave_up(why: &str) -> Error {
    Error::new(Kind::Unexpected, "apply", format!("AWS gave up on it: {why}"))
        .hint("remove the cause and deploy again: the next plan replaces it")
}
