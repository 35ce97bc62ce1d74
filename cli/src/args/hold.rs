//! The arguments of the commands that stop, hold, free and go on with deployments.

use clap::Args;

use super::Target;

/// Arguments of `cancel`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall cancel shop                     the deployment that runs, or the one that waits
  landfall cancel shop/12 --reason \"wrong file\" --follow

What it has begun is brought to its end and recorded, and nothing more is begun. How it ended is shown
by `landfall report`; `landfall resume` goes on.")]
pub struct CancelArgs {
    /// Deployment, as LAYER/NUMBER (or LAYER: the one that is not over).
    #[arg(value_name = "LAYER[/N]")]
    pub what: Target,
    /// Why; kept in the record.
    #[arg(long)]
    pub reason: Option<String>,
    /// Follow it to its end.
    #[arg(long, short)]
    pub follow: bool,
}

/// Arguments of `resume`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall resume shop                     the newest deployment, on the newest config
  landfall resume shop/12 --same-config

What is recorded as done and did not change in the config is believed; AWS is asked only about the rest.")]
pub struct ResumeArgs {
    /// Deployment, as LAYER/NUMBER (or LAYER: the newest).
    #[arg(value_name = "LAYER[/N]")]
    pub what: Target,
    /// Go on with the config that it had, not with the newest.
    #[arg(long)]
    pub same_config: bool,
    /// Approve the plan without asking.
    #[arg(long, short)]
    pub yes: bool,
    /// Show every attribute of new resources, and documents to their end.
    #[arg(long)]
    pub full: bool,
}

/// Arguments of `report`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall report shop                     of the newest deployment
  landfall report shop/12 --json | jq '.resources[] | select(.end == \"unknown\")'")]
pub struct ReportArgs {
    /// Layer, or deployment as LAYER/NUMBER.
    #[arg(value_name = "LAYER[/N]")]
    pub what: Target,
}

/// Arguments of `freeze`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall freeze shop --until 2h --reason \"load test\"
  landfall freeze staging --until 2026-12-27 --reason holidays

The freeze of an environment holds its services too. What runs goes on, plans are made all the same, and
what waits begins by itself at the end.")]
pub struct FreezeArgs {
    /// Layer.
    pub layer: String,
    /// Until when: a time from now (2h, 3 days), a day or a moment in UTC.
    #[arg(long, value_name = "WHEN")]
    pub until: String,
    /// Why; shown wherever a deployment waits for the end.
    #[arg(long)]
    pub reason: String,
}

/// Arguments of `thaw`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  landfall thaw shop")]
pub struct ThawArgs {
    /// Layer.
    pub layer: String,
}

/// Arguments of `unlock`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall unlock shop
  landfall unlock shop --force --reason \"execution aborted by hand\"

Refused while the holder still runs, unless forced; the reason is recorded.")]
pub struct UnlockArgs {
    /// Layer.
    pub layer: String,
    /// Even while the holder runs.
    #[arg(long, requires = "reason")]
    pub force: bool,
    /// Why; kept in the record.
    #[arg(long, default_value = "")]
    pub reason: String,
}
