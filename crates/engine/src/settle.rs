//! The end of a step: done, pending or failed, recorded under the lease; whoever waited for the module is woken.

use std::time::Duration;

use landfall_aws::{Error, Kind, Result, Watch};
use landfall_plan::ModuleChange;
use landfall_state::{ModuleEnd, ModuleRecord, RunCounts, RunStatus, RunUpdate};

use crate::record::Recorder;
use crate::report::{Report, failure};
use crate::step::{Limits, Outcome};
use crate::subject::Subject;

/// How the step of one module ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stepped {
    pub outcome: Outcome,
    /// Seconds to wait before the next step; 0 unless pending.
    pub retry_after: u64,
}

impl Stepped {
    /// Nothing is left to do.
    pub(crate) fn ended(outcome: Outcome) -> Self {
        Self { outcome, retry_after: 0 }
    }
}

impl Recorder {
    /// Records how a step ended; when the module is settled, wakes those that waited for it.
    pub(crate) async fn settle(
        &self,
        subject: &Subject,
        report: Report,
        watch: &Watch,
        limits: &Limits,
    ) -> Result<Stepped> {
        let mut update = self.update(RunStatus::Done, watch);
        update.counts = RunCounts {
            create: report.counts.create,
            update: report.counts.update,
            replace: report.counts.replace,
            delete: report.counts.delete,
        };
        update.stray = report.left_calls;
        if !report.failures.is_empty() {
            update.status = RunStatus::Failed;
            update.error = Some(report.failure_text());
            update.failures = report.resource_failures();
            return self.end(update, ModuleEnd::AsItWas).await;
        }
        if report.cancelled {
            update.status = RunStatus::Cancelled;
            update.reason = Some(report.cancelled_text());
            return self.end(update, ModuleEnd::AsItWas).await;
        }
        if let Some(retry_after) = report.retry_after {
            return self.wait(update, retry_after, report.waits_text(), limits).await;
        }
        if subject.module.change == ModuleChange::Destroy {
            // A module of which a rollback leaves something stays known, so that a later deployment finds it.
            let spares = !subject.spared.is_empty();
            return self.end(update, if spares { ModuleEnd::AsItWas } else { ModuleEnd::Removed }).await;
        }
        let record = ModuleRecord {
            module: self.module().to_owned(),
            kind: subject.module.kind.clone(),
            number: self.number(),
            outputs: report.outputs,
            defaults: subject.defaults.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            needs: subject.module.needs.clone(),
            complete: true,
        };
        self.end(update, ModuleEnd::Deployed(&record)).await
    }

    /// Records that the step as a whole could not go on.
    pub(crate) async fn fail(&self, error: Error, watch: &Watch, limits: &Limits) -> Result<Stepped> {
        let mut update = self.update(RunStatus::Failed, watch);
        update.counts = self.earlier().counts;
        if matches!(error.kind, Kind::NotReady | Kind::Throttled) {
            return self.wait(update, Duration::from_secs(5), error.chain(), limits).await;
        }
        update.error = Some(error.advice());
        update.failures = vec![failure(error.resource.as_deref().unwrap_or_default(), &error)];
        self.end(update, ModuleEnd::AsItWas).await
    }

    /// Records that the deployment was cancelled before this step began.
    pub(crate) async fn cancelled(&self) -> Result<Outcome> {
        let mut update = RunUpdate::status(RunStatus::Cancelled);
        (update.counts, update.calls) = (self.earlier().counts, self.earlier().calls.clone());
        update.reason = self.earlier().reason.clone();
        // An earlier step of which nothing is heard any more.
        update.stray = self.earlier().status == RunStatus::Running;
        self.end(update, ModuleEnd::AsItWas).await?;
        Ok(Outcome::Failed)
    }

    /// Records that another step follows, unless AWS was waited for too long.
    async fn wait(
        &self,
        mut update: RunUpdate,
        retry_after: Duration,
        reason: String,
        limits: &Limits,
    ) -> Result<Stepped> {
        if self.waited() > limits.patience {
            update.status = RunStatus::Failed;
            update.error =
                Some(format!("gave up after {} minutes of waiting: {reason}", limits.patience.as_secs() / 60));
            return self.end(update, ModuleEnd::AsItWas).await;
        }
        update.status = RunStatus::Pending;
        update.reason = Some(reason);
        self.record_run(&update).await?;
        // The next step has to come while the lease lives.
        let retry_after = retry_after.min(limits.lease / 3);
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Ok(Stepped { outcome: Outcome::Pending, retry_after: seconds })
    }

    async fn end(&self, update: RunUpdate, end: ModuleEnd<'_>) -> Result<Stepped> {
        let message = update.error.clone().unwrap_or_else(|| counts_text(&update.counts));
        let (outcome, kind) = match update.status {
            RunStatus::Cancelled => (Outcome::Failed, "module-cancelled"),
            RunStatus::Failed => (Outcome::Failed, "module-failed"),
            _ => (Outcome::Done, "module-done"),
        };
        self.ended(&update, end, kind, message).await?;
        Ok(Stepped::ended(outcome))
    }

    /// An update that carries the calls of this step and of those before it.
    fn update(&self, status: RunStatus, watch: &Watch) -> RunUpdate {
        let mut update = RunUpdate::status(status);
        update.calls = self.earlier().calls.clone();
        for (call, count) in watch.reads().into_iter().chain(watch.writes()) {
            *update.calls.entry(call).or_default() += count;
        }
        update
    }
}

fn counts_text(counts: &RunCounts) -> String {
    let parts: Vec<String> = [
        (counts.create, "created"),
        (counts.update, "updated"),
        (counts.replace, "replaced"),
        (counts.delete, "deleted"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if parts.is_empty() { "nothing to change".to_owned() } else { parts.join(", ") }
}
