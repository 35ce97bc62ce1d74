//! One invocation of a module function: what it is asked, what it answers, its bounds.

use std::time::{Duration, Instant};

use landfall_aws::{Aws, Mode, Result, Target};
use landfall_plan::ModuleChange;
use landfall_state::{DocumentRef, Lease, Store};
use serde::{Deserialize, Serialize};

use crate::module::Module;
use crate::preflight::{self, Caller};
use crate::{load, reconcile};

/// Characters of a refusal: an execution's state holds those of all modules and has at most 256 KB
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
const REFUSAL: usize = 1_500;

/// What a module function is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Plan or reconcile.
    pub op: Op,
    /// Layer.
    pub layer: String,
    /// Deployment number.
    pub number: u64,
    /// Module.
    pub module: String,
    /// The lease under which the deployment runs.
    pub lease: Lease,
    /// The run document.
    pub run: DocumentRef,
    /// The plan that was approved. Absent while planning.
    #[serde(default)]
    pub plan: Option<DocumentRef>,
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
        /// Module.
        module: String,
        /// Where its [`ModulePlan`] lies.
        part: DocumentRef,
        /// What happens to it.
        change: ModuleChange,
    },
    /// Of a plan that cannot be made before somebody changes something: the config, a permission, what AWS has.
    Refused {
        /// Module.
        module: String,
        /// Why, and what to do about it.
        refused: String,
    },
    /// Of a step.
    Stepped {
        /// How the step ended.
        outcome: Outcome,
        /// Seconds to wait before the next step; 0 unless pending.
        retry_after: u64,
    },
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The module is as the config says.
    Done,
    /// AWS works on something; run another step later.
    Pending,
    /// Something failed; it is recorded.
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
    /// How long the journal is believed more than a describe that does not show a resource, and how long an
    /// interrupted creation is waited out before it is tried again. AWS shows a new EC2 resource within seconds
    /// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>).
    pub settle: Duration,
}

impl Limits {
    /// The product's bounds for a step that may run until `deadline`.
    pub fn until(deadline: Instant) -> Self {
        let before = |seconds| deadline.checked_sub(Duration::from_secs(seconds)).unwrap_or(deadline);
        Self {
            stop_starting: before(20),
            abandon: before(8),
            patience: Duration::from_secs(60 * 60),
            lease: Duration::from_secs(120),
            settle: Duration::from_secs(15),
        }
    }
}

/// Runs steps of modules. One per process; its clients live as long as it.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) wake: aws_sdk_sfn::Client,
    aws: Aws,
    partition: String,
    caller: Caller,
}

impl Engine {
    /// An engine over a store, for the account and region of `target`.
    pub fn new(base: &aws_config::SdkConfig, store: Store, target: Target) -> Self {
        let partition = target.partition.clone();
        Self {
            store,
            wake: aws_sdk_sfn::Client::new(base),
            aws: Aws::new(base, target),
            partition,
            caller: Caller::default(),
        }
    }

    /// The clients that modules use: their [`Watch`](landfall_aws::Watch) counts every call.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The partition in which the engine works.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Runs one step of module `M`.
    ///
    /// # Errors
    /// Only when the step could not record how it ended (no lease, table out of reach). A failure of the module
    /// itself is recorded and answered as [`Outcome::Failed`].
    pub async fn step<M: Module>(&self, request: Request, limits: Limits) -> Result<Response> {
        match request.op {
            // Boxed: the future of a whole step is large.
            Op::Plan => Box::pin(self.plan::<M>(&request, limits)).await,
            Op::Reconcile => Box::pin(reconcile::step::<M>(self, &request, limits)).await,
        }
    }

    async fn plan<M: Module>(&self, request: &Request, limits: Limits) -> Result<Response> {
        self.aws.watch().begin(Mode::Read);
        let subject = match self.load::<M>(request, limits.settle).await {
            Ok(subject) => subject,
            Err(error) if error.kind.is_for_people() => {
                let refused = error.advice().chars().take(REFUSAL).collect();
                return Ok(Response::Refused { module: request.module.clone(), refused });
            }
            Err(error) => return Err(error),
        };
        let mut plan = subject.plan();
        plan.preflight = preflight::look(&self.aws, &self.caller, &subject, &plan).await;
        let part = load::store_plan(&self.store, &plan).await?;
        Ok(Response::Planned { module: plan.module, part, change: plan.change })
    }
}
