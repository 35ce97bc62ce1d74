//! One step of bringing a module to its config: remove what is replaced, make and change in order with as much at a
//! time as the graph allows, remove what is no longer wanted. Every action is journalled before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use futures::stream::{FuturesUnordered, StreamExt};
use landfall_aws::{Error, Kind, Mode, Result};
use landfall_plan::{Action, Counts, ModuleChange, ModulePlan, ResourceChange, resolve};
use serde_json::Value;

use crate::graph::Node;
use crate::module::Module;
use crate::plan::{Known, allowed, change, lookup};
use crate::record::{Opened, Recorder};
use crate::resource::{Changes, Progress, Registered, Seen, Status};
use crate::step::{Engine, Entry, Limits, Request, Response, Subject, approved_part};

/// How one resource ended in this step.
#[derive(Debug)]
enum End {
    Done { action: Action, attributes: serde_json::Map<String, Value> },
    Gone { replaced: bool },
    Pending { after: Duration, reason: String },
    Failed(Error),
}

/// Everything that the actions of a step share.
struct Step<'a> {
    engine: &'a Engine,
    subject: &'a Subject,
    recorder: &'a Recorder,
    approved: Option<&'a ModulePlan>,
    limits: Limits,
    number: u64,
}

/// The report of a step.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub counts: Counts,
    pub failures: Vec<(String, Error)>,
    pub skipped: Vec<String>,
    pub waits: BTreeMap<String, String>,
    pub retry_after: Option<Duration>,
    pub outputs: Value,
}

impl Report {
    fn wait(&mut self, resource: &str, after: Duration, reason: String) {
        self.waits.insert(resource.to_owned(), reason);
        self.retry_after = Some(self.retry_after.map_or(after, |now| now.min(after)));
    }

    fn settled(&self) -> bool {
        self.failures.is_empty() && self.waits.is_empty()
    }
}

pub(crate) async fn step<M: Module>(engine: &Engine, request: &Request, limits: Limits) -> Result<Response> {
    engine.aws().watch().begin(Mode::Read);
    let recorder = match Recorder::open(engine, request, limits.lease).await? {
        Opened::Running(recorder) => recorder,
        Opened::Ended(outcome) => return Ok(Response::Stepped { outcome, retry_after: 0 }),
    };
    engine.aws().watch().begin(Mode::WriteUntil(recorder.lease_ends()));
    let outcome = run::<M>(engine, request, limits, &recorder).await;
    match outcome {
        Ok((subject, report)) => recorder.settle(&subject, report, engine.aws().watch(), limits.patience).await,
        Err(error) => recorder.fail(error).await,
    }
}

async fn run<M: Module>(
    engine: &Engine,
    request: &Request,
    limits: Limits,
    recorder: &Recorder,
) -> Result<(Subject, Report)> {
    let approved = match &request.plan {
        Some(plan) => approved_part(recorder.load_plan(plan).await?, &request.module),
        None => None,
    };
    let subject = engine.load::<M>(request).await?;
    let mut report = Report::default();
    let step =
        Step { engine, subject: &subject, recorder, approved: approved.as_ref(), limits, number: request.number };
    let mut seen = subject.seen.clone();

    let computed = subject.plan();
    step.remove_replaced(&computed, &mut seen, &mut report).await;
    let mut known = Known::new();
    if report.settled() && subject.module.change != ModuleChange::Destroy {
        known = step.apply(&seen, &mut report).await;
    }
    if report.settled() {
        step.remove_leftovers(&known, &mut report).await;
    }
    let outputs = resolve(&subject.outputs, &|token| lookup(&known, token));
    if report.settled()
        && let Some(token) = outputs.unknown.first()
    {
        let error = Error::new(Kind::Corrupt, "outputs", format!("{token} was not made known"));
        report.failures.push(("outputs".to_owned(), error));
    }
    report.outputs = outputs.value;
    Ok((subject, report))
}

