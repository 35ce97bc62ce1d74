//! The arguments of `drift`.

use clap::Args;

/// Arguments of `drift`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall drift                           look at everything that is deployed
  landfall drift shop                      what differs, and since when
  landfall drift shop --accept orders.queue.delay_seconds
  landfall drift shop --revert             deploy the last deployed config again

A look compares what AWS has with the config that was deployed last; it changes nothing. Ends with 8
when something drifted that is neither accepted nor ignored by `ignore_drift` in the file.")]
pub struct DriftArgs {
    /// Layer; all layers when not given.
    pub layer: Option<String>,
    /// Accept what the last look saw as it is: all of it, or MODULE[.RESOURCE[.ATTRIBUTE]].
    #[arg(long, value_name = "NAME", num_args = 0.., requires = "layer", conflicts_with = "revert")]
    pub accept: Option<Vec<String>>,
    /// Withdraw that drift was accepted: of all, or MODULE[.RESOURCE[.ATTRIBUTE]].
    #[arg(long, value_name = "NAME", num_args = 0.., requires = "layer", conflicts_with_all = ["accept", "revert"])]
    pub withdraw: Option<Vec<String>>,
    /// Deploy the config again that was deployed last, so that drift is set right.
    #[arg(long, requires = "layer")]
    pub revert: bool,
    /// Show what the last look saw, without another one.
    #[arg(long, conflicts_with_all = ["accept", "withdraw", "revert"])]
    pub last: bool,
    /// Approve the plan of --revert without asking.
    #[arg(long, short, requires = "revert")]
    pub yes: bool,
    /// Show every attribute of new resources in the plan of --revert.
    #[arg(long, requires = "revert")]
    pub full: bool,
}
