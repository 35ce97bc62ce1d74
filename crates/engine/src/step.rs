//! One invocation of a module function: load what the step needs, plan or reconcile, record how it ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use landfall_aws::{Aws, Error, Kind, Mode, Result, Target};
use landfall_plan::{Action, ModuleChange, ModulePlan, Plan, ResourceChange, RunModule, Token, resolve};
use landfall_state::{DocumentRef, Lease, Store};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::graph::{Graph, Node};
use crate::module::Module;
use crate::observe::{Leftover, leftovers, observe};
use crate::plan::{Known, changes, deletion, lookup};
use crate::resource::{Registered, Seen};
use crate::{reconcile, record};

/// What a module function is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Plan or reconcile.
    pub op: Op,
    /// Layer.
    pub layer: String,
    /// Deployment number.
    pub number: u64,
    /// Module.
    pub module: String,
    /// The lease under which the deployment runs.
    pub lease: Lease,
    /// The run document.
    pub run: DocumentRef,
    /// The plan that was approved. Absent while planning.
    #[serde(default)]
    pub plan: Option<DocumentRef>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Observe and compare, read-only.
    Plan,
    /// Bring the module to the config, one step of it.
    Reconcile,
}

/// The answer to [`Request`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Response {
    /// Of a plan.
    Planned {
        /// Module.
        module: String,
        /// Where its [`ModulePlan`] lies.
        part: DocumentRef,
        /// What happens to it.
        change: ModuleChange,
    },
    /// Of a step.
    Stepped {
        /// How the step ended.
        outcome: Outcome,
        /// Seconds to wait before the next step; 0 unless pending.
        retry_after: u64,
    },
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The module is as the config says.
    Done,
    /// AWS works on something; run another step later.
    Pending,
    /// Something failed; it is recorded.
    Failed,
}

/// Bounds of a step.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// No action is started after this moment, so that the step ends well before the function is killed.
    pub stop_starting: Instant,
    /// How long the deployment waits for AWS before a wait is taken for a failure.
    pub patience: Duration,
    /// Life of the lease after each renewal.
    pub lease: Duration,
    /// How long an intent without id is waited out before a resource without a name is made again. AWS shows a new
    /// EC2 resource within seconds
    /// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>).
    pub settle: Duration,
}

impl Limits {
    /// The product's bounds for a step that may run until `deadline`.
    pub fn until(deadline: Instant) -> Self {
        let reserve = Duration::from_secs(20);
        Self {
            stop_starting: deadline.checked_sub(reserve).unwrap_or(deadline),
            patience: Duration::from_secs(60 * 60),
            lease: Duration::from_secs(120),
            settle: Duration::from_secs(15),
        }
    }
}

/// A journal entry as the engine uses it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub kind: String,
    pub id: Option<String>,
    pub applied: bool,
    pub deployment: u64,
    pub attempt: u32,
    pub intent_at: Option<std::time::SystemTime>,
    pub properties: Value,
    pub attributes: Map<String, Value>,
    pub needs: Vec<String>,
}

/// The journal of one module by resource name.
pub(crate) type Journal = BTreeMap<String, Entry>;

/// Runs steps of modules. One per process; its clients live as long as it.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) wake: aws_sdk_sfn::Client,
    aws: Aws,
    partition: String,
}

/// A module of a run, built and looked at.
pub(crate) struct Subject {
    pub module: RunModule,
    pub nodes: Vec<Node>,
    pub notes: Vec<String>,
    pub outputs: Value,
    pub leftovers: Vec<Leftover>,
    pub journal: Journal,
    pub seen: BTreeMap<String, Seen>,
    pub recorded_outputs: Option<Value>,
    pub defaults: BTreeMap<String, Value>,
}

impl Engine {
    /// An engine over a store, for the account and region of `target`.
    pub fn new(base: &aws_config::SdkConfig, store: Store, target: Target) -> Self {
        let partition = target.partition.clone();
        Self { store, wake: aws_sdk_sfn::Client::new(base), aws: Aws::new(base, target), partition }
    }

