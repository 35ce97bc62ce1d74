//! Leases: one holder per layer at a time, a token that only grows, an end that the clock decides.
//!
//! A layer is held exclusively by the deployment that changes it. A service also holds a shared lease on its
//! environment, so that services of one environment run side by side and the environment itself does not change under
//! them. The counter `shared_version` on the environment's lease changes with every shared lease, so that "there are no
//! shared leases" can be checked in the same transaction that takes the exclusive one.
//!
//! Clocks differ between machines, so an end is only the reason why a lease may be taken over; what keeps the former
//! holder from writing is the token, and for a service its shared lease: whoever takes the environment over removes the
//! shared leases that have ended, and a service without one writes nothing.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::keys;
use crate::store::Store;
use crate::write::{Write, number, text};
use crate::writer::Writer;

/// What a deployment holds while it runs. Travels through Step Functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Layer that is held.
    pub layer: String,
    /// Fencing token: higher than every token of an earlier holder.
    pub token: u64,
    /// Who holds it: the ARN of an execution.
    pub holder: String,
    /// When it ends unless it is renewed.
    pub expires_at: Timestamp,
    /// The environment on which a shared lease is held.
    #[serde(default)]
    pub environment: Option<String>,
}

/// Who holds a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseInfo {
    /// Layer.
    pub layer: String,
    /// Who.
    pub holder: String,
    /// Newest token.
    pub token: u64,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless it is renewed.
    pub expires_at: Timestamp,
    /// What it is doing.
    pub doing: String,
    /// The environment on which a shared lease is held.
    #[serde(default)]
    pub environment: Option<String>,
}

/// The record of a layer's lease. Times are milliseconds since 1970, so that DynamoDB compares them as numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// Newest token ever given.
    #[serde(default)]
    pub token: u64,
    /// Current holder.
    #[serde(default)]
    pub holder: Option<String>,
    /// Since when.
    #[serde(default)]
    pub since: i64,
    /// Until when.
    #[serde(default)]
    pub expires_ms: i64,
    /// What it is doing.
    #[serde(default)]
    pub doing: String,
    /// The environment on which the holder has a shared lease.
    #[serde(default)]
    pub environment: Option<String>,
    /// Changes with every shared lease taken or given back.
    #[serde(default)]
    pub shared_version: u64,
    /// The deployment of the holder was cancelled: it may record what it did and begin nothing more.
    #[serde(default)]
    pub cancelled: bool,
    /// Until when nobody may take it: calls of a holder that is gone may still be on their way.
    #[serde(default)]
    pub quiet_until: i64,
    /// Whose calls these are.
    #[serde(default)]
    pub quiet_for: String,
}

impl LeaseRecord {
    /// Whether somebody holds it at `now`.
    pub fn is_held(&self, now: i64) -> bool {
        self.holder.is_some() && self.expires_ms > now
    }

    /// Whether a service may share it at `now`: nobody holds it and it is not quiet.
    pub fn may_be_shared(&self, now: i64) -> bool {
        !self.is_held(now) && !self.is_quiet(now)
    }

    /// Whether `holder` may take it at `now`: nobody holds it and it is not quiet, or `holder` already has it.
    pub fn may_take(&self, holder: &str, now: i64) -> bool {
        self.may_be_shared(now) || self.holder.as_deref() == Some(holder)
    }

    /// Whether calls of a holder that is gone may still be on their way at `now`.
    pub fn is_quiet(&self, now: i64) -> bool {
        self.quiet_until > now
    }

    /// Whether a write under `token` counts at `now`.
    pub fn admits(&self, token: u64, now: i64) -> bool {
        self.token == token && self.is_held(now)
    }

    /// Whether something may be begun under `token` at `now`.
    pub fn lets_begin(&self, token: u64, now: i64) -> bool {
        self.admits(token, now) && !self.cancelled
    }
}

/// [`LeaseRecord::admits`] as DynamoDB checks it.
const ADMITS: &str = "#token = :token AND attribute_exists(holder) AND expires_ms > :now";

/// [`LeaseRecord::lets_begin`] as DynamoDB checks it, beside [`ADMITS`].
const NOT_CANCELLED: &str = "attribute_not_exists(cancelled)";

