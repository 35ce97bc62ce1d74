//! Runs the fault proxy in front of an AWS. Says where it listens in one line of JSON, and ends when its stdin closes.
//!
//! ```sh
//! landfall-fault-proxy http://localhost:4566 landfall
//! ```

use std::io::{Read, Write};

use anyhow::{Context, Result};
use landfall_testkit::proxy::{Options, Proxy};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let upstream = arguments.next().context("usage: landfall-fault-proxy ENDPOINT [STACK] [PORT]")?;
    let stack = arguments.next().unwrap_or_else(|| "landfall".to_owned());
    let port = arguments.next().map_or(Ok(0), |port| port.parse()).context("the port is no number")?;
    let proxy = Proxy::start(Options { upstream, port, admin_port: 0, stack }).await?;
    let line = json!({ "endpoint": proxy.endpoint, "admin": proxy.admin });
    writeln!(std::io::stdout(), "{line}")?;
    // Whoever started us holds the other end.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    // The thread that reads stdin is the only one left, and done.
    std::process::exit(0)
}
