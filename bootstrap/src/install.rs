//! Creates or updates the installation: packages, artifact bucket, uploads by content, stack, progress.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use sha2::{Digest, Sha256};

use crate::artifacts::Artifacts;
use crate::functions::{Function, discover};
use crate::names::check_stack;
use crate::package::Package;
use crate::stack::{Current, Stack, Wanted};
use crate::template::{Place, template_for, text_of};

/// Processor that the functions are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit Arm.
    Arm64,
    /// 64-bit x86.
    X86,
}

impl Architecture {
    /// The machine's own.
    pub fn host() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86 }
    }

    /// As Lambda calls it.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }
}

/// Where the functions' binaries come from.
#[derive(Clone, Debug)]
pub enum Binaries {
    /// They lie in this folder.
    Prebuilt(PathBuf),
    /// They are built for Lambda by cargo-lambda, in release.
    CargoLambda,
}

/// What is installed where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The repository.
    pub root: PathBuf,
    /// Binaries of the functions.
    pub binaries: Binaries,
    /// Processor.
    pub architecture: Architecture,
    /// Name of the stack.
    pub stack: String,
    /// Bucket for the packages; the one that the stack uses, or one of a derived name, when there is none.
    pub artifact_bucket: Option<String>,
    /// Where the functions find AWS; `None` on AWS itself.
    pub endpoint_url: Option<String>,
    /// Address that is told of alarms; what the stack has when there is none.
    pub alarm_email: Option<String>,
}

impl Options {
    /// The binary of a function.
    pub(crate) fn binary(&self, function: &Function) -> PathBuf {
        match &self.binaries {
            Binaries::Prebuilt(folder) => folder.join(function.binary()),
            Binaries::CargoLambda => self.lambda_folder().join(function.binary()).join("bootstrap"),
        }
    }

    fn lambda_folder(&self) -> PathBuf {
        // Cargo runs in the repository and takes the folder from there.
        let target = self.root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
        target.join("lambda").join(self.architecture.parameter())
    }
}

/// How far CloudFormation is with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceState {
    /// It works on it.
    Begun,
    /// It is done.
    Done,
    /// It failed.
    Failed,
}

/// What CloudFormation says about one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceEvent {
    /// Logical id.
    pub name: String,
    /// Type.
    pub kind: String,
    /// How far it is.
    pub state: ResourceState,
    /// In the words of CloudFormation: `create in progress`.
    pub status: String,
    /// Why; empty when there is nothing to say.
    pub reason: String,
}

/// Hears how the installation goes.
pub trait Progress {
    /// A step, in a few words.
    fn step(&self, message: &str);

    /// The stack begins to change, in about so many resources.
    fn begins(&self, message: &str, resources: usize) {
        let _ = resources;
        self.step(message);
    }

    /// Something happened to a resource of the stack.
    fn resource(&self, event: &ResourceEvent) {
        if event.state == ResourceState::Done {
            self.step(&format!("{} {}", event.name, event.status));
        }
    }
}

/// What the installation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether anything changed.
    pub changed: bool,
    /// Packages uploaded.
    pub uploaded: usize,
    /// Outputs of the stack.
    pub outputs: BTreeMap<String, String>,
}

/// Installs or updates.
///
/// # Errors
/// With the step that failed, and for a stack the resources that failed and why.
pub async fn install(config: &SdkConfig, options: &Options, progress: &dyn Progress) -> Result<Report> {
    check_stack(&options.stack)?;
    let functions = discover(&options.root)?;
    build(options, &functions, progress)?;
    let stack = Stack::new(config, &options.stack);
    let current = stack.current().await?;
    let artifacts = Artifacts::new(config, bucket_name(config, options, current.as_ref()).await?);
    if !artifacts.is_there().await? {
        artifacts.create(progress).await?;
    }
    // Local builds are large and go nowhere: speed counts. Real ones are uploaded once and started often.
    let level = if matches!(options.binaries, Binaries::Prebuilt(_)) { None } else { Some(9) };
    let mut uploaded = 0;
    let mut packages = BTreeMap::new();
    for function in &functions {
        let package = Package::read(&function.name, &options.binary(function))?;
        if !artifacts.has(&package.key).await {
            artifacts.put(&package.key, package.zip(level)?).await?;
            uploaded += 1;
            progress.step(&format!("uploaded {}", function.name));
        }
        packages.insert(function.parameter(), package.key);
    }
    let (account, region) = place(config).await?;
    let at = Place { stack: &options.stack, account: &account, region: &region };
    let text = text_of(&template_for(&options.root, &at)?)?;
    let template_key = format!("templates/{}.yaml", hex::encode(Sha256::digest(&text)));
    let wanted = Wanted {
        template: &text,
        template_url: artifacts.url(&template_key),
        parameters: parameters(options, &artifacts.bucket, current.as_ref(), packages),
    };
    if !artifacts.has(&template_key).await {
        artifacts.put(&template_key, text.clone().into_bytes()).await?;
    }
    let changed = stack.bring(current.as_ref(), &wanted, progress).await?;
    let outputs = if changed { stack.current().await? } else { current }.map(|stack| stack.outputs).unwrap_or_default();
    Ok(Report { changed, uploaded, outputs })
}

