//! One invocation of a module function: what it is asked, what it answers, its bounds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use landfall_aws::{ATTEMPT_TIMEOUT, Aws, Error, Mode, Result, Target};
use landfall_plan::ModulePlan;
use landfall_state::{DocumentRef, Lease, Parcel, Store, Timestamp};
use serde::{Deserialize, Serialize};

use crate::journal::Entry;
use crate::module::Module;
use crate::preflight::{self, Caller};
use crate::reads::Reads;
use crate::subject::Subject;
use crate::{load, reconcile};

/// How soon after its intent a creation has to be sent; the rest of the throttled ones is begun anew.
pub(crate) const SEND_WITHIN: Duration = Duration::from_secs(10);

/// Characters of a refusal: an execution's state holds those of all modules and has at most 256 KB
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
const REFUSAL: usize = 1_500;

/// What a module function is asked to do with some modules of its kind. They are worked on at the same time, each for
/// itself: one that fails or waits keeps no other from its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Plan or reconcile.
    pub op: Op,
    /// Layer.
    pub layer: String,
    /// Deployment number.
    pub number: u64,
    /// Modules. None of them needs another one.
    pub modules: Vec<String>,
    /// The lease under which the deployment runs.
    pub lease: Lease,
    /// The run document.
    pub run: DocumentRef,
    /// The plan that was approved. Absent while planning.
    #[serde(default)]
    pub plan: Option<DocumentRef>,
    /// Bytes that the answer has for the plans.
    #[serde(default)]
    pub room: usize,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Observe and compare, read-only.
    Plan,
    /// Bring the module to the config, one step of it.
    Reconcile,
}

/// The answer to [`Request`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Response {
    /// Of a plan.
    Planned {
        /// The plans of the modules, a list of [`ModulePlan`].
        part: Parcel,
        /// Modules that have none.
        refused: Vec<Refused>,
    },
    /// Of a step.
    Stepped {
        /// How the step ended.
        outcome: Outcome,
        /// Seconds to wait before the next step; 0 unless pending.
        retry_after: u64,
    },
}

/// A module that cannot be planned before somebody changes something: the config, a permission, what AWS has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Module.
    pub module: String,
    /// Why, and what to do about it.
    pub refused: String,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The modules are as the config says.
    Done,
    /// AWS works on something of one of them; run another step later.
    Pending,
    /// Nothing is left to do, and something failed; it is recorded.
    Failed,
}

/// Bounds of a step.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// No action is started after this moment, so that the step ends well before the function is killed.
    pub stop_starting: Instant,
    /// What still runs at this moment is left as a crash would leave it, and the next step goes on: only the time to
    /// record how the step ended remains.
    pub abandon: Instant,
    /// How long the deployment waits for AWS before a wait is taken for a failure.
    pub patience: Duration,
    /// Life of the lease after each renewal.
    pub lease: Duration,
    /// How long the journal is believed more than a describe that does not show a resource. AWS shows a new EC2
    /// resource within seconds (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>).
    pub settle: Duration,
    /// How long after it was begun a call may still be done that nobody hears of any more. An interrupted creation is
    /// waited out for that time and `settle` before it is tried again.
    pub call: Duration,
    /// How long AWS may still carry out a removal that it was asked for while it shows the resource as if nothing were:
    /// a queue for up to a minute
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>).
    pub dying: Duration,
}

impl Limits {
    /// How much of the wait for an interrupted creation is left, if `entry` is of one, for who looked at `looked_at`.
    pub(crate) fn interrupted(&self, entry: Option<&Entry>, looked_at: Timestamp) -> Option<Duration> {
        entry.filter(|entry| entry.is_interrupted())?.unsettled(self.call + self.settle, looked_at)
    }

    /// The product's bounds for a step that may run until `deadline`.
    pub fn until(deadline: Instant) -> Self {
        let before = |seconds| deadline.checked_sub(Duration::from_secs(seconds)).unwrap_or(deadline);
        Self {
            stop_starting: before(20),
            abandon: before(8),
            patience: Duration::from_secs(60 * 60),
            lease: Duration::from_secs(120),
            settle: Duration::from_secs(15),
            call: SEND_WITHIN + ATTEMPT_TIMEOUT,
            dying: Duration::from_secs(60),
        }
    }
}

