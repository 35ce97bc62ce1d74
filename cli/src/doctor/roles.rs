//! The roles of functions and state machines: each has the policies that the release gives it, and no others.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use serde_json::{Map, Value};

use super::facts::Facts;
use super::{Blind, Finding, seen};

const GROUP: &str = "Functions";

pub(super) async fn look(config: &SdkConfig, facts: &Facts) -> Vec<Finding> {
    let iam = aws_sdk_iam::Client::new(config);
    let (mut found, mut well) = (Vec::new(), 0);
    for (_, made, properties) in facts.of("AWS::IAM::Role") {
        match role(&iam, facts, &made.id, properties).await {
            Ok(wrong) if wrong.is_empty() => well += 1,
            Ok(wrong) => found.extend(wrong.into_iter().map(|(what, todo)| Finding::wrong(GROUP, "roles", what, todo))),
            Err(blind) => {
                found.push(Finding::blind(GROUP, "roles", &blind));
                if blind.todo.is_some() {
                    break;
                }
            }
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(GROUP, "roles", format!("{well} roles may do what the release says, and nothing else")));
    }
    found
}

async fn role(
    iam: &aws_sdk_iam::Client,
    facts: &Facts,
    role: &str,
    properties: &Value,
) -> Result<Vec<(String, String)>, Blind> {
    let mut wrong = Vec::new();
    let mut own = BTreeSet::new();
    for policy in properties["Policies"].as_array().into_iter().flatten() {
        let name = facts.text(&policy["PolicyName"]);
        let again =
            format!("aws iam delete-role-policy --role-name {role} --policy-name {name}, then landfall bootstrap");
        let asked = iam.get_role_policy().role_name(role).policy_name(&name).send().await;
        match seen("iam:GetRolePolicy", asked) {
            Ok(answer) => {
                let is = plain(&document(answer.policy_document()));
                let wanted = plain(&facts.resolved(&policy["PolicyDocument"]));
                if is != wanted {
                    wrong.push((
                        format!("{role} may do something else than the release says: {}", differ(&wanted, &is)),
                        again,
                    ));
                }
            }
            Err(blind) if blind.is(&["NoSuchEntity", "NoSuchEntityException"]) => {
                wrong.push((format!("{role} lost its policy {name}"), "install again: landfall bootstrap".to_owned()));
            }
            Err(blind) => return Err(blind),
        }
        own.insert(name);
    }
    if !wrong.is_empty() {
        return Ok(wrong);
    }
    let inline = seen("iam:ListRolePolicies", iam.list_role_policies().role_name(role).send().await)?;
    for name in inline.policy_names().iter().filter(|name| !own.contains(*name)) {
        let todo = format!("aws iam delete-role-policy --role-name {role} --policy-name {name}");
        wrong.push((format!("{role} has a policy that the release does not know: {name}"), todo));
    }
    let attached =
        seen("iam:ListAttachedRolePolicies", iam.list_attached_role_policies().role_name(role).send().await)?;
    for arn in attached.attached_policies().iter().filter_map(|policy| policy.policy_arn()) {
        let todo = format!("aws iam detach-role-policy --role-name {role} --policy-arn {arn}");
        wrong.push((format!("{role} has a policy that the release does not know: {arn}"), todo));
    }
    Ok(wrong)
}

/// A document as IAM gives it: JSON, percent-encoded
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html>).
fn document(text: &str) -> Value {
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&decoded(text))).unwrap_or_default()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = (*first == b'%').then(|| more.get(..2)).flatten();
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One form for what means the same: lists in order, one thing as a list of one.
fn plain(document: &Value) -> Value {
    match document {
        Value::Object(fields) => {
            let mut all = Map::new();
            for (name, value) in fields {
                let value = match name.as_str() {
                    "Action" | "NotAction" | "Resource" | "NotResource" => listed(value),
                    _ => plain(value),
                };
                all.insert(name.clone(), value);
            }
            all.sort_keys();
            Value::Object(all)
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

fn listed(value: &Value) -> Value {
    let items: BTreeSet<String> = match value {
        Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        Value::String(text) => [text.clone()].into(),
        _ => BTreeSet::new(),
    };
    items.into_iter().collect()
}

/// The statements in which two documents differ, by their names.
fn differ(wanted: &Value, is: &Value) -> String {
    let statements = |document: &Value| document["Statement"].as_array().cloned().unwrap_or_default();
    let (wanted, is) = (statements(wanted), statements(is));
    let other = wanted.iter().filter(|one| !is.contains(one)).chain(is.iter().filter(|one| !wanted.contains(one)));
    let names: BTreeSet<&str> = other.map(|one| one["Sid"].as_str().unwrap_or("without a name")).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_that_mean_the_same_are_equal_and_others_name_the_statement() {
        let policy = |action: Value| json!({ "Statement": [{ "Sid": "Read", "Action": action, "Resource": "*" }] });
        let (one, listed) = (plain(&policy(json!("s3:GetObject"))), plain(&policy(json!(["s3:GetObject"]))));
        assert_eq!(one, listed);
        let more = plain(&policy(json!(["s3:PutObject", "s3:GetObject"])));
        assert_eq!(more, plain(&policy(json!(["s3:GetObject", "s3:PutObject"]))));
        assert_eq!(differ(&one, &more), "Read");
        assert_eq!(document("%7B%22Statement%22%3A%5B%5D%7D"), json!({ "Statement": [] }));
        assert_eq!(decoded("100%"), "100%");
    }
}
