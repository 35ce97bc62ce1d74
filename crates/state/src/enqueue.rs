//! How a change comes into its layer's queue: once, whatever is delivered twice, and at the newest version of its key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::{Action, Deployment, NewChange, Phase, Status, id_of_request};
use crate::error::StateError;
use crate::freeze::Freeze;
use crate::keys;
use crate::layers::{LayerRecord, LayerStatus};
use crate::limits::{DIAGNOSTICS, MESSAGE, shortened};
use crate::queue::{Queue, heeds_freezes};
use crate::sources::{self, KeyRecord, SourceOutcome};
use crate::store::Store;
use crate::write::{Write, attribute, number, text};

/// What became of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Enqueued {
    /// The deployment that serves it.
    pub deployment: Deployment,
    /// Whether it was there already: the same change came twice.
    pub duplicate: bool,
    /// The waiting deployment whose place it took.
    pub superseded: Option<u64>,
    /// Whether it runs already, because nothing was in its way.
    pub begun: bool,
}

/// What a change meets: its layer, the queue, and what is recorded of its key. Read beside whatever else has to be read
/// before the change is queued; what changes after that is noticed.
#[derive(Clone, Debug)]
pub struct Met {
    layer: Option<LayerRecord>,
    queue: Queue,
    source: Option<KeyRecord>,
}

/// What is to become of a change.
#[derive(Clone, Copy, Debug)]
enum Wish<'a> {
    /// It waits for its turn.
    Wait,
    /// It begins, if nothing is in its way.
    Begin,
    /// It is refused, with a message and diagnostics.
    Reject(&'a str, Option<&'a str>),
}

/// Place of the change's record in the transaction that adds it.
const CHANGE: usize = 1;

#[derive(Debug, Serialize, Deserialize)]
struct ChangeRecord {
    number: u64,
}

impl Store {
    /// Puts a change into its layer's queue: it becomes the one that waits, and one that waited before ends as
    /// superseded. One transaction; the same change again answers the first deployment.
    ///
    /// A version of a key is registered as its newest with it, as [`Store::register_source`] does.
    ///
    /// # Errors
    /// [`StateError::Overtaken`] when a newer version of its key was registered before,
    /// [`StateError::OwnedByOtherKey`] when another key has claimed the layer: of two that come at once one is told,
    /// [`StateError::KeyOwnsOtherLayer`] when its key holds another layer.
    pub async fn enqueue(&self, change: NewChange) -> Result<Enqueued, StateError> {
        self.add(change, Wish::Wait, None).await
    }

    /// What a change of `key` to `layer` meets.
    pub async fn met(&self, layer: &str, key: &str) -> Result<Met, StateError> {
        let (layer, queue, source) = tokio::try_join!(self.layer(layer), self.queue(layer), self.key_record(key))?;
        Ok(Met { layer, queue, source })
    }

    /// [`Store::enqueue`] and [`Store::start_next`] in one transaction where nothing is in the way of the change: it
    /// runs from the start. `met` is what it met, if that was read before.
    ///
    /// # Errors
    /// As [`Store::enqueue`].
    pub async fn enqueue_and_begin(&self, change: NewChange, met: Option<Met>) -> Result<Enqueued, StateError> {
        self.add(change, Wish::Begin, met).await
    }

    /// Records a change that is not acceptable as a deployment that ended as rejected.
    pub async fn reject(
        &self,
        change: NewChange,
        message: &str,
        diagnostics: Option<&str>,
    ) -> Result<Enqueued, StateError> {
        self.add(change, Wish::Reject(message, diagnostics), None).await
    }

