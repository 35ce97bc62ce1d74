//! An independent client that lives as long as the test process: starting the AWS CLI for every question would take
//! most of the suite's time.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

/// Tags by ARN, or by id for what EC2 owns.
pub type Inventory = BTreeMap<String, BTreeMap<String, String>>;

/// The process that runs `observer.py`. It ends when its stdin closes.
#[derive(Debug)]
pub(crate) struct Observer {
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _process: Child,
}

impl Observer {
    pub(crate) fn start(venv: &Path, endpoint: &str) -> Result<Self> {
        let mut process = Command::new(venv.join("bin/python"))
            .args(["-c", include_str!("observer.py"), endpoint])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the observer cannot be run")?;
        let stdin = process.stdin.take().context("the observer has no input")?;
        let stdout = BufReader::new(process.stdout.take().context("the observer has no output")?);
        Ok(Self { pipes: Mutex::new((stdin, stdout)), _process: process })
    }

    /// Asks one question; an answer of AWS that is an error is an error.
    pub(crate) fn ask(&self, account: &str, region: &str, word: &str, with: &Value) -> Result<Value> {
        let question = json!({ "account": account, "region": region, "do": word, "with": with });
        let mut line = String::new();
        {
            let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(pipes.0, "{question}")?;
            pipes.0.flush()?;
            pipes.1.read_line(&mut line)?;
        }
        let mut answer: Value = serde_json::from_str(&line).with_context(|| format!("the observer said: {line}"))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(anyhow!("{word} {with}: {error}")),
            None => Ok(answer["ok"].take()),
        }
    }
}