/// What a lease loses when nobody holds it any more. The token stays: it only grows.
const RELEASE: &str = "REMOVE holder, since, expires_ms, doing, environment, cancelled";
/// That nobody may take it for a while. With the next token, so that whatever still works under the old one can write
/// nothing any more.
const QUIET: &str = "SET quiet_until = :until, quiet_for = :for";
/// That a lease, own or shared, is the one that was taken with a token.
const IS_OURS: &str = "holder = :holder AND #token = :token";
/// For how long after its lease was confirmed a function sends calls. It may lose the lease in that time without knowing.
pub const FENCE: Duration = Duration::from_secs(20);
/// After that time no call is on its way any more that was sent under a lease which is lost: the fence, and the time that
/// AWS takes to carry out what it was sent.
pub const QUIET_TIME: Duration = Duration::from_secs(30);

impl Lease {
    /// The checks that go into every transaction under this lease. One that `begins` something is refused as well once
    /// the deployment was cancelled.
    pub(crate) fn checks(&self, now: Timestamp, begins: bool) -> Vec<Write> {
        let now = number(now.as_millisecond());
        let condition = if begins { format!("{ADMITS} AND {NOT_CANCELLED}") } else { ADMITS.to_owned() };
        let own = Write::check(keys::layer(&self.layer), keys::LEASE)
            .when(condition)
            .name("#token", "token")
            .value(":token", number(self.token))
            .value(":now", now.clone());
        let shared = self.environment.as_ref().map(|environment| {
            Write::check(keys::layer(environment), keys::shared(&self.layer))
                .when(format!("{IS_OURS} AND expires_ms > :now"))
                .name("#token", "token")
                .value(":token", number(self.token))
                .value(":holder", text(self.holder.clone()))
                .value(":now", now)
        });
        std::iter::once(own).chain(shared).collect()
    }

    pub(crate) fn lost(&self) -> StateError {
        StateError::LeaseLost { layer: self.layer.clone(), token: self.token }
    }
}

impl Store {
    /// The only way to write under a lease.
    pub fn writer<'a>(&'a self, lease: &'a Lease) -> Writer<'a> {
        Writer::new(self, lease)
    }

    /// Moves the end of a lease and says what its holder is doing.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`] when it is over or somebody else has it: an ended lease is never revived.
    pub async fn renew(&self, lease: &Lease, doing: &str, ttl: Duration) -> Result<Lease, StateError> {
        let now = self.now();
        let expires = ends(now.as_millisecond(), ttl);
        self.expect(lease.renewal(now, expires, doing), || lease.lost()).await?;
        Ok(Lease { expires_at: at(expires), ..lease.clone() })
    }

    /// Gives a lease back. Giving back a lease that is lost does nothing: it is somebody else's by then.
    pub async fn release(&self, lease: &Lease) -> Result<(), StateError> {
        self.give_back(lease, None, "").await
    }

    /// Gives back a lease under which something may still be at work that nobody hears of any more: `whose` calls may be
    /// on their way for as long as `quiet`. Nobody takes the layer before that, so that nothing is made in it behind the
    /// back of whoever has it next.
    pub async fn release_quietly(&self, lease: &Lease, quiet: Duration, whose: &str) -> Result<(), StateError> {
        self.give_back(lease, Some(quiet), whose).await
    }

    pub(crate) async fn give_back(
        &self,
        lease: &Lease,
        quiet: Option<Duration>,
        whose: &str,
    ) -> Result<(), StateError> {
        let mut writes = vec![self.give_back_own(lease, quiet, whose).when(IS_OURS)];
        writes.extend(self.give_back_shared(lease, quiet, whose).into_iter().flatten());
        self.transact(writes).await?;
        Ok(())
    }

