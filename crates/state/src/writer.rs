//! Writes under a lease. Every one is a transaction that checks the lease's token and end, so a holder whose time is
//! over writes nothing.

use serde_json::Value;

use crate::deployment::{Phase, PlanRef, Status};
use crate::documents::DocumentRef;
use crate::error::StateError;
use crate::events::Event;
use crate::freeze::FreezeWindow;
use crate::keys;
use crate::layers::{ModuleRecord, Scope};
use crate::lease::Lease;
use crate::limits::{ERROR, MESSAGE, shortened};
use crate::queue::service_of;
use crate::runs::{Run, RunStart, RunStatus, RunUpdate, bounded};
use crate::store::Store;
use crate::together::{AT_ONCE, End};
use crate::write::{Write, attribute, text};

/// What the deployment that holds a lease may write.
#[derive(Debug)]
pub struct Writer<'a> {
    pub(crate) store: &'a Store,
    lease: &'a Lease,
}

/// Where a layer lives, and what its config says of its deployments.
#[derive(Clone, Debug, PartialEq)]
pub struct Place<'a> {
    /// Environment or service.
    pub scope: Scope,
    /// Environment that it is or lives in.
    pub environment: &'a str,
    /// Organisation.
    pub org_name: &'a str,
    /// Region.
    pub region: &'a str,
    /// Account.
    pub account_id: &'a str,
    /// Times in which no deployment of it or of its services begins.
    pub freeze_windows: &'a [FreezeWindow],
    /// Settings of its deployments.
    pub settings: &'a Value,
}

/// What begins with a plan that is applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Beginning {
    /// Records of the modules that are new.
    pub modules: Vec<ModuleRecord>,
    /// The runs of all modules.
    pub runs: Vec<RunStart>,
}

/// What a module is once its run is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ModuleEnd<'a> {
    /// It is deployed.
    Deployed(&'a ModuleRecord),
    /// It is gone.
    Removed,
    /// Its record stays as it is.
    AsItWas,
}

/// That a deployment runs.
const RUNS: &str = "#status = :running";

impl<'a> Writer<'a> {
    pub(crate) fn new(store: &'a Store, lease: &'a Lease) -> Self {
        Self { store, lease }
    }

    pub(crate) fn pk(&self) -> String {
        keys::layer(&self.lease.layer)
    }

    /// Writes under the lease. A failed lease check is [`StateError::LeaseLost`], any other one is a conflict.
    pub(crate) async fn write(&self, writes: Vec<Write>, what: &str) -> Result<(), StateError> {
        self.write_if(writes, what, false).await
    }

    /// Writes under the lease what begins something: refused as well once the deployment was cancelled.
    pub(crate) async fn begin(&self, writes: Vec<Write>, what: &str) -> Result<(), StateError> {
        match self.write_if(writes, what, true).await {
            Err(StateError::LeaseLost { .. }) if self.store.is_cancelled(self.lease).await? => {
                Err(StateError::Cancelled { layer: self.lease.layer.clone() })
            }
            written => written,
        }
    }

    async fn write_if(&self, writes: Vec<Write>, what: &str, begins: bool) -> Result<(), StateError> {
        match self.store.write_together(self.lease, begins, writes).await? {
            End::Written => Ok(()),
            End::Lease => Err(self.lease.lost()),
            End::Refused => Err(StateError::conflict(format!("{what} is not in the expected state"))),
        }
    }

    /// Records a deployed module.
    pub async fn module_deployed(&self, record: &ModuleRecord) -> Result<(), StateError> {
        self.write(vec![self.module_put(record)?], "the module").await
    }

    fn module_put(&self, record: &ModuleRecord) -> Result<Write, StateError> {
        Write::put(self.pk(), keys::module(&record.module), record)
    }

    /// Records modules of which something is about to be made, as few transactions as it takes.
    pub async fn modules_begin(&self, records: &[ModuleRecord]) -> Result<(), StateError> {
        for chunk in records.chunks(AT_ONCE) {
            let puts = chunk.iter().map(|record| self.module_put(record));
            self.write(puts.collect::<Result<_, _>>()?, "the modules").await?;
        }
        Ok(())
    }

