//! What a request brings: path, query and body, read so that a mistake is answered in the form of every other error.

use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use crate::answer::ApiError;

/// The longest body that is read. Layer files do not travel through the API, so a body is a few fields.
pub(crate) const LONGEST_BODY: usize = 64 * 1024;
/// The longest key of an object, in bytes (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
/// A layer may be named after a key, so no name is longer either.
pub(crate) const LONGEST_KEY: usize = 1024;

/// Names a layer.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct LayerPath {
    /// Name of the layer.
    #[serde(deserialize_with = "name")]
    pub(crate) layer: String,
}

/// Names a deployment.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct DeploymentPath {
    /// Name of the layer.
    #[serde(deserialize_with = "name")]
    pub(crate) layer: String,
    /// Number of the deployment in its layer, from 1.
    #[param(minimum = 1)]
    pub(crate) number: u64,
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.len() > LONGEST_KEY {
        return Err(D::Error::custom("the name of a layer is not that long"));
    }
    Ok(name)
}

/// The path's parameters.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(rejection) => Err(wrong_path(&rejection)),
        }
    }
}

fn wrong_path(rejection: &PathRejection) -> ApiError {
    let message = match rejection {
        PathRejection::FailedToDeserializePathParams(failed) => match failed.kind() {
            ErrorKind::ParseErrorAtKey { key, value, .. } => format!("{value} is not a {key} that a deployment has"),
            ErrorKind::Message(message) | ErrorKind::DeserializeError { message, .. } => message.clone(),
            other => format!("the path is not understood: {other}"),
        },
        other => format!("the path is not understood: {}", other.body_text()),
    };
    ApiError::invalid(message, "a path is /layers/NAME or /layers/NAME/deployments/NUMBER, and what follows")
}

/// The query's parameters.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                // The source alone says what is wrong; the rejection says first that something is.
                let source = std::error::Error::source(&rejection);
                let what = source.map_or_else(|| rejection.body_text(), ToString::to_string);
                Err(ApiError::invalid(format!("the query is not understood: {what}"), SEE_DESCRIPTION))
            }
        }
    }
}

/// A body of JSON, whatever its content type says: there is no other kind. No body is an empty object.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                return ApiError::too_large(LONGEST_BODY);
            }
            ApiError::invalid(format!("the body cannot be read: {}", rejection.body_text()), SEE_DESCRIPTION)
        })?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| ApiError::invalid(format!("the body is not understood: {error}"), SEE_DESCRIPTION))
    }
}

const SEE_DESCRIPTION: &str = "GET /openapi.json describes what each path takes";
