//! How long the pure part of planning takes for a layer of 1,000 resources: order, tokens, comparison, hash, rendering.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use landfall_plan::{
    Action, Field, ModuleChange, ModulePlan, OnChange, Paint, Plan, PlanRequest, ResourceChange, Token, compare, order,
    render, resolve, tokens,
};
use serde_json::{Value, json};

const MODULES: usize = 50;
const RESOURCES: usize = 20;
const FIELDS: &[Field] = &[
    Field { name: "fifo", on_change: OnChange::Replace },
    Field { name: "class", on_change: OnChange::Disruptive },
    Field { name: "token", on_change: OnChange::Ignore },
];

struct Resource {
    name: String,
    needs: Vec<String>,
    desired: Value,
    recorded: Value,
    observed: Value,
}

/// A queue with a policy of the size that real ones have; every third one differs from what is there.
fn resource(number: usize) -> Resource {
    let name = format!("queue-{number}");
    let needs: Vec<String> =
        if number.is_multiple_of(RESOURCES) { vec![] } else { vec![format!("queue-{}", number - 1)] };
    let statement = |sid: usize| {
        json!({
            "Sid": format!("Statement{sid}"), "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" },
            "Action": ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"],
            "Resource": format!("arn:aws:sqs:eu-central-1:111122223333:staging-shop-{name}"),
            "Condition": { "Bool": { "aws:SecureTransport": "true" } },
        })
    };
    let recorded = json!({
        "name": format!("staging-shop-{name}"), "fifo": false, "delay": 0, "retention": 345_600, "class": "standard",
        "key": "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d",
        "policy": { "Version": "2012-10-17", "Statement": (0..4).map(statement).collect::<Vec<_>>() },
        "tags": { "landfall:layer": "shop", "landfall:module": "orders", "landfall:resource": name, "team": "payments" },
    });
    let mut observed = recorded.clone();
    observed["tags"]["CostCenter"] = json!("7");
    let mut desired = recorded.clone();
    if let Some(need) = needs.first() {
        desired["key"] = json!(Token::attribute(need, "arn").to_string());
    }
    if number.is_multiple_of(3) {
        desired["delay"] = json!(5);
        desired["policy"]["Statement"][2]["Action"] = json!("sqs:*");
    }
    Resource { name, needs, desired, recorded, observed }
}

/// The whole pure part: from graphs and three-way values to the text that a person approves.
fn planned(resources: &[Resource]) -> Plan {
    let modules = resources.chunks(RESOURCES).enumerate().map(|(number, resources)| {
        let nodes: Vec<(&str, Vec<&str>)> = resources
            .iter()
            .map(|resource| (resource.name.as_str(), resource.needs.iter().map(String::as_str).collect()))
            .collect();
        let ordered = order(&nodes).expect("there is no circle");
        let changes = ordered.iter().zip(resources).map(|(_, resource)| {
            assert!(tokens(&resource.desired).len() <= 1);
            let known = json!("arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d");
            let desired = resolve(&resource.desired, &|_| Some(known.clone())).value;
            let seen = compare(FIELDS, &desired, Some(&resource.recorded), Some(&resource.observed));
            ResourceChange {
                resource: resource.name.clone(),
                kind: "AWS::SQS::Queue".to_owned(),
                name: None,
                action: seen.action,
                risk: seen.risk,
                reason: String::new(),
                attributes: seen.attributes,
                note: String::new(),
            }
        });
        let resources: Vec<ResourceChange> = changes.collect();
        ModulePlan {
            module: format!("module-{number}"),
            kind: "sqs".to_owned(),
            change: ModuleChange::Apply,
            needs: vec![],
            resources,
            notes: vec![],
            preflight: Vec::new(),
            quotas: Vec::new(),
            left: vec![],
        }
    });
    Plan {
        layer: "shop".to_owned(),
        environment: "staging".to_owned(),
        account_id: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        request: PlanRequest::Deploy,
        modules: modules.collect(),
        warnings: vec![],
    }
}

fn bench(criterion: &mut Criterion) {
    let resources: Vec<Resource> = (0..MODULES * RESOURCES).map(resource).collect();
    let plan = planned(&resources);
    let updates =
        plan.modules.iter().flat_map(|module| &module.resources).filter(|r| r.action == Action::Update).count();
    assert_eq!(updates, 334, "every third resource changes");
    criterion.bench_function("plan 1,000 resources", |bencher| {
        bencher.iter(|| {
            let plan = planned(black_box(&resources));
            (plan.counts(), plan.risk(), plan.hash())
        });
    });
    criterion.bench_function("render the plan of 1,000 resources", |bencher| {
        bencher.iter(|| render(black_box(&plan), Paint::Plain));
    });
    let names: Vec<String> = (0..MODULES * RESOURCES).map(|number| format!("n{number}")).collect();
    let chain: Vec<(&str, Vec<&str>)> = (0..names.len())
        .rev()
        .map(|at| (names[at].as_str(), at.checked_sub(1).map(|need| names[need].as_str()).into_iter().collect()))
        .collect();
    criterion.bench_function("order a chain of 1,000", |bencher| bencher.iter(|| order(black_box(&chain))));
}

criterion_group!(benches, bench);
criterion_main!(benches);
