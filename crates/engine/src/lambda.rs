//! The entry of a module function: from the process's start to one step per invocation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_config::SdkConfig;
use lambda_runtime::{LambdaEvent, service_fn};
use landfall_aws::{Target, base_config, start_log};
use landfall_state::{Settings, Store};
use serde::Deserialize;

use crate::module::Module;
use crate::step::{Engine, Limits, Request, Response};

/// Runs the function of module `M` until Lambda ends the process. Its whole `main`.
///
/// # Errors
/// When the environment lacks a setting, or the Lambda runtime API fails.
pub async fn run<M: Module>() -> Result<(), lambda_runtime::Error> {
    start_log();
    let base = base_config();
    let store = Store::new(&base, Settings::from_env()?);
    let engines = Engines { base, store, made: Mutex::default() };
    let engines = &engines;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Invocation>| async move {
        let engine = engines.of(event.payload.target);
        let limits = Limits::until(deadline(event.context.deadline));
        step::<M>(&engine, event.payload.request, limits).await
    }))
    .await
}

/// What the state machines send.
#[derive(Debug, Deserialize)]
struct Invocation {
    /// Where the layer lives; need not be the region of the installation.
    target: Target,
    #[serde(flatten)]
    request: Request,
}

/// One engine for each target that the function has worked in.
struct Engines {
    base: SdkConfig,
    store: Store,
    made: Mutex<BTreeMap<String, Arc<Engine>>>,
}

impl Engines {
    fn of(&self, target: Target) -> Arc<Engine> {
        // A map of finished engines stays whole whatever panicked while holding it.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let place = format!("{}/{}", target.account_id, target.region);
        Arc::clone(made.entry(place).or_insert_with(|| Arc::new(Engine::new(&self.base, self.store.clone(), target))))
    }
}

async fn step<M: Module>(engine: &Engine, request: Request, limits: Limits) -> Result<Response, lambda_runtime::Error> {
    let started = Instant::now();
    let (op, layer, number, modules) = (request.op, request.layer.clone(), request.number, request.modules.join(" "));
    let result = engine.step::<M>(request, limits).await;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok(response) => {
            tracing::info!(?op, layer, number, modules, milliseconds, ?response, "step");
            Ok(response)
        }
        Err(error) => {
            let advice = error.advice();
            tracing::error!(?op, layer, number, modules, milliseconds, error = advice, "step failed");
            Err(advice.into())
        }
    }
}

fn deadline(epoch_milliseconds: u64) -> Instant {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(epoch_milliseconds);
    Instant::now() + at.duration_since(SystemTime::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_invocation_names_the_target_beside_the_request() {
        let text = r#"{"op":"plan","layer":"shop","number":3,"modules":["orders"],
            "lease":{"layer":"shop","token":7,"holder":"h","expires_at":"2026-11-25T10:00:00Z"},
            "run":{"key":"k","sha256":"h"},"target":{"account_id":"123456789012","region":"cn-north-1","partition":"aws-cn"}}"#;
        let invocation: Invocation = serde_json::from_str(text).unwrap();
        assert_eq!(invocation.target.region, "cn-north-1");
        assert_eq!((invocation.request.number, invocation.request.modules), (3, vec!["orders".to_owned()]));
    }
}
