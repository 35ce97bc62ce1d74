//! Creates or updates the stack: packages, artifact bucket, uploads by content, change set, progress.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, ChangeSetType, OnStackFailure, Parameter, StackStatus,
};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, PublicAccessBlockConfiguration,
    VersioningConfiguration,
};
use sha2::{Digest, Sha256};

use crate::functions::{Function, discover};
use crate::package::package;
use crate::template::template_text;

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

    fn parameter(self) -> &'static str {
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
    /// Bucket for the packages; one of a derived name is made when there is none.
    pub artifact_bucket: Option<String>,
    /// Where the functions find AWS; `None` on AWS itself.
    pub endpoint_url: Option<String>,
    /// Address that is told of alarms.
    pub alarm_email: Option<String>,
}

/// Hears how the installation goes.
pub trait Progress {
    /// A step, in a few words.
    fn step(&self, message: &str);
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
    let functions = discover(&options.root)?;
    let folder = build(options, &functions, progress)?;
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build());
    let bucket = artifact_bucket(config, &s3, options, progress).await?;
    let mut parameters = BTreeMap::from([
        ("ArtifactBucket".to_owned(), bucket.clone()),
        ("Architecture".to_owned(), options.architecture.parameter().to_owned()),
        ("EndpointUrl".to_owned(), options.endpoint_url.clone().unwrap_or_default()),
        ("AlarmEmail".to_owned(), options.alarm_email.clone().unwrap_or_default()),
    ]);
    let mut uploaded = 0;
    for function in &functions {
        let binary = match &options.binaries {
            Binaries::Prebuilt(_) => folder.join(function.binary()),
            Binaries::CargoLambda => folder.join(function.binary()).join("bootstrap"),
        };
        // Local builds are large and go nowhere: speed counts. Real ones are uploaded once and started often.
        let level = if matches!(options.binaries, Binaries::Prebuilt(_)) { None } else { Some(9) };
        let package = package(&function.name, &binary, level)?;
        if upload(&s3, &bucket, &package.key, package.bytes).await? {
            uploaded += 1;
            progress.step(&format!("uploaded {}", function.name));
        }
        parameters.insert(function.parameter(), package.key);
    }
    let text = template_text(&options.root)?;
    let template_key = format!("templates/{}.yaml", hex::encode(Sha256::digest(&text)));
    upload(&s3, &bucket, &template_key, text.into_bytes()).await?;
    let stack = Stack {
        cloudformation: aws_sdk_cloudformation::Client::new(config),
        name: &options.stack,
        template_url: template_url(config, &bucket, &template_key),
        parameters,
        progress,
    };
    let changed = stack.bring().await?;
    Ok(Report { changed, uploaded, outputs: stack.outputs().await? })
}

/// Builds the functions if they are not prebuilt, and answers the folder they lie in.
fn build(options: &Options, functions: &[Function], progress: &dyn Progress) -> Result<PathBuf> {
    if let Binaries::Prebuilt(folder) = &options.binaries {
        return Ok(folder.clone());
    }
    progress.step("building the functions with cargo-lambda (the first time takes a while)");
    let target = options.root.join("target/lambda");
    let mut cargo = Command::new("cargo");
    cargo.args(["lambda", "build", "--release", "--output-format", "binary", "--lambda-dir"]).arg(&target);
    if options.architecture == Architecture::Arm64 {
        cargo.arg("--arm64");
    }
    for function in functions {
        cargo.args(["--package", &function.binary()]);
    }
    let status =
        cargo.current_dir(&options.root).status().context("cargo-lambda cannot be run; `make setup` installs it")?;
    if !status.success() {
        bail!("cargo-lambda failed");
    }
    Ok(target)
}

