//! The checked-in description, and whether an answer is as it says.

use std::sync::LazyLock;

use serde_json::{Value, json};

static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../../docs/openapi.json")).unwrap());

/// The shapes, closed: a field that the description does not have is an error here, though clients ignore it.
static SHAPES: LazyLock<Value> = LazyLock::new(|| {
    let mut components = DESCRIPTION["components"].clone();
    for (name, shape) in components["schemas"].as_object_mut().unwrap() {
        // The part that two shapes begin with.
        if name != "LayerRecord" {
            shape["unevaluatedProperties"] = json!(false);
        }
    }
    components
});

/// Panics when the answer is not one that the description has.
pub(crate) fn holds(method: &str, path: &str, status: u16, answer: &Value) {
    let operation = operation(method, path);
    let schema = match &operation {
        Some(operation) => {
            let response = &operation["responses"][status.to_string()];
            assert!(response.is_object(), "{method} {path}: status {status} is not described: {answer}");
            response["content"]["application/json"]["schema"].clone()
        }
        None => json!({ "$ref": "#/components/schemas/ErrorAnswer" }),
    };
    let root =
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [schema], "components": *SHAPES });
    let validator = jsonschema::validator_for(&root).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{method} {path} answered {answer:#}\n{}", errors.join("\n"));
}

fn operation(method: &str, path: &str) -> Option<Value> {
    let parts: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let (_, operations) = paths.iter().find(|(template, _)| {
        let template: Vec<&str> = template.split('/').collect();
        template.len() == parts.len()
            && template.iter().zip(&parts).all(|(pattern, part)| pattern == part || pattern.starts_with('{'))
    })?;
    operations.get(method.to_lowercase()).cloned()
}
