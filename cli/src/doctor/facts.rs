//! The stack of the installation: what its template says, with references resolved to what was made of them.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use landfall_bootstrap::VERSION;
use serde_json::{Map, Value, json};

use super::caller::Identity;
use super::{Blind, Finding, seen};

const GROUP: &str = "Installation";

/// What was made of a resource of the template.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    pub(super) id: String,
    pub(super) kind: String,
}

/// A stack.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) stack: String,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) partition: String,
    pub(super) status: String,
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) made: BTreeMap<String, Made>,
    pub(super) template: Value,
}

impl Facts {
    /// Reads stack, resources and template.
    pub(super) async fn read(
        config: &SdkConfig,
        stack: &str,
        region: &str,
        identity: &Identity,
    ) -> Result<Self, Finding> {
        let read = Self::ask(config, stack).await;
        let mut facts = read.map_err(|blind| {
            if blind.is(&["ValidationError"]) {
                return Finding::wrong(
                    GROUP,
                    "stack",
                    format!("there is no stack {stack} in {region}"),
                    "install it: landfall bootstrap; or say where it is: --stack, --region",
                );
            }
            Finding::blind(GROUP, "stack", &blind)
        })?;
        facts.region = region.to_owned();
        facts.account.clone_from(&identity.account);
        facts.partition.clone_from(&identity.partition);
        Ok(facts)
    }

    async fn ask(config: &SdkConfig, stack: &str) -> Result<Self, Blind> {
        let client = aws_sdk_cloudformation::Client::new(config);
        let (described, template) = tokio::join!(
            client.describe_stacks().stack_name(stack).send(),
            client.get_template().stack_name(stack).send()
        );
        let described = seen("cloudformation:DescribeStacks", described)?;
        let template = seen("cloudformation:GetTemplate", template)?.template_body.unwrap_or_default();
        let found = described.stacks().first().cloned();
        let mut made = BTreeMap::new();
        let mut pages = client.list_stack_resources().stack_name(stack).into_paginator().send();
        while let Some(page) = pages.next().await {
            for one in seen("cloudformation:ListStackResources", page)?.stack_resource_summaries() {
                let id = one.physical_resource_id().unwrap_or_default().to_owned();
                let kind = one.resource_type().unwrap_or_default().to_owned();
                made.insert(one.logical_resource_id().unwrap_or_default().to_owned(), Made { id, kind });
            }
        }
        let parameters = found.iter().flat_map(|stack| stack.parameters());
        let outputs = found.iter().flat_map(|stack| stack.outputs());
        Ok(Self {
            stack: stack.to_owned(),
            status: found
                .as_ref()
                .and_then(|stack| stack.stack_status())
                .map(|s| s.as_str().to_owned())
                .unwrap_or_default(),
            parameters: parameters
                .filter_map(|one| Some((one.parameter_key()?.to_owned(), one.parameter_value()?.to_owned())))
                .collect(),
            outputs: outputs
                .filter_map(|one| Some((one.output_key()?.to_owned(), one.output_value()?.to_owned())))
                .collect(),
            made,
            // A template that nobody understands has no resources, which is said of the stack.
            template: serde_saphyr::from_str(&template).unwrap_or_default(),
            ..Self::default()
        })
    }

    /// The stack itself: its state, and whether it fits this command.
    pub(super) fn stack(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let name = &self.stack;
        let again = "see why, and try again: landfall bootstrap";
        found.push(match self.status.as_str() {
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => {
                Finding::ok(GROUP, "stack", format!("{name} is {}", self.status))
            }
            "UPDATE_ROLLBACK_COMPLETE" => {
                Finding::warning(GROUP, "stack", format!("the last update of {name} failed and was taken back"), again)
            }
            status if status.ends_with("_IN_PROGRESS") => {
                Finding::warning(GROUP, "stack", format!("{name} is being changed: {status}"), "wait, and look again")
            }
            status => Finding::wrong(GROUP, "stack", format!("{name} is {status}"), again),
        });
        let installed = self.outputs.get("Version").map_or("unknown", String::as_str);
        found.push(if installed == VERSION {
            Finding::ok(GROUP, "version", format!("{installed}, as this command"))
        } else {
            Finding::wrong(
                GROUP,
                "version",
                format!("{installed} is installed and this command is {VERSION}"),
                "bring it up to date: landfall bootstrap; or take the command of that version",
            )
        });
        let missing: Vec<&str> = self
            .resources()
            .filter(|(name, resource)| self.condition(&resource["Condition"]) && !self.made.contains_key(*name))
            .map(|(name, _)| name)
            .collect();
        if self.resources().next().is_none() {
            found.push(Finding::wrong(GROUP, "template", "the template of the stack is not Landfall's", again));
        } else if !missing.is_empty() {
            found.push(Finding::wrong(GROUP, "resources", format!("not there: {}", missing.join(", ")), again));
        }
        found
    }

