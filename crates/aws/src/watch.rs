//! What stands between our code and every AWS call: it counts, refuses writes where only reading is allowed or the
//! lease is over, and lets tests break calls at a chosen place and hide what is fresh.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

/// What a step may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only reading: a plan.
    Read,
    /// Writing, until the lease is over.
    WriteUntil(Instant),
}

/// Calls made, by `service.Operation`.
pub type Calls = BTreeMap<String, u64>;

/// Where a test breaks a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Before it is sent: AWS never sees it.
    Before,
    /// After AWS did it: the answer is lost.
    After,
}

/// Which call a test breaks.
#[derive(Debug)]
enum Which {
    /// The one with this number since then.
    Nth(u64),
    /// The first `service.Operation`.
    Named(String),
}

/// Why a call was not sent, or its answer not looked at. Holds `service.Operation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It would change something in a plan.
    ReadOnly(String),
    /// The lease is over.
    LeaseOver(String),
    /// A test broke it.
    Broken(String),
    /// Its answer did not come, and asking again could make a second one.
    Uncertain(String),
    /// It was held up for so long that nobody expects it any more.
    Late(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadOnly(call) => write!(f, "{call} would change something while only reading is allowed"),
            Self::LeaseOver(call) => write!(f, "{call} was not sent because the lease is over"),
            Self::Broken(call) => write!(f, "the connection broke during {call}"),
            Self::Late(call) => write!(f, "{call} was held up for too long and not sent any more"),
            Self::Uncertain(call) => write!(f, "no answer to {call} came, so it is not known whether it was done"),
        }
    }
}

impl std::error::Error for Refused {}

tokio::task_local! {
    /// Until when calls that make something may be sent.
    static SEND_BY: Instant;
}

/// Makes something with calls none of which is sent, also by the SDK's own retries, after `by`: from then on only what
/// was sent before may still be done.
pub async fn sent_by<F: Future>(by: Instant, making: F) -> F::Output {
    SEND_BY.scope(by, making).await
}

/// The number of a call, kept with it: calls overlap.
#[derive(Clone, Copy, Debug)]
struct Number(u64);

impl Storable for Number {
    type Storer = StoreReplace<Self>;
}

/// Kept with a call whose last attempt may have been done without an answer.
#[derive(Clone, Copy, Debug)]
struct Uncertain;

impl Storable for Uncertain {
    type Storer = StoreReplace<Self>;
}

#[derive(Debug)]
struct State {
    mode: Mode,
    reads: Calls,
    writes: Calls,
    fault: Option<(Which, Fault)>,
    writes_only: bool,
    sent: u64,
    broken: Option<String>,
    lag: u32,
    looks: BTreeMap<String, u32>,
}

impl State {
    /// Whether a test breaks this call so.
    fn strikes(&self, number: Option<u64>, operation: &str, fault: Fault) -> bool {
        self.fault.as_ref().is_some_and(|(which, planned)| {
            let is_it = match which {
                Which::Nth(nth) => number == Some(*nth),
                Which::Named(name) => name == operation,
            };
            is_it && *planned == fault
        })
    }
}

/// Counts and fences the calls of every client it is given to. Cheap to clone; clones share their state.
#[derive(Clone, Debug)]
pub struct Watch {
    state: Arc<Mutex<State>>,
}

impl Default for Watch {
    fn default() -> Self {
        let state = State {
            mode: Mode::Read,
            reads: Calls::new(),
            writes: Calls::new(),
            fault: None,
            writes_only: false,
            sent: 0,
            broken: None,
            lag: 0,
            looks: BTreeMap::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }
}

impl Watch {
    /// Begins a step: sets what is allowed and starts counting from zero.
    pub fn begin(&self, mode: Mode) {
        let mut state = self.lock();
        state.mode = mode;
        state.reads.clear();
        state.writes.clear();
    }

    /// Moves the end of the lease.
    pub fn extend(&self, until: Instant) {
        self.lock().mode = Mode::WriteUntil(until);
    }

    /// Reading calls since the step began.
    pub fn reads(&self) -> Calls {
        self.lock().reads.clone()
    }

    /// Writing calls since the step began.
    pub fn writes(&self) -> Calls {
        self.lock().writes.clone()
    }

    /// For tests: breaks the `nth` call from now (counted from 0). As the process is taken for dead then, every later
    /// call breaks too, until [`Watch::mend`].
    pub fn break_call(&self, nth: u64, fault: Fault) {
        self.break_one(Which::Nth(nth), fault);
    }

    /// For tests: breaks the first call of `operation` (`service.Operation`) from now, as [`Watch::break_call`] does.
    pub fn break_first(&self, operation: &str, fault: Fault) {
        self.break_one(Which::Named(operation.to_owned()), fault);
    }

    fn break_one(&self, which: Which, fault: Fault) {
        let mut state = self.lock();
        state.sent = 0;
        state.broken = None;
        state.writes_only = false;
        state.fault = Some((which, fault));
    }

    /// For tests: breaks the `nth` writing call from now (counted from 0), as [`Watch::break_call`] does.
    pub fn break_write(&self, nth: u64, fault: Fault) {
        self.break_call(nth, fault);
        self.lock().writes_only = true;
    }

    /// For tests: whether the call to break was reached.
    pub fn is_broken(&self) -> bool {
        self.lock().broken.is_some()
    }

    /// For tests: stops breaking calls and names the call that was broken, if one was.
    pub fn mend(&self) -> Option<String> {
        let mut state = self.lock();
        state.fault = None;
        state.broken.take()
    }

