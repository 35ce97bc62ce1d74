//! The fault proxy: stands between the installed functions and AWS, breaks calls by rule and by seed, and gives a local
//! AWS the slowness that the real one has. It sees AWS as the functions do; Lambda's own runtime API is not touched.
//!
//! Requests are signed, so they are passed on as they came; what changes is whether they are made, when, and what is
//! answered.

mod admin;
mod answer;
mod call;
mod fresh;
mod kinds;
mod pages;
mod peer;
mod rest;
mod rule;
mod server;
mod state;
mod xml;

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use state::State;

pub use rule::{Effect, Match, Place, Rule};
pub use state::Entry;

/// What a proxy is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where AWS is, such as `http://127.0.0.1:4566`.
    pub upstream: String,
    /// The port to listen on; 0 picks a free one.
    pub port: u16,
    /// The port of the tests; 0 picks a free one.
    pub admin_port: u16,
    /// Name of the stack whose functions call.
    pub stack: String,
}

/// A proxy that listens on loopback until the process ends.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Where functions find it. By the name `localhost`, which buckets may stand before.
    pub endpoint: String,
    /// Where tests set rules and read the log.
    pub admin: String,
    state: State,
}

impl Proxy {
    /// Starts it in the background.
    ///
    /// # Errors
    /// When a port is taken.
    pub async fn start(options: Options) -> Result<Self> {
        let calls = listen(options.port).await?;
        let tests = listen(options.admin_port).await?;
        let proxy = Self {
            endpoint: format!("http://localhost:{}", calls.local_addr()?.port()),
            admin: format!("http://{}", tests.local_addr()?),
            state: State::default(),
        };
        let server = server::Server {
            // Not every resolver knows `localhost` at once.
            upstream: options.upstream.trim_end_matches('/').replace("//localhost:", "//127.0.0.1:"),
            client: server::client(),
            state: proxy.state.clone(),
            peers: peer::Peers::of_stack(&options.stack),
        };
        tokio::spawn(server::serve(calls, Arc::new(server)));
        tokio::spawn(admin::serve(tests, proxy.state.clone()));
        Ok(proxy)
    }

    /// Sets the rules; those before are gone.
    pub fn set_rules(&self, rules: Vec<Rule>) {
        self.state.set_rules(rules);
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Entry> {
        self.state.log(0)
    }
}

async fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("port {port} on 127.0.0.1 is taken"))
}
