//! A small world for one test of a module: an account with a state store, a lease, and an engine that runs steps.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use landfall_aws::{Fault, Mode};
use landfall_catalog::{Layer, Link, Module as Config, Scope};
use landfall_engine::{Engine, Limits, Module, Op, Outcome, Request, Response};
use landfall_plan::{ModuleChange, ModulePlan, Plan, PlanRequest, RunDocument, RunModule, SupportFile};
use landfall_state::{AcquireRequest, DocumentRef, Lease, ModuleRecord, RunStart, Settings, Store};
use serde_json::{Map, Value};

use crate::local::{Account, LocalAws};

const LAYER: &str = "layer";
const MODULE: &str = "subject";

/// An account in which one module is planned, applied and destroyed by the real engine.
pub struct World {
    /// The account.
    pub account: Account,
    /// Its state.
    pub store: Store,
    /// The engine.
    pub engine: Engine,
    /// Files that travel with the config of the next deployment.
    pub files: Vec<SupportFile>,
    lease: Lease,
    number: u64,
}

/// How a sequence of steps ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The module is as its inputs say.
    Done,
    /// It failed; the text says why.
    Failed(String),
}

impl World {
    /// A fresh account with an empty state.
    ///
    /// # Panics
    /// When the local AWS does not make the table or the bucket.
    pub async fn new() -> Self {
        let account = LocalAws::shared().account();
        let config = account.sdk_config().await;
        make_table(&aws_sdk_dynamodb::Client::new(&config)).await;
        let settings = Settings { table: "landfall".to_owned(), bucket: format!("config-{}", account.id) };
        let s3 =
            aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
        s3.create_bucket().bucket(&settings.bucket).send().await.expect("the bucket is made");
        let store = Store::new(&config, settings);
        let engine = Engine::new(&config, store.clone(), account.target());
        let lease = acquire(&store, "execution-1").await;
        Self { account, store, engine, files: Vec::new(), lease, number: 0 }
    }

    /// Begins a deployment of the module with these inputs; `None` destroys it.
    ///
    /// # Panics
    /// When the state does not take it.
    pub async fn deploy<M: Module>(&mut self, inputs: Option<&Map<String, Value>>, links: &[Link]) -> Deployment {
        self.number += 1;
        let change = if inputs.is_some() { ModuleChange::Apply } else { ModuleChange::Destroy };
        let modules = inputs
            .map(|inputs| Config {
                name: MODULE.to_owned(),
                kind: M::KIND.to_owned(),
                inputs: self.localised(inputs),
                defaults: BTreeMap::new(),
                needs: Vec::new(),
                links: links.to_vec(),
                line: 1,
            })
            .into_iter()
            .collect();
        let run = RunDocument {
            layer: Layer {
                name: LAYER.to_owned(),
                scope: Scope::Environment,
                environment: LAYER.to_owned(),
                org_name: "org".to_owned(),
                region: self.account.region.clone(),
                account_id: self.account.id.clone(),
                modules,
                settings: Value::Null,
            },
            number: self.number,
            request: if inputs.is_some() { PlanRequest::Deploy } else { PlanRequest::Destroy },
            environment: None,
            partition: "aws".to_owned(),
            modules: vec![RunModule {
                name: MODULE.to_owned(),
                kind: M::KIND.to_owned(),
                change,
                function: String::new(),
                needs: Vec::new(),
            }],
            files: self.files.clone(),
            warnings: Vec::new(),
        };
        let start =
            RunStart { module: MODULE.to_owned(), kind: M::KIND.to_owned(), needs: Vec::new(), unchanged: false };
        self.store.writer(&self.lease).begin_runs(self.number, vec![start]).await.expect("the run begins");
        let run = self.store.put_document(serde_json::to_vec(&run).expect("a run is JSON")).await.expect("stored");
        Deployment { number: self.number, run, plan: None }
    }

    /// Inputs with `ACCOUNT` replaced by this account's id.
    fn localised(&self, inputs: &Map<String, Value>) -> Map<String, Value> {
        let text = Value::Object(inputs.clone()).to_string().replace("ACCOUNT", &self.account.id);
        serde_json::from_str(&text).expect("inputs stay JSON")
    }

