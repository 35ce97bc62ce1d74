//! AWS that says "too fast": answers the next calls with the error that each service uses for it, without doing them.
//! It also counts the calls to DynamoDB that pass.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// Throttles the clients that are made from [`Throttle::config`].
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    left: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    passed: Arc<Mutex<BTreeMap<String, u64>>>,
}

#[derive(Debug)]
struct Throttled<I> {
    inner: I,
    throttle: Throttle,
}

impl Throttle {
    /// The configuration with this in front of its HTTP client.
    ///
    /// # Panics
    /// When the configuration has no HTTP client.
    pub fn config(&self, config: &SdkConfig) -> SdkConfig {
        let inner = config.http_client().expect("an HTTP client is configured");
        config.to_builder().http_client(SharedHttpClient::new(Throttled { inner, throttle: self.clone() })).build()
    }

    /// Refuses the next `calls` calls.
    pub fn refuse(&self, calls: u64) {
        self.left.store(calls, Ordering::SeqCst);
    }

    /// How many calls were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    /// Calls of an operation of DynamoDB that passed.
    pub fn calls(&self, operation: &str) -> u64 {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).get(operation).copied().unwrap_or(0)
    }

    /// Counts from zero.
    pub fn reset(&self) {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn count(&self, request: &HttpRequest) {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        if let Some(operation) = target.strip_prefix("DynamoDB_20120810.") {
            let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            *passed.entry(operation.to_owned()).or_default() += 1;
        }
    }

    fn takes(&self) -> bool {
        let taken = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if taken {
            self.refused.fetch_add(1, Ordering::SeqCst);
        }
        taken
    }
}

impl HttpClient for Throttled<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Throttled { inner, throttle: self.throttle.clone() })
    }
}

impl HttpConnector for Throttled<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.throttle.takes() {
            return HttpConnectorFuture::ready(Ok(too_fast(&request)));
        }
        self.throttle.count(&request);
        self.inner.call(request)
    }
}

/// The throttling error in the protocol of the service that was called.
fn too_fast(request: &HttpRequest) -> HttpResponse {
    let service = request
        .headers()
        .get("authorization")
        .and_then(|authorization| authorization.split('/').nth(3))
        .unwrap_or_default()
        .to_owned();
    let (status, body) = match service.as_str() {
        "ec2" => (503, xml("Response><Errors", "RequestLimitExceeded", "Errors></Response")),
        "s3" => (503, "<Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>".to_owned()),
        "elasticache" | "iam" | "rds" | "sns" | "sts" => (400, xml("ErrorResponse", "Throttling", "ErrorResponse")),
        _ => (400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#.to_owned()),
    };
    HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body))
}

fn xml(open: &str, code: &str, close: &str) -> String {
    format!("<{open}><Error><Code>{code}</Code><Message>Rate exceeded</Message></Error></{close}>")
}