    async fn add(&self, change: NewChange, wish: Wish<'_>, met: Option<Met>) -> Result<Enqueued, StateError> {
        let pk = keys::layer(&change.layer);
        let id = change.id();
        let rejected = matches!(wish, Wish::Reject(..));
        let (mut met, mut frozen) = (met, false);
        for attempt in 0..60u64 {
            let now = self.now();
            let Met { layer, queue, source } = match met.take() {
                Some(met) => met,
                None => self.met(&change.layer, &change.source.key).await?,
            };
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
            if let Some(waiting) = queue.waiting
                && self.yields(&change, waiting).await?
            {
                if let Some(known) = self.known_change(&change.layer, &id).await? {
                    return Ok(known);
                }
                return Err(StateError::conflict(format!("deployment {}/{waiting} comes first", change.layer)));
            }
            let sequencer = change.source.sequencer.as_ref().filter(|_| !rejected);
            if let Some(sequencer) = sequencer {
                self.refuse_source(&change, sequencer, source.as_ref()).await?;
            } else if !rejected && matches!(change.action, Action::Deploy | Action::Plan) {
                self.refuse_renamed(&change, source.as_ref()).await?;
            }
            let owner = layer.as_ref().filter(|layer| layer.is_alive(queue)).and_then(|layer| layer.key.clone());
            if let Some(key) = owner.filter(|owner| !rejected && *owner != change.source.key) {
                // The same change again may come after its layer went to another key.
                let known = self.known_change(&change.layer, &id).await?;
                return known.ok_or(StateError::OwnedByOtherKey { layer: change.layer, key });
            }
            let begins = matches!(wish, Wish::Begin)
                && !queue.is_busy()
                && !frozen
                && self.window_before(&change, now).await?.is_none();
            let deployment = recorded(&change, next, wish, begins, now);
            let mut writes = vec![
                layer_write(&change, layer.as_ref(), queue, rejected, now)?,
                Write::put(&pk, keys::change(&id), &ChangeRecord { number: next })?.if_absent(),
                Write::put(&pk, keys::deployment(next), &deployment)?.if_absent(),
            ];
            let mut guards = writes.len()..writes.len();
            if !rejected {
                if looks {
                    let tried = Write::update(&pk, keys::DRIFT, "SET tried_at = :now");
                    writes.push(tried.value(":now", attribute(&now)?));
                }
                writes.push(place_write(&change, next, queue, begins));
                if let Some(old) = queue.waiting {
                    writes.push(supersede(&pk, old, next, now)?);
                }
                if let Some(sequencer) = sequencer {
                    writes.push(sources::register(&change.source.key, &change.layer, sequencer, source.as_ref())?);
                }
                guards = writes.len()..writes.len();
                if begins && heeds_freezes(change.action) {
                    writes.extend(self.not_frozen_at_all(&change.layer, change.environment_choice.as_deref()));
                    guards.end = writes.len();
                }
            }
            match self.transact(writes).await? {
                None => {
                    let superseded = queue.waiting.filter(|_| !rejected);
                    return Ok(Enqueued { deployment, duplicate: false, superseded, begun: begins });
                }
                Some(CHANGE) => {
                    let known = self.known_change(&change.layer, &id).await?;
                    return known.ok_or_else(|| StateError::not_found(format!("change {id}")));
                }
                Some(index) if guards.contains(&index) => frozen = true,
                Some(_) => {}
            }
            // Another change of the layer came first: look again. A little patience keeps a burst from colliding.
            tokio::time::sleep(std::time::Duration::from_millis(5 + (attempt * 7) % 50)).await;
        }
        Err(StateError::conflict(format!("layer {} gets changes faster than they can be queued", change.layer)))
    }

    /// Whether a change takes nobody's place and another one waits: what somebody wants of the layer by now comes before
    /// going back to what it was, and before a plan, which is made and forgotten.
    async fn yields(&self, change: &NewChange, waiting: u64) -> Result<bool, StateError> {
        Ok(match change.action {
            Action::Plan => true,
            Action::Rollback => self.deployment(&change.layer, waiting).await?.action != Action::Plan,
            Action::Deploy | Action::Destroy | Action::Drift => false,
        })
    }

