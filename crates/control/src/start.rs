//! Starts what waits: from the queue to an execution of the deploy state machine.

use aws_sdk_sfn::error::ProvideErrorMetadata;
use landfall_state::{Deployment, Finished, StateError, Status};
use serde_json::json;

use crate::entry::Control;

impl Control {
    /// Starts the layer's next deployment if nothing of it runs. The execution's name is derived, so a second start of
    /// the same deployment is the first one. A start that AWS did not take for reasons of the moment is made up for by
    /// the sweep, which looks for running deployments without an execution.
    pub async fn start_next(&self, layer: &str) -> Result<Option<Deployment>, StateError> {
        match self.store.start_next(layer).await? {
            Some(deployment) => self.launch(deployment).await,
            None => Ok(None),
        }
    }

    /// Starts the execution of a deployment that runs.
    pub(crate) async fn launch(&self, deployment: Deployment) -> Result<Option<Deployment>, StateError> {
        let input = json!({
            "layer": deployment.layer,
            "number": deployment.number,
            "functions": {
                "coordinator": self.settings.function_alias("coordinator"),
                "planner": self.settings.function_alias("planner"),
            },
            "moduleMachine": self.settings.module_machine_arn,
            "runName": format!("{}-{}", hash(&deployment), deployment.number),
        });
        let started = self
            .sfn
            .start_execution()
            .state_machine_arn(&self.settings.deploy_machine_arn)
            .name(execution_name(&deployment))
            .input(input.to_string())
            .send()
            .await;
        let arn = match started {
            Ok(started) => started.execution_arn,
            // Somebody else started it a moment ago.
            Err(error) if error.code() == Some("ExecutionAlreadyExists") => self.execution_arn(&deployment),
            Err(error) if !is_final(error.code()) => {
                tracing::warn!(deployment = %deployment.id(), error = ?error, "the execution did not start yet");
                return Ok(None);
            }
            Err(error) => {
                let message = format!("the execution could not be started: {}", error.message().unwrap_or("no answer"));
                let end = Finished { status: Status::Failed, outcome: None, message: Some(message), diagnostics: None };
                self.store.finish(&deployment.layer, deployment.number, end).await?;
                return Err(StateError::Conflict {
                    what: format!("deployment {} did not start: {error:?}", deployment.id()),
                });
            }
        };
        match self.store.started(&deployment.layer, deployment.number, &arn).await {
            Ok(()) => self.announce(&deployment, "started", "the deployment runs").await?,
            // It was so quick that it is over.
            Err(StateError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(Some(deployment))
    }

    /// Starts what may begin once a deployment is over: the layer's own next one, the services that waited for their
    /// environment, the environment that waited for its services.
    pub async fn start_waiting(&self, over: &Deployment) -> Result<(), StateError> {
        self.start_next(&over.layer).await?;
        for service in self.store.services(&over.layer).await? {
            self.start_next(&service).await?;
        }
        if let Some(environment) = &over.environment_choice {
            self.start_next(environment).await?;
        }
        Ok(())
    }

    fn execution_arn(&self, deployment: &Deployment) -> String {
        let machine = self.settings.deploy_machine_arn.replace(":stateMachine:", ":execution:");
        format!("{machine}:{}", execution_name(deployment))
    }
}

/// Whether a start is refused for good; everything else (no answer, too many executions at once) passes
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>).
fn is_final(code: Option<&str>) -> bool {
    let refused = [
        "AccessDeniedException",
        "InvalidArn",
        "InvalidExecutionInput",
        "InvalidName",
        "StateMachineDoesNotExist",
        "ValidationException",
    ];
    code.is_some_and(|code| refused.contains(&code))
}

/// At most 80 characters, unique for 90 days: numbers are never reused, and the hash tells apart layers whose names
/// begin alike.
fn execution_name(deployment: &Deployment) -> String {
    let layer: String = deployment.layer.chars().take(50).collect();
    format!("{layer}-{}-{}", deployment.number, hash(deployment))
}

fn hash(deployment: &Deployment) -> String {
    deployment.change.chars().take(8).collect()
}