    /// The clients that modules use: their [`Watch`](landfall_aws::Watch) counts every call.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The partition in which the engine works.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Runs one step of module `M`.
    ///
    /// # Errors
    /// Only when the step could not record how it ended (no lease, table out of reach). A failure of the module
    /// itself is recorded and answered as [`Outcome::Failed`].
    pub async fn step<M: Module>(&self, request: Request, limits: Limits) -> Result<Response> {
        match request.op {
            // Boxed: the future of a whole step is large.
            Op::Plan => Box::pin(self.plan::<M>(&request)).await,
            Op::Reconcile => Box::pin(reconcile::step::<M>(self, &request, limits)).await,
        }
    }

    async fn plan<M: Module>(&self, request: &Request) -> Result<Response> {
        self.aws.watch().begin(Mode::Read);
        let subject = self.load::<M>(request).await?;
        let plan = subject.plan();
        let part = record::store_plan(&self.store, &plan).await?;
        Ok(Response::Planned { module: plan.module, part, change: plan.change })
    }

    /// Builds the module of a request and looks at everything it owns.
    pub(crate) async fn load<M: Module>(&self, request: &Request) -> Result<Subject> {
        let run = record::load_run(&self.store, &request.run).await?;
        let module = run.modules.iter().find(|module| module.name == request.module).cloned().ok_or_else(|| {
            Error::new(Kind::Corrupt, "load", "the run does not have this module").about(&request.module)
        })?;
        let (journal, deployed) = futures::future::try_join(
            record::load_journal(&self.store, &request.layer, &request.module),
            record::load_modules(&self.store, &request.layer),
        )
        .await?;
        let outputs_of = |token: &Token| match token {
            Token::Output { module, output } => deployed.get(module)?.outputs.get(output).cloned(),
            Token::Attribute { .. } => None,
        };
        let (nodes, notes, outputs, defaults) = if module.change == ModuleChange::Destroy {
            (Vec::new(), Vec::new(), Value::Null, BTreeMap::new())
        } else {
            let config = run.layer.modules.iter().find(|config| config.name == module.name).ok_or_else(|| {
                Error::new(Kind::Corrupt, "load", "the config of the run does not have this module").about(&module.name)
            })?;
            let cx = Context::of(&run, &module.name, config.links.clone(), self.store.bucket());
            // `build` sees the tokens of other modules' outputs, known or not, so that the same config always gives
            // the same resources; they are filled in afterwards.
            let (nodes, notes, outputs) = build::<M>(Value::Object(config.inputs.clone()), &cx)?;
            let outputs = resolve(&outputs, &outputs_of).value;
            let nodes = nodes
                .into_iter()
                .map(|mut node| {
                    node.desired = resolve(&node.desired, &outputs_of).value;
                    node
                })
                .collect();
            (nodes, notes, outputs, config.defaults.clone())
        };
        let leftovers = leftovers(&nodes, &journal, &M::resources())?;
        let seen = observe(&self.aws, &request.layer, &request.module, &nodes, &leftovers, &journal).await?;
        let recorded_outputs = deployed.get(&request.module).map(|deployed| deployed.outputs.clone());
        Ok(Subject { module, nodes, notes, outputs, leftovers, journal, seen, recorded_outputs, defaults })
    }
}

/// Builds a module: its resources in order, its remarks and its outputs. Pure.
pub(crate) fn build<M: Module>(inputs: Value, cx: &Context) -> Result<(Vec<Node>, Vec<String>, Value)> {
    let inputs: M::Inputs = serde_json::from_value(inputs).map_err(|error| {
        Error::new(Kind::Invalid, "build", "the inputs do not have the module's shape")
            .about(&cx.module)
            .caused_by(error)
    })?;
    let mut graph = Graph::new(cx);
    let outputs = M::build(inputs, cx, &mut graph)?;
    let notes = graph.notes().to_vec();
    Ok((graph.ordered()?, notes, Value::Object(outputs.0)))
}

