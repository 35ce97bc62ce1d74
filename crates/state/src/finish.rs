//! The end of a deployment: its record, its place in the queue, what its layer is from then on and the lease, in one
//! transaction. Whoever sees that it is over sees all of it.

use std::time::Duration;

use jiff::Timestamp;

use crate::deployment::{Outcome, Phase, PlanRef, Status};
use crate::error::StateError;
use crate::events::Event;
use crate::keys;
use crate::layers::{DeployedConfig, LayerStatus};
use crate::limits::{DIAGNOSTICS, MESSAGE, shortened};
use crate::store::Store;
use crate::write::{Write, attribute, number, text};
use crate::writer::Writer;

/// How a deployment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// A final status.
    pub status: Status,
    /// What it did.
    pub outcome: Option<Outcome>,
    /// What a reader should know.
    pub message: Option<String>,
    /// Rendered diagnostics, when the config was refused.
    pub diagnostics: Option<String>,
}

/// The plan of a deployment that ends with it: there is nothing to do, or nothing was to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The plan. Its document is stored.
    pub plan: PlanRef,
    /// The event that tells of it, where that is news.
    pub event: Option<Event>,
}

/// What a layer is once a deployment of it is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum LayerEnd {
    /// What it was before.
    #[default]
    AsItWas,
    /// As its config says.
    Deployed(DeployedConfig),
    /// Part of it is as its config says.
    Failed,
    /// Again as it was deployed last.
    RolledBack,
    /// Gone. Its record and history stay, so that numbers are never reused.
    Destroyed,
}

impl LayerEnd {
    fn write(&self, pk: &str, number_: u64, now: Timestamp) -> Result<Write, StateError> {
        let (status, config, forget) = match self {
            Self::AsItWas => (None, None, ""),
            Self::Deployed(config) => (Some(LayerStatus::Deployed), Some(config), ""),
            Self::Failed => (Some(LayerStatus::Failed), None, ""),
            Self::RolledBack => (Some(LayerStatus::Deployed), None, ""),
            Self::Destroyed => (Some(LayerStatus::Destroyed), None, " REMOVE config"),
        };
        let set_status = if status.is_some() { ", #status = :status" } else { "" };
        let set_config = if config.is_some() { ", config = :config" } else { "" };
        let set = format!("SET last_deployment = :number, updated_at = :now{set_status}{set_config}{forget}");
        let mut write = Write::update(pk, keys::LAYER, set)
            .when("attribute_exists(pk)")
            .value(":number", number(number_))
            .value(":now", attribute(&now)?);
        if let Some(status) = status {
            write = write.name("#status", "status").value(":status", attribute(&status)?);
        }
        if let Some(config) = config {
            write = write.value(":config", attribute(config)?);
        }
        Ok(write)
    }
}

/// Place of the queue in the transaction that ends a deployment.
const PLACE: usize = 1;

impl Writer<'_> {
    /// Ends the deployment that holds the lease, and gives the lease back: for `quiet` nobody takes it, where a function
    /// may still be at work. A plan that was not recorded before is recorded with the end. `false` when the deployment was
    /// over before; the lease is given back all the same.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`] when the lease is over: nothing was written.
    pub async fn deployment_ended(
        &self,
        number_: u64,
        end: &Finished,
        becomes: LayerEnd,
        quiet: Option<Duration>,
        planned: Option<&Planned>,
    ) -> Result<bool, StateError> {
        let (store, lease) = (self.store(), self.lease());
        let mut writes = store.giving_back(lease, quiet, &format!("{}/{number_}", lease.layer));
        let of_lease = writes.len();
        let gone = becomes == LayerEnd::Destroyed;
        let mut ending = store.ending(&lease.layer, number_, end, "running", becomes)?;
        if let Some(planned) = planned {
            let own = ending.remove(0).also("#plan = :plan").name("#plan", "plan");
            ending.insert(0, own.value(":plan", attribute(&planned.plan)?));
            let told = planned.event.as_ref().map(|event| event.write(&lease.layer, number_)).transpose()?;
            ending.extend(told);
        }
        writes.extend(ending);
        if gone {
            let never = "REMOVE looked_at, tried_at, config, untold";
            writes.push(Write::update(keys::layer(&lease.layer), keys::DRIFT, never));
            let environment = lease.environment.as_ref();
            writes.extend(
                environment.map(|environment| Write::delete(keys::layer(environment), keys::service(&lease.layer))),
            );
        }
        match store.transact(writes).await? {
            None => Ok(true),
            Some(index) if index < of_lease => Err(lease.lost()),
            Some(_) => {
                store.give_back(lease, quiet, &format!("{}/{number_}", lease.layer)).await?;
                Ok(false)
            }
        }
    }
}