    /// Every resource of the template.
    pub(super) fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.template["Resources"].as_object().into_iter().flatten().map(|(name, resource)| (name.as_str(), resource))
    }

    /// The resources of a type that were made: logical id, what was made, properties.
    pub(super) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Made, &'a Value)> {
        self.resources().filter(move |(_, resource)| resource["Type"] == kind).filter_map(|(name, resource)| {
            let made = self.made.get(name)?;
            Some((name, made, &resource["Properties"]))
        })
    }

    /// The id of what was made of a resource.
    pub(super) fn id(&self, name: &str) -> &str {
        self.made.get(name).map(|made| made.id.as_str()).unwrap_or_default()
    }

    /// A name without that of the stack before it.
    pub(super) fn own_name<'a>(&self, name: &'a str) -> &'a str {
        name.strip_prefix(&self.stack).and_then(|name| name.strip_prefix('-')).unwrap_or(name)
    }

    /// A value of the template with its references resolved; text where that is what comes out.
    pub(super) fn text(&self, value: &Value) -> String {
        match self.resolved(value) {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        }
    }

    /// A value of the template with its references resolved.
    pub(super) fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => match fields.iter().next().map(|(name, of)| (name.as_str(), of)) {
                Some(("Ref", Value::String(name))) => json!(self.reference(name)),
                Some(("Fn::GetAtt", of)) => {
                    let part = |place: usize| of[place].as_str().unwrap_or_default();
                    json!(self.attribute(part(0), part(1)))
                }
                Some(("Fn::Sub", Value::String(text))) => json!(self.substituted(text)),
                Some(("Fn::If", of)) => self.resolved(if self.condition(&of[0]) { &of[1] } else { &of[2] }),
                _ => Value::Object(
                    fields.iter().map(|(key, of)| (key.clone(), self.resolved(of))).collect::<Map<_, _>>(),
                ),
            },
            Value::Array(items) => items.iter().map(|item| self.resolved(item)).collect(),
            other => other.clone(),
        }
    }

    /// Whether a condition of the template holds; what has none is always made.
    fn condition(&self, name: &Value) -> bool {
        let Some(name) = name.as_str() else { return true };
        self.holds(&self.template["Conditions"][name])
    }

    fn holds(&self, condition: &Value) -> bool {
        if let Some(of) = condition["Fn::Not"].as_array() {
            return !of.iter().all(|one| self.holds(one));
        }
        let of = &condition["Fn::Equals"];
        self.text(&of[0]) == self.text(&of[1])
    }

    fn reference(&self, name: &str) -> String {
        match name {
            "AWS::Region" => self.region.clone(),
            "AWS::AccountId" => self.account.clone(),
            "AWS::Partition" => self.partition.clone(),
            "AWS::StackName" => self.stack.clone(),
            _ => self.parameters.get(name).cloned().unwrap_or_else(|| self.id(name).to_owned()),
        }
    }

    fn attribute(&self, name: &str, attribute: &str) -> String {
        let Some(made) = self.made.get(name) else { return String::new() };
        let Self { partition, region, account, .. } = self;
        let id = &made.id;
        match (made.kind.as_str(), attribute) {
            ("AWS::S3::Bucket", "Arn") => format!("arn:{partition}:s3:::{id}"),
            ("AWS::IAM::Role", "Arn") => format!("arn:{partition}:iam::{account}:role/{id}"),
            ("AWS::DynamoDB::Table", "Arn") => format!("arn:{partition}:dynamodb:{region}:{account}:table/{id}"),
            ("AWS::Lambda::Function", "Arn") => format!("arn:{partition}:lambda:{region}:{account}:function:{id}"),
            ("AWS::Logs::LogGroup", "Arn") => format!("arn:{partition}:logs:{region}:{account}:log-group:{id}:*"),
            ("AWS::Events::Rule", "Arn") => format!("arn:{partition}:events:{region}:{account}:rule/{id}"),
            // The id of a queue is its address.
            ("AWS::SQS::Queue", "Arn") => format!("arn:{partition}:sqs:{region}:{account}:{}", last(id, '/')),
            ("AWS::SQS::Queue", "QueueName") => last(id, '/').to_owned(),
            ("AWS::Lambda::Version", "Version") => last(id, ':').to_owned(),
            _ => id.clone(),
        }
    }

    fn substituted(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, more)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            match (name.strip_prefix('!'), name.split_once('.')) {
                // What is escaped is meant for somebody else.
                (Some(literal), _) => out.push_str(&format!("${{{literal}}}")),
                (None, Some((resource, attribute))) => out.push_str(&self.attribute(resource, attribute)),
                (None, None) => out.push_str(&self.reference(name)),
            }
            rest = more;
        }
        out.push_str(rest);
        out
    }
}

/// What stands behind the last of these letters.
pub(super) fn last(text: &str, letter: char) -> &str {
    text.rsplit(letter).next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_to_what_was_made() {
        let made = |id: &str, kind: &str| Made { id: id.to_owned(), kind: kind.to_owned() };
        let facts = Facts {
            stack: "landfall".into(),
            region: "eu-west-1".into(),
            account: "1".into(),
            partition: "aws".into(),
            parameters: [("Endpoint".to_owned(), String::new()), ("Package".to_owned(), "sqs/ab.zip".to_owned())]
                .into(),
            made: [
                ("Table".to_owned(), made("landfall", "AWS::DynamoDB::Table")),
                ("Letters".to_owned(), made("https://sqs.eu-west-1.amazonaws.com/1/dead", "AWS::SQS::Queue")),
                (
                    "SqsVersion".to_owned(),
                    made("arn:aws:lambda:eu-west-1:1:function:landfall-sqs:7", "AWS::Lambda::Version"),
                ),
            ]
            .into(),
            template: json!({ "Conditions": { "Has": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "Endpoint" }, ""] }] } } }),
            ..Facts::default()
        };
        for (value, expected) in [
            (json!({ "Fn::Sub": "${Table.Arn}/index/*" }), "arn:aws:dynamodb:eu-west-1:1:table/landfall/index/*"),
            (json!({ "Fn::GetAtt": ["Letters", "Arn"] }), "arn:aws:sqs:eu-west-1:1:dead"),
            (json!({ "Fn::Sub": "${Package} ab ${SqsVersion.Version}" }), "sqs/ab.zip ab 7"),
            (json!({ "Fn::Sub": "${!aws:userid}/${AWS::StackName}" }), "${aws:userid}/landfall"),
            (json!({ "Fn::If": ["Has", "with", "without"] }), "without"),
        ] {
            assert_eq!(facts.text(&value), expected);
        }
    }
}
