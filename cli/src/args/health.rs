//! The arguments of the commands that say and set right what is wrong with an installation.

use clap::Args;

/// Arguments of `doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall doctor
  landfall doctor --deep                   also hold the whole state table against what always holds
  landfall doctor --json | jq '.findings[] | select(.state != \"ok\")'

Ends with 0 when all is well, with 7 when something has to be done, and with 4 when something could
not be looked at.")]
pub struct DoctorArgs {
    /// Also check the whole state table.
    #[arg(long)]
    pub deep: bool,
}

/// Arguments of `redrive`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  landfall redrive --list                  see what nobody could take, and why
  landfall redrive                         process it again
  landfall redrive --discard --reason \"tests of last week\"

What is processed again becomes what it would have been: an upload becomes a deployment, once. What cannot
be taken this time either stays, and the command ends with 1.")]
pub struct RedriveArgs {
    /// Show them and do nothing.
    #[arg(long, conflicts_with_all = ["discard", "yes"])]
    pub list: bool,
    /// Remove them; who did it and why is recorded.
    #[arg(long, requires = "reason")]
    pub discard: bool,
    /// Why they are discarded; kept in the record.
    #[arg(long, requires = "discard")]
    pub reason: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}
