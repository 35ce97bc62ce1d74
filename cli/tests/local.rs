//! `landfall local` and what `landfall bootstrap` would do, on a local AWS of its own.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Done, run_with};
use serde_json::Value;

/// The Python environment of the tests, which `local up` would otherwise make.
fn venv() -> PathBuf {
    match std::env::var_os("LANDFALL_VENV") {
        Some(venv) => PathBuf::from(venv),
        None => PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/landfall/venv"),
    }
}

fn run(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Done {
    let (venv, cache) = (venv(), folder.join("cache"));
    let mut variables = vec![("LANDFALL_VENV", venv.to_str().unwrap()), ("XDG_CACHE_HOME", cache.to_str().unwrap())];
    variables.extend(environment);
    run_with(folder, &variables, arguments)
}

/// Stops the local AWS also when an assertion fails.
struct Up<'a>(&'a Path);

impl Drop for Up<'_> {
    fn drop(&mut self) {
        run(self.0, &[], &["local", "down"]);
    }
}

fn aws(environment: &[(&str, &str)], arguments: &[&str]) -> Value {
    let output = Command::new(venv().join("bin/aws"))
        .args(arguments)
        .args(["--output", "json"])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[test]
fn it_is_started_described_emptied_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let down = run(folder, &[], &["local", "env"]);
    assert_eq!((down.code, down.stdout.as_str()), (5, ""));
    assert!(down.stderr.contains("start it: landfall local up"), "{}", down.stderr);
    assert_eq!(run(folder, &[], &["local", "status", "--json"]).json()["up"], false);

    let up = run(folder, &[], &["local", "up", "--bare", "--port", "0"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    let _up = Up(folder);
    assert!(up.stdout.contains("eval \"$(landfall local env)\""), "{}", up.stdout);
    let again = run(folder, &[], &["local", "up", "--bare", "--port", "0"]);
    assert!(again.stderr.contains("is up already at http://localhost:"), "{}", again.stderr);

    let exports = run(folder, &[], &["local", "env"]).stdout;
    let variables: Vec<(&str, &str)> =
        exports.lines().map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap()).collect();
    assert_eq!(aws(&variables, &["sts", "get-caller-identity"])["Account"], "000000000000");
    aws(&variables, &["s3api", "create-bucket", "--bucket", "before-the-reset"]);

    let preview = run(folder, &variables, &["bootstrap", "--print", "--json", "--prebuilt", "nowhere"]).json();
    assert_eq!(preview["stack_status"], Value::Null);
    assert_eq!((&preview["makes_bucket"], &preview["packages"][0]["key"]), (&Value::Bool(true), &Value::Null));
    let created = preview["resources"].as_array().unwrap();
    assert!(created.iter().all(|resource| resource["action"] == "create"), "{created:?}");
    assert!(created.iter().any(|resource| resource["kind"] == "AWS::StepFunctions::StateMachine"), "{created:?}");
    let made = aws(&variables, &["s3api", "list-buckets", "--query", "Buckets[].Name"]);
    assert_eq!(made, serde_json::json!(["before-the-reset"]), "showing it made something");
    let stacks = aws(&variables, &["cloudformation", "describe-stacks", "--query", "Stacks[].StackName"]);
    assert_eq!(stacks, serde_json::json!([]), "showing it made something");

    assert_eq!(run(folder, &[], &["local", "reset", "--bare"]).code, 0);
    assert_eq!(aws(&variables, &["s3api", "list-buckets", "--query", "Buckets[].Name"]), serde_json::json!([]));

    let stopped = run(folder, &[], &["local", "down"]);
    assert_eq!(stopped.stdout, "The local AWS is stopped; what was in it is gone.\n");
    assert_eq!(run(folder, &[], &["local", "status"]).code, 1);
}

#[test]
fn a_port_that_is_taken_is_said_to_be_taken() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let up = run(folder.path(), &[], &["local", "up", "--bare", "--port", &port]);
    assert_eq!(up.code, 1);
    let told = format!(
        "error: port {port} on 127.0.0.1 is taken\n  hint: stop what listens there, or choose another with --port"
    );
    assert!(up.stderr.contains(&told), "{}", up.stderr);
}
