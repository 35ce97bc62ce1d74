//! Planning a module of 1,000 resources: build, order, compare. No I/O.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use landfall_catalog::Scope;
use landfall_engine::{
    Aws, Changes, Context, Field, Graph, Intent, Module, OnChange, Outputs, Progress, Registered, Resource, Result,
    Seen, Tags, Wanted, async_trait, preview, registered,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const COUNT: usize = 1000;

#[derive(Debug, Serialize, Deserialize)]
struct Queue {
    name: String,
    delay: i64,
    before: String,
    policy: Value,
    #[serde(default)]
    tags: Tags,
}

#[async_trait]
impl Resource for Queue {
    const KIND: &'static str = "Bench::Queue";
    const FIELDS: &'static [Field] = &[Field { name: "name", on_change: OnChange::Replace }];

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("name")?.as_str()?.to_owned())
    }

    async fn observe(_aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        Ok(vec![None; wanted.len()])
    }

    async fn create(&self, _aws: &Aws, _intent: &Intent) -> Result<Progress> {
        Ok(Progress::done(&self.name))
    }

    async fn update(&self, _aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        Ok(Progress::done(changes.id()))
    }

    async fn delete(_aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        Ok(Progress::done(&seen.id))
    }
}

struct Queues;

#[derive(Debug, Deserialize)]
struct Inputs {
    delay: i64,
}

impl Module for Queues {
    const KIND: &'static str = "queues";
    type Inputs = Inputs;

    fn resources() -> Vec<Registered> {
        vec![registered::<Queue>()]
    }

    /// Ten chains of a hundred queues, each naming the one before it.
    fn build(inputs: Inputs, cx: &Context, graph: &mut Graph) -> Result<Outputs> {
        let mut before = String::new();
        for number in 0..COUNT {
            let name = format!("{}-{number}", cx.name());
            let policy = json!({
                "Version": "2012-10-17",
                "Statement": [{ "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [cx.arn("sqs", &name)] }],
            });
            let before_it = if number % 100 == 0 { String::new() } else { before };
            let queue = Queue { name, delay: inputs.delay, before: before_it, policy, tags: Tags::new() };
            before = graph.add(format!("queue-{number}"), queue).id();
        }
        Ok(Outputs::new())
    }
}

fn context() -> Context {
    Context {
        layer: "shop".to_owned(),
        environment: "shop".to_owned(),
        scope: Scope::Environment,
        org_name: "org".to_owned(),
        region: "eu-central-1".to_owned(),
        account_id: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        module: "queues".to_owned(),
        links: Vec::new(),
        files_bucket: "config".to_owned(),
        files: Vec::new(),
    }
}

/// Everything exists with a delay of 0.
fn seen(cx: &Context) -> BTreeMap<String, Seen> {
    let mut graph = Graph::new(cx);
    Queues::build(Inputs { delay: 0 }, cx, &mut graph).expect("it builds");
    let mut all = BTreeMap::new();
    for (resource, _, desired) in graph.desired() {
        let mut properties = desired.clone();
        let text = properties["before"].as_str().unwrap_or_default();
        if let Some(before) = text.strip_prefix("${landfall:").and_then(|text| text.strip_suffix(".id}")) {
            properties["before"] = json!(format!("id-{before}"));
        }
        let id = format!("id-{resource}");
        all.insert(resource.to_owned(), Seen::ready(&id, properties).with("id", id));
    }
    all
}

fn plan(criterion: &mut Criterion) {
    let cx = context();
    let seen = seen(&cx);
    let unchanged = preview::<Queues>(json!({ "delay": 0 }), &cx, &seen).expect("it plans");
    assert!(!unchanged.changes(), "nothing changes");
    let mut group = criterion.benchmark_group("plan_1000_resources");
    for (name, delay, seen) in [("unchanged", 0, &seen), ("updated", 5, &seen), ("created", 0, &BTreeMap::new())] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| preview::<Queues>(black_box(json!({ "delay": delay })), &cx, seen));
        });
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
