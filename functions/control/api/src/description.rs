//! The description of the API: OpenAPI 3.1, generated from the handlers and the shapes of their answers. It is checked
//! in as `docs/openapi.json`, and the function serves that file: nothing of the generator is in the function's package.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::{decide, deployments, doctor, drift, ending, freeze, history, layers, letters};

/// The checked-in description.
const CHECKED_IN: &str = include_str!("../../../../docs/openapi.json");

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Landfall",
        description = "Deployments of layers to AWS. Every request is signed with AWS Signature Version 4 for the \
            service `execute-api`, and every operation says which permission its caller needs."
    ),
    paths(
        served,
        layers::installation,
        layers::list,
        layers::show,
        layers::outputs,
        layers::unlock,
        freeze::freeze,
        freeze::thaw,
        drift::show,
        drift::look,
        drift::accept,
        drift::withdraw,
        drift::revert,
        deployments::create,
        history::list,
        history::show,
        history::plan,
        history::events,
        decide::decide,
        ending::cancel,
        ending::resume,
        ending::report,
        doctor::diagnose,
        letters::list,
        letters::redrive,
    ),
    tags(
        (name = "layers", description = "The installation and its layers"),
        (name = "drift", description = "What of a layer is not as it was deployed"),
        (name = "deployments", description = "What was, is and will be done to a layer"),
    )
)]
struct Description;

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "describe",
    tag = "layers",
    responses((status = 200, description = "An OpenAPI document", body = Object))
)]
pub(crate) async fn served() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], CHECKED_IN)
}

/// The description as the handlers have it now.
///
/// # Errors
/// When it is no JSON, which would be a mistake of the generator.
pub fn openapi() -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(Description::openapi())?;
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["info"]["license"] = json!({ "name": "Apache-2.0", "identifier": "Apache-2.0" });
    // How API Gateway writes that IAM authorises a request.
    // Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authtype.html
    document["components"]["securitySchemes"] = json!({
        "sigv4": {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "description": "AWS Signature Version 4, service `execute-api`, in the installation's region.",
            "x-amazon-apigateway-authtype": "awsSigv4",
        }
    });
    document["security"] = json!([{ "sigv4": [] }]);
    for (path, operations) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            complete(path, method, operation);
        }
    }
    Ok(document)
}

/// Adds to an operation what all have: who may call it, and what can always go wrong.
fn complete(path: &str, method: &str, operation: &mut Value) {
    // Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
    let permission = format!("arn:aws:execute-api:REGION:ACCOUNT:API/$default/{}{path}", method.to_uppercase());
    let who = format!("The caller needs `execute-api:Invoke` on `{permission}`.");
    let description = operation["description"].as_str().map(|told| format!("{told}\n\n"));
    operation["description"] = json!(description.unwrap_or_default() + &who);
    let ours = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/ErrorAnswer" } } });
    let gateways = json!({
        "application/json": { "schema": { "type": "object", "properties": { "message": { "type": "string" } } } }
    });
    let always = [
        ("403", "The signature or the permission is missing: API Gateway's own answer", gateways),
        ("500", "Not the caller's fault", ours.clone()),
        ("503", "AWS does not answer at the moment", ours.clone()),
    ];
    let with_path = path.contains('{').then_some(("400", "The path is wrong", ours.clone()));
    let with_body = operation.get("requestBody").map(|_| ("413", "The body is longer than 64 KB", ours));
    let mut responses: Map<String, Value> = operation["responses"].as_object().cloned().unwrap_or_default();
    for (status, description, content) in always.into_iter().chain(with_path).chain(with_body) {
        responses.entry(status).or_insert_with(|| json!({ "description": description, "content": content }));
    }
    responses.sort_keys();
    operation["responses"] = Value::Object(responses);
}
