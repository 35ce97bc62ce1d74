//! The queue of a layer: one deployment runs, at most one waits, the newest.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::{Action, Deployment, NewChange, Phase, Status};
use crate::error::StateError;
use crate::freeze::Freeze;
use crate::keys;
use crate::layers::{LayerRecord, LayerStatus};
use crate::limits::{DIAGNOSTICS, MESSAGE, shortened};
use crate::sources;
use crate::store::{Store, Write, attribute, number, text};

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

/// What became of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Enqueued {
    /// The deployment that serves it.
    pub deployment: Deployment,
    /// Whether it was there already: the same change came twice.
    pub duplicate: bool,
    /// The waiting deployment whose place it took.
    pub superseded: Option<u64>,
}

/// Place of the change's record in the transaction that adds it.
const CHANGE: usize = 1;

#[derive(Debug, Serialize, Deserialize)]
struct ChangeRecord {
    number: u64,
}

impl Store {
    /// Who runs and who waits.
    pub async fn queue(&self, layer: &str) -> Result<Queue, StateError> {
        Ok(self.get(&keys::layer(layer), keys::QUEUE).await?.unwrap_or_default())
    }

    /// Puts a change into its layer's queue: it becomes the one that waits, and one that waited before ends as
    /// superseded. One transaction; the same change again answers the first deployment.
    ///
    /// # Errors
    /// [`StateError::Overtaken`] when a newer version of its key was registered meanwhile,
    /// [`StateError::OwnedByOtherKey`] when another key has claimed the layer: of two that come at once one is told.
    pub async fn enqueue(&self, change: NewChange) -> Result<Enqueued, StateError> {
        self.add(change, None).await
    }

    /// Records a change that is not acceptable as a deployment that ended as rejected.
    pub async fn reject(
        &self,
        change: NewChange,
        message: &str,
        diagnostics: Option<&str>,
    ) -> Result<Enqueued, StateError> {
        self.add(change, Some((message, diagnostics))).await
    }

    async fn add(&self, change: NewChange, rejected: Option<(&str, Option<&str>)>) -> Result<Enqueued, StateError> {
        let pk = keys::layer(&change.layer);
        let id = change.id();
        for attempt in 0..60u64 {
            let now = self.now();
            let (layer, queue) = tokio::try_join!(self.layer(&change.layer), self.queue(&change.layer))?;
            let counter = layer.as_ref().map_or(0, |layer| layer.counter);
            let next = counter + 1;
            if queue.running.max(queue.waiting) >= Some(next) {
                // The queue was read after somebody else's change and the layer before it.
                continue;
            }
            // A look takes nobody's place and waits for nobody.
            let looks = change.action == Action::Drift;
            if let Some(busy) = queue.running.or(queue.waiting).filter(|_| looks) {
                return Err(StateError::conflict(format!("deployment {}/{busy} comes first", change.layer)));
            }
            // What somebody wants of the layer by now comes before going back to what it was.
            let yields = change.action == Action::Rollback;
            if let Some(waiting) = queue.waiting.filter(|_| yields) {
                if let Some(known) = self.known_change(&change.layer, &id).await? {
                    return Ok(known);
                }
                return Err(StateError::conflict(format!("deployment {}/{waiting} comes first", change.layer)));
            }
            let owner = layer.as_ref().filter(|layer| layer.is_alive(queue)).and_then(|layer| layer.key.clone());
            if let Some(key) = owner.filter(|owner| rejected.is_none() && *owner != change.source.key) {
                // The same change again may come after its layer went to another key.
                let known = self.known_change(&change.layer, &id).await?;
                return known.ok_or(StateError::OwnedByOtherKey { layer: change.layer, key });
            }
            let status = if rejected.is_some() { Status::Rejected } else { Status::Queued };
            let mut deployment = Deployment::new(&change, next, status, now);
            if let Some((message, diagnostics)) = rejected {
                deployment.message = Some(shortened(message, MESSAGE));
                deployment.diagnostics = diagnostics.map(|text| shortened(text, DIAGNOSTICS));
                deployment.finished_at = Some(now);
            }
            let mut newest = None;
            let mut writes = vec![
                layer_write(&change, layer.as_ref(), queue, rejected.is_some(), now)?,
                Write::put(&pk, keys::change(&id), &ChangeRecord { number: next })?.if_absent(),
                Write::put(&pk, keys::deployment(next), &deployment)?.if_absent(),
            ];
            if rejected.is_none() {
                let expected = match queue.waiting {
                    Some(_) => "waiting = :old",
                    None if looks => "attribute_not_exists(waiting) AND attribute_not_exists(running)",
                    None => "attribute_not_exists(waiting)",
                };
                if looks {
                    let tried = Write::update(&pk, keys::DRIFT, "SET tried_at = :now");
                    writes.push(tried.value(":now", attribute(&now)?));
                }
                let mut wait =
                    Write::update(&pk, keys::QUEUE, "SET waiting = :next").when(expected).value(":next", number(next));
                if let Some(old) = queue.waiting {
                    wait = wait.value(":old", number(old));
                    writes.push(supersede(&pk, old, next, now)?);
                }
                writes.push(wait);
                if let Some(sequencer) = &change.source.sequencer {
                    newest = Some(writes.len());
                    writes.push(sources::newest(&change.source.key, sequencer));
                }
            }
            match self.transact(writes).await? {
                None => {
                    let superseded = queue.waiting.filter(|_| rejected.is_none());
                    return Ok(Enqueued { deployment, duplicate: false, superseded });
                }
                Some(CHANGE) => {
                    let known = self.known_change(&change.layer, &id).await?;
                    return known.ok_or_else(|| StateError::not_found(format!("change {id}")));
                }
                index if index == newest => return Err(StateError::Overtaken { key: change.source.key }),
                Some(_) => {}
            }
            // Another change of the layer came first: look again. A little patience keeps a burst from colliding.
            tokio::time::sleep(std::time::Duration::from_millis(5 + (attempt * 7) % 50)).await;
        }
        Err(StateError::conflict(format!("layer {} gets changes faster than they can be queued", change.layer)))
    }