    /// Plans a deployment and remembers the plan as the approved one.
    ///
    /// # Panics
    /// When the plan fails.
    pub async fn plan<M: Module>(&self, deployment: &mut Deployment) -> ModulePlan {
        let request = self.request(deployment, Op::Plan);
        let answer = self.engine.step::<M>(request, limits()).await.unwrap_or_else(|error| panic!("{}", error.chain()));
        let Response::Planned { part, .. } = answer else { panic!("a plan answers a plan") };
        assert!(self.engine.aws().watch().writes().is_empty(), "a plan writes nothing");
        let bytes = self.store.get_document(&part).await.expect("the plan is stored");
        let module: ModulePlan = serde_json::from_slice(&bytes).expect("the plan is a plan");
        let plan = Plan {
            layer: LAYER.to_owned(),
            environment: LAYER.to_owned(),
            account_id: self.account.id.clone(),
            region: self.account.region.clone(),
            request: PlanRequest::Deploy,
            modules: vec![module.clone()],
            warnings: Vec::new(),
        };
        let plan = self.store.put_document(serde_json::to_vec(&plan).expect("JSON")).await.expect("stored");
        deployment.plan = Some(plan);
        module
    }

    /// Why a deployment cannot be planned; `None` when it can.
    pub async fn refusal<M: Module>(&self, deployment: &Deployment) -> Option<String> {
        self.engine.step::<M>(self.request(deployment, Op::Plan), limits()).await.err().map(|error| error.chain())
    }

    /// Runs steps until the module is settled.
    ///
    /// # Panics
    /// When it does not settle within 200 steps.
    pub async fn apply<M: Module>(&self, deployment: &Deployment) -> End {
        for _ in 0..200 {
            match self.engine.step::<M>(self.request(deployment, Op::Reconcile), limits()).await {
                Ok(Response::Stepped { outcome: Outcome::Done, .. }) => return End::Done,
                Ok(Response::Stepped { outcome: Outcome::Pending, .. }) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Ok(Response::Stepped { outcome: Outcome::Failed, .. }) => {
                    let runs = self.store.runs(LAYER, deployment.number).await.expect("runs are read");
                    return End::Failed(runs.into_iter().filter_map(|run| run.error).collect());
                }
                Ok(Response::Planned { .. }) => panic!("a step answers a step"),
                Err(error) => return End::Failed(error.chain()),
            }
        }
        panic!("the module does not settle");
    }

    /// Runs one step in which the `nth` AWS call breaks, and abandons the step there as a killed function would.
    /// Answers the call that was broken, or `None` when the step made fewer calls.
    pub async fn killed_step<M: Module>(&self, deployment: &Deployment, nth: u64, fault: Fault) -> Option<String> {
        let watch = self.engine.aws().watch();
        watch.break_call(nth, fault);
        let step = self.engine.step::<M>(self.request(deployment, Op::Reconcile), limits());
        let killed = async {
            while !watch.is_broken() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = killed => {}
            _ = step => {}
        }
        watch.mend()
    }

    /// Names of the resources that the journal knows.
    ///
    /// # Panics
    /// When the journal cannot be read.
    pub async fn journalled(&self) -> Vec<String> {
        let entries = self.store.journal(LAYER).await.expect("the journal is read");
        entries.into_iter().map(|entry| entry.resource).collect()
    }

    /// ARNs that carry the layer's tag, as the tagging service of the local AWS sees them: an oracle that knows
    /// nothing of our journal. KMS keys that wait for their deletion do not count.
    pub fn left_behind(&self) -> Vec<String> {
        let answer = self.account.cli(&[
            "resourcegroupstaggingapi",
            "get-resources",
            "--tag-filters",
            &format!("Key=landfall:layer,Values={LAYER}"),
        ]);
        let found = answer["ResourceTagMappingList"].as_array().cloned().unwrap_or_default();
        found
            .iter()
            .filter_map(|entry| entry["ResourceARN"].as_str())
            .filter(|arn| !self.waits_for_deletion(arn))
            .map(str::to_owned)
            .collect()
    }

    fn waits_for_deletion(&self, arn: &str) -> bool {
        arn.contains(":kms:")
            && self.account.cli(&["kms", "describe-key", "--key-id", arn])["KeyMetadata"]["KeyState"]
                == "PendingDeletion"
    }

    /// Lets somebody else take the lease away.
    ///
    /// # Panics
    /// When nobody holds it.
    pub async fn steal_lease(&self) {
        self.store.force_unlock(LAYER).await.expect("the lease is held");
        acquire(&self.store, "execution-2").await;
    }

    /// Writing calls of the last step, by `service.Operation`.
    pub fn writes(&self) -> BTreeMap<String, u64> {
        self.engine.aws().watch().writes()
    }

