//! Leases: one holder per layer at a time, a token that only grows, an end that the clock decides.
//!
//! A layer is held exclusively by the deployment that changes it. A service also holds a shared lease on its
//! environment, so that services of one environment run side by side and the environment itself does not change under
//! them. The counter `shared_version` on the environment's lease changes with every shared lease, so that "there are no
//! shared leases" can be checked in the same transaction that takes the exclusive one.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::keys;
use crate::store::{Store, Write, number, text};
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

/// What is asked for.
#[derive(Clone, Debug)]
pub struct AcquireRequest<'a> {
    /// Layer.
    pub layer: &'a str,
    /// Environment of a service; `None` for an environment.
    pub environment: Option<&'a str>,
    /// Who will hold it.
    pub holder: &'a str,
    /// What for, for those who have to wait.
    pub doing: &'a str,
    /// How long, from now.
    pub ttl: Duration,
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
    /// Changes with every shared lease taken or given back.
    #[serde(default)]
    pub shared_version: u64,
}

impl LeaseRecord {
    /// Whether somebody holds it at `now`.
    pub fn is_held(&self, now: i64) -> bool {
        self.holder.is_some() && self.expires_ms > now
    }

    /// Whether `holder` may take it at `now`: nobody holds it, or it already does.
    pub fn may_take(&self, holder: &str, now: i64) -> bool {
        !self.is_held(now) || self.holder.as_deref() == Some(holder)
    }

    /// Whether a write under `token` counts at `now`.
    pub fn admits(&self, token: u64, now: i64) -> bool {
        self.token == token && self.is_held(now)
    }
}

/// [`LeaseRecord::may_take`] as DynamoDB checks it.
const MAY_TAKE: &str = "attribute_not_exists(holder) OR expires_ms <= :now OR holder = :holder";
/// [`LeaseRecord::is_held`] negated, as DynamoDB checks it.
const IS_FREE: &str = "attribute_not_exists(holder) OR expires_ms <= :now";
/// [`LeaseRecord::admits`] as DynamoDB checks it.
const ADMITS: &str = "#token = :token AND attribute_exists(holder) AND expires_ms > :now";

#[derive(Debug, Serialize, Deserialize)]
struct Shared {
    service: String,
    holder: String,
    expires_ms: i64,
}

