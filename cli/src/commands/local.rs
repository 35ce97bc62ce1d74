//! `landfall local`: a whole AWS on this machine, with Landfall in it.

mod build;
mod launcher;
mod python;

use std::path::{Path, PathBuf};

use landfall_bootstrap::{Architecture, Binaries, Options};
use landfall_plan::Tone;
use serde_json::{Value, json};

use crate::account::Account;
use crate::args::LocalCommand;
use crate::checkout;
use crate::commands::bootstrap::bring;
use crate::error::{Exit, Failure};
use crate::steps::Steps;
use crate::ui::Ui;
use launcher::{Launcher, Server};

/// Name of the stack in the local AWS.
const STACK: &str = "landfall";

/// Runs one of its commands.
pub async fn run(ui: &Ui, command: &LocalCommand) -> Result<Exit, Failure> {
    let root = checkout::root()?;
    match command {
        LocalCommand::Up { port, prebuilt, bare } => {
            let python = python::ensure(ui, &root)?;
            let launcher = Launcher::new(python, &root);
            let server = up(ui, &launcher, *port)?;
            let outputs = if *bare { None } else { Some(install(ui, &root, &server, prebuilt.as_deref()).await?) };
            next(ui, &server, outputs.as_ref());
            Ok(Exit::Done)
        }
        LocalCommand::Reset { prebuilt, bare } => {
            let launcher = existing(&root)?;
            let server = launcher.running()?;
            launcher.reset()?;
            if !ui.json {
                ui.note(format!("{} everything in the local AWS is gone", ui.paint_errors.tone(Tone::Create, "✓")));
            }
            let outputs = if *bare { None } else { Some(install(ui, &root, &server, prebuilt.as_deref()).await?) };
            next(ui, &server, outputs.as_ref());
            Ok(Exit::Done)
        }
        LocalCommand::Down => down(ui, &root),
        LocalCommand::Env => env(ui, &existing(&root)?.running()?),
        LocalCommand::Status => status(ui, &root).await,
    }
}

/// The launcher of an environment that `up` made earlier.
fn existing(root: &Path) -> Result<Launcher, Failure> {
    let python = python::interpreter()?;
    if !python.exists() {
        return Err(launcher::is_down());
    }
    Ok(Launcher::new(python, root))
}

fn up(ui: &Ui, launcher: &Launcher, port: u16) -> Result<Server, Failure> {
    let steps = Steps::new(ui);
    if let Some(server) = launcher.state()? {
        steps.done(&format!("the local AWS is up already at {}", server.endpoint));
        return Ok(server);
    }
    steps.begin("starting the local AWS", None);
    let server = launcher.up(port)?;
    steps.done(&format!("the local AWS is up at {}", server.endpoint));
    Ok(server)
}

/// Builds the functions for this machine and installs Landfall with the template that serves AWS too.
async fn install(ui: &Ui, root: &Path, server: &Server, prebuilt: Option<&Path>) -> Result<Value, Failure> {
    let folder = match prebuilt {
        Some(folder) => folder.to_owned(),
        None => build::functions(ui, root)?,
    };
    let account = Account::local(&server.endpoint, &server.region, &server.account).await;
    let options = Options {
        root: root.to_owned(),
        binaries: Binaries::Prebuilt(folder),
        architecture: Architecture::host(),
        stack: STACK.to_owned(),
        artifact_bucket: None,
        endpoint_url: Some(server.endpoint.clone()),
        alarm_email: None,
    };
    let report = bring(&Steps::brief(ui), &account.config, &options).await?;
    account.forget_api().await;
    Ok(json!(report.outputs))
}

fn next(ui: &Ui, server: &Server, outputs: Option<&Value>) {
    if ui.json {
        ui.answer(&json!({ "endpoint": server.endpoint, "environment": server.environment, "outputs": outputs }));
        return;
    }
    ui.line("\nNext:");
    ui.line(format!("  {}", ui.tone(Tone::Strong, "eval \"$(landfall local env)\"")));
    if outputs.is_some() {
        ui.line("  landfall deploy examples/demo/env.yaml");
        ui.line("  landfall deploy examples/demo/shop.yaml");
    } else {
        ui.line("  aws s3 ls            any AWS client works with it");
        ui.line("  landfall local up    installs Landfall in it");
    }
}

fn down(ui: &Ui, root: &Path) -> Result<Exit, Failure> {
    let python: PathBuf = python::interpreter()?;
    let stopped = python.exists() && Launcher::new(python, root).down()?;
    if ui.json {
        ui.answer(&json!({ "stopped": stopped }));
    } else if stopped {
        ui.line("The local AWS is stopped; what was in it is gone.");
    } else {
        ui.line("The local AWS is not up; there is nothing to stop.");
    }
    Ok(Exit::Done)
}

fn env(ui: &Ui, server: &Server) -> Result<Exit, Failure> {
    if ui.json {
        ui.answer(&server.environment);
        return Ok(Exit::Done);
    }
    for (name, value) in &server.environment {
        ui.line(format!("export {name}={value}"));
    }
    Ok(Exit::Done)
}

async fn status(ui: &Ui, root: &Path) -> Result<Exit, Failure> {
    let server = match existing(root) {
        Ok(launcher) => launcher.state()?,
        Err(_) => None,
    };
    let Some(server) = server else {
        if ui.json {
            ui.answer(&json!({ "up": false }));
        } else {
            ui.line("The local AWS is down. Start it with: landfall local up");
        }
        return Ok(Exit::Failed);
    };
    let account = Account::local(&server.endpoint, &server.region, &server.account).await;
    let api = account.stack_output("ApiUrl").await.ok();
    if ui.json {
        ui.answer(
            &json!({ "up": true, "endpoint": server.endpoint, "pid": server.pid, "api": api, "log": server.log }),
        );
        return Ok(Exit::Done);
    }
    ui.line(format!("{} The local AWS is up at {}", ui.tone(Tone::Create, "✓"), server.endpoint));
    for (label, fact) in [
        ("landfall", api.unwrap_or_else(|| "not installed; landfall local up installs it".to_owned())),
        ("account", format!("{} in {}", server.account, server.region)),
        ("process", server.pid.to_string()),
        ("log", server.log.clone()),
    ] {
        ui.line(format!("  {}  {fact}", ui.tone(Tone::Quiet, format!("{label:8}"))));
    }
    Ok(Exit::Done)
}
