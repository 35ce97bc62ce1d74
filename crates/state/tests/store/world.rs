//! A store of its own for each test, with a clock that the test moves, on the local AWS or on DynamoDB Local.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use landfall_state::{
    AcquireRequest, Action, Actor, ApprovalRequest, DocumentRef, Event, FixedClock, Lease, NewChange, PlanRef,
    PlanSummary, Planned, Settings, Source, StateError, Store,
};
use landfall_testkit::{LocalAws, make_table};

use crate::dynamodb_local;
use crate::gate::{Gate, Held};

/// Life of a lease in these tests.
pub(crate) const TTL: Duration = Duration::from_secs(60);

/// Makes a test on each store of every function named.
macro_rules! on_both_stores {
    ($($name:ident),* $(,)?) => {
        mod ministack {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::world::World::on_local_aws().await).await;
            })*
        }
        mod dynamodb_local {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(world) = crate::world::World::on_dynamodb_local().await {
                    super::$name(world).await;
                }
            })*
        }
    };
}
pub(crate) use on_both_stores;

/// A store and its clock.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) ddb: aws_sdk_dynamodb::Client,
    config: SdkConfig,
    settings: Settings,
}

impl World {
    pub(crate) async fn on_local_aws() -> Self {
        let account = LocalAws::shared().account();
        let config = account.sdk_config().await;
        Self::new(config, format!("config-{}", account.id)).await
    }

    pub(crate) async fn on_dynamodb_local() -> Option<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        // Every access key has tables of its own.
        let key = format!("test{}x{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let config = landfall_aws::base_config()
            .to_builder()
            .endpoint_url(dynamodb_local::endpoint()?)
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(key, "test", None)))
            .build();
        Some(Self::new(config, "none".to_owned()).await)
    }

    async fn new(config: SdkConfig, bucket: String) -> Self {
        let ddb = aws_sdk_dynamodb::Client::new(&config);
        make_table(&ddb).await;
        let settings = Settings { table: "landfall".to_owned(), bucket };
        let clock = Arc::new(FixedClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let store = Store::with_clock(&config, settings.clone(), clock.clone());
        Self { store, clock, ddb, config, settings }
    }

    /// With the config bucket, for what lies in S3.
    pub(crate) async fn with_bucket(self) -> Self {
        let path_style = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(path_style);
        s3.create_bucket().bucket(&self.settings.bucket).send().await.unwrap();
        self
    }

    /// The same state as a holder sees it whose clock runs behind by `lag`.
    pub(crate) fn with_slow_clock(&self, lag: Duration) -> Store {
        let lag = SignedDuration::try_from(lag).unwrap();
        let clock = FixedClock::at(self.store.now() - lag);
        Store::with_clock(&self.config, self.settings.clone(), Arc::new(clock))
    }

    /// The same state, reached through a gate that is closed.
    pub(crate) async fn behind_a_gate(&self, holds: Held) -> (Gate, Store) {
        let (gate, endpoint) = Gate::before(self.config.endpoint_url().unwrap(), holds).await;
        let config = self.config.to_builder().endpoint_url(endpoint).build();
        (gate, Store::with_clock(&config, self.settings.clone(), self.clock.clone()))
    }

    /// Time passes.
    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The lease of an environment, taken by `holder`.
    pub(crate) async fn hold(&self, layer: &str, holder: &str) -> Lease {
        self.try_hold(layer, None, holder).await.unwrap()
    }

    /// The lease of a service in an environment, taken by `holder`.
    pub(crate) async fn hold_service(&self, layer: &str, environment: &str, holder: &str) -> Lease {
        self.try_hold(layer, Some(environment), holder).await.unwrap()
    }

    pub(crate) async fn try_hold(
        &self,
        layer: &str,
        environment: Option<&str>,
        holder: &str,
    ) -> Result<Lease, StateError> {
        self.store.acquire(Self::request(layer, environment, holder)).await
    }

    pub(crate) fn request<'a>(layer: &'a str, environment: Option<&'a str>, holder: &'a str) -> AcquireRequest<'a> {
        AcquireRequest { layer, environment, holder, doing: "deploying", ttl: TTL, plans: None, turn: None }
    }

    /// A running deployment of a layer.
    pub(crate) async fn running(&self, layer: &str) -> u64 {
        self.store.enqueue(change(layer, "v1")).await.unwrap();
        self.store.start_next(layer).await.unwrap().unwrap().number
    }

    /// Every record as it lies in the table.
    pub(crate) async fn raw(&self) -> Vec<HashMap<String, AttributeValue>> {
        self.ddb.scan().table_name("landfall").send().await.unwrap().items.unwrap_or_default()
    }

    /// Writes an attribute behind the store's back.
    pub(crate) async fn tamper(&self, pk: &str, sk: &str, attribute: &str, value: AttributeValue) {
        self.ddb
            .update_item()
            .table_name("landfall")
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", attribute)
            .expression_attribute_values(":value", value)
            .send()
            .await
            .unwrap();
    }
}

/// A request for the approval of a plan, by its hash.
pub(crate) fn request(plan_hash: &str) -> ApprovalRequest<'_> {
    ApprovalRequest { plan_hash, blocked: false, patience: Duration::from_secs(3600), not_by: None, under: 1 }
}

/// A plan, and the event that tells of it.
pub(crate) fn planned(store: &Store) -> Planned {
    let (document, summary) = (DocumentRef::of(b"[]"), PlanSummary::default());
    let plan = PlanRef { hash: "hash".to_owned(), document, summary, risk: "low".to_owned(), blocked: false };
    let event = Event { at: store.now(), kind: "planned".to_owned(), module: None, message: "no changes".to_owned() };
    Planned { plan, event: Some(event) }
}

/// A change of a layer that its own file declares, by the version of the file.
pub(crate) fn change(layer: &str, version: &str) -> NewChange {
    let source = Source { key: format!("{layer}.yaml"), version_id: Some(version.to_owned()), ..Source::default() };
    NewChange::new(layer, Action::Deploy, source, Actor("ada".to_owned()))
}

/// Whether an operation failed because its lease is over.
pub(crate) fn is_lost<T>(result: &Result<T, StateError>) -> bool {
    matches!(result, Err(StateError::LeaseLost { .. }))
}