    /// Makes the outputs of another module of the layer known, as if it were deployed.
    ///
    /// # Panics
    /// When the state does not take it.
    pub async fn neighbour(&self, module: &str, kind: &str, outputs: Value) {
        let record = ModuleRecord {
            module: module.to_owned(),
            kind: kind.to_owned(),
            number: self.number,
            outputs,
            defaults: BTreeMap::new(),
            needs: Vec::new(),
            complete: true,
        };
        self.store.writer(&self.lease).module_deployed(&record).await.expect("the module is recorded");
    }

    /// Uploads a file beside the config and lets it travel with the next deployment.
    pub fn upload(&mut self, path: &str, content: &str) {
        let file = std::env::temp_dir().join(format!("landfall-upload-{}-{}", self.account.id, self.files.len()));
        std::fs::write(&file, content).expect("the file is written");
        let bucket = self.store.bucket().to_owned();
        let key = format!("config/{path}");
        let from = file.to_string_lossy();
        let put =
            self.account.cli(&["s3api", "put-object", "--bucket", &bucket, "--key", &key, "--body", from.as_ref()]);
        std::fs::remove_file(&file).expect("the file is removed");
        let etag = put["ETag"].as_str().unwrap_or_default().trim_matches('"').to_owned();
        self.files.retain(|known| known.path != path);
        self.files.push(SupportFile {
            path: path.to_owned(),
            key,
            version_id: None,
            etag,
            size: u64::try_from(content.len()).unwrap_or_default(),
        });
    }

    /// Lets the module's own calls be made with nothing but the policy that lies beside its code; what the engine
    /// does to the state stays as it is.
    pub async fn restrict(&mut self, policy: &str) {
        let policy = policy
            .replace("${AWS::Partition}", "aws")
            .replace("${AWS::Region}", &self.account.region)
            .replace("${AWS::AccountId}", &self.account.id)
            .replace("${ConfigBucket.Arn}", &format!("arn:aws:s3:::{}", self.store.bucket()));
        self.account.cli(&["iam", "create-user", "--user-name", "function"]);
        let put = ["iam", "put-user-policy", "--user-name", "function", "--policy-name", "own", "--policy-document"];
        self.account.cli(&[&put[..], &[&policy]].concat());
        let key = self.account.cli(&["iam", "create-access-key", "--user-name", "function"]);
        let text = |field: &str| key["AccessKey"][field].as_str().unwrap_or_default().to_owned();
        let credentials = Credentials::from_keys(text("AccessKeyId"), text("SecretAccessKey"), None);
        let config = self
            .account
            .sdk_config()
            .await
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        self.engine = Engine::new(&config, self.store.clone(), self.account.target());
    }

    /// Allows direct calls to AWS through the engine's clients, for tests of single resources.
    pub fn allow_writes(&self) {
        self.engine.aws().watch().begin(Mode::WriteUntil(Instant::now() + Duration::from_secs(3600)));
    }

    fn request(&self, deployment: &Deployment, op: Op) -> Request {
        Request {
            op,
            layer: LAYER.to_owned(),
            number: deployment.number,
            module: MODULE.to_owned(),
            lease: self.lease.clone(),
            run: deployment.run.clone(),
            plan: deployment.plan.clone(),
        }
    }
}

/// A deployment of the world's module.
#[derive(Clone, Debug)]
pub struct Deployment {
    number: u64,
    run: DocumentRef,
    plan: Option<DocumentRef>,
}

fn limits() -> Limits {
    Limits { settle: Duration::from_millis(200), ..Limits::until(Instant::now() + Duration::from_secs(120)) }
}

async fn acquire(store: &Store, holder: &str) -> Lease {
    let request =
        AcquireRequest { layer: LAYER, environment: None, holder, doing: "testing", ttl: Duration::from_secs(3600) };
    store.acquire(request).await.expect("the lease is free")
}

/// Makes the state table `landfall` as the template has it.
///
/// # Panics
/// When DynamoDB refuses.
pub async fn make_table(ddb: &aws_sdk_dynamodb::Client) {
    let attribute = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .expect("named")
    };
    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("named");
    let index = GlobalSecondaryIndex::builder()
        .index_name("gsi1")
        .key_schema(key("gsi1pk", KeyType::Hash))
        .key_schema(key("gsi1sk", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .expect("complete");
    ddb.create_table()
        .table_name("landfall")
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .attribute_definitions(attribute("gsi1pk"))
        .attribute_definitions(attribute("gsi1sk"))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .global_secondary_indexes(index)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .expect("the table is made");
}
