//! One step of bringing a module to its config: remove what is replaced, make and change in order with as much at a
//! time as the graph allows, remove what is no longer wanted. Every action is journalled before and after.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use landfall_aws::{Error, Kind, Mode, Result};
use landfall_plan::{ModuleChange, ModulePlan, ResourceChange, resolve};

use crate::module::Module;
use crate::plan::{Known, allowed, lookup};
use crate::record::{Opened, Recorder};
use crate::report::{End, Report};
use crate::step::{Engine, Limits, Request, Response};
use crate::subject::Subject;

/// How many actions of a step run at a time: enough to keep AWS busy, few enough to stay below its request rates.
pub(crate) const AT_ONCE: usize = 24;

/// How often something that AWS's own delay may explain ([`Error::may_pass`]) is tried: with a step every five
/// seconds, about two minutes.
const TRIES: u32 = 24;

/// Everything that the actions of a step share.
pub(crate) struct Step<'a> {
    pub engine: &'a Engine,
    pub subject: &'a Subject,
    pub recorder: &'a Recorder,
    pub approved: &'a ModulePlan,
    pub limits: Limits,
    pub number: u64,
}

pub(crate) async fn step<M: Module>(engine: &Engine, request: &Request, limits: Limits) -> Result<Response> {
    let watch = engine.aws().watch();
    watch.begin(Mode::Read);
    let recorder = match Recorder::open(engine, request, limits.lease).await? {
        Opened::Running(recorder) => recorder,
        Opened::Ended(outcome) => return Ok(Response::Stepped { outcome, retry_after: 0 }),
    };
    watch.begin(Mode::WriteUntil(recorder.lease_ends()));
    let outcome = tokio::select! {
        outcome = run::<M>(engine, request, limits, &recorder) => outcome,
        lost = keep_lease(engine, &recorder, limits.lease) => match lost {
            Ok(never) => match never {},
            Err(error) => Err(error),
        },
    };
    match outcome {
        Ok((subject, report)) => recorder.settle(&subject, report, watch, &limits).await,
        Err(error) => recorder.fail(error, watch, &limits).await,
    }
}

/// Renews the lease while the step works. This is a heartbeat beside the work: nothing waits for it.
async fn keep_lease(engine: &Engine, recorder: &Recorder, ttl: Duration) -> Result<Infallible> {
    let mut ends = recorder.lease_ends();
    loop {
        tokio::time::sleep(ttl / 4).await;
        match recorder.renew(ttl).await {
            Ok(later) => {
                ends = later;
                engine.aws().watch().extend(ends);
            }
            // The table may be out of reach for a moment; the calls are fenced by the end that is known.
            Err(error) if error.kind == Kind::Throttled && Instant::now() < ends => {}
            Err(error) => return Err(error),
        }
    }
}

async fn run<M: Module>(
    engine: &Engine,
    request: &Request,
    limits: Limits,
    recorder: &Recorder,
) -> Result<(Subject, Report)> {
    let (approved, subject) =
        futures::future::try_join(approved(recorder, request), engine.load::<M>(request, limits.settle)).await?;
    let mut report = Report::default();
    let step = Step { engine, subject: &subject, recorder, approved: &approved, limits, number: request.number };

    let computed = subject.plan();
    let mut seen = subject.seen.clone();
    step.remove_replaced(&computed, &mut seen, &mut report).await;
    let mut known = Known::new();
    if subject.module.change != ModuleChange::Destroy {
        known = step.apply(&seen, &mut report).await;
    }
    // What the config no longer has may still be in use by what could not be changed yet.
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
    report.count(&subject, &approved, request.number);
    Ok((subject, report))
}

/// The part of the approved plan that speaks of the module. Without it nothing may be done.
async fn approved(recorder: &Recorder, request: &Request) -> Result<ModulePlan> {
    let refused = |message: &str| Error::new(Kind::Conflict, "apply", message).about(&request.module);
    let plan = request.plan.as_ref().ok_or_else(|| refused("there is no approved plan"))?;
    let plan = recorder.load_plan(plan).await?;
    plan.modules
        .into_iter()
        .find(|part| part.module == request.module)
        .ok_or_else(|| refused("the approved plan does not have this module"))
}

impl Step<'_> {
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
