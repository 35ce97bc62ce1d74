//! `landfall bootstrap`: installs Landfall into an account, brings it up to date, or shows what it would do.

use aws_config::SdkConfig;
use landfall_bootstrap::{
    Architecture, Binaries, Options, PackageState, ParameterChange, Preview, Report, StackAction, VERSION, install,
    preview,
};
use landfall_plan::Tone;
use serde_json::json;

use crate::account::Account;
use crate::args::{BootstrapArgs, Place};
use crate::checkout;
use crate::error::{Exit, Failure};
use crate::steps::Steps;
use crate::ui::{Ui, counted};

/// Installs, updates or shows.
pub async fn run(ui: &Ui, place: &Place, args: &BootstrapArgs) -> Result<Exit, Failure> {
    let root = checkout::root()?;
    let account = Account::open(place).await?;
    let options = Options {
        root,
        binaries: args.prebuilt.clone().map_or(Binaries::CargoLambda, Binaries::Prebuilt),
        architecture: if args.arch == "arm64" { Architecture::Arm64 } else { Architecture::X86 },
        stack: place.stack.clone(),
        artifact_bucket: args.artifact_bucket.clone(),
        // Functions find AWS where this command finds it.
        endpoint_url: args.endpoint_url.clone().or_else(|| account.config.endpoint_url().map(str::to_owned)),
        alarm_email: args.alarm_email.clone(),
    };
    if args.print {
        let preview = preview(&account.config, &options).await.map_err(|error| failed("looked at", &error))?;
        if ui.json {
            ui.answer(&preview);
        } else {
            print(ui, &preview);
        }
        return Ok(Exit::Done);
    }
    let report = bring(&Steps::new(ui), &account.config, &options).await?;
    account.forget_api().await;
    if ui.json {
        ui.answer(&json!({ "changed": report.changed, "uploaded": report.uploaded, "outputs": report.outputs }));
        return Ok(Exit::Done);
    }
    if report.changed {
        ui.line(format!("\nUpload layer files to s3://{}, or:", output(&report, "ConfigBucket")));
        ui.line("  landfall deploy env.yaml");
    }
    Ok(Exit::Done)
}

/// Installs or updates, with progress and a closing line.
pub(super) async fn bring(steps: &Steps<'_>, config: &SdkConfig, options: &Options) -> Result<Report, Failure> {
    steps.begin("installing Landfall", None);
    let result = install(config, options, steps).await;
    steps.end();
    let report = result.map_err(|error| failed("installed", &error))?;
    if report.changed {
        steps.done(&format!("Landfall {VERSION} is installed in stack {}", options.stack));
    } else {
        steps.done(&format!("Landfall {VERSION} in stack {} is up to date", options.stack));
    }
    Ok(report)
}

fn output<'a>(report: &'a Report, name: &str) -> &'a str {
    report.outputs.get(name).map(String::as_str).unwrap_or_default()
}

fn failed(what: &str, error: &anyhow::Error) -> Failure {
    // One line per cause, the first of which says what failed.
    let mut causes = error.chain().map(ToString::to_string);
    let first = causes.next().unwrap_or_default();
    let rest: Vec<String> = causes.filter(|cause| !first.contains(cause)).collect();
    let because = if rest.is_empty() { String::new() } else { format!(": {}", rest.join(": ")) };
    let failure = Failure::new(Exit::Failed, format!("Landfall cannot be {what}: {first}{because}"));
    if failure.message.contains("AccessDenied") || failure.message.contains("not authorized") {
        return failure.with_hint("the permissions that are needed: landfall bootstrap --print");
    }
    failure
}

fn print(ui: &Ui, preview: &Preview) {
    let Preview { account, region, stack, .. } = preview;
    ui.line(format!("Landfall {VERSION} in account {account}, region {region}. Nothing is changed by showing this."));
    heading(ui, "Packages");
    let verb = if preview.makes_bucket { "make" } else { "use" };
    ui.line(format!("  {verb} the bucket {}", preview.artifact_bucket));
    for package in &preview.packages {
        ui.line(format!("  {}", package_line(ui, package)));
    }
    heading(ui, "Parameters");
    if preview.parameters.is_empty() {
        ui.line("  none changes");
    }
    for change in &preview.parameters {
        ui.line(format!("  {}", parameter_line(ui, change)));
    }
    heading(ui, "Stack");
    match &preview.stack_status {
        Some(status) if preview.resources.is_empty() => ui.line(format!("  {stack} ({status}): nothing changes")),
        Some(status) => {
            ui.line(format!("  update {stack} ({status}): {}", counted(preview.resources.len(), "resource")))
        }
        None => ui.line(format!("  create {stack}: {}", counted(preview.resources.len(), "resource"))),
    }
    for change in &preview.resources {
        let symbol = match change.action {
            StackAction::Create => ui.tone(Tone::Create, "+"),
            StackAction::Change => ui.tone(Tone::Update, "~"),
            StackAction::Remove => ui.tone(Tone::Delete, "-"),
        };
        ui.line(format!("  {symbol} {}  {}", change.name, ui.tone(Tone::Quiet, &change.kind)));
    }
    heading(ui, "Permissions that it needs, as an IAM policy");
    ui.line(serde_json::to_string_pretty(&preview.permissions).unwrap_or_default());
}

fn heading(ui: &Ui, text: &str) {
    ui.line(format!("\n{}", ui.tone(Tone::Strong, text)));
}

/// A key with as much of its hash as people compare.
fn short(key: &str) -> String {
    match key.rsplit_once('/') {
        Some((folder, name)) if name.len() > 40 => format!("{folder}/{}….zip", &name[..12]),
        _ => key.to_owned(),
    }
}

fn package_line(ui: &Ui, package: &PackageState) -> String {
    match &package.key {
        Some(key) if package.upload => format!("{} {}", ui.tone(Tone::Create, "+"), short(key)),
        Some(key) => {
            format!("{} {}  {}", ui.tone(Tone::Quiet, "="), short(key), ui.tone(Tone::Quiet, "uploaded already"))
        }
        None => format!("{} {}  {}", ui.tone(Tone::Create, "+"), package.function, ui.tone(Tone::Quiet, "built first")),
    }
}

fn parameter_line(ui: &Ui, change: &ParameterChange) -> String {
    let shown = |value: &Option<String>, none: &str| match value {
        Some(text) if text.is_empty() => "\"\"".to_owned(),
        Some(text) => short(text),
        None => ui.tone(Tone::Quiet, none),
    };
    format!(
        "{}  {} → {}",
        change.name,
        shown(&change.before, "(none)"),
        shown(&change.after, "(known once it is built)")
    )
}