impl Subject {
    /// What a step would do now, and what the plan document says.
    pub(crate) fn plan(&self) -> ModulePlan {
        let mut known = Known::new();
        let mut resources = changes(&self.nodes, &self.journal, &self.seen, &mut known);
        resources.extend(self.deletions());
        let outputs = resolve(&self.outputs, &|token| lookup(&known, token));
        let differs = self.recorded_outputs.as_ref().is_none_or(|recorded| {
            !outputs.unknown.is_empty()
                || landfall_plan::canonical(recorded) != landfall_plan::canonical(&outputs.value)
        });
        let waits = self
            .nodes
            .iter()
            .any(|node| landfall_plan::tokens(&node.desired).iter().any(|token| matches!(token, Token::Output { .. })));
        let changes = resources.iter().any(|change| change.action != Action::Keep);
        let change = match self.module.change {
            ModuleChange::Destroy => ModuleChange::Destroy,
            ModuleChange::Apply | ModuleChange::Unchanged if changes || differs || waits => ModuleChange::Apply,
            ModuleChange::Apply | ModuleChange::Unchanged => ModuleChange::Unchanged,
        };
        ModulePlan {
            module: self.module.name.clone(),
            kind: self.module.kind.clone(),
            change,
            needs: self.module.needs.clone(),
            resources,
            notes: self.notes.clone(),
        }
    }

    /// Deletions of what the config no longer has, each before what it needed.
    pub(crate) fn deletions(&self) -> Vec<ResourceChange> {
        let ids: Known = self
            .nodes
            .iter()
            .filter_map(|node| Some((node.name.clone(), self.seen.get(&node.name)?.attributes.clone())))
            .collect();
        self.leftovers_in_reverse()
            .into_iter()
            .filter(|left| !self.moved(left, &ids))
            .filter_map(|left| Some(deletion(left, self.seen.get(&left.name)?)))
            .collect()
    }

    /// Whether what a leftover points to is now held by a resource of the graph under another name: then only the
    /// record goes, not the object.
    pub(crate) fn moved(&self, left: &Leftover, known: &Known) -> bool {
        let Some(id) = left.entry.id.as_deref() else { return false };
        self.nodes.iter().filter(|node| node.kind.kind() == left.kind.kind()).any(|node| {
            known.get(&node.name).and_then(|attributes| attributes.get("id")).and_then(Value::as_str) == Some(id)
        })
    }

    /// Leftovers so that each comes before what it needed.
    pub(crate) fn leftovers_in_reverse(&self) -> Vec<&Leftover> {
        let pairs: Vec<(&str, Vec<&str>)> = self
            .leftovers
            .iter()
            .map(|left| (left.name.as_str(), left.entry.needs.iter().map(String::as_str).collect()))
            .collect();
        // The journal's needs were in order when they were recorded; should they contradict each other after many
        // versions, the recorded order is as good as any.
        let order = landfall_plan::order(&pairs).unwrap_or_else(|_| pairs.iter().map(|(name, _)| *name).collect());
        order.iter().rev().filter_map(|name| self.leftovers.iter().find(|left| left.name == *name)).collect()
    }

    /// The kind of any resource of the module.
    pub(crate) fn kind_of(&self, resource: &str) -> Option<Registered> {
        self.nodes
            .iter()
            .find(|node| node.name == resource)
            .map(|node| node.kind)
            .or_else(|| self.leftovers.iter().find(|left| left.name == resource).map(|left| left.kind))
    }
}

/// The part of an approved plan that speaks of one module.
pub(crate) fn approved_part(plan: Plan, module: &str) -> Option<ModulePlan> {
    plan.modules.into_iter().find(|part| part.module == module)
}
