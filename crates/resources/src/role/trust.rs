//! Trust policies: their canonical form, and what it means when IAM refuses one.

use aws_sdk_iam::Client;
use landfall_aws::Policy;
use landfall_engine::{Aws, Error, Explain, Kind, Result, tolerate};
use serde_json::{Map, Value};

use super::{GONE, iam};
use crate::rekind;

/// Attempts at a creation for which a principal may stay unknown to IAM.
const ATTEMPTS: u32 = 12;

/// The canonical form. Keys of conditions about an OIDC provider name it without its scheme; the URL of a provider
/// that another module makes is only known now.
pub(super) fn canonical(document: &Value) -> Value {
    let mut document = Policy::normalise(document);
    for statement in document.get_mut("Statement").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(operators) = statement.get_mut("Condition").and_then(Value::as_object_mut) else { continue };
        for keys in operators.values_mut() {
            let Some(keys) = keys.as_object_mut() else { continue };
            *keys = std::mem::take(keys)
                .into_iter()
                .map(|(key, value)| (key.strip_prefix("https://").map(str::to_owned).unwrap_or(key), value))
                .collect::<Map<_, _>>();
        }
    }
    document
}

/// IAM refuses a trust policy that names a principal it does not know: one that was made a moment ago, which is worth
/// waiting for, or one that does not exist, which is not
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).
/// `attempt` is the number of the attempt at a creation.
pub(super) async fn explain(aws: &Aws, error: Error, trust: &Value, attempt: Option<u32>) -> Error {
    if error.is_code("EntityAlreadyExists") {
        // The next look shows whether it is the one that an interrupted attempt made.
        return rekind(error, Kind::NotReady);
    }
    let unknown_principal =
        error.is_code("MalformedPolicyDocument") && error.message.to_ascii_lowercase().contains("principal");
    if !unknown_principal || attempt.is_some_and(|attempt| attempt > ATTEMPTS) {
        return error;
    }
    let own = format!("arn:{}:iam::{}:", aws.target().partition, aws.target().account_id);
    let mut any = false;
    for principal in principals(trust) {
        let Some(name) = principal.strip_prefix(&own) else { continue };
        match exists(&iam(aws), name).await {
            Ok(true) => any = true,
            Ok(false) => return error.hint(format!("there is no {principal}: correct its ARN, or make it first")),
            Err(asking) => return asking,
        }
    }
    if any { rekind(error, Kind::NotReady) } else { error.hint("correct the ARNs of the principals") }
}

fn principals(trust: &Value) -> Vec<&str> {
    let statements = trust.get("Statement").and_then(Value::as_array).into_iter().flatten();
    let lists = statements.filter_map(|statement| statement.get("Principal")?.get("AWS")?.as_array());
    lists.flatten().filter_map(Value::as_str).collect()
}

/// Whether a principal of this account exists, by its ARN's last part: `role/PATH/NAME`, `user/PATH/NAME`.
async fn exists(iam: &Client, name: &str) -> Result<bool> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let found = if name.starts_with("role/") {
        let asked = iam.get_role().role_name(last).send().await;
        tolerate(asked.explain("GetRole", last), GONE)?.is_some()
    } else if name.starts_with("user/") {
        let asked = iam.get_user().user_name(last).send().await;
        tolerate(asked.explain("GetUser", last), GONE)?.is_some()
    } else {
        true
    };
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_provider_is_named_without_its_scheme() {
        let document = json!({ "Statement": [{
            "Effect": "Allow",
            "Condition": { "StringEquals": { "https://oidc.eks.eu-central-1.amazonaws.com/id/A:aud": "x" } },
        }] });
        let keys = &canonical(&document)["Statement"][0]["Condition"]["StringEquals"];
        assert_eq!(keys, &json!({ "oidc.eks.eu-central-1.amazonaws.com/id/A:aud": ["x"] }));
    }
}
