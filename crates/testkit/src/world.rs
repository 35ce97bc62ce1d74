//! A small world for one test of a module: an account with a state store, a lease, and an engine that runs steps.

mod harm;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use landfall_aws::{Error, Mode};
use landfall_catalog::{Layer, Link, Module as Config, Scope};
use landfall_engine::{Engine, Limits, Module, Op, Outcome, Request, Response};
use landfall_plan::{AcceptedDrift, ModuleChange, ModulePlan, Plan, PlanRequest, RunDocument, RunModule, SupportFile};
use landfall_state::{
    AcquireRequest, DocumentRef, JournalEntry, Lease, ModuleRecord, Run, RunStart, Settings, Store, room,
};
use serde_json::{Map, Value};

use crate::local::{Account, LocalAws};
use crate::observer::Inventory;
use crate::table::make_table;

const LAYER: &str = "layer";
const MODULE: &str = "subject";
/// A module that has not settled by then never will.
const STEPS: usize = 300;
/// The local AWS shows at once what it made.
const SETTLE: Duration = Duration::from_millis(200);

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
    /// How long the journal is believed more than describes.
    pub settle: Duration,
    /// How long a call may still be done that nobody hears of any more. The local AWS does at once what it is asked.
    pub call: Duration,
    /// How long a removal that was begun may still be carried out.
    pub dying: Duration,
    /// Life of the lease after each renewal.
    pub lease_life: Duration,
    /// The deployment that the next one goes on with.
    pub resumes: Option<u64>,
    /// Attributes whose drift the config ignores.
    pub ignore_drift: Vec<String>,
    /// Drift that was accepted.
    pub accepted: Vec<AcceptedDrift>,
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
        Self {
            account,
            store,
            engine,
            files: Vec::new(),
            settle: SETTLE,
            call: Duration::ZERO,
            dying: Duration::ZERO,
            lease_life: Duration::from_secs(120),
            resumes: None,
            ignore_drift: Vec::new(),
            accepted: Vec::new(),
            lease,
            number: 0,
        }
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
                ignore_drift: self.ignore_drift.clone(),
                line: 1,
            })
            .into_iter()
            .collect();
        let run = RunDocument {
            accepted: BTreeMap::from([(MODULE.to_owned(), self.accepted.clone())]),
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
            resumes: self.resumes,
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
        self.store.writer(&self.lease).begin_runs(self.number, &[start]).await.expect("the run begins");
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
        let answer =
            self.engine.step::<M>(request, self.limits()).await.unwrap_or_else(|error| panic!("{}", error.chain()));
        let part = match answer {
            Response::Planned { part, refused } if refused.is_empty() => part,
            Response::Planned { refused, .. } => panic!("{refused:?}"),
            Response::Stepped { .. } => panic!("a plan answers a plan"),
        };
        assert!(self.engine.aws().watch().writes().is_empty(), "a plan writes nothing");
        let bytes = self.store.unpack(&part).await.expect("the plan is handed on");
        let mut plans: [ModulePlan; 1] = serde_json::from_slice(&bytes).expect("the plan is that of one module");
        landfall_plan::weigh(&mut plans);
        let [module] = plans;
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
        match self.engine.step::<M>(self.request(deployment, Op::Plan), self.limits()).await {
            Ok(Response::Planned { refused, .. }) => refused.into_iter().next().map(|refused| refused.refused),
            Ok(Response::Stepped { .. }) => None,
            Err(error) => Some(error.advice()),
        }
    }

    /// Runs steps until the module is settled.
    ///
    /// # Panics
    /// When it does not settle within 300 steps.
    pub async fn apply<M: Module>(&self, deployment: &Deployment) -> End {
        self.apply_counted::<M>(deployment).await.0
    }

    /// Runs one step within these bounds.
    ///
    /// # Errors
    /// When the step could not record how it ended.
    pub async fn step_within<M: Module>(&self, deployment: &Deployment, limits: Limits) -> Result<Response, Error> {
        self.engine.step::<M>(self.request(deployment, Op::Reconcile), limits).await
    }

    /// How the module's run is recorded.
    ///
    /// # Panics
    /// When it is not.
    pub async fn run(&self, deployment: &Deployment) -> Run {
        let runs = self.store.runs(LAYER, deployment.number).await.expect("runs are read");
        runs.into_iter().find(|run| run.module == MODULE).expect("the module runs")
    }

    /// Lets another module of the deployment wait for this one.
    ///
    /// # Panics
    /// When the state does not take it.
    pub async fn dependent(&self, deployment: &Deployment, module: &str, token: &str) {
        let needs = vec![MODULE.to_owned()];
        let start = RunStart { module: module.to_owned(), kind: "any".to_owned(), needs, unchanged: false };
        self.store.writer(&self.lease).begin_runs(deployment.number, &[start]).await.expect("the run begins");
        self.store.await_dependencies(LAYER, deployment.number, module, &token.into()).await.expect("it waits");
    }

    /// Whether a module that waits has not been woken.
    ///
    /// # Panics
    /// When it has no run.
    pub async fn waits(&self, deployment: &Deployment, module: &str) -> bool {
        let runs = self.store.runs(LAYER, deployment.number).await.expect("runs are read");
        runs.into_iter().find(|run| run.module == module).expect("it has a run").task_token.is_some()
    }

    /// Runs one step; `None` when another one has to follow.
    async fn step<M: Module>(&self, deployment: &Deployment) -> Option<End> {
        match self.engine.step::<M>(self.request(deployment, Op::Reconcile), self.limits()).await {
            Ok(Response::Stepped { outcome: Outcome::Done, .. }) => Some(End::Done),
            Ok(Response::Stepped { outcome: Outcome::Pending, .. }) => {
                // The state machine waits here.
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
            Ok(Response::Stepped { outcome: Outcome::Failed, .. }) => {
                let runs = self.store.runs(LAYER, deployment.number).await.expect("runs are read");
                Some(End::Failed(runs.into_iter().filter_map(|run| run.error).collect()))
            }
            Ok(Response::Planned { .. }) => panic!("a step answers a step"),
            Err(error) => Some(End::Failed(error.chain())),
        }
    }

    /// Runs steps until the module is settled; answers also the writing calls of all of them.
    pub async fn apply_counted<M: Module>(&self, deployment: &Deployment) -> (End, BTreeMap<String, u64>) {
        let mut writes = BTreeMap::new();
        for _ in 0..STEPS {
            let end = self.step::<M>(deployment).await;
            for (call, count) in self.writes() {
                *writes.entry(call).or_insert(0) += count;
            }
            if let Some(end) = end {
                return (end, writes);
            }
        }
        panic!("the module does not settle");
    }

    /// The journal of the layer, in order.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn journal(&self) -> Vec<JournalEntry> {
        self.store.journal(LAYER).await.expect("the journal is read")
    }

    /// Everything that carries the layer's tag, as an oracle sees it that knows nothing of our journal.
    pub fn inventory(&self) -> Inventory {
        self.account.inventory(LAYER)
    }

    /// ARNs and ids of everything that carries the layer's tag.
    pub fn left_behind(&self) -> Vec<String> {
        self.inventory().into_keys().collect()
    }

    /// Reading calls of the last step, by `service.Operation`.
    pub fn reads(&self) -> BTreeMap<String, u64> {
        self.engine.aws().watch().reads()
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

    /// Allows direct calls to AWS through the engine's clients, for tests of single resources.
    pub fn allow_writes(&self) {
        self.engine.aws().watch().begin(Mode::WriteUntil(Instant::now() + Duration::from_secs(3600)));
    }

    /// The bounds of a step that has two minutes.
    pub fn limits(&self) -> Limits {
        let deadline = Instant::now() + Duration::from_secs(120);
        Limits {
            settle: self.settle,
            call: self.call,
            dying: self.dying,
            lease: self.lease_life,
            ..Limits::until(deadline)
        }
    }

    pub(crate) fn request(&self, deployment: &Deployment, op: Op) -> Request {
        Request {
            op,
            layer: LAYER.to_owned(),
            number: deployment.number,
            modules: vec![MODULE.to_owned()],
            lease: self.lease.clone(),
            run: deployment.run.clone(),
            plan: deployment.plan.clone(),
            room: room(1),
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

async fn acquire(store: &Store, holder: &str) -> Lease {
    let request = AcquireRequest {
        layer: LAYER,
        environment: None,
        holder,
        doing: "testing",
        ttl: Duration::from_secs(3600),
        plans: None,
        turn: None,
    };
    store.acquire(request).await.expect("the lease is free")
}
