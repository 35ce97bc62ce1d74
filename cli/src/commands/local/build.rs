//! Builds the functions for this machine, as quickly as possible: for the local AWS, never for a real one.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use landfall_bootstrap::discover;
use serde_json::Value;

use crate::error::{Exit, Failure};
use crate::steps::Steps;
use crate::ui::{Ui, counted};

/// So much of what cargo said is shown when it fails.
const TAIL: usize = 60;

/// Builds every function and answers the folder of the binaries.
pub fn functions(ui: &Ui, root: &Path) -> Result<PathBuf, Failure> {
    let functions = discover(root).map_err(|error| {
        Failure::new(Exit::Failed, format!("the functions cannot be found: {error:#}"))
            .with_hint("is the checkout complete? git status")
    })?;
    let steps = Steps::new(ui);
    let what = format!("building {} (the first time takes minutes)", counted(functions.len(), "function"));
    steps.begin(&what, crates(root));
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--message-format=json-render-diagnostics"]);
    for function in &functions {
        cargo.args(["-p", &function.binary()]);
    }
    let mut cargo =
        cargo.current_dir(root).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(
            |error| {
                Failure::new(Exit::Failed, format!("cannot run cargo: {error}"))
                    .with_hint("install Rust: https://rustup.rs; or give ready binaries: --prebuilt FOLDER")
            },
        )?;
    let messages = cargo.stdout.take();
    let (folder, tail) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| folder_of(messages, &steps));
        let tail = follow(cargo.stderr.take(), &steps);
        (reader.join().unwrap_or_default(), tail)
    });
    let status = cargo.wait().map_err(|error| Failure::new(Exit::Failed, format!("cargo was lost: {error}")))?;
    if !status.success() {
        steps.end();
        return Err(Failure::new(Exit::Failed, format!("the functions cannot be built:\n{tail}")));
    }
    steps.done(&format!("{} built", counted(functions.len(), "function")));
    folder.ok_or_else(|| Failure::new(Exit::Failed, "cargo did not say where it put the binaries"))
}

/// About how many crates there are to build.
fn crates(root: &Path) -> Option<u64> {
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).ok()?;
    u64::try_from(lock.matches("[[package]]").count()).ok()
}

/// Reads cargo's messages for programs: counts what is built and finds where the binaries lie.
fn folder_of(messages: Option<impl Read>, steps: &Steps<'_>) -> Option<PathBuf> {
    let mut folder = None;
    for line in BufReader::new(messages?).lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        steps.advance();
        if let Some(binary) = message["executable"].as_str() {
            folder = Path::new(binary).parent().map(Path::to_owned);
        }
    }
    folder
}

/// Shows what cargo says, and keeps the end of it.
fn follow(said: Option<impl Read>, steps: &Steps<'_>) -> String {
    let mut tail: VecDeque<String> = VecDeque::new();
    if let Some(said) = said {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            steps.now(line.trim());
            tail.push_back(line);
            if tail.len() > TAIL {
                tail.pop_front();
            }
        }
    }
    tail.into_iter().collect::<Vec<_>>().join("\n")
}