/// Values of the template's parameters. What nobody asked to change stays as it is.
pub(crate) fn parameters(
    options: &Options,
    bucket: &str,
    current: Option<&Current>,
    packages: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let kept = |name: &str| current.and_then(|stack| stack.parameters.get(name).cloned());
    let mut parameters = packages;
    parameters.insert("ArtifactBucket".to_owned(), bucket.to_owned());
    parameters.insert("Architecture".to_owned(), options.architecture.parameter().to_owned());
    parameters.insert("EndpointUrl".to_owned(), options.endpoint_url.clone().unwrap_or_default());
    let email = options.alarm_email.clone().or_else(|| kept("AlarmEmail")).unwrap_or_default();
    parameters.insert("AlarmEmail".to_owned(), email);
    // A parameter that is left out of an update would fall back to its default.
    if let Some(days) = kept("LogRetentionDays") {
        parameters.insert("LogRetentionDays".to_owned(), days);
    }
    parameters
}

/// Name of the artifact bucket.
pub(crate) async fn bucket_name(config: &SdkConfig, options: &Options, current: Option<&Current>) -> Result<String> {
    let used = || current.and_then(|stack| stack.parameters.get("ArtifactBucket").cloned());
    if let Some(bucket) = options.artifact_bucket.clone().or_else(used) {
        return Ok(bucket);
    }
    let (account, region) = place(config).await?;
    Ok(format!("{}-artifacts-{account}-{region}", options.stack))
}

/// Account and region.
pub(crate) async fn place(config: &SdkConfig) -> Result<(String, String)> {
    let caller = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let caller = caller.map_err(|error| anyhow::anyhow!("AWS does not know the caller: {}", told(&error)))?;
    let account = caller.account().context("AWS did not name the caller's account")?.to_owned();
    let region = config.region().context("no region is set; use --region or AWS_REGION")?.to_string();
    Ok((account, region))
}

/// Builds the functions if they are not prebuilt.
fn build(options: &Options, functions: &[Function], progress: &dyn Progress) -> Result<()> {
    if matches!(options.binaries, Binaries::Prebuilt(_)) {
        return Ok(());
    }
    progress.step("building the functions with cargo-lambda (the first time takes a while)");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["lambda", "build", "--release", "--locked", "--output-format", "binary"])
        // Said for both: without it cargo-lambda takes the processor of this machine.
        .arg(if options.architecture == Architecture::Arm64 { "--arm64" } else { "--x86-64" })
        .arg("--lambda-dir")
        .arg(options.lambda_folder());
    for function in functions {
        cargo.args(["--package", &function.binary()]);
    }
    if let Some(path) = with_own_tools() {
        cargo.env("PATH", path);
    }
    let status = cargo
        .current_dir(&options.root)
        .status()
        .context("cargo cannot be run; install Rust from https://rustup.rs")?;
    if !status.success() {
        bail!("cargo-lambda failed; where it is missing, `make setup` installs it");
    }
    Ok(())
}

/// The search path with the programs of our own Python environment, cargo-lambda among them, after everything else.
fn with_own_tools() -> Option<std::ffi::OsString> {
    let venv = match std::env::var_os("LANDFALL_VENV") {
        Some(venv) => PathBuf::from(venv),
        None => Path::new(&std::env::var_os("HOME")?).join(".cache/landfall/venv"),
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::env::split_paths(&path).chain([venv.join("bin")])).ok()
}

/// What AWS said about an error, or why it said nothing.
pub(crate) fn told<E, R>(error: &aws_sdk_cloudformation::error::SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    if let (Some(code), Some(message)) = (error.code(), error.message()) {
        return format!("{message} ({code})");
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
