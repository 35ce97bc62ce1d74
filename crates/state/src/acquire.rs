//! Taking a lease: the layer's own, and for a service a share of its environment's, both or none.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::{Phase, phase};
use crate::error::StateError;
use crate::keys;
use crate::lease::{Lease, LeaseRecord, at, ends, held, stray_calls};
use crate::store::Store;
use crate::write::{Write, attribute, number, text};

/// [`LeaseRecord::may_take`] as DynamoDB checks it.
const MAY_TAKE: &str = "(attribute_not_exists(holder) OR expires_ms <= :now) AND \
                        (attribute_not_exists(quiet_until) OR quiet_until <= :now) OR holder = :holder";
/// [`LeaseRecord::may_be_shared`] as DynamoDB checks it.
const MAY_SHARE: &str = "(attribute_not_exists(holder) OR expires_ms <= :now) AND \
                         (attribute_not_exists(quiet_until) OR quiet_until <= :now)";
/// Shared leases that one transaction removes at most; DynamoDB takes 100 items in all.
const AT_ONCE: usize = 90;

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
    /// The deployment that plans from then on, recorded in the same transaction.
    pub plans: Option<u64>,
    /// Since when the environment is in line: services that are for longer go first. `None` lets nobody go first.
    pub turn: Option<Timestamp>,
}

/// What was read of a layer's lease. What changes after that is noticed by whoever takes it.
#[derive(Debug)]
pub struct SeenLease {
    record: LeaseRecord,
    shares: Vec<Shared>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Shared {
    service: String,
    holder: String,
    /// Token of the service's own lease.
    token: u64,
    since: i64,
    expires_ms: i64,
    /// Whose calls may still be on their way until it ends. Of one that was given back.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    quiet_for: String,
    /// It is no share yet: since then the service waits for one, and looks again before it ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    waits: bool,
}

impl Shared {
    /// Whether an environment has to wait for it that waits itself since `turn`.
    fn is_in_the_way(&self, turn: Option<Timestamp>, now: i64) -> bool {
        let comes_first = || turn.is_some_and(|turn| self.since < turn.as_millisecond());
        self.expires_ms > now && (!self.waits || comes_first())
    }
}

impl SeenLease {
    /// The lease that `holder` has already, from an earlier try to begin.
    pub fn of(&self, layer: &str, holder: &str) -> Option<Lease> {
        (self.record.holder.as_deref() == Some(holder)).then(|| Lease {
            layer: layer.to_owned(),
            token: self.record.token,
            holder: holder.to_owned(),
            expires_at: at(self.record.expires_ms),
            environment: self.record.environment.clone(),
        })
    }
}

impl Store {
    /// Takes the lease of a layer, and for a service a shared one of its environment, both or none. The token grows
    /// with every take, also when the same holder takes it again.
    ///
    /// # Errors
    /// [`StateError::LeaseHeld`] naming who is in the way.
    pub async fn acquire(&self, request: AcquireRequest<'_>) -> Result<Lease, StateError> {
        let seen = self.seen_lease(request.layer).await?;
        self.acquire_seen(request, seen).await
    }

    /// Reads the lease of a layer, for [`Store::acquire_seen`].
    pub async fn seen_lease(&self, layer: &str) -> Result<SeenLease, StateError> {
        let record = self.lease_record(layer).await?;
        // After the record: a share that came before it is seen, and one that came after it has changed the record's
        // count, which whoever takes the lease notices. Where none ever came there is none to look for.
        let shares = match record.shared_version {
            0 => Vec::new(),
            _ => self.query(&keys::layer(layer), "SHARED#").await?,
        };
        Ok(SeenLease { record, shares })
    }

    /// [`Store::acquire`] of a lease that was read before. When it succeeds at once nobody has held the lease since it
    /// was read, so whatever is written under it was there already.
    ///
    /// # Errors
    /// As [`Store::acquire`]; [`StateError::Conflict`] when the deployment that is to plan does not run any more.
    pub async fn acquire_seen(&self, request: AcquireRequest<'_>, seen: SeenLease) -> Result<Lease, StateError> {
        let mut seen = Some(seen);
        for _ in 0..20 {
            let SeenLease { record, shares } = match seen.take() {
                Some(seen) => seen,
                None => self.seen_lease(request.layer).await?,
            };
            let now = self.now().as_millisecond();
            if !record.may_take(request.holder, now) {
                return Err(held(request.layer, &record));
            }
            let expires = ends(now, request.ttl);
            let mut writes = vec![take(&request, &record, now, expires)];
            match request.environment {
                Some(environment) => writes.extend(share(&request, environment, record.token + 1, now, expires)?),
                None => {
                    // Who has it already lets nobody go first: nobody can, before it is given back.
                    let turn = request.turn.filter(|_| record.holder.as_deref() != Some(request.holder));
                    let ended = ended_shares(request.layer, &shares, turn, now)?;
                    if ended.len() > AT_ONCE {
                        self.transact(ended.into_iter().take(AT_ONCE).collect()).await?;
                        continue;
                    }
                    writes.extend(ended);
                }
            }
            let begin = writes.len();
            if let Some(plans) = request.plans {
                writes.push(phase(request.layer, plans, Phase::Planning, None)?);
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
                Some(1) if request.environment.is_some() => {
                    let environment = request.environment.unwrap_or_default();
                    let record = self.lease_record(environment).await?;
                    if !record.may_be_shared(now) {
                        return Err(held(environment, &record));
                    }
                }
                Some(index) if index == begin => {
                    let number = request.plans.unwrap_or_default();
                    return Err(StateError::conflict(format!("deployment {}/{number} does not run", request.layer)));
                }
                // Somebody else took or shared it in between: look again.
                Some(_) => {}
            }
        }
        Err(StateError::conflict(format!("the lease of layer {} changes too often", request.layer)))
    }