    /// Where a layer lives, and that a service lives in its environment.
    fn place_writes(&self, place: &Place<'_>) -> Result<Vec<Write>, StateError> {
        let now = self.store.now();
        let update = Write::update(
            self.pk(),
            keys::LAYER,
            "SET #scope = :scope, environment = :environment, org_name = :org, #region = :region, \
             account_id = :account, freeze_windows = :windows, settings = :settings, updated_at = :now",
        )
        .when("attribute_exists(pk)")
        .name("#scope", "scope")
        .name("#region", "region")
        .value(":scope", attribute(&place.scope)?)
        .value(":environment", text(place.environment))
        .value(":org", text(place.org_name))
        .value(":region", text(place.region))
        .value(":account", text(place.account_id))
        .value(":windows", attribute(&place.freeze_windows)?)
        .value(":settings", text(place.settings.to_string()))
        .value(":now", attribute(&now)?);
        let service = (place.scope == Scope::Service)
            .then(|| service_of(place.environment, &self.lease.layer, now))
            .transpose()?;
        Ok(std::iter::once(update).chain(service).collect())
    }

    /// Records the run document of a deployment, and where its layer lives.
    pub async fn run_recorded(
        &self,
        number_: u64,
        run: &DocumentRef,
        lives: Option<&Place<'_>>,
    ) -> Result<(), StateError> {
        let update = Write::update(self.pk(), keys::deployment(number_), "SET #run = :run")
            .when(RUNS)
            .name("#run", "run")
            .name("#status", "status")
            .value(":run", attribute(run)?)
            .value(":running", attribute(&Status::Running)?);
        let mut writes = vec![update];
        if let Some(lives) = lives {
            writes.extend(self.place_writes(lives)?);
        }
        self.write(writes, "the deployment").await
    }

    /// Records the plan of a deployment, and what begins with it if it is applied from now on: as much as fits in the
    /// same transaction. What is recorded of runs stays as it is, so doing it twice is harmless.
    pub async fn plan_recorded(
        &self,
        number_: u64,
        plan: &PlanRef,
        begins: Option<&Beginning>,
    ) -> Result<(), StateError> {
        let phase = if begins.is_some() { ", phase = :phase, message = :none" } else { "" };
        let mut update = Write::update(self.pk(), keys::deployment(number_), format!("SET #plan = :plan{phase}"))
            .when(RUNS)
            .name("#plan", "plan")
            .name("#status", "status")
            .value(":plan", attribute(plan)?)
            .value(":running", attribute(&Status::Running)?);
        let Some(begins) = begins else { return self.write(vec![update], "the deployment").await };
        let none: Option<String> = None;
        update = update.value(":phase", attribute(&Phase::Applying)?).value(":none", attribute(&none)?);
        if 1 + begins.modules.len() + begins.runs.len() <= AT_ONCE {
            let mut all = vec![update.clone()];
            for record in &begins.modules {
                all.push(self.module_put(record)?);
            }
            all.extend(self.new_runs(number_, begins.runs.iter())?);
            match self.write(all, "the deployment").await {
                // Some of the runs are recorded, or the deployment does not run: one after the other tells.
                Err(StateError::Conflict { .. }) => {}
                written => return written,
            }
        }
        self.write(vec![update], "the deployment").await?;
        self.modules_begin(&begins.modules).await?;
        self.begin_runs(number_, &begins.runs).await
    }

