//! IAM policy documents as values, in the one canonical form that Landfall compares: lists stay lists, a single
//! element stays a list, keys are sorted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Whether a statement allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Allows.
    Allow,
    /// Denies.
    Deny,
}

/// A policy document of version 2012-10-17.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
}

impl Policy {
    /// A document with these statements.
    pub fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self { statements: statements.into_iter().collect() }
    }

    /// The document as JSON, for a resource's properties.
    pub fn document(&self) -> Value {
        Self::normalise(&json!({
            "Version": "2012-10-17",
            "Statement": self.statements.iter().map(Statement::document).collect::<Vec<_>>(),
        }))
    }

    /// Brings any policy document to the canonical form: what AWS answers differs from what was sent in key order,
    /// in one-element lists written as scalars, and in the order of actions.
    pub fn normalise(document: &Value) -> Value {
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.clone(),
            Some(Value::Object(one)) => vec![Value::Object(one.clone())],
            _ => Vec::new(),
        };
        let statements: Vec<Value> = statements.iter().map(normalise_statement).collect();
        let version = document.get("Version").cloned().unwrap_or_else(|| json!("2012-10-17"));
        json!({ "Version": version, "Statement": statements })
    }

    /// Parses the text of a document and normalises it; `None` if it is not a JSON object.
    pub fn parse(text: &str) -> Option<Value> {
        let value: Value = serde_json::from_str(text).ok()?;
        value.is_object().then(|| Self::normalise(&value))
    }
}

fn normalise_statement(statement: &Value) -> Value {
    let Some(fields) = statement.as_object() else { return statement.clone() };
    let mut sorted: BTreeMap<&str, Value> = BTreeMap::new();
    for (key, value) in fields {
        let value = match key.as_str() {
            "Action" | "NotAction" | "Resource" | "NotResource" => list(value),
            "Principal" | "NotPrincipal" => match value {
                Value::Object(by_type) => {
                    Value::Object(by_type.iter().map(|(kind, who)| (kind.clone(), list(who))).collect())
                }
                other => other.clone(),
            },
            "Condition" => condition(value),
            _ => value.clone(),
        };
        sorted.insert(key, value);
    }
    Value::Object(sorted.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

fn condition(value: &Value) -> Value {
    let Some(operators) = value.as_object() else { return value.clone() };
    Value::Object(
        operators
            .iter()
            .map(|(operator, keys)| {
                let keys = match keys {
                    Value::Object(keys) => {
                        Value::Object(keys.iter().map(|(key, value)| (key.clone(), list(value))).collect())
                    }
                    other => other.clone(),
                };
                (operator.clone(), keys)
            })
            .collect(),
    )
}

fn list(value: &Value) -> Value {
    let mut items: Vec<String> = match value {
        Value::Array(items) => items.iter().map(text).collect(),
        other => vec![text(other)],
    };
    items.sort();
    items.dedup();
    json!(items)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    fields: Map<String, Value>,
}

impl Statement {
    /// Allows `actions`.
    pub fn allow<A: Into<String>>(actions: impl IntoIterator<Item = A>) -> Self {
        Self::new(Effect::Allow, actions)
    }

    /// Denies `actions`.
    pub fn deny<A: Into<String>>(actions: impl IntoIterator<Item = A>) -> Self {
        Self::new(Effect::Deny, actions)
    }

    fn new<A: Into<String>>(effect: Effect, actions: impl IntoIterator<Item = A>) -> Self {
        let mut fields = Map::new();
        fields.insert("Effect".into(), json!(effect));
        fields.insert("Action".into(), json!(actions.into_iter().map(Into::into).collect::<Vec<String>>()));
        Self { fields }
    }

    /// Names the statement.
    #[must_use]
    pub fn sid(mut self, sid: impl Into<String>) -> Self {
        self.fields.insert("Sid".into(), json!(sid.into()));
        self
    }

    /// The resources it is about.
    #[must_use]
    pub fn on<R: Into<String>>(mut self, resources: impl IntoIterator<Item = R>) -> Self {
        let resources: Vec<String> = resources.into_iter().map(Into::into).collect();
        self.fields.insert("Resource".into(), json!(resources));
        self
    }

    /// AWS services as principals, such as `sns.amazonaws.com`.
    #[must_use]
    pub fn services<S: Into<String>>(self, services: impl IntoIterator<Item = S>) -> Self {
        self.principal("Service", services)
    }

    /// AWS accounts, roles or users as principals, by ARN.
    #[must_use]
    pub fn arns<S: Into<String>>(self, arns: impl IntoIterator<Item = S>) -> Self {
        self.principal("AWS", arns)
    }

    /// An OIDC provider as principal, by ARN.
    #[must_use]
    pub fn federated(self, provider: impl Into<String>) -> Self {
        self.principal("Federated", [provider])
    }

    /// Everybody as principal.
    #[must_use]
    pub fn everybody(mut self) -> Self {
        self.fields.insert("Principal".into(), json!("*"));
        self
    }

    /// Adds a condition, for example `when("StringEquals", "aws:SourceAccount", ["123456789012"])`.
    #[must_use]
    pub fn when<V: Into<String>>(
        mut self,
        operator: &str,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        let conditions = self.fields.entry("Condition").or_insert_with(|| json!({}));
        conditions[operator][key.into()] = json!(values);
        self
    }

    fn principal<S: Into<String>>(mut self, kind: &str, who: impl IntoIterator<Item = S>) -> Self {
        let who: Vec<String> = who.into_iter().map(Into::into).collect();
        let principal = self.fields.entry("Principal").or_insert_with(|| json!({}));
        principal[kind] = json!(who);
        self
    }

    fn document(&self) -> Value {
        Value::Object(self.fields.clone())
    }
}

/// A principal as AWS answers it: the id of an account stands for the account's root
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-accounts>).
pub fn whole_principal(who: &str, partition: &str) -> String {
    let is_account = who.len() == 12 && who.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { format!("arn:{partition}:iam::{who}:root") } else { who.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_answers_equals_what_was_sent() {
        let sent = Policy::new([Statement::allow(["sqs:SendMessage", "sqs:GetQueueUrl"])
            .sid("Publish")
            .services(["sns.amazonaws.com"])
            .on(["arn:aws:sqs:eu-west-1:1:q"])
            .when("StringEquals", "aws:SourceAccount", ["1"])]);
        let answered = r#"{"Statement":{"Action":["sqs:GetQueueUrl","sqs:SendMessage"],"Condition":{"StringEquals":
            {"aws:SourceAccount":"1"}},"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},
            "Resource":"arn:aws:sqs:eu-west-1:1:q","Sid":"Publish"},"Version":"2012-10-17"}"#;
        assert_eq!(Policy::parse(answered), Some(sent.document()));
    }
    #[test]
    fn an_account_as_principal_is_its_root() {
        assert_eq!(whole_principal("123456789012", "aws-cn"), "arn:aws-cn:iam::123456789012:root");
        for other in ["*", "arn:aws:iam::123456789012:role/r", "1234"] {
            assert_eq!(whole_principal(other, "aws"), other);
        }
    }
}