    /// Notes that a service is in line for its environment `since` then and looks again within `patience`: an environment
    /// that came later lets it go first. Its share takes the place of the note.
    pub async fn wait_in_turn(
        &self,
        service: &str,
        environment: &str,
        holder: &str,
        since: Timestamp,
        patience: Duration,
    ) -> Result<(), StateError> {
        let now = self.now().as_millisecond();
        let waits = Shared {
            service: service.to_owned(),
            holder: holder.to_owned(),
            token: 0,
            since: since.as_millisecond(),
            expires_ms: ends(now, patience),
            quiet_for: String::new(),
            waits: true,
        };
        let note = Write::put(keys::layer(environment), keys::shared(service), &waits)?;
        let again = note.clone().when("waits = :waits").value(":waits", attribute(&true)?);
        if self.transact(vec![again]).await?.is_none() {
            return Ok(());
        }
        // Whoever takes the environment at this moment looks again.
        let noticed = Write::update(keys::layer(environment), keys::LEASE, "ADD shared_version :one")
            .when("attribute_exists(pk)")
            .value(":one", number(1));
        // A share that ended quietly is kept for what may still be on its way.
        let note = note.when("attribute_not_exists(pk) OR expires_ms <= :now").value(":now", number(now));
        self.transact(vec![noticed, note]).await?;
        Ok(())
    }
}

/// Takes the lease whose record was read, if nothing of it changed since.
fn take(request: &AcquireRequest<'_>, record: &LeaseRecord, now: i64, expires: i64) -> Write {
    let (environment, forget) = if request.environment.is_some() {
        (", environment = :environment", " REMOVE cancelled, quiet_until, quiet_for")
    } else {
        ("", " REMOVE environment, cancelled, quiet_until, quiet_for")
    };
    let take = Write::update(
        keys::layer(request.layer),
        keys::LEASE,
        format!(
            "SET holder = :holder, since = :now, expires_ms = :expires, doing = :doing, layer = :layer, \
             shared_version = if_not_exists(shared_version, :zero){environment}{forget} ADD #token :one"
        ),
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
    match request.environment {
        Some(environment) => take.value(":environment", text(environment)),
        None => take,
    }
}

/// Takes a shared lease of a service's environment, if nobody holds the environment and it is not quiet.
fn share(
    request: &AcquireRequest<'_>,
    environment: &str,
    token: u64,
    now: i64,
    expires: i64,
) -> Result<[Write; 2], StateError> {
    let shared = Shared {
        service: request.layer.to_owned(),
        holder: request.holder.to_owned(),
        token,
        since: now,
        expires_ms: expires,
        quiet_for: String::new(),
        waits: false,
    };
    let free = Write::update(keys::layer(environment), keys::LEASE, "ADD shared_version :one")
        .when(MAY_SHARE)
        .value(":one", number(1))
        .value(":now", number(now));
    Ok([free, Write::put(keys::layer(environment), keys::shared(request.layer), &shared)?])
}

/// The removal of the shared leases of an environment that have ended.
///
/// # Errors
/// [`StateError::LeaseHeld`] naming the oldest one that has not.
fn ended_shares(
    environment: &str,
    all: &[Shared],
    turn: Option<Timestamp>,
    now: i64,
) -> Result<Vec<Write>, StateError> {
    let in_the_way = all.iter().filter(|shared| shared.is_in_the_way(turn, now));
    if let Some(shared) = in_the_way.min_by_key(|shared| shared.since) {
        return Err(StateError::LeaseHeld {
            layer: environment.to_owned(),
            holder: shared.holder.clone(),
            since: at(shared.since),
            expires_at: at(shared.expires_ms),
            doing: match shared.quiet_for.as_str() {
                _ if shared.waits => format!("{} waits for it longer", shared.service),
                "" => format!("deploying {}", shared.service),
                whose => stray_calls(whose),
            },
        });
    }
    let remove = |shared: &Shared| {
        Write::delete(keys::layer(environment), keys::shared(&shared.service))
            .when("attribute_not_exists(pk) OR expires_ms <= :now")
            .value(":now", number(now))
    };
    Ok(all.iter().filter(|shared| shared.expires_ms <= now).map(remove).collect())
}
