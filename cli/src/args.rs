//! The arguments of `landfall`.

mod drift;
mod health;
mod hold;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::error::{EXIT_CODES, Exit, Failure};
use crate::ui::When;

pub use drift::DriftArgs;
pub use health::{DoctorArgs, RedriveArgs};
pub use hold::{CancelArgs, FreezeArgs, ReportArgs, ResumeArgs, ThawArgs, UnlockArgs};

const EXAMPLES: &str = "\
Examples:
  landfall validate env.yaml shop.yaml     check files without touching AWS
  landfall plan shop.yaml                  show what a deployment would change
  landfall deploy shop.yaml                deploy and follow it live
  landfall status shop                     what is deployed, what runs, what waits
  landfall approve shop/12                 let a risky plan go on
  landfall local up                        a whole AWS on this machine, with Landfall in it";

/// Commit a short YAML file, and a secure AWS environment follows.
#[derive(Debug, Parser)]
#[command(name = "landfall", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Which installation to talk to.
    #[command(flatten)]
    pub place: Place,
    /// Answer with JSON, for programs.
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// When to use colours; NO_COLOR is respected.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub color: When,
}

/// Which installation to talk to.
#[derive(Args, Clone, Debug, Default)]
pub struct Place {
    /// Address of Landfall's API; found through the stack's outputs when not given.
    #[arg(long, global = true, env = "LANDFALL_API", value_name = "URL", help_heading = "Installation")]
    pub api: Option<String>,
    /// Name of Landfall's CloudFormation stack.
    #[arg(
        long,
        global = true,
        env = "LANDFALL_STACK",
        default_value = "landfall",
        value_name = "NAME",
        help_heading = "Installation"
    )]
    pub stack: String,
    /// AWS profile.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Installation")]
    pub profile: Option<String>,
    /// AWS region of the installation.
    #[arg(long, global = true, value_name = "REGION", help_heading = "Installation")]
    pub region: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check layer files without touching AWS.
    Validate(ValidateArgs),
    /// Show what deploying a file would change.
    Plan(PlanArgs),
    /// Deploy a file and follow the deployment.
    Deploy(DeployArgs),
    /// Show layers, one layer, or one deployment.
    Status(StatusArgs),
    /// List the deployments of a layer.
    History(HistoryArgs),
    /// List what happened in a deployment.
    Events(EventsArgs),
    /// Show the outputs of a layer.
    Outputs(LayerArgs),
    /// Approve the plan of a deployment that waits for it.
    Approve(ApproveArgs),
    /// Reject the plan of a deployment that waits for an approval.
    Reject(RejectArgs),
    /// Remove a layer and everything in it.
    Destroy(DestroyArgs),
    /// Stop a deployment between two actions.
    Cancel(CancelArgs),
    /// Go on with a deployment that failed or was cancelled.
    Resume(ResumeArgs),
    /// Show what became of every resource of a deployment that did not succeed.
    Report(ReportArgs),
    /// Look what is not as it was deployed; accept it, or set it right.
    Drift(DriftArgs),
    /// Let no new deployment of a layer begin for a while.
    Freeze(FreezeArgs),
    /// End the freeze of a layer.
    Thaw(ThawArgs),
    /// Free a layer whose deployment is gone.
    Unlock(UnlockArgs),
    /// Check the installation, and say what is wrong and what to do.
    Doctor(DoctorArgs),
    /// Process again, or discard, the events that nobody could take.
    Redrive(RedriveArgs),
    /// Print the JSON Schema of layer files, for editors.
    #[command(after_help = "\
Example:
  landfall schema > landfall.schema.json

and in a layer file, for editors with the YAML language server:
  # yaml-language-server: $schema=./landfall.schema.json")]
    Schema,
    /// Install Landfall into an AWS account, or bring it up to date.
    Bootstrap(BootstrapArgs),
    /// A whole AWS on this machine, with Landfall in it.
    #[command(
        subcommand,
        after_help = "\
Examples:
  landfall local up                        start it and install Landfall
  eval \"$(landfall local env)\"            any AWS client now works with it
  landfall local down                      stop it and forget what was in it"
    )]
    Local(LocalCommand),
}