    /// The deployment that serves a change which came before.
    async fn known_change(&self, layer: &str, id: &str) -> Result<Option<Enqueued>, StateError> {
        let known: Option<ChangeRecord> = self.get(&keys::layer(layer), &keys::change(id)).await?;
        let Some(known) = known else { return Ok(None) };
        let deployment = self.deployment(layer, known.number).await?;
        Ok(Some(Enqueued { deployment, duplicate: true, superseded: None }))
    }

    /// Makes the waiting deployment the running one if nothing runs and nothing freezes it. Answers the deployment to
    /// start; also one that was made running before but whose execution is not recorded yet, because starting twice is
    /// harmless. What keeps it frozen is recorded with the deployment that waits.
    pub async fn start_next(&self, layer: &str) -> Result<Option<Deployment>, StateError> {
        let pk = keys::layer(layer);
        let mut refused = false;
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
            // A freeze keeps changes from beginning; a rollback is the end of one that began.
            if !deployment.action.only_looks() && deployment.action != Action::Rollback {
                let environment = deployment.environment_choice.as_deref().filter(|environment| *environment != layer);
                // Whether the layer is frozen by hand is in the transaction; it is read once that was refused.
                let windows = &deployment.freeze_windows;
                let freeze = match (environment, Freeze::of_window(layer, windows, now)) {
                    (None, freeze) if !refused => freeze,
                    (environment, _) => self.freeze_of(layer, windows, environment).await?,
                };
                if let Some(freeze) = freeze {
                    self.waits_for(&deployment, &freeze.sentence()).await?;
                    return Ok(None);
                }
                guards.push(self.not_frozen(layer));
                guards.extend(environment.map(|environment| self.not_frozen(environment)));
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

fn layer_write(
    change: &NewChange,
    layer: Option<&LayerRecord>,
    queue: Queue,
    rejected: bool,
    now: Timestamp,
) -> Result<Write, StateError> {
    let counter = layer.map_or(0, |layer| layer.counter);
    let owner = layer.filter(|layer| layer.is_alive(queue)).and_then(|layer| layer.key.clone());
    // A rejected change does not claim the name for its key.
    let key = match (owner, rejected) {
        (Some(owner), _) => Some(owner),
        (None, true) => layer.and_then(|layer| layer.key.clone()),
        (None, false) => Some(change.source.key.clone()),
    };
    let status = layer.map_or(LayerStatus::New, |layer| layer.status);
    // A look is no change of the layer.
    let updated = if change.action == Action::Drift { "if_not_exists(updated_at, :now)" } else { ":now" };
    Ok(Write::update(
        keys::layer(&change.layer),
        keys::LAYER,
        format!(
            "SET #counter = :next, layer = :layer, #status = if_not_exists(#status, :status), #key = :key, \
             updated_at = {updated}, gsi1pk = :layers, gsi1sk = :layer"
        ),
    )
    .when("attribute_not_exists(#counter) OR #counter = :counter")
    .name("#counter", "counter")
    .name("#status", "status")
    .name("#key", "key")
    .value(":next", number(counter + 1))
    .value(":counter", number(counter))
    .value(":layer", text(change.layer.clone()))
    .value(":status", attribute(&status)?)
    .value(":key", attribute(&key)?)
    .value(":now", attribute(&now)?)
    .value(":layers", text(keys::LAYERS)))
}

fn supersede(pk: &str, old: u64, by: u64, now: Timestamp) -> Result<Write, StateError> {
    Ok(Write::update(
        pk,
        keys::deployment(old),
        "SET #status = :superseded, superseded_by = :by, finished_at = :now, message = :message",
    )
    .when("#status = :queued")
    .name("#status", "status")
    .value(":queued", text("queued"))
    .value(":superseded", text("superseded"))
    .value(":by", number(by))
    .value(":now", attribute(&now)?)
    .value(":message", text(format!("superseded by {by}"))))
}