    /// The writes that give a lease back which must still be live, with the share of an environment if it has one.
    pub(crate) fn giving_back(&self, lease: &Lease, quiet: Option<Duration>, whose: &str) -> Vec<Write> {
        let live = format!("{IS_OURS} AND expires_ms > :now");
        let now = number(self.now().as_millisecond());
        let own = self.give_back_own(lease, quiet, whose).when(&live).value(":now", now.clone());
        let mut writes = vec![own];
        if let Some([share, version]) = self.give_back_shared(lease, quiet, whose) {
            writes.extend([share.when(&live).without(":waits").value(":now", now), version]);
        }
        writes
    }

    fn give_back_own(&self, lease: &Lease, quiet: Option<Duration>, whose: &str) -> Write {
        let own = match quiet {
            Some(quiet) => self.quieten(&lease.layer, quiet, whose),
            None => Write::update(keys::layer(&lease.layer), keys::LEASE, RELEASE),
        };
        own.name("#token", "token").value(":token", number(lease.token)).value(":holder", text(lease.holder.clone()))
    }

    fn give_back_shared(&self, lease: &Lease, quiet: Option<Duration>, whose: &str) -> Option<[Write; 2]> {
        let environment = lease.environment.as_ref()?;
        let quiet = quiet.map(|quiet| self.quiet(quiet, whose));
        Some(unshare(environment, &lease.layer, &lease.holder, lease.token, quiet))
    }

    fn quiet<'a>(&self, quiet: Duration, whose: &'a str) -> Quiet<'a> {
        Quiet { until: ends(self.now().as_millisecond(), quiet), whose }
    }

    fn quieten(&self, layer: &str, quiet: Duration, whose: &str) -> Write {
        let update = Write::update(keys::layer(layer), keys::LEASE, format!("{QUIET} {RELEASE} ADD #token :one"));
        self.quiet(quiet, whose).named_in(update).value(":one", number(1))
    }

    /// Who holds a layer now; `None` when nobody does or the holder's time is over.
    pub async fn lease(&self, layer: &str) -> Result<Option<LeaseInfo>, StateError> {
        let record = self.lease_record(layer).await?;
        Ok(record.is_held(self.now().as_millisecond()).then(|| info(layer, &record)))
    }

    /// Who is recorded as the holder of a layer, also when that one's time is over.
    pub async fn holder(&self, layer: &str) -> Result<Option<LeaseInfo>, StateError> {
        let record = self.lease_record(layer).await?;
        Ok(record.holder.is_some().then(|| info(layer, &record)))
    }

    /// Whether the deployment that holds this lease was cancelled. `false` when the lease is lost.
    pub async fn is_cancelled(&self, lease: &Lease) -> Result<bool, StateError> {
        let record = self.lease_record(&lease.layer).await?;
        Ok(record.cancelled && record.admits(lease.token, self.now().as_millisecond()))
    }

    /// A layer's lease whose holder's time is over without it having been given back.
    pub async fn expired_lease(&self, layer: &str) -> Result<Option<LeaseInfo>, StateError> {
        let record = self.lease_record(layer).await?;
        let over = record.holder.is_some() && !record.is_held(self.now().as_millisecond());
        Ok(over.then(|| info(layer, &record)))
    }

    /// Takes a lease away from the holder that was seen with `token`. The token grows, so the former holder can write
    /// nothing any more; its calls may be on their way for as long as `quiet`, and nobody takes the layer before that.
    /// Answers who held it.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when nobody holds it, [`StateError::Conflict`] when somebody else does by now: nobody
    /// looked whether that one lives.
    pub async fn force_unlock(&self, layer: &str, token: u64, quiet: Duration) -> Result<LeaseInfo, StateError> {
        let record = self.lease_record(layer).await?;
        if record.holder.is_none() {
            return Err(StateError::not_found(format!("a lease of layer {layer}")));
        }
        let changed = || StateError::conflict(format!("the lease of layer {layer} changed hands"));
        if record.token != token {
            return Err(changed());
        }
        let take = self
            .quieten(layer, quiet, &record.doing)
            .when("#token = :token")
            .name("#token", "token")
            .value(":token", number(record.token));
        let mut writes = vec![take];
        if let (Some(environment), Some(holder)) = (&record.environment, &record.holder) {
            let quiet = self.quiet(quiet, &record.doing);
            writes.extend(unshare(environment, layer, holder, record.token, Some(quiet)));
        }
        self.expect(writes, changed).await?;
        Ok(info(layer, &record))
    }

    pub(crate) async fn lease_record(&self, layer: &str) -> Result<LeaseRecord, StateError> {
        Ok(self.get(&keys::layer(layer), keys::LEASE).await?.unwrap_or_default())
    }
}