async fn artifact_bucket(
    config: &SdkConfig,
    s3: &aws_sdk_s3::Client,
    options: &Options,
    progress: &dyn Progress,
) -> Result<String> {
    if let Some(bucket) = &options.artifact_bucket {
        return Ok(bucket.clone());
    }
    let caller = aws_sdk_sts::Client::new(config)
        .get_caller_identity()
        .send()
        .await
        .context("AWS does not know the caller; check the credentials")?;
    let account = caller.account().context("AWS did not name the caller's account")?;
    let region = config.region().context("no region is set; use --region or AWS_REGION")?.to_string();
    let bucket = format!("{}-artifacts-{account}-{region}", options.stack);
    if s3.head_bucket().bucket(&bucket).send().await.is_ok() {
        return Ok(bucket);
    }
    progress.step(&format!("making the artifact bucket {bucket}"));
    let mut create = s3.create_bucket().bucket(&bucket);
    // us-east-1 is the one region that must not be named
    // (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
    if region != "us-east-1" {
        let place = BucketLocationConstraint::from(region.as_str());
        create =
            create.create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(place).build());
    }
    create.send().await.with_context(|| format!("bucket {bucket} cannot be made"))?;
    s3.put_public_access_block()
        .bucket(&bucket)
        .public_access_block_configuration(
            PublicAccessBlockConfiguration::builder()
                .block_public_acls(true)
                .block_public_policy(true)
                .ignore_public_acls(true)
                .restrict_public_buckets(true)
                .build(),
        )
        .send()
        .await
        .with_context(|| format!("public access to bucket {bucket} cannot be blocked"))?;
    s3.put_bucket_versioning()
        .bucket(&bucket)
        .versioning_configuration(VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build())
        .send()
        .await
        .with_context(|| format!("versioning of bucket {bucket} cannot be turned on"))?;
    Ok(bucket)
}

/// Uploads what is not there yet. Keys are named by content, so what is there is right.
async fn upload(s3: &aws_sdk_s3::Client, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<bool> {
    if s3.head_object().bucket(bucket).key(key).send().await.is_ok() {
        return Ok(false);
    }
    s3.put_object()
        .bucket(bucket)
        .key(key)
        .body(ByteStream::from(bytes))
        .send()
        .await
        .with_context(|| format!("{key} cannot be uploaded to {bucket}"))?;
    Ok(true)
}

fn template_url(config: &SdkConfig, bucket: &str, key: &str) -> String {
    match config.endpoint_url() {
        Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
        None => {
            let region = config.region().map(ToString::to_string).unwrap_or_default();
            let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            format!("https://{bucket}.s3.{region}.{suffix}/{key}")
        }
    }
}

struct Stack<'a> {
    cloudformation: aws_sdk_cloudformation::Client,
    name: &'a str,
    template_url: String,
    parameters: BTreeMap<String, String>,
    progress: &'a dyn Progress,
}

