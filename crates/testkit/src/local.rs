//! One local AWS per test process, an account of its own per test, and the AWS CLI to read things back with.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use landfall_aws::Target;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::observer::{Inventory, Observer};

/// The local AWS. Stopped when the process that started it ends, however it ends: the launcher watches its stdin.
#[derive(Debug)]
pub struct LocalAws {
    endpoint: String,
    venv: PathBuf,
    observer: Observer,
    // Holds the launcher's stdin open.
    _launcher: Option<Child>,
}

impl LocalAws {
    /// The one of this process: that of `LANDFALL_TEST_ENDPOINT` if it is set, else a new one.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<LocalAws> = OnceLock::new();
        SHARED.get_or_init(|| Self::start().expect("the local AWS starts; run `make setup` first"))
    }

    fn start() -> Result<Self> {
        let venv = venv()?;
        if let Ok(endpoint) = std::env::var("LANDFALL_TEST_ENDPOINT") {
            let observer = Observer::start(&venv, &endpoint)?;
            return Ok(Self { endpoint, venv, observer, _launcher: None });
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let home = std::env::temp_dir().join(format!("landfall-test-{}-{time}", std::process::id()));
        // The shell outlives an interrupt and waits for the launcher, which ends when its stdin closes: that happens
        // however this process ends. Then the folder goes.
        let mut launcher = Command::new("sh")
            .args(["-c", r#"trap "" INT TERM HUP; "$@"; rm -rf "$0""#])
            .arg(&home)
            .arg(venv.join("bin/python"))
            .args(["-u", "-m", "landfall_local", "--home"])
            .arg(&home)
            .args(["up", "--port", "0", "--watch-stdin"])
            .current_dir(root().join("local"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the launcher of the local AWS cannot be run")?;
        let mut line = String::new();
        let output = launcher.stdout.take().context("the launcher has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let endpoint = line.split_whitespace().find(|word| word.starts_with("http")).map(str::to_owned);
        let Some(endpoint) = endpoint else { bail!("the launcher said: {line}") };
        let observer = Observer::start(&venv, &endpoint)?;
        Ok(Self { endpoint, venv, observer, _launcher: Some(launcher) })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// An account that nobody used before.
    pub fn account(&'static self) -> Account {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let digest = Sha256::digest(format!("{}/{time}/{count}", std::process::id()));
        let digits: String = digest.iter().map(|byte| char::from(b'0' + byte % 10)).take(11).collect();
        Account { id: format!("1{digits}"), region: "us-east-1".to_owned(), local: self }
    }
}

/// An account of the local AWS. Its access key is its id: the root of the account.
#[derive(Clone, Debug)]
pub struct Account {
    /// 12 digits.
    pub id: String,
    /// Region.
    pub region: String,
    local: &'static LocalAws,
}

impl Account {
    /// Calls AWS through botocore as the account's root: `service` and `operation` as boto3 names them.
    ///
    /// # Errors
    /// What AWS answered.
    pub fn call(&self, service: &str, operation: &str, parameters: &Value) -> Result<Value> {
        let with = json!({ "service": service, "operation": operation, "parameters": parameters });
        self.local.observer.ask(&self.id, &self.region, "call", &with)
    }

    /// Everything in the account that carries the layer's tag, as the tagging API and, for what it does not know, the
    /// services themselves list it. KMS keys that wait for their deletion do not count.
    ///
    /// # Panics
    /// When it cannot be listed.
    pub fn inventory(&self, layer: &str) -> Inventory {
        let found = self.local.observer.ask(&self.id, &self.region, "inventory", &json!({ "layer": layer }));
        serde_json::from_value(found.expect("the account can be listed")).expect("an inventory is tags by ARN")
    }

    /// Sets a tag from outside.
    ///
    /// # Errors
    /// What AWS answered.
    pub fn tag(&self, arn: &str, key: &str, value: &str) -> Result<()> {
        let with = json!({ "arn": arn, "key": key, "value": value });
        self.local.observer.ask(&self.id, &self.region, "tag", &with)?;
        Ok(())
    }

    /// Runs the AWS CLI as the account's root and answers what it printed. `None` when it failed.
    pub fn try_cli(&self, arguments: &[&str]) -> Option<serde_json::Value> {
        let output = Command::new(self.local.venv.join("bin/aws"))
            .args(["--endpoint-url", &self.local.endpoint, "--region", &self.region, "--output", "json"])
            .args(arguments)
            .env("AWS_ACCESS_KEY_ID", &self.id)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env_remove("AWS_SESSION_TOKEN")
            .output()
            .ok()?;
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// Runs the AWS CLI as the account's root and answers what it printed.
    ///
    /// # Panics
    /// When the command fails.
    pub fn cli(&self, arguments: &[&str]) -> serde_json::Value {
        self.try_cli(arguments).unwrap_or_else(|| panic!("aws {} failed", arguments.join(" ")))
    }

    /// Clients' configuration as the account's root.
    pub async fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::from_keys(&self.id, "test", None);
        landfall_aws::base_config()
            .to_builder()
            .endpoint_url(&self.local.endpoint)
            .region(Region::new(self.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }

    /// The account and region as a target.
    pub fn target(&self) -> Target {
        Target { account_id: self.id.clone(), region: self.region.clone(), partition: "aws".to_owned() }
    }
}

/// The Python environment of the tests: `LANDFALL_VENV`, else the one in the cache folder.
fn venv() -> Result<PathBuf> {
    let venv = match std::env::var_os("LANDFALL_VENV") {
        Some(venv) => PathBuf::from(venv),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache/landfall/venv"),
    };
    if venv.join("bin/python").exists() {
        return Ok(venv);
    }
    bail!("there is no Python environment at {}; run `make setup`", venv.display())
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
