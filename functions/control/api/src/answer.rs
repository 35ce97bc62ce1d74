//! Errors as clients see them, and who calls.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use lambda_http::request::RequestContext;
use landfall_control::Refusal;
use landfall_state::StateError;
use serde_json::json;

/// An error as `{ "error": { "code", "message", "hint" } }`.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl ApiError {
    /// The request is wrong.
    pub fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "invalid", message: message.into(), hint: Some(hint.into()) }
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not-found", message: message.into(), hint: None }
    }

    /// Something is in the way.
    pub fn conflict(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, code: "conflict", message: message.into(), hint: Some(hint.into()) }
    }
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        let (status, code) = match &error {
            StateError::NotFound { .. } => (StatusCode::NOT_FOUND, "not-found"),
            StateError::Conflict { .. } | StateError::LeaseHeld { .. } | StateError::LeaseLost { .. } => {
                (StatusCode::CONFLICT, "conflict")
            }
            StateError::Aws { .. } if error.is_transient() => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            StateError::Aws { .. }
            | StateError::Corrupt { .. }
            | StateError::TooLarge { .. }
            | StateError::Setting { .. } => {
                tracing::error!(error = %error, "state");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        };
        Self { status, code, message: error.to_string(), hint: None }
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
        let body = json!({ "error": { "code": self.code, "message": self.message, "hint": self.hint } });
        (self.status, Json(body)).into_response()
    }
}

/// A path that is none of ours.
pub(crate) async fn no_such_path() -> ApiError {
    ApiError::not_found("there is no such path")
}

/// Who calls: the ARN that IAM authorised. API Gateway names it in `requestContext.authorizer.iam`
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>); a
/// gateway that leaves it out yields `unknown`.
#[derive(Clone, Debug)]
pub struct Caller(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let arn = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context
                .authorizer
                .as_ref()
                .and_then(|authorizer| authorizer.iam.as_ref())
                .and_then(|iam| iam.user_arn.clone()),
            _ => None,
        };
        Ok(Self(arn.unwrap_or_else(|| "unknown".to_owned())))
    }
}
