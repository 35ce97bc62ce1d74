//! What an installation would do and the permissions it needs, without doing anything.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use serde::Serialize;
use serde_json::Value;

use crate::artifacts::Artifacts;
use crate::functions::discover;
use crate::install::{Options, bucket_name, parameters, place};
use crate::names::check_stack;
use crate::package::Package;
use crate::stack::Stack;
use crate::template::{Place, template_for, text_of};

const PERMISSIONS: &str = include_str!("../policies/installer.json");

/// What an installation would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Preview {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name of the stack.
    pub stack: String,
    /// Status of the stack; `None` when it would be created.
    pub stack_status: Option<String>,
    /// Artifact bucket.
    pub artifact_bucket: String,
    /// Whether the bucket would be made.
    pub makes_bucket: bool,
    /// The functions' packages.
    pub packages: Vec<PackageState>,
    /// Parameters that would change: name, value before, value after.
    pub parameters: Vec<ParameterChange>,
    /// Resources of the stack that would change.
    pub resources: Vec<StackChange>,
    /// An IAM policy that allows all of it.
    pub permissions: Value,
}

/// The package of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageState {
    /// Function.
    pub function: String,
    /// Key; `None` when the function was not built yet.
    pub key: Option<String>,
    /// Whether it would be uploaded.
    pub upload: bool,
}

/// A parameter that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParameterChange {
    /// Name.
    pub name: String,
    /// Value before; `None` when it is new.
    pub before: Option<String>,
    /// Value after; `None` when it is known once the functions are built.
    pub after: Option<String>,
}

/// What would happen to a resource of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackAction {
    /// Created.
    Create,
    /// Changed.
    Change,
    /// Removed from the stack.
    Remove,
}

/// A resource of the stack that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackChange {
    /// What would happen.
    pub action: StackAction,
    /// Logical id.
    pub name: String,
    /// Type.
    pub kind: String,
}

/// Looks at what is there and answers what an installation would do.
///
/// # Errors
/// When the checkout or the account cannot be read.
pub async fn preview(config: &SdkConfig, options: &Options) -> Result<Preview> {
    check_stack(&options.stack)?;
    let (account, region) = place(config).await?;
    let at = Place { stack: &options.stack, account: &account, region: &region };
    let template = template_for(&options.root, &at)?;
    let stack = Stack::new(config, &options.stack);
    let current = stack.current().await?;
    let artifacts = Artifacts::new(config, bucket_name(config, options, current.as_ref()).await?);
    let makes_bucket = !artifacts.is_there().await?;
    let mut packages = Vec::new();
    let mut known = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for function in discover(&options.root)? {
        let package = Package::read(&function.name, &options.binary(&function)).ok();
        let upload = match &package {
            Some(package) => makes_bucket || !artifacts.has(&package.key).await,
            None => true,
        };
        let key = package.map(|package| package.key);
        match &key {
            Some(key) => drop(known.insert(function.parameter(), key.clone())),
            None => drop(unknown.insert(function.parameter())),
        }
        packages.push(PackageState { function: function.name, key, upload });
    }
    let before = current.as_ref().map(|stack| stack.parameters.clone()).unwrap_or_default();
    let after = parameters(options, &artifacts.bucket, current.as_ref(), known);
    let mut changes: Vec<ParameterChange> = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(*value))
        .map(|(name, value)| change(name, &before, Some(value.clone())))
        .collect();
    changes.extend(unknown.iter().map(|name| change(name, &before, None)));
    let old = match &current {
        // The text differs wherever anything does, and reading it costs nothing.
        Some(stack) if stack.template.trim() != text_of(&template)?.trim() => {
            serde_saphyr::from_str(&stack.template).context("the template of the stack is not understood")?
        }
        Some(_) => template.clone(),
        None => Value::Null,
    };
    let changed: BTreeSet<&str> = changes.iter().map(|change| change.name.as_str()).collect();
    let resources = differences(&old, &template, &changed);
    let permissions = permissions(&artifacts.bucket, &account, &region, &options.stack)?;
    Ok(Preview {
        account,
        region,
        stack: options.stack.clone(),
        stack_status: current.map(|stack| stack.status),
        artifact_bucket: artifacts.bucket,
        makes_bucket,
        packages,
        parameters: changes,
        resources,
        permissions,
    })
}

fn change(name: &str, before: &BTreeMap<String, String>, after: Option<String>) -> ParameterChange {
    ParameterChange { name: name.to_owned(), before: before.get(name).cloned(), after }
}