    /// A layer cannot be renamed in its file: not by an upload, nor by asking for the new name.
    async fn refuse_renamed(&self, change: &NewChange, record: Option<&KeyRecord>) -> Result<(), StateError> {
        let key = &change.source.key;
        match self.held_by(key, &change.layer, record).await? {
            Some(layer) => Err(StateError::KeyOwnsOtherLayer { key: key.clone(), layer }),
            None => Ok(()),
        }
    }

    /// What the key of a change has against it.
    async fn refuse_source(
        &self,
        change: &NewChange,
        sequencer: &str,
        record: Option<&KeyRecord>,
    ) -> Result<(), StateError> {
        let key = &change.source.key;
        match self.refuses(key, &change.layer, sequencer, record).await? {
            Some(SourceOutcome::Stale) => Err(StateError::Overtaken { key: key.clone() }),
            Some(SourceOutcome::KeyOwnsOtherLayer { layer }) => {
                Err(StateError::KeyOwnsOtherLayer { key: key.clone(), layer })
            }
            Some(SourceOutcome::Accepted | SourceOutcome::OwnedByOtherKey { .. }) | None => Ok(()),
        }
    }

    /// The freeze window that a change would begin in.
    async fn window_before(&self, change: &NewChange, now: Timestamp) -> Result<Option<Freeze>, StateError> {
        if !heeds_freezes(change.action) {
            return Ok(None);
        }
        let own = Freeze::of_window(&change.layer, &change.freeze_windows, now);
        let environment = change.environment_choice.as_deref().filter(|environment| *environment != change.layer);
        let (None, Some(environment)) = (&own, environment) else { return Ok(own) };
        let record = self.layer(environment).await?;
        Ok(record.and_then(|record| Freeze::of_window(environment, &record.freeze_windows, now)))
    }

    /// The deployment that serves the requests with this key, if there was one.
    pub async fn requested(&self, layer: &str, key: &str) -> Result<Option<Deployment>, StateError> {
        let known = self.known_change(layer, &id_of_request(layer, key)).await?;
        Ok(known.map(|known| known.deployment))
    }

    /// The deployment that serves a change which came before.
    async fn known_change(&self, layer: &str, id: &str) -> Result<Option<Enqueued>, StateError> {
        let known: Option<ChangeRecord> = self.get(&keys::layer(layer), &keys::change(id)).await?;
        let Some(known) = known else { return Ok(None) };
        let deployment = self.deployment(layer, known.number).await?;
        Ok(Some(Enqueued { deployment, duplicate: true, superseded: None, begun: false }))
    }
}

/// The deployment that serves a change from now on.
fn recorded(change: &NewChange, number: u64, wish: Wish<'_>, begins: bool, now: Timestamp) -> Deployment {
    let mut deployment = Deployment::new(change, number, Status::Queued, now);
    if let Wish::Reject(message, diagnostics) = wish {
        deployment.status = Status::Rejected;
        deployment.message = Some(shortened(message, MESSAGE));
        deployment.diagnostics = diagnostics.map(|text| shortened(text, DIAGNOSTICS));
        deployment.finished_at = Some(now);
    } else if begins {
        (deployment.status, deployment.phase) = (Status::Running, Some(Phase::Admitting));
        deployment.started_at = Some(now);
    }
    deployment
}

/// Gives a change its place in the queue: that of the one that runs if it `begins`, else of the one that waits.
fn place_write(change: &NewChange, number_: u64, queue: Queue, begins: bool) -> Write {
    let place = if begins { "SET running = :next" } else { "SET waiting = :next" };
    let place = Write::update(keys::layer(&change.layer), keys::QUEUE, place).value(":next", number(number_));
    match queue.waiting {
        Some(old) => place.when("waiting = :old").value(":old", number(old)),
        None if begins || change.action == Action::Drift => {
            place.when("attribute_not_exists(waiting) AND attribute_not_exists(running)")
        }
        None => place.when("attribute_not_exists(waiting)"),
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
    // Who owns the name was judged by the status that was read: an end between that read and the one of the queue would
    // give a living layer away.
    .when("attribute_not_exists(#counter) OR (#counter = :counter AND #status = :status)")
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