impl Step<'_> {
    /// Removes what is to be made again, dependents first, and takes it out of `seen`.
    async fn remove_replaced(&self, computed: &ModulePlan, seen: &mut BTreeMap<String, Seen>, report: &mut Report) {
        let replaced: Vec<&ResourceChange> =
            computed.resources.iter().filter(|change| change.action == Action::Replace).collect();
        for change in replaced.into_iter().rev() {
            let Some(before) = seen.get(&change.resource) else { continue };
            let Some(kind) = self.subject.kind_of(&change.resource) else { continue };
            let entry = self.subject.journal.get(&change.resource);
            let end = match self.permit(change, false) {
                Ok(()) => self.remove(&change.resource, kind, before, entry, true).await,
                Err(error) => End::Failed(error),
            };
            match end {
                End::Gone { .. } => {
                    seen.remove(&change.resource);
                }
                End::Done { .. } => {}
                End::Pending { after, reason } => return report.wait(&change.resource, after, reason),
                End::Failed(error) => {
                    report.failures.push((change.resource.clone(), error));
                    return;
                }
            }
        }
    }

    /// Makes and changes the graph's resources: each starts as soon as what it needs is done.
    async fn apply(&self, seen: &BTreeMap<String, Seen>, report: &mut Report) -> Known {
        let mut known = Known::new();
        let mut waiting: Vec<&Node> = self.subject.nodes.iter().collect();
        let mut done: BTreeSet<String> = BTreeSet::new();
        let mut running = FuturesUnordered::new();
        loop {
            let in_time = Instant::now() < self.limits.stop_starting;
            let (ready, later): (Vec<&Node>, Vec<&Node>) =
                waiting.into_iter().partition(|node| in_time && node.needs.iter().all(|need| done.contains(need)));
            waiting = later;
            for node in ready {
                let mut desired = resolve(&node.desired, &|token| lookup(&known, token));
                desired.value = node.kind.0.canonical(desired.value);
                let before = seen.get(&node.name);
                running.push(Box::pin(async move { (node, self.bring(node, desired, before).await) }));
            }
            let Some((node, end)) = running.next().await else { break };
            match end {
                End::Done { action, attributes } => {
                    report.counts.add(action);
                    known.insert(node.name.clone(), attributes);
                    done.insert(node.name.clone());
                }
                End::Gone { .. } => {}
                End::Pending { after, reason } => report.wait(&node.name, after, reason),
                End::Failed(error) => report.failures.push((node.name.clone(), error)),
            }
        }
        let out_of_time = report.settled() && !waiting.is_empty();
        report.skipped = waiting.iter().map(|node| node.name.clone()).collect();
        if out_of_time {
            report.wait("step", Duration::ZERO, "the next step goes on".to_owned());
        }
        known
    }

    async fn bring(&self, node: &Node, desired: landfall_plan::Resolution, before: Option<&Seen>) -> End {
        if let Some(token) = desired.unknown.first() {
            let error = Error::new(Kind::Corrupt, "apply", format!("it refers to {token}, which nothing made known"));
            return End::Failed(error.about(&node.name));
        }
        let entry = self.subject.journal.get(&node.name);
        match self.try_bring(node, desired.value, before, entry).await {
            Ok(end) => end,
            Err(error) => self.wait_or_fail(error, &node.name),
        }
    }

    /// The truth table of one resource:
    ///
    /// | seen | journal | done |
    /// |---|---|---|
    /// | none | applied by this deployment, as desired | trusted: describes lag behind creates |
    /// | none | intent without id, too young, no name to find it by | waited out |
    /// | none | anything else | create |
    /// | being made or removed | any | waited for |
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
        let Some(seen) = before else {
            if let Some(entry) = entry
                && entry.applied
                && entry.deployment == self.number
                && entry.properties == desired
            {
                return Ok(End::Done { action: Action::Create, attributes: with_id(entry) });
            }
            if let Some(wait) = entry.and_then(|entry| self.unsettled(node.kind, entry)) {
                return Ok(wait);
            }
            let planned = change(node, &desired, entry, None);
            let begun = entry.is_some_and(|entry| entry.deployment == self.number);
            self.permit(&planned, begun)?;
            return self.create(node, desired).await;
        };
        match &seen.status {
            Status::Ready => {}
            Status::Pending(what) => {
                let reason = format!("AWS says {what}");
                return Ok(End::Pending { after: Duration::from_secs(10), reason });
            }
            Status::Deleting => {
                let reason = "it is being deleted".to_owned();
                return Ok(End::Pending { after: Duration::from_secs(10), reason });
            }
            Status::Failed(why) => {
                return Err(Error::new(Kind::Unexpected, "apply", format!("AWS gave up on it: {why}")));
            }
        }
        let planned = change(node, &desired, entry, Some(seen));
        let begun = entry.is_some_and(|entry| entry.deployment == self.number);
        match planned.action {
            Action::Keep | Action::Create | Action::Delete => {
                let recorded =
                    entry.filter(|entry| entry.applied && entry.properties == desired && entry.needs == needs(node));
                if recorded.is_none() {
                    self.recorder.applied(node, &desired, &seen.id, &seen.attributes).await?;
                }
                let action =
                    if begun && entry.is_some_and(|entry| !entry.applied) { Action::Create } else { Action::Keep };
                Ok(End::Done { action, attributes: seen.attributes.clone() })
            }
            Action::Update => {
                self.permit(&planned, begun)?;
                self.update(node, desired, seen, &planned).await
            }
            Action::Replace => {
                self.permit(&planned, begun)?;
                Err(Error::new(Kind::NotReady, "apply", "it is replaced in the next step"))
            }
        }
    }

    async fn create(&self, node: &Node, desired: Value) -> Result<End> {
        let intent = self.recorder.intend(node, None, Action::Create).await?;
        let progress = node.kind.0.create(desired.clone(), self.engine.aws(), &intent).await?;
        self.record(node, &desired, progress, Action::Create, None).await
    }

    async fn update(&self, node: &Node, desired: Value, seen: &Seen, planned: &ResourceChange) -> Result<End> {
        self.recorder.intend(node, Some(&seen.id), Action::Update).await?;
        let changes = Changes { attributes: &planned.attributes, seen };
        let progress = node.kind.0.update(desired.clone(), self.engine.aws(), &changes).await?;
        self.record(node, &desired, progress, Action::Update, Some(seen)).await
    }

    async fn record(
        &self,
        node: &Node,
        desired: &Value,
        progress: Progress,
        action: Action,
        before: Option<&Seen>,
    ) -> Result<End> {
        match progress {
            Progress::Done(recorded) => {
                let mut attributes = before.map(|seen| seen.attributes.clone()).unwrap_or_default();
                attributes.extend(recorded.attributes);
                attributes.insert("id".into(), Value::String(recorded.id.clone()));
                self.recorder.applied(node, desired, &recorded.id, &attributes).await?;
                Ok(End::Done { action, attributes })
            }
            Progress::Pending { recorded, retry_after, reason } => {
                self.recorder.progressed(node, desired, &recorded).await?;
                Ok(End::Pending { after: retry_after, reason })
            }
        }
    }

    /// Removes what the config no longer has, dependents first; what does not depend on each other goes together.
    async fn remove_leftovers(&self, known: &Known, report: &mut Report) {
        let mut waiting: Vec<_> = self.subject.leftovers_in_reverse();
        let mut gone: BTreeSet<String> = BTreeSet::new();
        let mut running = FuturesUnordered::new();
        loop {
            let in_time = Instant::now() < self.limits.stop_starting;
            let blocked = |name: &str| {
                self.subject
                    .leftovers
                    .iter()
                    .any(|other| other.entry.needs.iter().any(|need| need == name) && !gone.contains(&other.name))
            };
            let (ready, later): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|left| in_time && !blocked(&left.name));
            waiting = later;
            for left in ready {
                running.push(async move {
                    let held = self.subject.moved(left, known);
                    let end = match self.subject.seen.get(&left.name).filter(|_| !held) {
                        Some(seen) => {
                            let planned = crate::plan::deletion(left, seen);
                            match self.permit(&planned, false) {
                                Ok(()) => self.remove(&left.name, left.kind, seen, Some(&left.entry), false).await,
                                Err(error) => End::Failed(error),
                            }
                        }
                        None => match self.recorder.forgotten(&left.name).await {
                            Ok(()) => End::Gone { replaced: false },
                            Err(error) => End::Failed(error),
                        },
                    };
                    (left, end)
                });
            }
            let Some((left, end)) = running.next().await else { break };
            match end {
                End::Gone { replaced } => {
                    if !replaced && self.subject.seen.contains_key(&left.name) {
                        report.counts.add(Action::Delete);
                    }
                    gone.insert(left.name.clone());
                }
                End::Done { .. } => {}
                End::Pending { after, reason } => report.wait(&left.name, after, reason),
                End::Failed(error) => report.failures.push((left.name.clone(), error)),
            }
        }
        let out_of_time = report.settled() && !waiting.is_empty();
        report.skipped.extend(waiting.iter().map(|left| left.name.clone()));
        if out_of_time {
            report.wait("step", Duration::ZERO, "the next step goes on".to_owned());
        }
    }

    async fn remove(
        &self,
        resource: &str,
        kind: Registered,
        seen: &Seen,
        entry: Option<&Entry>,
        replaced: bool,
    ) -> End {
        match self.try_remove(resource, kind, seen, entry, replaced).await {
            Ok(end) => end,
            Err(error) => self.wait_or_fail(error, resource),
        }
    }

    async fn try_remove(
        &self,
        resource: &str,
        kind: Registered,
        seen: &Seen,
        entry: Option<&Entry>,
        replaced: bool,
    ) -> Result<End> {
        if seen.status == Status::Deleting {
            return Ok(End::Pending { after: Duration::from_secs(10), reason: "it is being deleted".to_owned() });
        }
        let needs = entry.map(|entry| entry.needs.clone()).unwrap_or_default();
        self.recorder.intend_removal(resource, kind.kind(), seen, &needs).await?;
        let nothing = Value::Null;
        let recorded = entry.map_or(&nothing, |entry| &entry.properties);
        match kind.0.delete(self.engine.aws(), seen, recorded).await? {
            Progress::Done(_) => {
                self.recorder.forgotten(resource).await?;
                Ok(End::Gone { replaced })
            }
            Progress::Pending { retry_after, reason, .. } => Ok(End::Pending { after: retry_after, reason }),
        }
    }

    fn permit(&self, computed: &ResourceChange, begun: bool) -> Result<()> {
        let Some(approved) = self.approved else { return Ok(()) };
        allowed(computed, approved.resources.iter().find(|change| change.resource == computed.resource), begun)
    }

    /// What has to wait until describes show what an interrupted creation may have made.
    fn unsettled(&self, kind: Registered, entry: &Entry) -> Option<End> {
        if kind.0.named() || entry.id.is_some() || entry.attempt == 0 {
            return None;
        }
        let age = SystemTime::now().duration_since(entry.intent_at?).unwrap_or_default();
        let left = self.limits.settle.checked_sub(age)?;
        Some(End::Pending { after: left, reason: "making sure that an interrupted creation left nothing".to_owned() })
    }

    /// "Not yet" and "too fast" are waits; everything else is a failure.
    fn wait_or_fail(&self, error: Error, resource: &str) -> End {
        match error.kind {
            Kind::NotReady | Kind::Throttled => {
                End::Pending { after: Duration::from_secs(5), reason: error.message.clone() }
            }
            Kind::Invalid
            | Kind::Denied
            | Kind::Conflict
            | Kind::Quota
            | Kind::Unsupported
            | Kind::NotFound
            | Kind::Corrupt
            | Kind::Unexpected => {
                let error = if error.resource.is_none() { error.about(resource) } else { error };
                End::Failed(error)
            }
        }
    }
}

pub(crate) fn needs(node: &Node) -> Vec<String> {
    node.needs.iter().cloned().collect()
}

fn with_id(entry: &Entry) -> serde_json::Map<String, Value> {
    let mut attributes = entry.attributes.clone();
    if let Some(id) = &entry.id {
        attributes.insert("id".into(), Value::String(id.clone()));
    }
    attributes
}
