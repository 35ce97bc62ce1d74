//! Clients for one target: an account, a region and, where it is another account, the role to assume there.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use serde::{Deserialize, Serialize};

use crate::watch::Watch;

/// How long an answer is waited for. A call may still be done by then though whoever sent it is dead.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a layer is deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// AWS account id, 12 digits.
    pub account_id: String,
    /// Region, for example `eu-central-1`.
    pub region: String,
    /// Partition of the region: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

/// The configuration that every client of a function is made from: what Lambda puts into its environment
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>) and nothing else, ring for TLS, the SDK's
/// adaptive retry (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>).
///
/// The SDK's own chain would look into profiles and metadata services too. A function has none of them, and the code
/// that asks them would travel in every package.
pub fn base_config() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(Duration::from_secs(120))
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(setting("AWS_REGION").map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .identity_cache(IdentityCache::lazy().build())
        .http_client(http)
        .retry_config(RetryConfig::adaptive().with_max_attempts(6))
        .timeout_config(timeouts);
    config.set_sleep_impl(default_async_sleep());
    config.set_endpoint_url(setting("AWS_ENDPOINT_URL"));
    config.build()
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

type Cache = Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>;

/// The clients of one target. Cheap to clone; clones share clients and their [`Watch`].
#[derive(Clone)]
pub struct Aws {
    config: SdkConfig,
    target: Target,
    watch: Watch,
    cache: Arc<Cache>,
}

impl Aws {
    /// Clients for `target` from a base configuration.
    pub fn new(base: &SdkConfig, target: Target) -> Self {
        let config = base.to_builder().region(Region::new(target.region.clone())).build();
        Self { config, target, watch: Watch::default(), cache: Arc::default() }
    }

    /// The same target with clients and a [`Watch`] of their own. The connections are shared.
    pub fn apart(&self) -> Self {
        let (config, target) = (self.config.clone(), self.target.clone());
        Self { config, target, watch: Watch::default(), cache: Arc::default() }
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What counts and fences the calls.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The client of one service, made once. Modules use [`client!`](crate::client) instead of calling it directly.
    pub fn client<C: Clone + Send + Sync + 'static>(&self, make: impl FnOnce(&SdkConfig, Watch) -> C) -> C {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = cache.get(&TypeId::of::<C>()).and_then(|any| any.downcast_ref::<C>()) {
            return client.clone();
        }
        let client = make(&self.config, self.watch.clone());
        cache.insert(TypeId::of::<C>(), Box::new(client.clone()));
        client
    }
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws").field("target", &self.target).finish_non_exhaustive()
    }
}

/// Declares the accessor of a service's client: `landfall_aws::client!(pub(crate) sqs: aws_sdk_sqs);` makes
/// `fn sqs(aws: &Aws) -> aws_sdk_sqs::Client`, watched and cached.
#[macro_export]
macro_rules! client {
    ($visibility:vis $name:ident: $sdk:ident) => {
        #[doc = concat!("The `", stringify!($sdk), "` client of this target.")]
        $visibility fn $name(aws: &$crate::Aws) -> $sdk::Client {
            aws.client(|config, watch| {
                $sdk::Client::from_conf($sdk::config::Builder::from(config).interceptor(watch).build())
            })
        }
    };
}