    /// Records which modules a deployment runs. Runs that are recorded stay as they are, so doing it twice is harmless.
    pub async fn begin_runs(&self, number_: u64, starts: &[RunStart]) -> Result<(), StateError> {
        for chunk in starts.chunks(AT_ONCE) {
            match self.write(self.new_runs(number_, chunk.iter())?, "the runs").await {
                Ok(()) => {}
                Err(StateError::Conflict { .. }) => {
                    let known = self.store.runs(&self.lease.layer, number_).await?;
                    let missing = |start: &&RunStart| known.iter().all(|run| run.module != start.module);
                    self.write(self.new_runs(number_, chunk.iter().filter(missing))?, "the runs").await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn new_runs<'s>(&self, number_: u64, starts: impl Iterator<Item = &'s RunStart>) -> Result<Vec<Write>, StateError> {
        starts
            .map(|start| {
                let run = Run::new(start, number_, self.store.now());
                Ok(Write::put(self.pk(), keys::run(number_, &start.module), &run)?.if_absent())
            })
            .collect()
    }

    /// Records how far a module's run is. A run that ended stays ended.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when it had ended before; [`StateError::Cancelled`] when it would begin a step of a
    /// deployment that was cancelled.
    pub async fn run_update(&self, number_: u64, module: &str, update: &RunUpdate) -> Result<(), StateError> {
        let write = self.run_write(number_, module, update)?;
        let what = format!("the run of module {module}");
        if update.status == RunStatus::Running {
            return self.begin(vec![write], &what).await;
        }
        self.write(vec![write], &what).await
    }

    /// Records the end of a module's run, what the module is now, and the event that says so: all of it or nothing.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when the run had ended before.
    pub async fn module_ended(
        &self,
        number_: u64,
        module: &str,
        update: &RunUpdate,
        end: ModuleEnd<'_>,
        event: &Event,
    ) -> Result<(), StateError> {
        let mut writes = vec![self.run_write(number_, module, update)?, event.write(&self.lease.layer, number_)?];
        match end {
            ModuleEnd::Deployed(record) => writes.push(self.module_put(record)?),
            ModuleEnd::Removed => writes.push(Write::delete(self.pk(), keys::module(module))),
            ModuleEnd::AsItWas => {}
        }
        self.write(writes, &format!("the run of module {module}")).await
    }

    fn run_write(&self, number_: u64, module: &str, update: &RunUpdate) -> Result<Write, StateError> {
        let now = self.store.now();
        let finished = if update.status.is_settled() { ", finished_at = :now" } else { "" };
        // Once nothing is heard of a function, its calls may be on their way whatever comes after it.
        let stray = if update.stray { ", stray = :stray" } else { "" };
        // Whoever waited goes on or gives up: its token was used, and is of no use to anybody but a thief.
        let used = if update.status == RunStatus::Waiting { "" } else { " REMOVE task_token" };
        let write = Write::update(
            self.pk(),
            keys::run(number_, module),
            format!(
                "SET #status = :status, #reason = :reason, #error = :error, failures = :failures, counts = :counts, calls = :calls, \
                 started_at = if_not_exists(started_at, :now){stray}{finished}{used}"
            ),
        )
        .when("attribute_exists(pk) AND NOT (#status IN (:done, :failed, :skipped, :cancelled, :unchanged))")
        .name("#status", "status")
        .name("#reason", "reason")
        .name("#error", "error")
        .value(":status", attribute(&update.status)?)
        .value(":reason", attribute(&update.reason.as_ref().map(|text| shortened(text, MESSAGE)))?)
        .value(":error", attribute(&update.error.as_ref().map(|text| shortened(text, ERROR)))?)
        .value(":failures", attribute(&bounded(&update.failures))?)
        .value(":counts", attribute(&update.counts)?)
        .value(":calls", attribute(&update.calls)?)
        .value(":done", attribute(&RunStatus::Done)?)
        .value(":failed", attribute(&RunStatus::Failed)?)
        .value(":skipped", attribute(&RunStatus::Skipped)?)
        .value(":cancelled", attribute(&RunStatus::Cancelled)?)
        .value(":unchanged", attribute(&RunStatus::Unchanged)?)
        .value(":now", attribute(&now)?);
        Ok(if update.stray { write.value(":stray", attribute(&true)?) } else { write })
    }

    pub(crate) fn store(&self) -> &Store {
        self.store
    }

    /// The lease under which this writes.
    pub fn lease(&self) -> &Lease {
        self.lease
    }
}
