//! The end of a deployment: its status, what the layer is now, the lease, and who may begin next.

use std::time::Duration;

use lambda_runtime::Error;
use landfall_plan::RunDocument;
use landfall_state::{
    AcquireRequest, Action, DeployedConfig, Deployment, DocumentRef, DriftRecord, Finished, LayerEnd, Lease, Outcome,
    Phase, Planned, QUIET_TIME, Run, StateError, Status,
};

use crate::entry::Control;
use crate::failure::Failure;
use crate::rollback;
use crate::verdict::verdict;

/// Why a deployment may have recorded less than it did.
const LOST: &str =
    "it lost its lease, and what it did since is not recorded; resuming it, or deploying again, finds that";

/// What is known of a deployment that ends.
#[derive(Clone, Debug)]
pub struct Ending<'a> {
    /// Layer.
    pub layer: &'a str,
    /// Number.
    pub number: u64,
    /// ARN of the execution that runs it.
    pub execution: &'a str,
    /// The lease, if it was taken.
    pub lease: Option<Lease>,
    /// What the execution failed with.
    pub error: Option<Failure>,
}

/// What is recorded of a deployment that ends.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The deployment.
    pub deployment: Deployment,
    /// The runs of its modules.
    pub runs: Vec<Run>,
    /// Drift of the layer.
    pub drift: Vec<DriftRecord>,
    /// Its plan, where that is recorded only now.
    pub planned: Option<Planned>,
}

impl Control {
    /// Ends a deployment. Reached from every failure; doing it twice is harmless.
    ///
    /// # Errors
    /// When the state cannot be reached.
    pub async fn finish(&self, ending: &Ending<'_>) -> Result<(), Error> {
        let (deployment, runs, drift) = tokio::try_join!(
            self.store.deployment(ending.layer, ending.number),
            self.store.runs(ending.layer, ending.number),
            self.store.drift(ending.layer),
        )?;
        self.finish_recorded(ending, Recorded { deployment, runs, drift, planned: None }).await
    }

    /// [`Control::finish`] for whoever knows already what is recorded.
    ///
    /// # Errors
    /// When the state cannot be reached.
    pub async fn finish_recorded(&self, ending: &Ending<'_>, recorded: Recorded) -> Result<(), Error> {
        let deployment = &recorded.deployment;
        if belongs_to_another(deployment, ending.execution) {
            tracing::warn!(deployment = %deployment.id(), execution = ending.execution, "another execution runs it");
            return Ok(());
        }
        if deployment.status != Status::Running {
            if let Some(lease) = &ending.lease {
                self.store.release(lease).await?;
            }
            return self.tell_of_the_end(deployment).await;
        }
        let mut lease = ending.lease.clone();
        let mut end = verdict(deployment, &recorded.runs, ending.error.as_ref());
        if end.status != Status::Succeeded {
            lease = self.keep(deployment, ending).await?;
            self.account_for(&recorded, &mut end, has_lost(ending.lease.as_ref(), lease.as_ref())).await?;
        }
        // What is told of its plan is told before its end.
        let event = recorded.planned.as_ref().and_then(|planned| planned.event.as_ref());
        let told = async {
            if let Some(event) = event {
                self.tell(deployment, &event.kind, &event.message).await;
            }
        };
        let (ended, ()) = tokio::join!(self.end_under(&recorded, &end, lease.as_ref()), told);
        let ended = match ended {
            // Its time ran out: it is taken again, if nobody else has it. What was planned under it may not hold any more.
            Err(StateError::LeaseLost { .. }) if recorded.planned.is_none() => {
                let lease = self.keep(deployment, ending).await?;
                self.end_under(&recorded, &end, lease.as_ref()).await?
            }
            ended => ended?,
        };
        if !ended {
            let deployment = self.store.deployment(ending.layer, ending.number).await?;
            return self.tell_of_the_end(&deployment).await;
        }
        let Finished { status, outcome, message, diagnostics } = end;
        let over = Deployment { status, outcome, message, diagnostics, phase: None, ..recorded.deployment };
        self.tell_of_the_end(&over).await
    }