    /// For tests: how many calls were sent since [`Watch::break_call`].
    pub fn sent(&self) -> u64 {
        self.lock().sent
    }

    /// For tests: lets describes lag behind creates. Whatever is seen the first `looks` times is hidden.
    pub fn hide_fresh(&self, looks: u32) {
        let mut state = self.lock();
        state.lag = looks;
        state.looks.clear();
    }

    /// Whether something that a describe showed is to be taken as not shown yet. Always false outside tests.
    pub fn hides(&self, what: &str) -> bool {
        let mut state = self.lock();
        if state.lag == 0 {
            return false;
        }
        let lag = state.lag;
        let looks = state.looks.entry(what.to_owned()).or_default();
        *looks += 1;
        *looks <= lag
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // The state stays meaningful whatever panicked while holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an operation only reads, by the verb in its name as AWS uses them.
fn reads_only(operation: &str) -> bool {
    const VERBS: [&str; 12] = [
        "Describe", "Get", "List", "Head", "BatchGet", "Query", "Scan", "Select", "Lookup", "Search", "Simulate",
        "Validate",
    ];
    VERBS.iter().any(|verb| operation.starts_with(verb))
}

/// Whether a second call may make a second thing, or is refused because of the first, by the verb in the operation's
/// name as AWS uses them. Where a client token keeps AWS from it, nothing is lost: the next step looks for what there is.
fn makes_another(operation: &str) -> bool {
    const VERBS: [&str; 8] = ["Allocate", "Associate", "Attach", "Authorize", "Create", "Import", "Register", "Run"];
    VERBS.iter().any(|verb| operation.starts_with(verb))
}

fn operation(cfg: &ConfigBag) -> (String, String) {
    cfg.load::<Metadata>().map_or_else(
        || ("unknown".to_owned(), "Unknown".to_owned()),
        |metadata| (metadata.service().to_ascii_lowercase().replace(' ', ""), metadata.name().to_owned()),
    )
}

// Source: aws-smithy-runtime-api's interceptor hooks; an error from a hook ends the call before or after transmission.
#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "LandfallWatch"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (service, name) = operation(cfg);
        let key = format!("{service}.{name}");
        let mut state = self.lock();
        if state.broken.is_some() {
            return Err(Refused::Broken(key).into());
        }
        if reads_only(&name) {
            *state.reads.entry(key.clone()).or_default() += 1;
        } else {
            match state.mode {
                Mode::Read => return Err(Refused::ReadOnly(key).into()),
                Mode::WriteUntil(end) if Instant::now() >= end => return Err(Refused::LeaseOver(key).into()),
                Mode::WriteUntil(_) => *state.writes.entry(key.clone()).or_default() += 1,
            }
        }
        if state.writes_only && reads_only(&name) {
            return Ok(());
        }
        let nth = state.sent;
        state.sent += 1;
        cfg.interceptor_state().store_put(Number(nth));
        if state.strikes(Some(nth), &key, Fault::Before) {
            state.broken = Some(key.clone());
            return Err(Refused::Broken(key).into());
        }
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (service, name) = operation(cfg);
        // The SDK would try again. What the first attempt made would be found by nobody.
        if cfg.load::<Uncertain>().is_some() && makes_another(&name) {
            return Err(Refused::Uncertain(format!("{service}.{name}")).into());
        }
        if SEND_BY.try_with(|by| Instant::now() > *by).unwrap_or(false) && makes_another(&name) {
            return Err(Refused::Late(format!("{service}.{name}")).into());
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let failed = matches!(context.output_or_error(), Some(Err(_)));
        let status = context.response().map(|response| response.status().as_u16());
        if failed && !status.is_some_and(|status| refuses(&operation(cfg).0, status)) {
            cfg.interceptor_state().store_put(Uncertain);
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        _context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let number = cfg.load::<Number>().map(|number| number.0);
        let mut state = self.lock();
        let (service, name) = operation(cfg);
        let key = format!("{service}.{name}");
        if state.strikes(number, &key, Fault::After) || state.broken.is_some() {
            state.broken.get_or_insert_with(|| key.clone());
            return Err(Refused::Broken(key).into());
        }
        Ok(())
    }
}

/// Whether a failure with this status says that nothing was made: 503 is what AWS answers to what it did not begin; KMS
/// also to what it did not see the end of
/// (<https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html#API_CreateKey_Errors>).
fn refuses(service: &str, status: u16) -> bool {
    status < 500 || (status == 503 && service != "kms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_tell_reading_from_writing() {
        for read in ["DescribeVpcs", "GetQueueAttributes", "ListBuckets", "HeadBucket", "SimulatePrincipalPolicy"] {
            assert!(reads_only(read), "{read}");
        }
        for write in ["CreateQueue", "PutBucketPolicy", "TagResource", "DeleteVpc", "Subscribe", "AssociateRouteTable"]
        {
            assert!(!reads_only(write), "{write}");
        }
    }
    #[test]
    fn a_failure_of_aws_itself_does_not_say_that_nothing_was_made() {
        for (service, status) in [("sqs", 400), ("sqs", 403), ("ec2", 503), ("kms", 400)] {
            assert!(refuses(service, status), "{service} {status}");
        }
        for (service, status) in [("ec2", 500), ("s3", 504), ("kms", 500), ("kms", 503)] {
            assert!(!refuses(service, status), "{service} {status}");
        }
    }
}
