//! `api`: what the command and other clients talk to. Every path is authorised by IAM before it gets here
//! (`execute-api:Invoke`), so the permission for a path is the permission to do that thing.

mod answer;
mod decide;
mod deployments;
mod description;
mod doctor;
mod drift;
mod ending;
mod extract;
mod freeze;
mod history;
mod layers;
mod letters;
pub mod schema;

use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post, put};
use axum::{Extension, Router};
use landfall_control::Control;

pub use answer::{ApiError, Caller};
pub use description::openapi;
pub use letters::Letters;

/// Serves until Lambda ends the process.
///
/// # Errors
/// When the environment lacks a setting, or the Lambda runtime API fails.
pub async fn run() -> Result<(), lambda_http::Error> {
    let config = landfall_control::request_config();
    let control = Control::for_requests(&config)?;
    let letters = Letters::new(&config, &control.settings);
    lambda_http::run(router(control, letters)).await
}

/// The routes.
pub fn router(control: Control, letters: Letters) -> Router {
    Router::new()
        .route("/openapi.json", get(description::served))
        .route("/installation", get(layers::installation))
        .route("/doctor", get(doctor::diagnose))
        .route("/dead-letters", get(letters::list))
        .route("/dead-letters/redrive", post(letters::redrive))
        .route("/layers", get(layers::list))
        .route("/layers/{layer}", get(layers::show))
        .route("/layers/{layer}/outputs", get(layers::outputs))
        .route("/layers/{layer}/lease", delete(layers::unlock))
        .route("/layers/{layer}/drift", get(drift::show).post(drift::look))
        .route("/layers/{layer}/drift/acceptance", post(drift::accept).delete(drift::withdraw))
        .route("/layers/{layer}/drift/reversal", post(drift::revert))
        .route("/layers/{layer}/freeze", put(freeze::freeze).delete(freeze::thaw))
        .route("/layers/{layer}/deployments", get(history::list).post(deployments::create))
        .route("/layers/{layer}/deployments/{number}", get(history::show))
        .route("/layers/{layer}/deployments/{number}/plan", get(history::plan))
        .route("/layers/{layer}/deployments/{number}/events", get(history::events))
        .route("/layers/{layer}/deployments/{number}/report", get(ending::report))
        .route("/layers/{layer}/deployments/{number}/approval", post(decide::decide))
        .route("/layers/{layer}/deployments/{number}/cancel", post(ending::cancel))
        .route("/layers/{layer}/deployments/{number}/resume", post(ending::resume))
        .fallback(answer::no_such_path)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(DefaultBodyLimit::max(extract::LONGEST_BODY))
        .layer(Extension(letters))
        .with_state(control)
}