    /// Says that the deployment is at its end, while that takes time, and renews its lease for as long.
    async fn keep(&self, deployment: &Deployment, ending: &Ending<'_>) -> Result<Option<Lease>, Error> {
        let (phased, lease) = tokio::join!(
            self.store.phase(ending.layer, ending.number, Phase::Finishing, None),
            self.kept(deployment, ending),
        );
        let lease = lease?;
        if let Err(error) = phased {
            // Somebody else ended it in this moment.
            if let Some(lease) = &lease {
                self.store.release(lease).await?;
            }
            return Err(error.into());
        }
        Ok(lease)
    }

    /// What a reader should know of a deployment that did not succeed: its report, and what follows it.
    async fn account_for(&self, recorded: &Recorded, end: &mut Finished, lost: bool) -> Result<(), Error> {
        let (deployment, runs) = (&recorded.deployment, &recorded.runs);
        let add = |end: &mut Finished, what: &str| {
            end.message = Some(end.message.take().map_or(what.to_owned(), |message| format!("{message}; {what}")));
        };
        if lost && end.status == Status::Failed {
            add(end, LOST);
        }
        if let Err(error) = self.keep_report(deployment, runs).await {
            // The end of a deployment does not hang on its report.
            tracing::error!(deployment = %deployment.id(), %error, "the report could not be made");
        }
        if let Some(what) = rollback::queue(self, deployment, runs, end).await? {
            add(end, &what);
        }
        Ok(())
    }

    /// Records the end, and under the lease what the layer is from then on. `false` when the deployment was over before.
    async fn end_under(&self, recorded: &Recorded, end: &Finished, lease: Option<&Lease>) -> Result<bool, StateError> {
        let Recorded { deployment, runs, drift, planned } = recorded;
        let Some(lease) = lease else {
            return self.store.finish(&deployment.layer, deployment.number, end.clone()).await;
        };
        let writer = self.store.writer(lease);
        let becomes = self.becomes(deployment, runs, end).await?;
        // One that went on with another asked AWS only about the rest: what drifted may still be there.
        let whole = matches!(becomes, LayerEnd::Deployed(_)) && deployment.resumes.is_none();
        let gone = end.outcome == Some(Outcome::Destroyed);
        let news = if !drift.is_empty() && (whole || gone) { Some(writer.drift_settled(gone).await?) } else { None };
        // Where a function may still be at work nobody takes the layer for a while.
        let quiet = runs.iter().any(Run::may_be_at_work).then_some(QUIET_TIME);
        let ended = writer.deployment_ended(deployment.number, end, becomes, quiet, planned.as_ref()).await?;
        if let Some(news) = news.filter(|news| !gone && !news.is_empty()) {
            self.tell_of_drift(&deployment.layer, deployment.number, &news).await;
        }
        Ok(ended)
    }

    /// What the layer is after a deployment.
    async fn becomes(&self, deployment: &Deployment, runs: &[Run], end: &Finished) -> Result<LayerEnd, StateError> {
        if deployment.action.only_looks() || end.status == Status::Rejected {
            return Ok(LayerEnd::AsItWas);
        }
        if end.outcome == Some(Outcome::Destroyed) {
            return Ok(LayerEnd::Destroyed);
        }
        if deployment.action == Action::Rollback {
            return rollback::becomes(self, deployment, end).await;
        }
        let begun = runs.iter().any(|run| run.started_at.is_some());
        Ok(match &deployment.run {
            Some(run) if deployment.action == Action::Deploy && end.status == Status::Succeeded => {
                LayerEnd::Deployed(DeployedConfig {
                    number: deployment.number,
                    version_id: deployment.source.version_id.clone(),
                    document: run.clone(),
                    // One that went on with another believed what that one had recorded.
                    compared_at: deployment.resumes.is_none().then(|| self.store.now()),
                })
            }
            Some(_) if deployment.action == Action::Deploy && begun => LayerEnd::Failed,
            Some(_) | None => LayerEnd::AsItWas,
        })
    }

