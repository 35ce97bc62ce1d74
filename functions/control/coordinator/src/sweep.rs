//! Deployments whose execution died, and whatever else came to a stop: found and ended, so that nothing blocks a layer
//! and nothing ends silently.

use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::ExecutionStatus;
use jiff::SignedDuration;
use lambda_runtime::Error;
use landfall_control::{Control, DIED, EXECUTIONS_DIED, Ending, Failure, belongs_to_another};
use landfall_state::{Deployment, Lease, StateError, Status};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::drift;
use crate::watch::{Watched, watch};

/// A running deployment without an execution is started again after this.
const START_PATIENCE: SignedDuration = SignedDuration::from_secs(20);

#[derive(Debug, Deserialize)]
struct Input {
    layer: String,
    number: u64,
}

/// An execution of the deploy machine ended as FAILED, TIMED_OUT or ABORTED.
pub(crate) async fn execution_ended(
    control: &Control,
    execution: &str,
    status: &str,
    input: &str,
) -> Result<Value, Error> {
    let input: Input = serde_json::from_str(input)?;
    let deployment = control.store.deployment(&input.layer, input.number).await?;
    if belongs_to_another(&deployment, execution) {
        tracing::warn!(deployment = %deployment.id(), execution, "a copy of the deployment's execution ended");
        return Ok(json!({}));
    }
    end_dead(control, &deployment, execution, status).await?;
    Ok(json!({}))
}

async fn end_dead(control: &Control, deployment: &Deployment, execution: &str, status: &str) -> Result<(), Error> {
    if deployment.status != Status::Running {
        return Ok(());
    }
    // The lease of a dead holder is taken by its own name: nobody else may have it, and its token still counts. Also
    // when its time is over: what the deployment made has to be recorded with the layer.
    let live = control.store.lease(&deployment.layer).await?;
    let lease = match live {
        Some(live) => Some(live),
        None => control.store.expired_lease(&deployment.layer).await?,
    };
    let lease = lease.filter(|lease| lease.holder == execution);
    let lease = lease.map(|lease| Lease {
        layer: lease.layer,
        token: lease.token,
        holder: lease.holder,
        expires_at: lease.expires_at,
        environment: lease.environment,
    });
    let error = Failure { error: format!("{DIED}{status}"), cause: format!("the execution ended as {status}") };
    let ending = Ending { layer: &deployment.layer, number: deployment.number, execution, lease, error: Some(error) };
    control.finish(&ending).await?;
    control.count(&[(EXECUTIONS_DIED, 1)]);
    Ok(())
}

/// Looks at every layer for what came to a stop. A layer that cannot be looked at does not keep the others from it.
pub(crate) async fn sweep(control: &Control) -> Result<Value, Error> {
    let (mut repaired, mut failed) = (Vec::new(), Vec::new());
    let mut watched = Watched::default();
    let mut looks = 0;
    for layer in control.store.layers().await? {
        match sweep_layer(control, &layer.layer).await {
            Ok(what) => repaired.extend(what),
            Err(error) => failed.push(format!("{}: {error}", layer.layer)),
        }
        match watch(control, &layer.layer, &mut watched).await {
            Ok(what) => repaired.extend(what),
            Err(error) => failed.push(format!("{}: {error}", layer.layer)),
        }
        if looks < drift::AT_ONCE {
            match drift::look_if_due(control, &layer).await {
                Ok(begun) => looks += usize::from(begun.is_some()),
                Err(error) => failed.push(format!("{}: {error}", layer.layer)),
            }
        }
    }
    watched.count(control);
    if !failed.is_empty() {
        return Err(failed.join("; ").into());
    }
    Ok(json!({ "repaired": repaired }))
}

async fn sweep_layer(control: &Control, layer: &str) -> Result<Option<String>, Error> {
    let queue = control.store.queue(layer).await?;
    if let Some(number) = queue.running {
        let deployment = control.store.deployment(layer, number).await?;
        let what = look(control, &deployment).await?;
        if let Some(what) = &what {
            tracing::warn!(deployment = %deployment.id(), what, "repaired");
        }
        return Ok(what.map(|what| format!("{}: {what}", deployment.id())));
    }
    if queue.waiting.is_some() {
        control.start_next(layer).await?;
        return Ok(Some(format!("{layer}: started what waited")));
    }
    Ok(None)
}

async fn look(control: &Control, deployment: &Deployment) -> Result<Option<String>, Error> {
    let Some(execution) = &deployment.execution_arn else {
        let age = control.store.now().duration_since(deployment.started_at.unwrap_or(deployment.created_at));
        if age < START_PATIENCE {
            return Ok(None);
        }
        control.start_next(&deployment.layer).await?;
        return Ok(Some("it had no execution and was started".to_owned()));
    };
    let described = control.sfn.describe_execution().execution_arn(execution).send().await;
    let status = match described {
        Ok(described) => described.status,
        Err(error) if error.code() == Some("ExecutionDoesNotExist") => ExecutionStatus::Aborted,
        Err(error) => {
            return Err(StateError::Aws {
                operation: "DescribeExecution",
                code: error.code().unwrap_or("Unknown").to_owned(),
                message: error.message().unwrap_or("no answer").to_owned(),
                source: Box::new(error),
            }
            .into());
        }
    };
    if status == ExecutionStatus::Running || status == ExecutionStatus::PendingRedrive {
        return Ok(None);
    }
    end_dead(control, deployment, execution, status.as_str()).await?;
    Ok(Some(format!("its execution ended as {}", status.as_str())))
}
