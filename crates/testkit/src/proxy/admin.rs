//! The port that tests speak to: JSON over HTTP.
//!
//! | request | does |
//! |---|---|
//! | `PUT /rules` | sets the rules, a list; those before are gone, and nothing else changes |
//! | `GET /rules` | the rules with how often they matched and struck |
//! | `GET /calls?from=N` | the log, from a number on |
//! | `POST /reset` | forgets rules, log and everything that was fresh |

use std::convert::Infallible;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::call::pairs;
use super::rule::Rule;
use super::state::State;

/// Serves until the process ends.
pub(super) async fn serve(listener: TcpListener, state: State) {
    loop {
        // A connection that could not be taken was closed by its peer.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let state = state.clone();
        let service = service_fn(move |request| {
            let state = state.clone();
            async move { Ok::<_, Infallible>(answer(request, &state).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // An error is a test that went away.
        tokio::spawn(async move { drop(connection.await) });
    }
}

async fn answer(request: Request<Incoming>, state: &State) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let (status, value) = match (head.method, head.uri.path()) {
        (Method::PUT, "/rules") => match serde_json::from_slice::<Vec<Rule>>(&body) {
            Ok(rules) => {
                state.set_rules(rules);
                (StatusCode::OK, Value::Null)
            }
            Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": error.to_string() })),
        },
        (Method::GET, "/rules") => (StatusCode::OK, json!(state.rules())),
        (Method::GET, "/calls") => {
            let query = pairs(head.uri.query().unwrap_or_default());
            let from = query.iter().find(|(name, _)| name == "from").and_then(|(_, value)| value.parse().ok());
            (StatusCode::OK, json!(state.log(from.unwrap_or(0))))
        }
        (Method::POST, "/reset") => {
            state.reset();
            (StatusCode::OK, Value::Null)
        }
        _ => (StatusCode::NOT_FOUND, json!({ "error": "there is no such thing" })),
    };
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    response
}
