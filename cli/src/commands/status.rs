//! `landfall status`: all layers, one layer, or one deployment.

use jiff::Timestamp;
use landfall_plan::{Tone, summary};

use crate::api::{Deployment, Detail, Layer, entries, read, text};
use crate::args::{StatusArgs, Target};
use crate::client::{Client, layer_path};
use crate::commands::deployment_of;
use crate::error::{Exit, Failure};
use crate::follow::{Decider, Follow};
use crate::plan_view::Planned;
use crate::tables::{activity, deployment_status, layer_status, layers_table, runs_table};
use crate::tree::doing;
use crate::ui::{Ui, ago, counted, duration};

/// Shows what was asked for.
pub async fn run(ui: &Ui, client: &Client, args: &StatusArgs) -> Result<Exit, Failure> {
    match &args.what {
        None if args.follow => Err(Failure::new(Exit::Invalid, "--follow needs a layer or a deployment")
            .with_hint("landfall status LAYER --follow")),
        None => all(ui, client).await,
        Some(what) if args.follow => {
            let number = deployment_of(client, what).await?;
            let layer = &what.layer;
            let follow =
                Follow { ui, client, layer, number, decider: Decider::Others, plan_seen: false, full: args.full };
            follow.run().await
        }
        Some(Target { layer, number: Some(number) }) => one_deployment(ui, client, layer, *number).await,
        Some(Target { layer, number: None }) => one_layer(ui, client, layer).await,
    }
}

async fn all(ui: &Ui, client: &Client) -> Result<Exit, Failure> {
    let answer = client.get("/layers").await?;
    if ui.json {
        ui.answer(answer.get("layers").unwrap_or(&answer));
        return Ok(Exit::Done);
    }
    let mut layers: Vec<Layer> = entries(&answer, "layers")?;
    for layer in &mut layers {
        layer.awaits_approval = awaits_approval(client, layer).await;
    }
    if layers.is_empty() {
        ui.line("Nothing is deployed yet.");
        ui.line("  begin with an environment:  landfall deploy env.yaml");
        return Ok(Exit::Done);
    }
    ui.line(layers_table(ui, &layers, Timestamp::now()));
    Ok(Exit::Done)
}

/// Whether the deployment that runs waits for a person. Who may not look at it does not learn it.
async fn awaits_approval(client: &Client, layer: &Layer) -> bool {
    let Some(number) = layer.running else { return false };
    let detail = client.detail_json(&layer.layer, number).await.and_then(|answer| read::<Detail>(&answer));
    detail.is_ok_and(|detail| detail.deployment.awaits_approval())
}

async fn one_layer(ui: &Ui, client: &Client, name: &str) -> Result<Exit, Failure> {
    let answer = match client.get(&layer_path(name)).await {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NotFound => return Err(client.no_such_layer(name, failure).await),
        Err(failure) => return Err(failure),
    };
    if ui.json {
        ui.answer(&answer);
        return Ok(Exit::Done);
    }
    let mut layer: Layer = read(&answer)?;
    let current = current(client, &layer).await;
    layer.awaits_approval = current.iter().any(|detail| detail.deployment.awaits_approval());
    let now = Timestamp::now();
    ui.line(format!("{}  {}  {}", ui.tone(Tone::Strong, name), layer_status(ui, &layer.status), place_of(&layer)));
    let mut facts: Vec<(&str, String)> = Vec::new();
    facts.extend(layer.key.clone().map(|key| ("file", key)));
    facts.extend(layer.updated_at.map(|at| ("changed", ago(at, now))));
    if layer.running.is_some() || layer.waiting.is_some() {
        facts.push(("now", activity(&layer)));
    }
    if let Some(lease) = &layer.lease {
        let since = lease.since.map(|since| format!(", since {}", duration(since, now))).unwrap_or_default();
        facts.push(("locked for", format!("{}{since}", lease.doing)));
    }
    if let Some(freeze) = &layer.freeze {
        let until = freeze.until.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default();
        facts.push(("frozen", format!("until {until} by {}: {}", freeze.by, freeze.reason)));
    }
    if let Some(drift) = &layer.drift {
        let since = drift.since.map(|at| ago(at, now)).unwrap_or_default();
        let what = ui.tone(Tone::Update, format!("{}, first seen {since}", counted(drift.resources, "resource")));
        facts.push(("drifted", format!("{what}; see: landfall drift {name}")));
    }
    if !layer.services.is_empty() {
        facts.push(("services", layer.services.join(", ")));
    }
    for (label, fact) in facts {
        ui.line(format!("  {}  {fact}", ui.tone(Tone::Quiet, format!("{label:10}"))));
    }
    if !layer.modules.is_empty() {
        let rows = layer.modules.iter().map(|module| {
            let state = if module.complete { ui.tone(Tone::Create, "there") } else { ui.tone(Tone::Update, "in part") };
            vec![ui.tone(Tone::Strong, &module.module), module.kind.clone(), state, format!("{name}/{}", module.number)]
        });
        ui.line("");
        ui.line(ui.table(&["MODULE", "KIND", "STATE", "SINCE"], rows.collect()));
    }
    for detail in &current {
        last(ui, detail, now);
    }
    Ok(Exit::Done)
}