impl Store {
    /// Ends a running or waiting deployment and frees its place in the queue, in one transaction.
    /// `false` when it had ended before.
    pub async fn finish(&self, layer: &str, number_: u64, end: Finished) -> Result<bool, StateError> {
        for place in ["running", "waiting"] {
            match self.transact(self.ending(layer, number_, &end, place, LayerEnd::AsItWas)?).await? {
                None => return Ok(true),
                Some(PLACE) => {}
                Some(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Ends a deployment that stands exactly where it was seen. `false` when it went on meanwhile.
    pub(crate) async fn finish_from(
        &self,
        layer: &str,
        number_: u64,
        end: Finished,
        status: Status,
        phase: Option<Phase>,
    ) -> Result<bool, StateError> {
        let place = if status == Status::Queued { "waiting" } else { "running" };
        let mut writes = self.ending(layer, number_, &end, place, LayerEnd::AsItWas)?;
        let ending = writes.remove(0);
        let seen = match phase {
            Some(phase) => ending.when("#status = :seen AND phase = :phase").value(":phase", attribute(&phase)?),
            None => ending.when("#status = :seen"),
        };
        writes.insert(0, seen.value(":seen", attribute(&status)?).without(":running").without(":queued"));
        Ok(self.transact(writes).await?.is_none())
    }

    /// The writes that end a deployment: the first one is of itself, the one at [`PLACE`] of the queue.
    fn ending(
        &self,
        layer: &str,
        number_: u64,
        end: &Finished,
        place: &str,
        becomes: LayerEnd,
    ) -> Result<Vec<Write>, StateError> {
        let now = self.now();
        let pk = keys::layer(layer);
        let message = end.message.as_ref().map(|text| shortened(text, MESSAGE));
        let diagnostics = end.diagnostics.as_ref().map(|text| shortened(text, DIAGNOSTICS));
        let update = Write::update(
            &pk,
            keys::deployment(number_),
            "SET #status = :status, outcome = :outcome, message = :message, #diagnostics = :diagnostics, \
             finished_at = :now REMOVE phase",
        )
        .when("#status = :running OR #status = :queued")
        .name("#status", "status")
        .value(":running", text("running"))
        .value(":queued", text("queued"))
        .value(":status", attribute(&end.status)?)
        .value(":outcome", attribute(&end.outcome)?)
        .value(":message", attribute(&message)?)
        .name("#diagnostics", "diagnostics")
        .value(":diagnostics", attribute(&diagnostics)?)
        .value(":now", attribute(&now)?);
        let free = Write::update(&pk, keys::QUEUE, "REMOVE #place")
            .when("#place = :number")
            .name("#place", place)
            .value(":number", number(number_));
        // A task token that nobody will use any more.
        let approval = Write::delete(&pk, keys::approval(number_));
        // A look that ended well is nothing that happened to the layer.
        if end.outcome == Some(Outcome::Looked) {
            return Ok(vec![update, free, approval]);
        }
        Ok(vec![update, free, becomes.write(&pk, number_, now)?, approval])
    }
}
