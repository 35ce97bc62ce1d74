//! The entry of a control function: clients once per process, one log line per invocation.

use std::future::Future;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use lambda_runtime::{LambdaEvent, service_fn};
use landfall_aws::{base_config, start_log};
use landfall_state::Store;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::settings::Settings;

/// What every control function works with.
#[derive(Clone, Debug)]
pub struct Control {
    /// The state.
    pub store: Store,
    /// Settings.
    pub settings: Settings,
    /// Step Functions.
    pub sfn: aws_sdk_sfn::Client,
    /// SNS.
    pub sns: aws_sdk_sns::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
}

impl Control {
    /// From the environment of the function; logs go to stdout as JSON.
    ///
    /// # Errors
    /// When a setting is missing.
    pub async fn from_env() -> Result<Self, lambda_runtime::Error> {
        start_log();
        Self::made_from(&base_config())
    }

    /// The same for a function that people wait for, with the clients' configuration of [`request_config`].
    ///
    /// # Errors
    /// When a setting is missing.
    pub fn for_requests(config: &SdkConfig) -> Result<Self, lambda_runtime::Error> {
        start_log();
        Self::made_from(config)
    }

    fn made_from(config: &SdkConfig) -> Result<Self, lambda_runtime::Error> {
        Ok(Self::new(config, landfall_state::Settings::from_env()?, Settings::from_env()?))
    }

    /// From clients' configuration and settings.
    pub fn new(config: &SdkConfig, state: landfall_state::Settings, settings: Settings) -> Self {
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
        Self {
            store: Store::new(config, state),
            settings,
            sfn: aws_sdk_sfn::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            s3: aws_sdk_s3::Client::from_conf(s3),
        }
    }

    /// ARN of the version of this function that runs, so that later steps of a deployment stay on it.
    pub fn own_version(&self, name: &str) -> String {
        let alias = self.settings.function_alias(name);
        // Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (reserved variables).
        match std::env::var("AWS_LAMBDA_FUNCTION_VERSION") {
            Ok(version) if version != "$LATEST" => alias.replace(":live", &format!(":{version}")),
            _ => alias,
        }
    }
}

/// The configuration of clients whose calls people wait for: one that AWS does not answer is given up well before API
/// Gateway gives up the request, after 30 s, so that the answer says what does not answer
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
pub fn request_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(10))
        .build();
    base_config().into_builder().timeout_config(timeouts).build()
}

/// Serves requests of type `Q` until Lambda ends the process.
///
/// # Errors
/// When the environment lacks a setting, or the Lambda runtime API fails.
pub async fn serve<Q, A, F, H>(handler: H) -> Result<(), lambda_runtime::Error>
where
    Q: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, lambda_runtime::Error>>,
    H: Fn(Control, Q) -> F,
{
    let control = Control::from_env().await?;
    let (control, handler) = (&control, &handler);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let started = Instant::now();
        let request = about(&event.payload);
        let answer = match serde_json::from_value(event.payload) {
            Ok(payload) => handler(control.clone(), payload).await,
            Err(error) => Err(error.into()),
        };
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &answer {
            Ok(_) => tracing::info!(request, milliseconds, "answered"),
            Err(error) => tracing::error!(request, milliseconds, error = %error, "failed"),
        }
        answer
    }))
    .await
}

/// What a log line says of a request: what is asked and about what. Never the rest, which may hold tokens of waiting
/// tasks: whoever has one can end the wait.
fn about(payload: &Value) -> String {
    const FIELDS: [&str; 7] =
        ["/op", "/layer", "/lease/layer", "/number", "/module", "/detail/object/key", "/detail/executionArn"];
    let said: Vec<String> = FIELDS
        .iter()
        .filter_map(|field| match payload.pointer(field)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        })
        .collect();
    said.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_log_line_names_the_request_and_not_its_token() {
        let payload = json!({
            "op": "ask-approval", "lease": { "layer": "shop", "token": 3 }, "number": 7, "hash": "abc",
            "task_token": "secret"
        });
        assert_eq!(about(&payload), "ask-approval shop 7");
        let event = json!({ "source": "aws.s3", "detail": { "object": { "key": "env.yaml" } } });
        assert_eq!(about(&event), "env.yaml");
    }
}
