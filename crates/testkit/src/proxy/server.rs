//! The way of a call: recognised, judged, passed on as it came, answered. A connection is broken by an error.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::answer::Failure;
use super::call::{Call, Protocol};
use super::peer::{self, Connection, Peers};
use super::rule::{Effect, Place};
use super::state::{State, Verdict};

/// Headers that concern one connection, not the call.
const OF_THE_CONNECTION: [HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::EXPECT, header::CONTENT_LENGTH];

/// What every connection needs.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) upstream: String,
    pub(super) client: Client<HttpConnector, Full<Bytes>>,
    pub(super) state: State,
    pub(super) peers: Peers,
}

/// The client of the AWS behind.
pub(super) fn client() -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    // Shorter than AWS keeps them, so that none is used that is just being closed.
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(std::time::Duration::from_secs(2))
        .build(connector)
}

/// Serves calls until the process ends.
pub(super) async fn serve(listener: TcpListener, server: Arc<Server>) {
    loop {
        // A connection that could not be taken was closed by its peer.
        let Ok((stream, peer)) = listener.accept().await else { continue };
        tokio::spawn(connection(stream, peer, Arc::clone(&server)));
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, server: Arc<Server>) {
    let Ok(here) = stream.set_nodelay(true).and_then(|()| stream.local_addr()) else { return };
    let connection = Connection { peer, here };
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { server.call(request, connection).await }
    });
    // An error is a connection that a rule broke, or that the peer closed: both are known already.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

impl Server {
    async fn call(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.context("the request broke off")?.to_bytes();
        // AWS does what it was asked for, and the log has it, also when whoever asked is killed meanwhile.
        tokio::spawn(async move { self.pass(head, body, connection).await }).await?
    }

    async fn pass(&self, head: Parts, body: Bytes, connection: Connection) -> Result<Response<Full<Bytes>>> {
        let call = Call::of(&head, &body);
        let caller = self.peers.caller(&call.access_key, connection);
        let verdict = self.state.judge(&call, &caller);
        if !verdict.delay.is_zero() {
            tokio::time::sleep(verdict.delay).await;
        }
        match &verdict.fault {
            Some(Effect::Drop { place: Place::Before }) => bail!("broken before the call"),
            Some(Effect::Kill { place: Place::Before }) => return self.kill(&verdict, connection).await,
            _ => {}
        }
        let refused = refusal(&call, &verdict);
        if let Some(response) = refused {
            return Ok(response.map(Full::new));
        }
        let response = self.forward(head, body).await?;
        let (mut head, body) = response.into_parts();
        let body = body.collect().await.context("the answer broke off")?.to_bytes();
        let text = std::str::from_utf8(&body).unwrap_or_default();
        let changed = self.state.answered(&call, &verdict, head.status.as_u16(), text);
        match &verdict.fault {
            Some(Effect::Drop { place: Place::After }) => bail!("broken after the call"),
            Some(Effect::Kill { place: Place::After }) => return self.kill(&verdict, connection).await,
            _ => {}
        }
        // The length of what an answer to HEAD would have stays as it is.
        let length = head.headers.get(header::CONTENT_LENGTH).cloned().filter(|_| body.is_empty());
        strip(&mut head.headers);
        if let Some(length) = length {
            head.headers.insert(header::CONTENT_LENGTH, length);
        }
        if changed.is_some() {
            // DynamoDB's sum of a body that is not sent.
            head.headers.remove("x-amz-crc32");
        }
        Ok(Response::from_parts(head, Full::new(changed.map_or(body, Bytes::from))))
    }

    async fn kill(&self, verdict: &Verdict, connection: Connection) -> Result<Response<Full<Bytes>>> {
        let killed = tokio::task::spawn_blocking(move || peer::process(connection).is_some_and(peer::kill)).await?;
        if !killed {
            bail!("there was no process to kill");
        }
        self.state.killed(verdict);
        bail!("the process was killed")
    }

    async fn forward(&self, head: Parts, body: Bytes) -> Result<Response<Incoming>> {
        let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let uri: Uri = format!("{}{path}", self.upstream).parse().context("the path is no path")?;
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (head.method, uri, head.headers);
        // The host stays as it was signed.
        strip(request.headers_mut());
        self.client.request(request).await.context("AWS does not answer")
    }
}

/// The answer to a call that is not made.
fn refusal(call: &Call, verdict: &Verdict) -> Option<Response<Bytes>> {
    let failure = match &verdict.fault {
        Some(Effect::Fail { status }) => Some(Failure::internal(call, *status)),
        Some(Effect::Throttle) => Some(Failure::throttled(call)),
        Some(Effect::Error { status, code }) => Some(Failure::new(*status, code, "the fault proxy says so")),
        _ => verdict.refused.clone(),
    };
    if let Some(failure) = failure {
        return Some(failure.response(call));
    }
    let (kind, nothing) = match call.protocol {
        Protocol::Json => ("application/x-amz-json-1.0", "{}"),
        _ => ("text/xml", ""),
    };
    let promised = matches!(verdict.fault, Some(Effect::Promise)).then(|| nothing.to_owned());
    let body = promised.or_else(|| verdict.page.clone())?;
    Response::builder().header(header::CONTENT_TYPE, kind).body(Bytes::from(body)).ok()
}

fn strip(headers: &mut HeaderMap) {
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
}