impl Stack<'_> {
    /// Creates or updates by a change set; `false` when there was nothing to change.
    async fn bring(&self) -> Result<bool> {
        let exists = self.status().await?.is_some_and(|status| status != StackStatus::ReviewInProgress);
        let name = format!("landfall-{}", std::process::id());
        let parameters = self
            .parameters
            .iter()
            .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
            .collect();
        let mut create = self
            .cloudformation
            .create_change_set()
            .stack_name(self.name)
            .change_set_name(&name)
            .change_set_type(if exists { ChangeSetType::Update } else { ChangeSetType::Create })
            .template_url(&self.template_url)
            .set_parameters(Some(parameters))
            .capabilities(Capability::CapabilityNamedIam);
        if !exists {
            create = create.on_stack_failure(OnStackFailure::Rollback);
        }
        create.send().await.map_err(|error| anyhow::anyhow!("the change set cannot be made: {}", told(&error)))?;
        if !self.change_set_is_ready(&name).await? {
            return Ok(false);
        }
        self.progress.step(if exists { "updating the stack" } else { "creating the stack" });
        let begun = Instant::now();
        self.cloudformation
            .execute_change_set()
            .stack_name(self.name)
            .change_set_name(&name)
            .send()
            .await
            .map_err(|error| anyhow::anyhow!("the change set cannot be executed: {}", told(&error)))?;
        self.follow(begun).await?;
        Ok(true)
    }

    /// Waits until the change set is made; `false` when it holds no change.
    async fn change_set_is_ready(&self, name: &str) -> Result<bool> {
        loop {
            let set = self
                .cloudformation
                .describe_change_set()
                .stack_name(self.name)
                .change_set_name(name)
                .send()
                .await
                .map_err(|error| anyhow::anyhow!("the change set cannot be read: {}", told(&error)))?;
            match set.status() {
                Some(ChangeSetStatus::CreateComplete) => return Ok(true),
                Some(ChangeSetStatus::Failed) => {
                    let reason = set.status_reason().unwrap_or("no reason was given").to_owned();
                    // AWS says so in one of two sentences, depending on why there is nothing.
                    let nothing =
                        reason.contains("didn't contain changes") || reason.contains("No updates are to be performed");
                    let delete = self.cloudformation.delete_change_set().stack_name(self.name).change_set_name(name);
                    delete.send().await.map_err(|error| anyhow::anyhow!("{}", told(&error)))?;
                    if nothing {
                        return Ok(false);
                    }
                    bail!("the change set cannot be made: {reason}");
                }
                _ => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }

    async fn follow(&self, begun: Instant) -> Result<()> {
        let mut seen = BTreeSet::new();
        let mut failures = Vec::new();
        loop {
            self.tell_events(&mut seen, &mut failures).await?;
            let status = self.status().await?.context("the stack is gone")?;
            let text = status.as_str();
            if text.ends_with("_COMPLETE") && !text.contains("ROLLBACK") && !text.contains("CLEANUP") {
                self.progress.step(&format!("the stack is ready after {} s", begun.elapsed().as_secs()));
                return Ok(());
            }
            if text.ends_with("_FAILED") || (text.ends_with("_COMPLETE") && text.contains("ROLLBACK")) {
                self.tell_events(&mut seen, &mut failures).await?;
                bail!("the stack ended as {text}:\n{}", failures.join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(1000)).await;
        }
    }

    async fn tell_events(&self, seen: &mut BTreeSet<String>, failures: &mut Vec<String>) -> Result<()> {
        let first = seen.is_empty();
        let events = self.cloudformation.describe_stack_events().stack_name(self.name).send().await;
        let Ok(events) = events else { return Ok(()) };
        let mut fresh: Vec<_> = events
            .stack_events()
            .iter()
            .filter(|event| seen.insert(event.event_id().unwrap_or_default().to_owned()))
            .collect();
        fresh.reverse();
        for event in fresh {
            let status = event.resource_status().map(|status| status.as_str()).unwrap_or_default();
            let name = event.logical_resource_id().unwrap_or_default();
            if status.ends_with("_FAILED") {
                failures.push(format!("  {name}: {}", event.resource_status_reason().unwrap_or("no reason was given")));
            }
            if !first && status.ends_with("_COMPLETE") {
                self.progress.step(&format!("{name} {}", status.to_lowercase().replace('_', " ")));
            }
        }
        Ok(())
    }

    async fn status(&self) -> Result<Option<StackStatus>> {
        match self.cloudformation.describe_stacks().stack_name(self.name).send().await {
            Ok(answer) => Ok(answer.stacks().first().and_then(|stack| stack.stack_status().cloned())),
            Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => Ok(None),
            Err(error) => bail!("the stack cannot be read: {}", told(&error)),
        }
    }

    async fn outputs(&self) -> Result<BTreeMap<String, String>> {
        let answer = self
            .cloudformation
            .describe_stacks()
            .stack_name(self.name)
            .send()
            .await
            .map_err(|error| anyhow::anyhow!("the stack cannot be read: {}", told(&error)))?;
        let outputs = answer.stacks().first().map(|stack| stack.outputs().to_vec()).unwrap_or_default();
        Ok(outputs.into_iter().filter_map(|output| Some((output.output_key?, output.output_value?))).collect())
    }
}

/// What AWS said about an error.
fn told(error: &(impl ProvideErrorMetadata + std::fmt::Debug)) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{message} ({code})"),
        _ => format!("{error:?}"),
    }
}