/// The time for which calls of a holder that is gone may still be on their way.
struct Quiet<'a> {
    until: i64,
    whose: &'a str,
}

impl Quiet<'_> {
    fn named_in(&self, update: Write) -> Write {
        update.value(":until", number(self.until)).value(":for", text(self.whose))
    }
}

impl Lease {
    /// The writes that move its end, in place of [`Lease::checks`].
    pub(crate) fn renewal(&self, now: Timestamp, expires: i64, doing: &str) -> Vec<Write> {
        let own = Write::update(keys::layer(&self.layer), keys::LEASE, "SET expires_ms = :expires, doing = :doing")
            .when(ADMITS)
            .name("#token", "token")
            .value(":token", number(self.token))
            .value(":now", number(now.as_millisecond()))
            .value(":expires", number(expires))
            .value(":doing", text(doing));
        let shared = self.environment.as_ref().map(|environment| {
            Write::update(keys::layer(environment), keys::shared(&self.layer), "SET expires_ms = :expires")
                .when(IS_OURS)
                .name("#token", "token")
                .value(":token", number(self.token))
                .value(":holder", text(self.holder.clone()))
                .value(":expires", number(expires))
        });
        std::iter::once(own).chain(shared).collect()
    }
}

/// Gives the shared lease back that was taken with `token`. Where calls of the service may still be on their way its
/// environment waits for them, too: the share ends with them, also one whose time was over and that was removed, or whose
/// place the note of the service's next deployment has taken.
fn unshare(environment: &str, service: &str, holder: &str, token: u64, quiet: Option<Quiet<'_>>) -> [Write; 2] {
    let (pk, sk) = (keys::layer(environment), keys::shared(service));
    let shared = match quiet {
        Some(quiet) => {
            let update = "SET service = :service, holder = :holder, #token = :token, \
                          since = if_not_exists(since, :zero), expires_ms = :until, quiet_for = :for REMOVE waits";
            let update = Write::update(pk, sk, update).value(":service", text(service)).value(":zero", number(0));
            quiet.named_in(update)
        }
        None => Write::delete(pk, sk),
    };
    let shared = shared
        .when(format!("attribute_not_exists(pk) OR waits = :waits OR ({IS_OURS})"))
        .value(":waits", AttributeValue::Bool(true))
        .name("#token", "token")
        .value(":token", number(token))
        .value(":holder", text(holder));
    let version =
        Write::update(keys::layer(environment), keys::LEASE, "ADD shared_version :one").value(":one", number(1));
    [shared, version]
}

/// When a lease ends that is taken or renewed now.
pub(crate) fn ends(now: i64, ttl: Duration) -> i64 {
    now.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX))
}

pub(crate) fn held(layer: &str, record: &LeaseRecord) -> StateError {
    if record.holder.is_none() {
        return StateError::LeaseHeld {
            layer: layer.to_owned(),
            holder: String::new(),
            since: at(record.quiet_until),
            expires_at: at(record.quiet_until),
            doing: stray_calls(&record.quiet_for),
        };
    }
    let info = info(layer, record);
    StateError::LeaseHeld {
        layer: info.layer,
        holder: info.holder,
        since: info.since,
        expires_at: info.expires_at,
        doing: info.doing,
    }
}

/// What whoever waits is told of a quiet time.
pub(crate) fn stray_calls(whose: &str) -> String {
    format!("making sure that no call of what ended before is still on its way ({whose})")
}

fn info(layer: &str, record: &LeaseRecord) -> LeaseInfo {
    LeaseInfo {
        layer: layer.to_owned(),
        holder: record.holder.clone().unwrap_or_default(),
        token: record.token,
        since: at(record.since),
        expires_at: at(record.expires_ms),
        doing: record.doing.clone(),
        environment: record.environment.clone(),
    }
}

pub(crate) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}