impl Lease {
    /// The check that goes into every transaction under this lease.
    pub(crate) fn check(&self, now: Timestamp) -> Write {
        Write::check(keys::layer(&self.layer), keys::LEASE)
            .when(ADMITS)
            .name("#token", "token")
            .value(":token", number(self.token))
            .value(":now", number(now.as_millisecond()))
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

    /// Takes the lease of a layer, and for a service a shared one of its environment, both or none. The token grows
    /// with every take, also when the same holder takes it again.
    ///
    /// # Errors
    /// [`StateError::LeaseHeld`] naming who is in the way.
    pub async fn acquire(&self, request: AcquireRequest<'_>) -> Result<Lease, StateError> {
        for _ in 0..20 {
            let now = self.now().as_millisecond();
            let ttl = i64::try_from(request.ttl.as_millis()).unwrap_or(i64::MAX);
            let expires = now.saturating_add(ttl);
            let record = self.lease_record(request.layer).await?;
            if !record.may_take(request.holder, now) {
                return Err(held(request.layer, &record));
            }
            if let Some(shared) = self.live_shared(request.layer, now).await?.into_iter().next() {
                return Err(StateError::LeaseHeld {
                    layer: request.layer.to_owned(),
                    holder: shared.holder,
                    since: self.now(),
                    expires_at: at(shared.expires_ms),
                    doing: format!("deploying {}", shared.service),
                });
            }
            let take = Write::update(
                keys::layer(request.layer),
                keys::LEASE,
                "SET holder = :holder, since = :now, expires_ms = :expires, doing = :doing, layer = :layer, \
                 shared_version = if_not_exists(shared_version, :zero) ADD #token :one",
            )
            .when(format!(
                "({MAY_TAKE}) AND (attribute_not_exists(shared_version) OR shared_version = :shared) AND \
                 (attribute_not_exists(#token) OR #token = :seen)"
            ))
            .name("#token", "token")
            .value(":holder", text(request.holder))
            .value(":now", number(now))
            .value(":expires", number(expires))
            .value(":doing", text(request.doing))
            .value(":layer", text(request.layer))
            .value(":zero", number(0))
            .value(":one", number(1))
            .value(":seen", number(record.token))
            .value(":shared", number(record.shared_version));
            let mut writes = vec![take];
            if let Some(environment) = request.environment {
                let shared = Shared {
                    service: request.layer.to_owned(),
                    holder: request.holder.to_owned(),
                    expires_ms: expires,
                };
                writes.push(
                    Write::update(keys::layer(environment), keys::LEASE, "ADD shared_version :one")
                        .when(IS_FREE)
                        .value(":one", number(1))
                        .value(":now", number(now)),
                );
                writes.push(Write::put(keys::layer(environment), keys::shared(request.layer), &shared)?);
            }
            match self.transact(writes).await? {
                None => {
                    return Ok(Lease {
                        layer: request.layer.to_owned(),
                        token: record.token + 1,
                        holder: request.holder.to_owned(),
                        expires_at: at(expires),
                        environment: request.environment.map(str::to_owned),
                    });
                }
                Some(1) => {
                    let environment = request.environment.unwrap_or_default();
                    let record = self.lease_record(environment).await?;
                    if record.is_held(now) {
                        return Err(held(environment, &record));
                    }
                }
                // Somebody else took or shared it in between: look again.
                Some(_) => {}
            }
        }
        Err(StateError::conflict(format!("the lease of layer {} changes too often", request.layer)))
    }

    /// Moves the end of a lease and says what its holder is doing.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`] when it is over or somebody else has it: an ended lease is never revived.
    pub async fn renew(&self, lease: &Lease, doing: &str, ttl: Duration) -> Result<Lease, StateError> {
        let now = self.now().as_millisecond();
        let expires = now.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        let mut writes = vec![
            Write::update(keys::layer(&lease.layer), keys::LEASE, "SET expires_ms = :expires, doing = :doing")
                .when(ADMITS)
                .name("#token", "token")
                .value(":token", number(lease.token))
                .value(":now", number(now))
                .value(":expires", number(expires))
                .value(":doing", text(doing)),
        ];
        if let Some(environment) = &lease.environment {
            writes.push(
                Write::update(keys::layer(environment), keys::shared(&lease.layer), "SET expires_ms = :expires")
                    .when("holder = :holder")
                    .value(":expires", number(expires))
                    .value(":holder", text(lease.holder.clone())),
            );
        }
        self.expect(writes, || lease.lost()).await?;
        Ok(Lease { expires_at: at(expires), ..lease.clone() })
    }

    /// Gives a lease back. Giving back a lease that is lost does nothing: it is somebody else's by then.
    pub async fn release(&self, lease: &Lease) -> Result<(), StateError> {
        let release = Write::update(keys::layer(&lease.layer), keys::LEASE, "REMOVE holder, since, expires_ms, doing")
            .when("#token = :token")
            .name("#token", "token")
            .value(":token", number(lease.token));
        self.transact(vec![release]).await?;
        if let Some(environment) = &lease.environment {
            let shared = Write::delete(keys::layer(environment), keys::shared(&lease.layer))
                .when("holder = :holder")
                .value(":holder", text(lease.holder.clone()));
            let version = Write::update(keys::layer(environment), keys::LEASE, "ADD shared_version :one")
                .value(":one", number(1));
            self.transact(vec![shared, version]).await?;
        }
        Ok(())
    }

    /// Who holds a layer now; `None` when nobody does or the holder's time is over.
    pub async fn lease(&self, layer: &str) -> Result<Option<LeaseInfo>, StateError> {
        let record = self.lease_record(layer).await?;
        Ok(record.is_held(self.now().as_millisecond()).then(|| info(layer, &record)))
    }

    /// A layer's lease whose holder's time is over without it having been given back.
    pub async fn expired_lease(&self, layer: &str) -> Result<Option<LeaseInfo>, StateError> {
        let record = self.lease_record(layer).await?;
        let over = record.holder.is_some() && !record.is_held(self.now().as_millisecond());
        Ok(over.then(|| info(layer, &record)))
    }

    /// Takes a lease away from its holder. The token grows, so the former holder can write nothing any more.
    /// Answers who held it.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when nobody holds it.
    pub async fn force_unlock(&self, layer: &str) -> Result<LeaseInfo, StateError> {
        let record = self.lease_record(layer).await?;
        if record.holder.is_none() {
            return Err(StateError::not_found(format!("a lease of layer {layer}")));
        }
        let take =
            Write::update(keys::layer(layer), keys::LEASE, "REMOVE holder, since, expires_ms, doing ADD #token :one")
                .when("#token = :token")
                .name("#token", "token")
                .value(":token", number(record.token))
                .value(":one", number(1));
        self.expect(vec![take], || StateError::conflict(format!("the lease of layer {layer} changed hands"))).await?;
        Ok(info(layer, &record))
    }

    async fn lease_record(&self, layer: &str) -> Result<LeaseRecord, StateError> {
        Ok(self.get(&keys::layer(layer), keys::LEASE).await?.unwrap_or_default())
    }

    async fn live_shared(&self, layer: &str, now: i64) -> Result<Vec<Shared>, StateError> {
        let all: Vec<Shared> = self.query(&keys::layer(layer), "SHARED#").await?;
        Ok(all.into_iter().filter(|shared| shared.expires_ms > now).collect())
    }
}

fn held(layer: &str, record: &LeaseRecord) -> StateError {
    let info = info(layer, record);
    StateError::LeaseHeld {
        layer: info.layer,
        holder: info.holder,
        since: info.since,
        expires_at: info.expires_at,
        doing: info.doing,
    }
}

fn info(layer: &str, record: &LeaseRecord) -> LeaseInfo {
    LeaseInfo {
        layer: layer.to_owned(),
        holder: record.holder.clone().unwrap_or_default(),
        token: record.token,
        since: at(record.since),
        expires_at: at(record.expires_ms),
        doing: record.doing.clone(),
    }
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}
