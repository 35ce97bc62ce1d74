//! The queue of a layer: one deployment runs, at most one waits, the newest.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::{Action, Deployment, Phase, Status};
use crate::error::StateError;
use crate::freeze::Freeze;
use crate::keys;
use crate::limits::{MESSAGE, shortened};
use crate::store::Store;
use crate::write::{Write, attribute, number, text};

/// Who runs and who waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// The deployment that runs.
    #[serde(default)]
    pub running: Option<u64>,
    /// The deployment that waits.
    #[serde(default)]
    pub waiting: Option<u64>,
}

impl Queue {
    /// Whether anything runs or waits.
    pub fn is_busy(&self) -> bool {
        self.running.is_some() || self.waiting.is_some()
    }
}

impl Store {
    /// Who runs and who waits.
    pub async fn queue(&self, layer: &str) -> Result<Queue, StateError> {
        Ok(self.get(&keys::layer(layer), keys::QUEUE).await?.unwrap_or_default())
    }

    /// That nobody has frozen a layer or its environment, as a part of the transaction that begins a deployment.
    pub(crate) fn not_frozen_at_all(&self, layer: &str, environment: Option<&str>) -> impl Iterator<Item = Write> {
        let environment = environment.filter(|environment| *environment != layer);
        std::iter::once(layer).chain(environment).map(|layer| self.not_frozen(layer)).collect::<Vec<_>>().into_iter()
    }

    /// Makes the waiting deployment the running one if nothing runs and nothing freezes it. Answers the deployment to
    /// start; also one that was made running before but whose execution is not recorded yet, because starting twice is
    /// harmless. What keeps it frozen is recorded with the deployment that waits.
    pub async fn start_next(&self, layer: &str) -> Result<Option<Deployment>, StateError> {
        let pk = keys::layer(layer);
        let (mut refused, mut known_there) = (false, false);
        for _ in 0..20 {
            let queue = self.queue(layer).await?;
            if let Some(running) = queue.running {
                let deployment = self.deployment(layer, running).await?;
                return Ok(deployment.execution_arn.is_none().then_some(deployment));
            }
            let Some(waiting) = queue.waiting else { return Ok(None) };
            let now = self.now();
            let deployment = self.deployment(layer, waiting).await?;
            let mut guards = Vec::new();
            if heeds_freezes(deployment.action) {
                let environment = deployment.environment_choice.as_deref().filter(|environment| *environment != layer);
                // Whether the layer is frozen by hand is in the transaction; it is read once that was refused.
                let windows = &deployment.freeze_windows;
                let freeze = match (environment, Freeze::of_window(layer, windows, now)) {
                    (None, freeze) if !refused => freeze,
                    (environment, _) => self.freeze_of(layer, windows, environment).await?,
                };
                if let Some(freeze) = freeze {
                    // Whoever thaws the environment starts the services that are known there. One that came in between
                    // is seen by the second look.
                    if let Some(environment) = environment.filter(|_| !known_there && deployment.message.is_none()) {
                        self.transact(vec![service_of(environment, layer, now)?]).await?;
                        known_there = true;
                        continue;
                    }
                    self.waits_for(&deployment, &freeze.sentence()).await?;
                    return Ok(None);
                }
                guards.extend(self.not_frozen_at_all(layer, environment));
            }
            let mut writes = vec![
                Write::update(&pk, keys::QUEUE, "SET running = :number REMOVE waiting")
                    .when("attribute_not_exists(running) AND waiting = :number")
                    .value(":number", number(waiting)),
                Write::update(
                    &pk,
                    keys::deployment(waiting),
                    "SET #status = :running, phase = :phase, started_at = :now REMOVE message",
                )
                .when("#status = :queued")
                .name("#status", "status")
                .value(":queued", text("queued"))
                .value(":running", text("running"))
                .value(":phase", attribute(&Phase::Admitting)?)
                .value(":now", attribute(&now)?),
            ];
            writes.extend(guards);
            if self.transact(writes).await?.is_none() {
                let (status, phase) = (Status::Running, Some(Phase::Admitting));
                return Ok(Some(Deployment { status, phase, started_at: Some(now), message: None, ..deployment }));
            }
            refused = true;
        }
        Err(StateError::conflict(format!("the queue of layer {layer} changes too often")))
    }

    /// Records why a deployment waits that has not begun.
    pub async fn waits_for(&self, deployment: &Deployment, why: &str) -> Result<(), StateError> {
        if deployment.message.as_deref() == Some(why) {
            return Ok(());
        }
        let message = Write::update(
            keys::layer(&deployment.layer),
            keys::deployment(deployment.number),
            "SET message = :message",
        )
        .when("#status = :queued")
        .name("#status", "status")
        .value(":queued", text("queued"))
        .value(":message", text(shortened(why, MESSAGE)));
        self.transact(vec![message]).await?;
        Ok(())
    }
}

/// That a service lives in an environment, or is about to.
pub(crate) fn service_of(environment: &str, service: &str, now: Timestamp) -> Result<Write, StateError> {
    let set = "SET service = :service, updated_at = :now";
    Ok(Write::update(keys::layer(environment), keys::service(service), set)
        .value(":service", text(service))
        .value(":now", attribute(&now)?))
}

/// A freeze keeps changes from beginning; a rollback is the end of one that began.
pub(crate) fn heeds_freezes(action: Action) -> bool {
    !action.only_looks() && action != Action::Rollback
}
