//! Service Quotas with any values, or refusing to tell them: answers its calls, and lets every other one pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use landfall_engine::Engine;
use serde_json::{Value, json};

use crate::world::World;

/// What Service Quotas knows: values by quota code.
#[derive(Clone, Debug, Default)]
pub struct Quotas {
    /// What was applied to the account.
    pub applied: BTreeMap<&'static str, f64>,
    /// Defaults of AWS.
    pub defaults: BTreeMap<&'static str, f64>,
    /// Whether the function may not ask.
    pub denied: bool,
}

#[derive(Debug)]
struct Answering<I> {
    inner: I,
    quotas: Arc<Quotas>,
}

impl World {
    /// Lets Service Quotas answer the module's own calls.
    ///
    /// # Panics
    /// When the account's configuration has no HTTP client.
    pub async fn quotas(&mut self, quotas: Quotas) {
        let config = self.account.sdk_config().await;
        self.engine = Engine::new(&quotas.config(&config), self.store.clone(), self.account.target());
    }
}

impl Quotas {
    fn config(self, config: &SdkConfig) -> SdkConfig {
        let inner = config.http_client().expect("an HTTP client is configured");
        config.to_builder().http_client(SharedHttpClient::new(Answering { inner, quotas: Arc::new(self) })).build()
    }

    fn answer(&self, operation: &str, asked: &Value) -> (u16, Value) {
        let code = asked["QuotaCode"].as_str().unwrap_or_default();
        let known = if operation == "GetServiceQuota" { &self.applied } else { &self.defaults };
        match known.get(code) {
            _ if self.denied => {
                let message = "User: arn:aws:sts::1:assumed-role/landfall-base/x is not authorized to perform: \
                               servicequotas:GetServiceQuota because no identity-based policy allows it";
                (400, json!({ "__type": "AccessDeniedException", "Message": message }))
            }
            Some(value) => (200, json!({ "Quota": { "QuotaCode": code, "Value": value } })),
            None => (400, json!({ "__type": "NoSuchResourceException", "Message": "it is not applied" })),
        }
    }
}

impl HttpClient for Answering<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Answering { inner, quotas: Arc::clone(&self.quotas) })
    }
}

impl HttpConnector for Answering<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let Some(operation) = target.strip_prefix("ServiceQuotasV20190624.") else { return self.inner.call(request) };
        let asked = request.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        let (status, body) = self.quotas.answer(operation, &asked);
        let status = status.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))))
    }
}
