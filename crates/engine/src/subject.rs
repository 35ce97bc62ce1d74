//! A module of a run, built and looked at: what a step would do with it now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use landfall_aws::{Error, Kind, Result};
use landfall_plan::{Action, ModuleChange, ModulePlan, PlanRequest, ResourceChange, RunModule, Token, resolve};
use landfall_state::Timestamp;
use serde_json::Value;

use crate::context::Context;
use crate::graph::{Graph, Node};
use crate::journal::{Entry, Journal};
use crate::module::Module;
use crate::observe::{Leftover, leftovers, observe};
use crate::plan::{Known, Leave, changes, deletion, lookup};
use crate::reads::Reads;
use crate::resource::{Registered, Seen};
use crate::step::Engine;

/// A module of a run, built and looked at.
pub(crate) struct Subject {
    pub layer: String,
    pub module: RunModule,
    pub nodes: Vec<Node>,
    pub notes: Vec<String>,
    pub outputs: Value,
    pub leftovers: Vec<Leftover>,
    pub journal: Journal,
    pub seen: BTreeMap<String, Seen>,
    /// When it was begun to look: what came to be since may not be among it.
    pub looked_at: Timestamp,
    pub recorded_outputs: Option<Value>,
    pub defaults: BTreeMap<String, Value>,
    pub leave: Leave,
    /// What the config no longer has and a rollback leaves.
    pub spared: Vec<Leftover>,
}

/// What building a module gives.
#[derive(Debug)]
pub(crate) struct Built {
    pub nodes: Vec<Node>,
    pub notes: Vec<String>,
    pub outputs: Value,
}

/// Builds a module: its resources in order, its remarks and its outputs. Pure.
pub(crate) fn build<M: Module>(inputs: Value, cx: &Context) -> Result<Built> {
    let inputs: M::Inputs = serde_json::from_value(inputs).map_err(|error| {
        Error::new(Kind::Invalid, "build", "the inputs do not have the module's shape")
            .about(&cx.module)
            .caused_by(error)
    })?;
    let mut graph = Graph::new(cx);
    let outputs = M::build(inputs, cx, &mut graph)?;
    let notes = graph.notes().to_vec();
    Ok(Built { nodes: graph.ordered()?, notes, outputs: Value::Object(outputs.0) })
}

impl Engine {
    /// Builds a module of a request and looks at everything it owns. Describes are trusted against the journal only
    /// after `settle`.
    pub(crate) async fn load<M: Module>(&self, reads: &Reads<'_>, name: &str, settle: Duration) -> Result<Subject> {
        let (run, journal, deployed) =
            futures::future::try_join3(reads.run(), reads.journal(name), reads.deployed()).await?;
        let module = run
            .modules
            .iter()
            .find(|module| module.name == name)
            .cloned()
            .ok_or_else(|| Error::new(Kind::Corrupt, "load", "the run does not have this module").about(name))?;
        let request = reads.request();
        let outputs_of = |token: &Token| match token {
            Token::Output { module, output } => deployed.get(module)?.outputs.get(output).cloned(),
            Token::Attribute { .. } => None,
        };
        let mut defaults = BTreeMap::new();
        let mut leave = Leave { data: run.request == PlanRequest::Rollback, ..Leave::default() };
        let mut built = Built { nodes: Vec::new(), notes: Vec::new(), outputs: Value::Null };
        if module.change != ModuleChange::Destroy {
            let config = run.layer.modules.iter().find(|config| config.name == module.name).ok_or_else(|| {
                Error::new(Kind::Corrupt, "load", "the config of the run does not have this module").about(&module.name)
            })?;
            let cx = Context::of(run, &module.name, config.links.clone(), self.store.bucket());
            // `build` sees the tokens of other modules' outputs, known or not, so that the same config always gives
            // the same resources; they are filled in afterwards.
            built = build::<M>(Value::Object(config.inputs.clone()), &cx)?;
            built.outputs = resolve(&built.outputs, &outputs_of).value;
            for node in &mut built.nodes {
                node.desired = resolve(&node.desired, &outputs_of).value;
            }
            defaults.clone_from(&config.defaults);
            leave.ignored.clone_from(&config.ignore_drift);
            leave.accepted = run.accepted.get(&module.name).cloned().unwrap_or_default();
        }
        let Built { nodes, mut notes, outputs } = built;
        let leftovers = leftovers(&nodes, &journal, &M::resources())?;
        let (number, looked_at) = (request.number, Timestamp::now());
        let owner = crate::observe::Owner { layer: &request.layer, module: name, number, settle, looked_at };
        let trusted = if run.resumes.is_some() { trusted(&nodes, &journal) } else { BTreeMap::new() };
        let mut seen = observe(self.aws(), &owner, &nodes, &leftovers, &journal, &trusted).await?;
        seen.extend(trusted);
        let (spared, leftovers) = if leave.data { spared(leftovers, &seen) } else { (Vec::new(), leftovers) };
        notes.extend(spared.iter().map(|left| match left.kind.0.data() {
            Some(data) => format!("{} is left: deleting it loses {data}", left.name),
            None => format!("{} is left: what is left needs it", left.name),
        }));
        let recorded_outputs = deployed.get(name).map(|deployed| deployed.outputs.clone());
        Ok(Subject {
            layer: request.layer.clone(),
            module,
            nodes,
            notes,
            outputs,
            leftovers,
            journal,
            seen,
            looked_at,
            recorded_outputs,
            defaults,
            leave,
            spared,
        })
    }
}