/// Runs steps of modules. One per process; its clients live as long as it.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) wake: aws_sdk_sfn::Client,
    aws: Aws,
    /// The clients of the second module of an invocation, and of the others behind it.
    more: Mutex<Vec<Aws>>,
    partition: String,
    caller: Arc<Caller>,
}

impl Engine {
    /// An engine over a store, for the account and region of `target`.
    pub fn new(base: &aws_config::SdkConfig, store: Store, target: Target) -> Self {
        let partition = target.partition.clone();
        let (wake, aws) = (aws_sdk_sfn::Client::new(base), Aws::new(base, target));
        Self { store, wake, aws, more: Mutex::default(), partition, caller: Arc::default() }
    }

    /// An engine for each module of an invocation: their calls are counted and fenced apart. The clients stay.
    fn hands(&self, count: usize) -> Vec<Self> {
        // The list stays whole whatever panicked while holding it.
        let mut more = self.more.lock().unwrap_or_else(PoisonError::into_inner);
        while more.len() + 1 < count {
            more.push(self.aws.apart());
        }
        std::iter::once(&self.aws).chain(more.iter()).take(count).map(|aws| self.with(aws.clone())).collect()
    }

    fn with(&self, aws: Aws) -> Self {
        let (store, wake, partition) = (self.store.clone(), self.wake.clone(), self.partition.clone());
        Self { store, wake, aws, more: Mutex::default(), partition, caller: Arc::clone(&self.caller) }
    }

    /// The clients that modules use: their [`Watch`](landfall_aws::Watch) counts every call.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The partition in which the engine works.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Runs one step of modules of kind `M`.
    ///
    /// # Errors
    /// Only when the step could not record how it ended (no lease, table out of reach). A failure of the module
    /// itself is recorded and answered as [`Outcome::Failed`].
    pub async fn step<M: Module>(&self, request: Request, limits: Limits) -> Result<Response> {
        let (hands, reads) = (self.hands(request.modules.len()), Reads::new(&self.store, &request));
        match request.op {
            // Boxed: the future of a whole step is large.
            Op::Plan => Box::pin(self.plan::<M>(&hands, &reads, limits)).await,
            Op::Reconcile => Box::pin(reconcile::step::<M>(&hands, &reads, limits)).await,
        }
    }

    async fn plan<M: Module>(&self, hands: &[Self], reads: &Reads<'_>, limits: Limits) -> Result<Response> {
        let each = hands.iter().zip(&reads.request().modules).map(|(hand, name)| hand.look::<M>(reads, name, limits));
        // A module that is new changes: whose policies count for that is asked meanwhile.
        let ahead = async {
            let deployed = reads.deployed().await;
            let new = |name: &String| deployed.as_ref().is_ok_and(|deployed| !deployed.contains_key(name));
            if reads.request().modules.iter().any(new) {
                self.caller.ahead(&self.aws).await;
            }
        };
        let (looked, ()) = futures::future::join(join_all(each), ahead).await;
        let (mut planned, mut refused) = (Vec::new(), Vec::new());
        for (hand, looked) in hands.iter().zip(looked) {
            match looked {
                Ok((subject, plan)) => planned.push((&hand.aws, subject, plan)),
                Err((module, error)) if error.kind.is_for_people() => {
                    refused.push(Refused { module, refused: error.advice().chars().take(REFUSAL).collect() });
                }
                Err((_, error)) => return Err(error),
            }
        }
        preflight::look(&self.aws, &self.caller, &mut planned).await;
        let plans: Vec<ModulePlan> = planned.into_iter().map(|(_, _, plan)| plan).collect();
        Ok(Response::Planned { part: load::pack_plans(&self.store, &plans, reads.request().room).await?, refused })
    }

    /// One module and its plan; else its name and why it has none.
    async fn look<M: Module>(
        &self,
        reads: &Reads<'_>,
        name: &str,
        limits: Limits,
    ) -> std::result::Result<(Subject, ModulePlan), (String, Error)> {
        self.aws.watch().begin(Mode::Read);
        let subject = self.load::<M>(reads, name, limits.settle).await.map_err(|error| (name.to_owned(), error))?;
        let plan = subject.plan();
        Ok((subject, plan))
    }
}
