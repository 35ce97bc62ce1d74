//! The entry of a module function: from the process's start to one step per invocation.

use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::{LambdaEvent, service_fn};
use landfall_aws::{Target, base_config};
use landfall_state::{Settings, Store};

use crate::module::Module;
use crate::step::{Engine, Limits, Request, Response};

/// Runs the function of module `M` until Lambda ends the process. Its whole `main`.
///
/// # Errors
/// When the environment lacks a setting, or the Lambda runtime API fails.
pub async fn run<M: Module>() -> Result<(), lambda_runtime::Error> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_current_span(false)
        .with_ansi(false)
        .without_time()
        .init();
    let base = base_config().await;
    let store = Store::new(&base, Settings::from_env()?);
    let region = base.region().map(ToString::to_string).unwrap_or_default();
    let engine = tokio::sync::OnceCell::new();
    let (engine, store, base, region) = (&engine, &store, &base, &region);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Request>| async move {
        // The function's own ARN names the account and the partition it runs in.
        let target = target(&event.context.invoked_function_arn, region);
        let engine: &Engine = engine.get_or_init(|| async { Engine::new(base, store.clone(), target) }).await;
        let limits = Limits::until(deadline(event.context.deadline));
        step::<M>(engine, event.payload, limits).await
    }))
    .await
}

async fn step<M: Module>(engine: &Engine, request: Request, limits: Limits) -> Result<Response, lambda_runtime::Error> {
    let started = Instant::now();
    let (op, layer, number, module) = (request.op, request.layer.clone(), request.number, request.module.clone());
    let result = engine.step::<M>(request, limits).await;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok(response) => {
            tracing::info!(?op, layer, number, module, milliseconds, ?response, "step");
            Ok(response)
        }
        Err(error) => {
            let advice = error.advice();
            tracing::error!(?op, layer, number, module, milliseconds, error = advice, "step failed");
            Err(advice.into())
        }
    }
}

fn target(function_arn: &str, region: &str) -> Target {
    let mut parts = function_arn.split(':');
    let partition = parts.nth(1).unwrap_or("aws").to_owned();
    let account_id = parts.nth(2).unwrap_or_default().to_owned();
    Target { account_id, region: region.to_owned(), partition }
}

fn deadline(epoch_milliseconds: u64) -> Instant {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(epoch_milliseconds);
    Instant::now() + at.duration_since(SystemTime::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_arn_names_account_and_partition() {
        let seen = target("arn:aws-cn:lambda:cn-north-1:123456789012:function:landfall-sqs:7", "cn-north-1");
        assert_eq!((seen.partition.as_str(), seen.account_id.as_str()), ("aws-cn", "123456789012"));
    }
}
