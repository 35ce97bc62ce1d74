//! Errors as clients see them, and who calls.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use lambda_http::request::RequestContext;
use landfall_control::Refusal;
use landfall_state::StateError;

use crate::schema::{Error, ErrorAnswer, ErrorCode};

/// An error as `{ "error": { "code", "message", "hint" } }`.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    hint: Option<String>,
}

impl ApiError {
    fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None }
    }

    /// The request is wrong.
    pub fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::Invalid, message).with_hint(hint)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    /// Something is in the way.
    pub fn conflict(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, message).with_hint(hint)
    }

    /// The body is longer than `most` bytes.
    pub(crate) fn too_large(most: usize) -> Self {
        let message = format!("the body is longer than {} KB", most / 1024);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, message)
            .with_hint("layer files do not go through the API: upload them to the config bucket")
    }

    /// Not the caller's fault, and nothing that waiting changes.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, message)
            .with_hint("the log of the api function says more")
    }

    /// AWS does not answer at the moment.
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Busy, message).with_hint("try again in a moment")
    }

    /// What is wrong, for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// With what to do about it.
    #[must_use]
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        match &error {
            StateError::NotFound { .. } => Self::not_found(error.to_string()),
            StateError::Conflict { .. }
            | StateError::LeaseHeld { .. }
            | StateError::LeaseLost { .. }
            | StateError::Cancelled { .. }
            | StateError::Overtaken { .. }
            | StateError::OwnedByOtherKey { .. } => Self::conflict(error.to_string(), "look at the layer again"),
            StateError::KeyOwnsOtherLayer { key, layer } => Self::conflict(
                format!("{key} holds layer {layer}, which still exists"),
                format!(
                    "give the file another key, and restore that of {layer}; a layer cannot be renamed, only destroyed"
                ),
            ),
            StateError::Aws { .. } if error.is_transient() => {
                tracing::warn!(error = %error, "state");
                Self::busy(error.to_string())
            }
            StateError::Aws { .. }
            | StateError::Corrupt { .. }
            | StateError::TooLarge { .. }
            | StateError::Setting { .. } => {
                tracing::error!(error = %error, "state");
                Self::internal(error.to_string())
            }
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::State(error) => error.into(),
            Refusal::Unacceptable { message, hint } => Self::invalid(message, hint),
            Refusal::Invalid(diagnostics) => {
                Self::invalid(diagnostics.render(false, 100), "correct the file and upload it again")
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = Error { code: self.code, message: self.message, hint: self.hint };
        (self.status, Json(ErrorAnswer { error })).into_response()
    }
}

/// A path that is none of ours.
pub(crate) async fn no_such_path() -> ApiError {
    ApiError::not_found("there is no such path").with_hint("GET /openapi.json describes the paths that there are")
}

/// A path of ours with a method that it does not have.
pub(crate) async fn no_such_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, "the path does not have this method")
        .with_hint("the header `allow` names the methods that it has")
}

/// Who calls: the ARN that IAM authorised. API Gateway names it in `requestContext.authorizer.iam`
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>); a
/// gateway that leaves it out yields `unknown`.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub arn: String,
    /// API Gateway's id of the request: no two requests have the same one.
    pub request_id: Option<String>,
    /// By which the caller knows the request again: header `idempotency-key`
    /// (<https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header>).
    pub key: Option<String>,
}

/// Bytes of a caller's key.
const LONGEST_IDEMPOTENCY_KEY: usize = 128;

fn idempotency_key(parts: &Parts) -> Result<Option<String>, ApiError> {
    let Some(header) = parts.headers.get("idempotency-key") else { return Ok(None) };
    let key = header.to_str().unwrap_or_default().trim().trim_matches('"');
    if key.is_empty() || key.len() > LONGEST_IDEMPOTENCY_KEY {
        return Err(ApiError::invalid(
            format!("the header idempotency-key has 1 to {LONGEST_IDEMPOTENCY_KEY} visible characters"),
            "send a UUID, a new one for each thing that you ask for",
        ));
    }
    Ok(Some(key.to_owned()))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let key = idempotency_key(parts)?;
        let Some(RequestContext::ApiGatewayV2(context)) = parts.extensions.get::<RequestContext>() else {
            return Ok(Self { arn: UNKNOWN.to_owned(), request_id: None, key });
        };
        let iam = context.authorizer.as_ref().and_then(|authorizer| authorizer.iam.as_ref());
        let arn = iam.and_then(|iam| iam.user_arn.clone()).unwrap_or_else(|| UNKNOWN.to_owned());
        Ok(Self { arn, request_id: context.request_id.clone(), key })
    }
}

const UNKNOWN: &str = "unknown";
