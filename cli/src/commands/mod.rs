//! One file per command, and the way from arguments to an exit code.

mod bootstrap;
mod decide;
mod deploy;
mod destroy;
mod doctor;
mod drift;
mod ending;
mod events;
mod freeze;
mod history;
mod local;
mod outputs;
mod plan;
mod redrive;
mod schema;
mod status;
mod unlock;
mod validate;

use clap::Parser as _;

use crate::account::Account;
use crate::args::{Cli, Command, Place, Target};
use crate::client::Client;
use crate::error::{Exit, Failure};
use crate::ui::Ui;

/// Runs the command line and answers the code to end with.
pub fn main() -> i32 {
    // Wrong arguments end with 2, as clap has it and as `Exit::Invalid` says.
    let cli = Cli::parse();
    let ui = Ui::new(cli.json, cli.color);
    let result = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(run(&ui, cli));
            // A thread that waits for a line of standard input would hold the command for ever.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::new(Exit::Failed, format!("cannot start: {error}"))),
    };
    match result {
        Ok(exit) => exit as i32,
        Err(failure) => {
            ui.failure(&failure);
            failure.exit as i32
        }
    }
}

async fn run(ui: &Ui, cli: Cli) -> Result<Exit, Failure> {
    let place = &cli.place;
    match cli.command {
        Command::Validate(args) => validate::run(ui, &args),
        Command::Schema => schema::run(ui),
        Command::Plan(args) => plan::run(ui, place, &args).await,
        Command::Deploy(args) => deploy::run(ui, place, &args).await,
        Command::Status(args) => status::run(ui, &connect(place).await?, &args).await,
        Command::History(args) => history::run(ui, &connect(place).await?, &args).await,
        Command::Events(args) => events::run(ui, &connect(place).await?, &args).await,
        Command::Outputs(args) => outputs::run(ui, &connect(place).await?, &args).await,
        Command::Approve(args) => decide::approve(ui, &connect(place).await?, &args).await,
        Command::Reject(args) => decide::reject(ui, &connect(place).await?, &args).await,
        Command::Destroy(args) => destroy::run(ui, &connect(place).await?, &args).await,
        Command::Cancel(args) => ending::cancel(ui, &connect(place).await?, &args).await,
        Command::Resume(args) => ending::resume(ui, &connect(place).await?, &args).await,
        Command::Report(args) => ending::report(ui, &connect(place).await?, &args).await,
        Command::Drift(args) => drift::run(ui, &connect(place).await?, &args).await,
        Command::Freeze(args) => freeze::freeze(ui, &connect(place).await?, &args).await,
        Command::Thaw(args) => freeze::thaw(ui, &connect(place).await?, &args).await,
        Command::Unlock(args) => unlock::run(ui, &connect(place).await?, &args).await,
        Command::Doctor(args) => doctor::run(ui, place, &args).await,
        Command::Redrive(args) => redrive::run(ui, &connect(place).await?, &args).await,
        Command::Bootstrap(args) => bootstrap::run(ui, place, &args).await,
        Command::Local(command) => local::run(ui, &command).await,
    }
}

/// A client of the installation.
async fn connect(place: &Place) -> Result<Client, Failure> {
    Client::open(Account::open(place).await?).await
}

/// The deployment that is meant: the named one, or the newest of the layer.
async fn deployment_of(client: &Client, what: &Target) -> Result<u64, Failure> {
    match what.number {
        Some(number) => Ok(number),
        None => match client.newest(&what.layer).await {
            Ok(newest) => Ok(newest.number),
            Err(failure) if failure.exit == Exit::NotFound => Err(client.no_such_layer(&what.layer, failure).await),
            Err(failure) => Err(failure),
        },
    }
}
