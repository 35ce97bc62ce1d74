//! What every module must survive, for nothing but a file of example inputs: create then no change, every step
//! repeated, a crash before and after every AWS call of a creation, a change and a removal, drift, describes that lag
//! behind creates, throttling, a permission that is missing in the middle, destroy twice, a plan that writes nothing,
//! a stale lease. The real engine against the local AWS, a fresh account for every case.

mod actions;
mod crashes;
mod drift;
mod life;
mod refusals;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::{Duration, Instant};

use landfall_catalog::Link;
use landfall_engine::Module;
use landfall_plan::{Action, ModulePlan};
use serde::Deserialize;
use serde_json::{Map, Value};

pub use actions::{actions_are_allowed, no_false_alarms};

use crate::world::World;

/// Seconds that the whole suite of one module may take, unless `LANDFALL_CONFORMANCE_SECONDS` says otherwise. With
/// more calls than that allows the crashes are sampled evenly.
const SECONDS: u64 = 50;

/// One example of a module's inputs. `ACCOUNT` in a text stands for the account's id.
#[derive(Clone, Debug, Deserialize)]
pub struct Example {
    /// Name, for messages.
    pub name: String,
    /// Complete inputs.
    pub inputs: Map<String, Value>,
    /// Links that the module holds.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Modules of the layer that are deployed already: what links and references get their values from.
    #[serde(default)]
    pub neighbours: Vec<Neighbour>,
    /// Files that were uploaded beside the config: path → content.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Inputs that change it in place.
    #[serde(default)]
    pub updated: Option<Map<String, Value>>,
    /// Inputs that replace something.
    #[serde(default)]
    pub replaced: Option<Map<String, Value>>,
}

/// Another module of the layer, as it was deployed.
#[derive(Clone, Debug, Deserialize)]
pub struct Neighbour {
    /// Its name.
    pub module: String,
    /// Its kind.
    pub kind: String,
    /// Its outputs. `ACCOUNT` in a text stands for the account's id.
    pub outputs: Value,
}

impl Example {
    /// A fresh account with what the example finds there: the files and the neighbours.
    async fn world(&self) -> World {
        let mut world = World::new().await;
        for (path, content) in &self.files {
            world.upload(path, content);
        }
        for neighbour in &self.neighbours {
            let outputs = neighbour.outputs.to_string().replace("ACCOUNT", &world.account.id);
            let outputs = serde_json::from_str(&outputs).expect("outputs stay JSON");
            world.neighbour(&neighbour.module, &neighbour.kind, outputs).await;
        }
        world
    }
}

/// What exists after an undisturbed creation.
struct Baseline {
    /// Resources in the journal, with whether another one needs them.
    journal: BTreeMap<String, bool>,
    /// How often each resource exists, by its tag. Untagged ones are not in it.
    tagged: BTreeMap<String, usize>,
    /// Writing calls of the creation.
    writes: BTreeMap<String, u64>,
    /// How long a life took.
    life: Duration,
}

/// Runs the whole suite for module `M` over a JSON list of [`Example`]s.
///
/// # Panics
/// With the fact that does not hold, and the example.
pub async fn run<M: Module>(examples: &str) {
    let examples: Vec<Example> = serde_json::from_str(examples).expect("the examples are a JSON list");
    assert!(!examples.is_empty(), "a module has at least one example");
    let began = Instant::now();
    let seconds = std::env::var("LANDFALL_CONFORMANCE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(SECONDS));
    let mut baselines = Vec::new();
    let mut repaired = 0;
    for example in &examples {
        let baseline = life::life::<M>(example).await;
        life::changes::<M>(example, &baseline).await;
        refusals::stale_lease::<M>(example).await;
        refusals::short_lease::<M>(example).await;
        repaired += drift::drift::<M>(example, &baseline).await;
        baselines.push(baseline);
    }
    // These do not depend on the inputs: the example with the most resources says most.
    let richest = examples.iter().zip(&baselines).max_by_key(|(_, baseline)| baseline.journal.len());
    let (example, baseline) = richest.expect("there is an example");
    refusals::throttled::<M>(example).await;
    let denied = refusals::denied::<M>(example, baseline).await;
    drift::lag::<M>(example, baseline).await;
    let (mut tried, mut possible) = (0, 0);
    for (index, (example, baseline)) in examples.iter().zip(&baselines).enumerate() {
        let left = time.saturating_sub(began.elapsed());
        let share = left / u32::try_from(examples.len() - index).unwrap_or(1);
        let tally = crashes::crashes::<M>(example, baseline, share).await;
        tried += tally.tried;
        possible += tally.possible;
    }
    assert!(tried > 0, "no call was broken");
    assert!(repaired > 0, "no drift could be made");
    say(&format!(
        "{}: {} examples in {} s; {tried} of {possible} crashes tried, {repaired} drifts repaired, {denied} denied",
        M::KIND,
        examples.len(),
        began.elapsed().as_secs()
    ));
}

/// Fails unless the module is as a creation without disturbance leaves it: every resource once, the journal true,
/// nothing left to do.
async fn is_complete<M: Module>(
    world: &mut World,
    inputs: &Map<String, Value>,
    example: &Example,
    expected: &BTreeMap<String, usize>,
    context: &str,
) {
    is_journalled(world, context).await;
    let found = counted(world);
    assert_eq!(&found, expected, "{context}: every resource exists once: {:?}", world.inventory());
    let mut again = world.deploy::<M>(Some(inputs), &example.links).await;
    let plan = world.plan::<M>(&mut again).await;
    assert_eq!(
        plan.change,
        landfall_plan::ModuleChange::Unchanged,
        "{context}: nothing is left to do: {}",
        described(&plan)
    );
    let planned: BTreeSet<String> = plan.resources.into_iter().map(|change| change.resource).collect();
    let journalled: BTreeSet<String> = world.journal().await.into_iter().map(|entry| entry.resource).collect();
    assert_eq!(journalled, planned, "{context}: the journal has every resource and no other");
}

/// Fails unless every entry of the journal is settled.
async fn is_journalled(world: &World, context: &str) {
    for entry in world.journal().await {
        assert_eq!(
            entry.status,
            landfall_state::EntryStatus::Applied,
            "{context}: the journal knows that {} is done",
            entry.resource
        );
        assert!(entry.id.is_some(), "{context}: the journal knows the id of {}", entry.resource);
    }
}

/// How often each resource exists, by its tag.
fn counted(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for tags in world.inventory().values() {
        let resource = tags.get("landfall:resource").cloned().unwrap_or_default();
        *counts.entry(resource).or_insert(0) += 1;
    }
    counts
}

/// Says something on the closing lines of a test run. Written past the test harness, which keeps to itself what a test
/// prints that passes.
fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").expect("stdout is open");
}

fn described(plan: &ModulePlan) -> String {
    plan.resources
        .iter()
        .filter(|change| change.action != Action::Keep)
        .map(|change| {
            let paths: Vec<String> = change
                .attributes
                .iter()
                .map(|attribute| format!("{} {:?} → {:?}", attribute.path, attribute.before, attribute.after))
                .collect();
            format!("{:?} {} [{}]", change.action, change.resource, paths.join("; "))
        })
        .collect::<Vec<_>>()
        .join(", ")
}