    /// Announces the end of a deployment and starts whoever waited for it.
    async fn tell_of_the_end(&self, deployment: &Deployment) -> Result<(), Error> {
        let message = deployment.message.clone().unwrap_or_else(|| summary(deployment));
        let kind = serde_json::to_value(deployment.status)?.as_str().unwrap_or("finished").to_owned();
        let (announced, started) =
            tokio::join!(self.announce(deployment, &kind, &message), self.start_waiting(deployment));
        announced?;
        started?;
        Ok(())
    }

    /// The lease of an ending, if it had one and still has it.
    async fn kept(&self, deployment: &Deployment, ending: &Ending<'_>) -> Result<Option<Lease>, Error> {
        match &ending.lease {
            Some(lease) => self.still_ours(deployment, lease, ending.execution).await,
            None => Ok(None),
        }
    }

    /// Keeps what became of every resource, as the journal says it now.
    async fn keep_report(&self, deployment: &Deployment, runs: &[Run]) -> Result<(), Error> {
        let Some(plan) = &deployment.plan else { return Ok(()) };
        let plan = serde_json::from_slice(&self.store.get_document(&plan.document).await?)?;
        let journal = self.store.journal(&deployment.layer).await?;
        let report = crate::report(deployment, &plan, runs, &journal);
        let document = self.store.put_document(serde_json::to_vec(&report)?).await?;
        self.store.reported(&deployment.layer, deployment.number, &document).await?;
        Ok(())
    }

    /// The lease, renewed; taken again by the same execution when its time ran out while nothing else took it.
    async fn still_ours(
        &self,
        deployment: &Deployment,
        lease: &Lease,
        execution: &str,
    ) -> Result<Option<Lease>, Error> {
        let ttl = Duration::from_secs(60);
        let doing = format!("finishing {}", deployment.id());
        match self.store.renew(lease, &doing, ttl).await {
            Ok(lease) => return Ok(Some(lease)),
            Err(StateError::LeaseLost { .. } | StateError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let request = AcquireRequest {
            layer: &lease.layer,
            environment: lease.environment.as_deref(),
            holder: execution,
            doing: &doing,
            ttl,
            plans: None,
            turn: None,
        };
        match self.store.acquire(request).await {
            Ok(lease) => Ok(Some(lease)),
            // Somebody else works on the layer by now; what this deployment did is in the journal.
            Err(StateError::LeaseHeld { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The run document of a deployment, once it was made.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn run_document(&self, deployment: &Deployment) -> Result<Option<(RunDocument, DocumentRef)>, Error> {
        let Some(reference) = deployment.run.clone() else { return Ok(None) };
        let bytes = self.store.get_document(&reference).await?;
        Ok(Some((serde_json::from_slice(&bytes)?, reference)))
    }
}

/// Whether the lease it began with was taken by somebody, or had to be taken again.
fn has_lost(begun: Option<&Lease>, kept: Option<&Lease>) -> bool {
    begun.is_some_and(|begun| kept.is_none_or(|kept| kept.token != begun.token))
}

/// Whether another execution runs the deployment than this one: somebody started a copy by hand, which ends nothing.
pub fn belongs_to_another(deployment: &Deployment, execution: &str) -> bool {
    deployment.execution_arn.as_deref().is_some_and(|own| own != execution)
}

fn summary(deployment: &Deployment) -> String {
    match deployment.outcome {
        Some(Outcome::NoChanges) => "no changes".to_owned(),
        Some(Outcome::Changed) => "the layer is as its config says".to_owned(),
        Some(Outcome::Planned) => "the plan is made".to_owned(),
        Some(Outcome::Looked) => "what drifted is recorded".to_owned(),
        Some(Outcome::Destroyed) => "the layer is gone".to_owned(),
        Some(Outcome::RolledBack) => "the layer is as it was deployed last, but for what stores data".to_owned(),
        None => "the deployment ended".to_owned(),
    }
}