impl Subject {
    /// What a step would do now, and what the plan document says.
    ///
    /// The module is applied although no resource changes when there is something to record: outputs that differ,
    /// values of other modules that are not known yet, a journal that a crash left behind what is there.
    pub(crate) fn plan(&self) -> ModulePlan {
        let mut known = Known::new();
        let planned = changes(&self.nodes, &self.journal, &self.seen, &self.leave, &mut known);
        let mut resources = planned.resources;
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
        let acts = resources.iter().any(|change| change.action != Action::Keep)
            || differs
            || waits
            || planned.unrecorded
            || !self.leftovers.is_empty();
        let change = match self.module.change {
            ModuleChange::Destroy => ModuleChange::Destroy,
            ModuleChange::Apply | ModuleChange::Unchanged if acts => ModuleChange::Apply,
            ModuleChange::Apply | ModuleChange::Unchanged => ModuleChange::Unchanged,
        };
        ModulePlan {
            module: self.module.name.clone(),
            kind: self.module.kind.clone(),
            change,
            needs: self.module.needs.clone(),
            resources,
            notes: self.notes.clone(),
            preflight: Vec::new(),
            quotas: Vec::new(),
            left: planned.left,
        }
    }

    /// Deletions of what the config no longer has, each before what it needed.
    fn deletions(&self) -> Vec<ResourceChange> {
        let ids: Known = self
            .nodes
            .iter()
            .filter_map(|node| Some((node.name.clone(), self.seen.get(&node.name)?.attributes.clone())))
            .collect();
        self.leftovers_in_reverse()
            .into_iter()
            .filter(|left| !self.moved(left, &ids))
            .filter_map(|left| {
                let seen = self.seen.get(&left.name);
                (seen.is_some() || left.entry.is_interrupted()).then(|| deletion(left, seen))
            })
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

    /// The kind of a resource of the graph.
    pub(crate) fn kind_of(&self, resource: &str) -> Option<Registered> {
        self.nodes.iter().find(|node| node.name == resource).map(|node| node.kind)
    }

    /// The kind of a resource that the config no longer has.
    pub(crate) fn kind_of_leftover(&self, resource: &str) -> Option<Registered> {
        self.leftovers.iter().find(|left| left.name == resource).map(|left| left.kind)
    }
}

/// What a rollback leaves of what the config no longer has, and what it removes. What stores data stays if there is any
/// of it, and with it whatever it needs.
fn spared(leftovers: Vec<Leftover>, seen: &BTreeMap<String, Seen>) -> (Vec<Leftover>, Vec<Leftover>) {
    let mut stays: BTreeSet<String> = leftovers
        .iter()
        .filter(|left| left.kind.0.stores() && (seen.contains_key(&left.name) || left.entry.is_interrupted()))
        .map(|left| left.name.clone())
        .collect();
    loop {
        let needed: BTreeSet<String> = leftovers
            .iter()
            .filter(|left| stays.contains(&left.name))
            .flat_map(|left| left.entry.needs.iter().cloned())
            .filter(|need| !stays.contains(need))
            .collect();
        if needed.is_empty() {
            break;
        }
        stays.extend(needed);
    }
    leftovers.into_iter().partition(|left| stays.contains(&left.name))
}

/// What a deployment that goes on with another one believes without asking AWS: resources that the journal records as
/// applied exactly as they are wanted now.
fn trusted(nodes: &[Node], journal: &Journal) -> BTreeMap<String, Seen> {
    let mut known = Known::new();
    let mut trusted = BTreeMap::new();
    for node in nodes.iter().filter(|node| !node.kind.0.is_lookup()) {
        let resolved = resolve(&node.desired, &|token| lookup(&known, token));
        if !resolved.unknown.is_empty() {
            continue;
        }
        let desired = node.kind.0.canonical(resolved.value);
        let Some(seen) = journal.get(&node.name).filter(|entry| entry.records(node, &desired)).and_then(Entry::as_seen)
        else {
            continue;
        };
        known.insert(node.name.clone(), seen.attributes.clone());
        trusted.insert(node.name.clone(), seen);
    }
    trusted
}

/// What a module would do, computed without a client: for tests of modules and for documentation. `seen` is taken
/// for what exists and was applied last, by resource name.
///
/// # Errors
/// When the inputs do not have the module's shape, or the module's graph is broken.
pub fn preview<M: Module>(inputs: Value, cx: &Context, seen: &BTreeMap<String, Seen>) -> Result<ModulePlan> {
    let built = build::<M>(inputs, cx)?;
    let journal: Journal = built
        .nodes
        .iter()
        .filter_map(|node| {
            let entry = Entry::of(node, seen.get(&node.name)?);
            Some((node.name.clone(), entry))
        })
        .collect();
    let mut known = Known::new();
    let planned = changes(&built.nodes, &journal, seen, &Leave::default(), &mut known);
    let acts = planned.resources.iter().any(|change| change.action != Action::Keep);
    Ok(ModulePlan {
        module: cx.module.clone(),
        kind: M::KIND.to_owned(),
        change: if acts { ModuleChange::Apply } else { ModuleChange::Unchanged },
        needs: Vec::new(),
        resources: planned.resources,
        notes: built.notes,
        preflight: Vec::new(),
        quotas: Vec::new(),
        left: planned.left,
    })
}
