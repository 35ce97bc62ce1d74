//! Wakes the executions whose gate opened.

use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::cancel::CANCELLED;
use crate::error::StateError;
use crate::runs::{RunStatus, Wake, WakeOutcome};
use crate::secret::Secret;
use crate::store::Store;

impl Store {
    /// Tells every module of a deployment that still waits for what it needs to give up.
    pub async fn give_up_waiting(
        &self,
        sfn: &aws_sdk_sfn::Client,
        layer: &str,
        number: u64,
        error: &str,
        cause: &str,
    ) -> Result<(), StateError> {
        for run in self.runs(layer, number).await? {
            if let Some(token) = run.task_token.as_ref().filter(|_| run.status == RunStatus::Waiting) {
                fail(sfn, token, error, cause).await?;
            }
        }
        Ok(())
    }
}

/// What a module is told whose deployment was cancelled before it began.
pub const NOT_STARTED: &str = "not started because the deployment was cancelled";

/// Name of the error that a module gets when something it needs failed.
pub const SKIPPED: &str = "Landfall.Skipped";

/// Modules that are woken at the same time.
const AT_ONCE: usize = 16;

impl Store {
    /// Wakes every module of a deployment whose needs have settled. Called after a run settled; doing it twice is
    /// harmless.
    pub async fn wake(&self, sfn: &aws_sdk_sfn::Client, layer: &str, number: u64) -> Result<(), StateError> {
        let wakes = self.wakes(layer, number).await?;
        stream::iter(&wakes)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |wake| self.wake_one(sfn, layer, number, wake))
            .await
    }

    async fn wake_one(
        &self,
        sfn: &aws_sdk_sfn::Client,
        layer: &str,
        number: u64,
        wake: &Wake,
    ) -> Result<(), StateError> {
        match &wake.outcome {
            WakeOutcome::Ready => succeed(sfn, &wake.task_token, "{}").await?,
            WakeOutcome::DependencyFailed(failed) => {
                let cause = format!("not started because {} failed", failed.join(", "));
                fail(sfn, &wake.task_token, SKIPPED, &cause).await?;
            }
            WakeOutcome::Cancelled => fail(sfn, &wake.task_token, CANCELLED, NOT_STARTED).await?,
        }
        self.woken(layer, number, wake).await
    }
}

/// Ends the wait behind a task token well.
pub async fn succeed(sfn: &aws_sdk_sfn::Client, token: &Secret, output: &str) -> Result<(), StateError> {
    settled("SendTaskSuccess", sfn.send_task_success().task_token(token.expose()).output(output).send().await)
}

/// Ends the wait behind a task token with an error.
pub async fn fail(sfn: &aws_sdk_sfn::Client, token: &Secret, error: &str, cause: &str) -> Result<(), StateError> {
    settled(
        "SendTaskFailure",
        sfn.send_task_failure().task_token(token.expose()).error(error).cause(cause).send().await,
    )
}

/// A token that was used before, or whose execution is over, needs no more waking.
fn settled<T, E, R>(operation: &'static str, sent: Result<T, SdkError<E, R>>) -> Result<(), StateError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match sent {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.code(), Some("TaskTimedOut" | "TaskDoesNotExist" | "InvalidToken")) => Ok(()),
        Err(error) => Err(StateError::aws(operation, error)),
    }
}
