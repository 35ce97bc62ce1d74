//! The Python launcher of the local AWS, `local/landfall_local`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use crate::error::{Exit, Failure};

/// A local AWS that is up.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    /// Process.
    pub pid: u32,
    /// Where it listens.
    pub endpoint: String,
    /// Region.
    pub region: String,
    /// Account.
    pub account: String,
    /// Its log.
    pub log: String,
    /// What an AWS client needs to work with it.
    pub environment: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Status {
    healthy: bool,
    #[serde(flatten)]
    server: Option<Server>,
}

/// Runs the launcher.
pub struct Launcher {
    python: PathBuf,
    folder: PathBuf,
}

impl Launcher {
    /// The launcher of a checkout, run by an interpreter.
    pub fn new(python: PathBuf, root: &Path) -> Self {
        Self { python, folder: root.join("local") }
    }

    /// Starts it.
    pub fn up(&self, port: u16) -> Result<Server, Failure> {
        let output = self.run(&["up", "--json", "--port", &port.to_string()])?;
        if !output.status.success() {
            return Err(said(&output));
        }
        understood(&output.stdout)
    }

    /// The local AWS, if it is up and answers.
    pub fn state(&self) -> Result<Option<Server>, Failure> {
        // It ends with 1 when it is down, which is an answer.
        let output = self.run(&["status", "--json"])?;
        if output.stdout.is_empty() {
            return Err(said(&output));
        }
        let status: Status = understood(&output.stdout)?;
        Ok(status.server.filter(|_| status.healthy))
    }

    /// The local AWS, which has to be up.
    pub fn running(&self) -> Result<Server, Failure> {
        self.state()?.ok_or_else(is_down)
    }

    /// Stops it; whether it was up.
    pub fn down(&self) -> Result<bool, Failure> {
        let output = self.run(&["down"])?;
        if !output.status.success() {
            return Err(said(&output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).contains("stopped"))
    }

    /// Forgets everything in it.
    pub fn reset(&self) -> Result<(), Failure> {
        let output = self.run(&["reset"])?;
        if output.status.success() { Ok(()) } else { Err(said(&output)) }
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, Failure> {
        Command::new(&self.python)
            .args(["-m", "landfall_local"])
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot run {}: {error}", self.python.display())))
    }
}

/// What to say when it is not up.
pub fn is_down() -> Failure {
    Failure::new(Exit::NotFound, "the local AWS is down").with_hint("start it: landfall local up")
}

fn understood<T: for<'a> Deserialize<'a>>(json: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| {
        let text = String::from_utf8_lossy(json);
        Failure::new(
            Exit::Failed,
            format!("the launcher of the local AWS answered what is not understood: {error}: {text}"),
        )
    })
}

/// What the launcher said: what is wrong, and after the first semicolon what to do.
fn said(output: &Output) -> Failure {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    match line.split_once("; ") {
        Some((what, hint)) => Failure::new(Exit::Failed, what).with_hint(hint),
        None => Failure::new(Exit::Failed, format!("the local AWS: {line}")),
    }
}
