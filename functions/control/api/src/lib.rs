//! `api`: what the command and other clients talk to. Every path is authorised by IAM before it gets here
//! (`execute-api:Invoke`), so the permission for a path is the permission to do that thing.

mod answer;
mod decide;
mod deployments;
mod layers;

use axum::Router;
use axum::routing::{delete, get, post};
use landfall_control::Control;

pub use answer::{ApiError, Caller};

/// Serves until Lambda ends the process.
///
/// # Errors
/// When the environment lacks a setting, or the Lambda runtime API fails.
pub async fn run() -> Result<(), lambda_http::Error> {
    let control = Control::from_env().await?;
    lambda_http::run(router(control)).await
}

/// The routes.
pub fn router(control: Control) -> Router {
    Router::new()
        .route("/installation", get(layers::installation))
        .route("/layers", get(layers::list))
        .route("/layers/{layer}", get(layers::show))
        .route("/layers/{layer}/outputs", get(layers::outputs))
        .route("/layers/{layer}/lease", delete(layers::unlock))
        .route("/layers/{layer}/deployments", get(deployments::list).post(deployments::create))
        .route("/layers/{layer}/deployments/{number}", get(deployments::show))
        .route("/layers/{layer}/deployments/{number}/plan", get(deployments::plan))
        .route("/layers/{layer}/deployments/{number}/events", get(deployments::events))
        .route("/layers/{layer}/deployments/{number}/approval", post(decide::decide))
        .fallback(answer::no_such_path)
        .with_state(control)
}
