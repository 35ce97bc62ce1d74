//! One step of bringing modules to their config. Of each: remove what is replaced, make and change in order with as much
//! at a time as the graph allows, remove what is no longer wanted. Every action is journalled before and after.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use futures::future::join_all;
use landfall_aws::{Error, Kind, Mode, Result};
use landfall_plan::{ModuleChange, ModulePlan, ResourceChange, resolve};

use crate::module::Module;
use crate::plan::{Known, allowed, lookup};
use crate::reads::Reads;
use crate::record::{Held, Opened, Recorder};
use crate::report::{End, Report};
use crate::settle::Stepped;
use crate::step::{Engine, Limits, Outcome, Response};
use crate::subject::Subject;

/// How many actions of a step run at a time: enough to keep AWS busy, few enough to stay below its request rates.
pub(crate) const AT_ONCE: usize = 24;

/// How often something that AWS's own delay may explain ([`Error::may_pass`]) is tried: with a step every five
/// seconds, about two minutes.
const TRIES: u32 = 24;

/// How often the lease is renewed while a step works: often enough that a table which is out of reach for a moment stops
/// nothing ([`landfall_state::FENCE`]).
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Everything that the actions of a step share.
pub(crate) struct Step<'a> {
    pub engine: &'a Engine,
    pub subject: &'a Subject,
    pub recorder: &'a Recorder,
    pub approved: &'a ModulePlan,
    pub limits: Limits,
    pub number: u64,
}

pub(crate) async fn step<M: Module>(hands: &[Engine], reads: &Reads<'_>, limits: Limits) -> Result<Response> {
    hands.iter().for_each(|hand| hand.aws().watch().begin(Mode::Read));
    let Some(first) = hands.first() else { return Ok(Response::Stepped { outcome: Outcome::Done, retry_after: 0 }) };
    // What is read without looking at AWS comes meanwhile; what it fails with is met again by each module.
    let (held, _) = futures::future::join(Held::open(first, reads.request(), limits.lease), reads.ahead()).await;
    let held = held?;
    let each =
        hands.iter().zip(&reads.request().modules).map(|(hand, name)| one::<M>(hand, reads, &held, name, limits));
    let ended = tokio::select! {
        ended = join_all(each) => ended,
        lost = keep_lease(hands, &held, limits.lease) => match lost {
            Ok(never) => match never {},
            // What no module can record any more: the step is tried again, and says what it finds.
            Err(error) => return Err(error),
        },
    };
    together(ended)
}

/// The end of a step from those of its modules: pending while one is, else failed when one is.
fn together(ended: Vec<Result<Stepped>>) -> Result<Response> {
    let ended: Vec<Stepped> = ended.into_iter().collect::<Result<_>>()?;
    let pending = ended.iter().filter(|end| end.outcome == Outcome::Pending).map(|end| end.retry_after).min();
    let failed = ended.iter().any(|end| end.outcome == Outcome::Failed);
    let (outcome, retry_after) = match pending {
        Some(soonest) => (Outcome::Pending, soonest),
        None if failed => (Outcome::Failed, 0),
        None => (Outcome::Done, 0),
    };
    Ok(Response::Stepped { outcome, retry_after })
}

/// The step of one module, recorded to its end.
async fn one<M: Module>(
    engine: &Engine,
    reads: &Reads<'_>,
    held: &Held,
    name: &str,
    limits: Limits,
) -> Result<Stepped> {
    let watch = engine.aws().watch();
    // Looking changes nothing, so it need not wait until the module may begin.
    let looked = futures::future::try_join(reads.approved(name), engine.load::<M>(reads, name, limits.settle));
    let (opened, looked) = futures::future::join(Recorder::open(engine, held, name), looked).await;
    let recorder = match opened? {
        Opened::Running(recorder) => recorder,
        Opened::Ended(outcome) => return Ok(Stepped::ended(outcome)),
    };
    let (approved, subject) = match looked {
        Ok(looked) => looked,
        Err(error) => return recorder.fail(error, watch, &limits).await,
    };
    watch.extend(held.ends());
    let step = Step {
        engine,
        subject: &subject,
        recorder: &recorder,
        approved: &approved,
        limits,
        number: reads.request().number,
    };
    let report = step.run().await;
    recorder.settle(&subject, report, watch, &limits).await
}

/// Renews the lease while the step works. This is a heartbeat beside the work: nothing waits for it.
async fn keep_lease(hands: &[Engine], held: &Held, ttl: Duration) -> Result<Infallible> {
    loop {
        tokio::time::sleep(HEARTBEAT.min(ttl / 4)).await;
        match held.renew(ttl).await {
            Ok(ends) => hands.iter().for_each(|hand| hand.aws().watch().extend(ends)),
            // The table may be out of reach for a moment; the calls are fenced by the end that is known.
            Err(error) if error.kind == Kind::Throttled && Instant::now() < held.ends() => {}
            Err(error) => return Err(error),
        }
    }
}

impl Step<'_> {
    /// Does what there is to do.
    async fn run(&self) -> Report {
        let mut report = Report::default();
        let computed = self.subject.plan();
        let mut seen = self.subject.seen.clone();
        self.remove_replaced(&computed, &mut seen, &mut report).await;
        let mut known = Known::new();
        if self.subject.module.change != ModuleChange::Destroy {
            known = self.apply(&seen, &mut report).await;
        }
        // What the config no longer has may still be in use by what could not be changed yet.
        if report.settled() {
            self.remove_leftovers(&known, &mut report).await;
        }
        let outputs = resolve(&self.subject.outputs, &|token| lookup(&known, token));
        if report.settled()
            && let Some(token) = outputs.unknown.first()
        {
            let error = Error::new(Kind::Corrupt, "outputs", format!("{token} was not made known"));
            report.failures.push(("outputs".to_owned(), error));
        }
        report.outputs = outputs.value;
        report.count(self.subject, self.approved, self.number);
        report
    }

    /// Refuses what the approved plan does not allow.
    pub(crate) fn permit(&self, computed: &ResourceChange, begun: bool) -> Result<()> {
        allowed(computed, self.planned(&computed.resource), begun)
    }

    /// What the approved plan says about a resource.
    pub(crate) fn planned(&self, resource: &str) -> Option<&ResourceChange> {
        self.approved.resources.iter().find(|change| change.resource == resource)
    }

    /// Whether there is time to start another action.
    pub(crate) fn in_time(&self) -> bool {
        Instant::now() < self.limits.stop_starting
    }

    /// Resolves when what still runs is to be left.
    pub(crate) async fn abandoned(&self) {
        tokio::time::sleep_until(self.limits.abandon.into()).await;
    }

    /// "Not yet" and "too fast" are waits, and so is for a while what AWS's own delay may explain; everything else is
    /// a failure. `tries` says how often the action was begun.
    pub(crate) fn wait_or_fail(&self, error: Error, resource: &str, tries: u32) -> End {
        let patient = tries < TRIES;
        match error.kind {
            Kind::NotReady | Kind::Throttled => {
                End::Pending { after: Duration::from_secs(5), reason: error.message.clone() }
            }
            _ if patient && error.may_pass() => {
                let reason = format!("AWS may need a moment: {}", error.message);
                End::Pending { after: Duration::from_secs(5), reason }
            }
            Kind::Invalid
            | Kind::Denied
            | Kind::Conflict
            | Kind::Cancelled
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