/// The deployments that a reader of a layer has to know of: the one that runs, the one that waits behind it, and the
/// newest where that is none of the two.
async fn current(client: &Client, layer: &Layer) -> Vec<Detail> {
    let mut found: Vec<Detail> = Vec::new();
    for number in layer.running.into_iter().chain(layer.waiting) {
        found.extend(client.detail_json(&layer.layer, number).await.and_then(|answer| read(&answer)));
    }
    if let [first, behind] = found.as_mut_slice() {
        behind.deployment.message.get_or_insert_with(|| format!("{} comes first", first.deployment.id()));
    }
    if let Ok(newest) = client.newest(&layer.layer).await
        && found.iter().all(|known| known.deployment.number != newest.number)
    {
        found.push(Detail { deployment: newest, runs: Vec::new() });
    }
    found
}

fn place_of(layer: &Layer) -> String {
    match (layer.scope.as_deref(), layer.environment.as_deref()) {
        (Some("service"), Some(environment)) => format!("service in {environment}"),
        (Some(scope), _) => scope.to_owned(),
        (None, _) => String::new(),
    }
}

/// A deployment on one line, with what is wrong with it and what to do.
fn last(ui: &Ui, detail: &Detail, now: Timestamp) {
    let deployment = &detail.deployment;
    let when = deployment.created_at.map(|at| ago(at, now)).unwrap_or_default();
    let says_all = deployment.is_final() || deployment.awaits_approval();
    let words = if says_all { String::new() } else { format!("  {}", doing(deployment, &detail.runs)) };
    ui.line("");
    ui.line(format!(
        "{}  {}  {}{words}  {}",
        ui.tone(Tone::Strong, deployment.id()),
        deployment.action,
        deployment_status(ui, deployment),
        ui.tone(Tone::Quiet, when)
    ));
    troubles(ui, deployment);
    let id = deployment.id();
    if deployment.awaits_approval() {
        ui.line(format!("  look at the plan and decide: landfall approve {id}"));
    } else if !deployment.is_final() {
        ui.line(format!("  follow it: landfall status {id} --follow"));
    }
}

/// Why a deployment did not succeed.
fn troubles(ui: &Ui, deployment: &Deployment) {
    if !deployment.is_final() || deployment.status == "succeeded" {
        return;
    }
    let diagnostics = deployment.diagnostics.as_deref().filter(|text| !text.is_empty());
    if let Some(told) = diagnostics.or(deployment.message.as_deref()) {
        ui.line(ui.readable(2, told));
    }
    if let Some(by) = deployment.superseded_by {
        ui.line(format!("  superseded by {}/{by}", deployment.layer));
    }
}

async fn one_deployment(ui: &Ui, client: &Client, layer: &str, number: u64) -> Result<Exit, Failure> {
    let answer = match client.detail_json(layer, number).await {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NotFound => return Err(nearest_deployment(client, layer, failure).await),
        Err(failure) => return Err(failure),
    };
    if ui.json {
        ui.answer(&answer);
        return Ok(Exit::Done);
    }
    let detail: Detail = read(&answer)?;
    let deployment = &detail.deployment;
    let now = Timestamp::now();
    last(ui, &detail, now);
    let mut facts: Vec<(&str, String)> = Vec::new();
    if !deployment.source.key.is_empty() {
        facts.push(("file", deployment.source.key.clone()));
    }
    facts.extend(deployment.commit.clone().map(|commit| ("commit", commit)));
    facts.extend(deployment.environment_choice.clone().map(|name| ("lives in", name)));
    facts.extend(text(&deployment.actor).map(|actor| ("by", actor)));
    if let Some(began) = deployment.started_at {
        facts.push(("took", duration(began, deployment.finished_at.unwrap_or(now))));
    }
    if let Some(plan) = &deployment.plan {
        let risk = if plan.risk == "low" { String::new() } else { format!("; {} risk", plan.risk) };
        facts.push(("plan", format!("{}{risk}", summary(plan.summary.into()))));
        if plan.risk == "high" {
            facts.extend(in_the_way(client, layer, number).await.into_iter().map(|what| ("in the way", what)));
        }
    }
    if let Some(approval) = &deployment.approval
        && let Some(decision) = &approval.decision
    {
        let by = approval.by.as_deref().unwrap_or("unknown");
        let why = approval.reason.as_deref().filter(|why| !why.is_empty()).map(|why| format!(": {why}"));
        facts.push(("approval", format!("{decision} by {by}{}", why.unwrap_or_default())));
    }
    for (label, fact) in facts {
        ui.line(format!("  {}  {fact}", ui.tone(Tone::Quiet, format!("{label:10}"))));
    }
    if !detail.runs.is_empty() {
        ui.line("");
        ui.line(runs_table(ui, &detail, now));
    }
    Ok(Exit::Done)
}

/// What AWS will refuse of a plan. A plan that cannot be read says nothing: the deployment is shown all the same.
async fn in_the_way(client: &Client, layer: &str, number: u64) -> Vec<String> {
    let planned = client.plan(layer, number).await.and_then(|json| Planned::read(&json));
    planned.map(|planned| planned.in_the_way()).unwrap_or_default()
}

/// What to say when a deployment is not known: the newest that is.
async fn nearest_deployment(client: &Client, layer: &str, failure: Failure) -> Failure {
    match client.newest(layer).await {
        Ok(newest) => failure.with_hint_if_none(format!("the newest deployment is {}", newest.id())),
        Err(_) => client.no_such_layer(layer, failure).await,
    }
}