/// Resources that differ between two templates, or refer to a parameter that changes.
fn differences(old: &Value, new: &Value, parameters: &BTreeSet<&str>) -> Vec<StackChange> {
    let empty = serde_json::Map::new();
    let old = old["Resources"].as_object().unwrap_or(&empty);
    let new = new["Resources"].as_object().unwrap_or(&empty);
    let kind = |resource: &Value| resource["Type"].as_str().unwrap_or_default().to_owned();
    let mut changes = Vec::new();
    for (name, resource) in new {
        let action = match old.get(name) {
            None => StackAction::Create,
            Some(before) if before != resource || refers(resource, parameters) => StackAction::Change,
            Some(_) => continue,
        };
        changes.push(StackChange { action, name: name.clone(), kind: kind(resource) });
    }
    for (name, resource) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        changes.push(StackChange { action: StackAction::Remove, name: name.clone(), kind: kind(resource) });
    }
    changes.sort_by(|a, b| (a.action, &a.kind, &a.name).cmp(&(b.action, &b.kind, &b.name)));
    changes
}

fn refers(value: &Value, parameters: &BTreeSet<&str>) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(key, value)| match (key.as_str(), value.as_str()) {
            ("Ref", Some(name)) => parameters.contains(name),
            ("Fn::Sub", Some(text)) => parameters.iter().any(|name| text.contains(&format!("${{{name}}}"))),
            _ => refers(value, parameters),
        }),
        Value::Array(items) => items.iter().any(|item| refers(item, parameters)),
        _ => false,
    }
}

/// The policy of whoever installs, for one account and stack.
fn permissions(bucket: &str, account: &str, region: &str, stack: &str) -> Result<Value> {
    let partition = match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let text = PERMISSIONS
        .replace("${Partition}", partition)
        .replace("${ArtifactBucket}", bucket)
        .replace("${Account}", account)
        .replace("${Region}", region)
        .replace("${Stack}", stack);
    serde_json::from_str(&text).context("the policy of the installer is not JSON")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_service_of_the_template_is_in_the_permissions() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let template: Value =
            serde_saphyr::from_str(&std::fs::read_to_string(root.join("bootstrap/template.yaml")).unwrap()).unwrap();
        let policy = permissions("bucket", "111122223333", "eu-central-1", "landfall").unwrap();
        let actions = policy.to_string();
        for resource in template["Resources"].as_object().unwrap().values() {
            let kind = resource["Type"].as_str().unwrap();
            let prefix = match kind.split("::").nth(1).unwrap() {
                "ApiGatewayV2" => "apigateway",
                "CloudWatch" => "cloudwatch",
                "DynamoDB" => "dynamodb",
                "Events" => "events",
                "IAM" => "iam",
                "Lambda" => "lambda",
                "Logs" => "logs",
                "S3" => "s3",
                "SNS" => "sns",
                "SQS" => "sqs",
                "StepFunctions" => "states",
                other => panic!("add the permissions for AWS::{other} to policies/installer.json, and its prefix here"),
            };
            assert!(actions.contains(&format!("\"{prefix}:")), "{kind}");
        }
        assert!(!actions.contains("${"), "{actions}");
    }

    #[test]
    fn a_new_package_changes_the_function_and_its_version_and_nothing_else() {
        let old = json!({ "Resources": {
            "SqsFunction": { "Type": "AWS::Lambda::Function", "Properties": { "Code": { "S3Key": { "Ref": "SqsPackage" } } } },
            "SqsVersion": { "Type": "AWS::Lambda::Version", "Properties": { "Description": { "Fn::Sub": "${SqsPackage} 1" } } },
            "S3Version": { "Type": "AWS::Lambda::Version", "Properties": { "Description": { "Fn::Sub": "${S3Package} 1" } } },
            "Table": { "Type": "AWS::DynamoDB::Table" },
            "Old": { "Type": "AWS::SNS::Topic" },
        } });
        let mut new = old.clone();
        new["Resources"].as_object_mut().unwrap().remove("Old");
        new["Resources"]["New"] = json!({ "Type": "AWS::SQS::Queue" });
        let changes = differences(&old, &new, &BTreeSet::from(["SqsPackage"]));
        let read: Vec<(StackAction, &str)> =
            changes.iter().map(|change| (change.action, change.name.as_str())).collect();
        assert_eq!(
            read,
            [
                (StackAction::Create, "New"),
                (StackAction::Change, "SqsFunction"),
                (StackAction::Change, "SqsVersion"),
                (StackAction::Remove, "Old")
            ]
        );
    }
}