/// Arguments of `validate`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall validate env.yaml
  landfall validate layers/*.yaml --json | jq '.[].diagnostics[].message'

For a service the files of the environments that it lists are read too.
--json gives at most 200 diagnostics of a file; `omitted` says how many more there are.
Ends with 2 when a file is not valid.")]
pub struct ValidateArgs {
    /// Layer files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Arguments of `plan`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall plan shop.yaml
  landfall plan shop.yaml --env staging --full

The file is uploaded aside and nothing is changed; the plan is made by the installed Landfall.")]
pub struct PlanArgs {
    /// The layer file.
    pub file: PathBuf,
    /// How the file is known in the config bucket.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Show every attribute of new resources, and documents to their end.
    #[arg(long)]
    pub full: bool,
}

/// How a file is known in the config bucket.
#[derive(Args, Clone, Debug)]
pub struct TargetArgs {
    /// Key in the config bucket; when not given the one that the layer has, or for a new layer the file's name.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Environment to use, for a service that lists several.
    #[arg(long, short, value_name = "NAME")]
    pub env: Option<String>,
}

/// Arguments of `deploy`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall deploy env.yaml
  landfall deploy services/shop.yaml --key services/shop.yaml --env staging
  landfall deploy shop.yaml --yes          approve the plan that is shown, without asking

A risky plan is asked about in a terminal; elsewhere the command ends with 3 and names the command
that approves it. Ctrl-C leaves the deployment running.")]
pub struct DeployArgs {
    /// The layer file.
    pub file: PathBuf,
    /// How the file is known in the config bucket.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Approve the plan without asking.
    #[arg(long, short)]
    pub yes: bool,
    /// Upload and end, without following.
    #[arg(long)]
    pub no_follow: bool,
    /// Show every attribute of new resources, and documents to their end.
    #[arg(long)]
    pub full: bool,
}

/// Arguments of `status`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall status                  all layers
  landfall status shop             one layer: modules, what runs, who holds it
  landfall status shop/12          one deployment
  landfall status shop/12 --follow until it ends")]
pub struct StatusArgs {
    /// Layer, or deployment as LAYER/NUMBER.
    #[arg(value_name = "LAYER[/N]")]
    pub what: Option<Target>,
    /// Follow the deployment (the running one of the layer) until it ends.
    #[arg(long, short)]
    pub follow: bool,
    /// Show every attribute of new resources in the plan that is followed.
    #[arg(long, requires = "follow")]
    pub full: bool,
}

/// Arguments of `history`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  landfall history shop --limit 50")]
pub struct HistoryArgs {
    /// Layer.
    pub layer: String,
    /// How many, newest first.
    #[arg(long, short = 'n', default_value_t = 20)]
    pub limit: usize,
}

/// Arguments of `events`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  landfall events shop       of the newest deployment\n  landfall events shop/12")]
pub struct EventsArgs {
    /// Layer, or deployment as LAYER/NUMBER.
    #[arg(value_name = "LAYER[/N]")]
    pub what: Target,
}

/// A layer.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  landfall outputs shop --json | jq -r .orders.queue_id")]
pub struct LayerArgs {
    /// Layer.
    pub layer: String,
}

/// Arguments of `approve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall approve shop/12
  landfall approve shop/12 --plan 3f2a9c --reason \"agreed in the review\"

Without --plan the plan is shown and asked about (or, with --yes, approved as it stands).")]
pub struct ApproveArgs {
    /// Deployment, as LAYER/NUMBER (or LAYER: the running one).
    #[arg(value_name = "LAYER/N")]
    pub what: Target,
    /// The plan that is approved, by at least 6 digits of its hash: refused when it is another.
    #[arg(long, value_name = "HASH")]
    pub plan: Option<String>,
    /// Why; kept in the record.
    #[arg(long, default_value = "")]
    pub reason: String,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Follow the deployment afterwards.
    #[arg(long, short)]
    pub follow: bool,
    /// Show every attribute of new resources, and documents to their end.
    #[arg(long)]
    pub full: bool,
}

/// Arguments of `reject`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  landfall reject shop/12 --reason \"the bucket is still in use\"")]
pub struct RejectArgs {
    /// Deployment, as LAYER/NUMBER (or LAYER: the running one).
    #[arg(value_name = "LAYER/N")]
    pub what: Target,
    /// Why; kept in the record.
    #[arg(long)]
    pub reason: String,
}

/// Arguments of `destroy`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  landfall destroy shop

A destruction is a deployment like any other: it is planned, asks for approval (in a terminal by
typing the layer's name) and can be followed. An environment that still has services is refused.")]
pub struct DestroyArgs {
    /// Layer.
    pub layer: String,
    /// Approve the plan without asking.
    #[arg(long, short)]
    pub yes: bool,
    /// Show documents to their end.
    #[arg(long)]
    pub full: bool,
}

/// Arguments of `bootstrap`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall bootstrap --print               what it would do, and the permissions it needs
  landfall bootstrap --region eu-central-1 --alarm-email ops@example.com
  landfall bootstrap --artifact-bucket my-artifacts

Run from a checkout of Landfall, or set LANDFALL_HOME to one. Does nothing when nothing changed.")]
pub struct BootstrapArgs {
    /// Show what would be done and the permissions that are needed; change nothing.
    #[arg(long)]
    pub print: bool,
    /// Processor of the functions.
    #[arg(long, default_value = "arm64", value_parser = ["arm64", "x86_64"])]
    pub arch: String,
    /// Bucket for the packaged functions; made when not given.
    #[arg(long, value_name = "BUCKET")]
    pub artifact_bucket: Option<String>,
    /// Address that is told of alarms.
    #[arg(long, value_name = "ADDRESS")]
    pub alarm_email: Option<String>,
    /// Folder of ready function binaries, instead of building them.
    #[arg(long, value_name = "FOLDER")]
    pub prebuilt: Option<PathBuf>,
    /// Endpoint that the functions use for AWS; AWS itself when not given.
    #[arg(long, hide = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

/// Commands of the local AWS.
#[derive(Clone, Debug, Subcommand)]
pub enum LocalCommand {
    /// Start it and install Landfall in it.
    #[command(after_help = "Example:\n  landfall local up && eval \"$(landfall local env)\"")]
    Up {
        /// Port on loopback; 0 takes a free one.
        #[arg(long, default_value_t = 4566)]
        port: u16,
        /// Folder of ready function binaries, instead of building them.
        #[arg(long, value_name = "FOLDER")]
        prebuilt: Option<PathBuf>,
        /// Start it without installing Landfall.
        #[arg(long)]
        bare: bool,
    },
    /// Stop it.
    Down,
    /// Print export lines that point any AWS client at it.
    #[command(after_help = "Example:\n  eval \"$(landfall local env)\"")]
    Env,
    /// Say whether it is up.
    Status,
    /// Forget everything in it, and install Landfall again.
    Reset {
        /// Folder of ready function binaries, instead of building them.
        #[arg(long, value_name = "FOLDER")]
        prebuilt: Option<PathBuf>,
        /// Leave it empty.
        #[arg(long)]
        bare: bool,
    },
}

/// A layer, or one of its deployments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Layer.
    pub layer: String,
    /// Number of the deployment.
    pub number: Option<u64>,
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (layer, number) = match text.split_once('/') {
            None => (text, None),
            Some((layer, number)) => {
                let parsed =
                    number.parse().map_err(|_| format!("`{number}` is not a deployment number, as in shop/12"))?;
                (layer, Some(parsed))
            }
        };
        if layer.is_empty() {
            return Err("the name of a layer is missing".to_owned());
        }
        Ok(Self { layer: layer.to_owned(), number })
    }
}

impl TargetArgs {
    /// The key that a file is known by.
    pub fn key_of(&self, file: &std::path::Path) -> Result<String, Failure> {
        let name = || file.file_name().map(|name| name.to_string_lossy().into_owned());
        let key = self.key.clone().or_else(name).unwrap_or_default();
        let key = key.trim_start_matches("./").to_owned();
        if key.is_empty()
            || key.starts_with('/')
            || key.starts_with(".landfall/")
            || key.split('/').any(|part| part == "..")
        {
            return Err(Failure::new(Exit::Invalid, format!("`{key}` cannot be a key in the config bucket"))
                .with_hint("give a relative path: --key services/shop.yaml; `.landfall/` belongs to Landfall"));
        }
        Ok(key)
    }
}
