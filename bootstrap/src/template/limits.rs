//! Whether the template of an installation with every module kind fits into what AWS allows, with the longest names.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Place, template_for, template_of};
use crate::functions::{Function, FunctionKind, discover};
use crate::names::LONGEST_STACK;

/// The longest names that occur: a region, the account, a key of a package, the number of a version.
const REGION: &str = "ap-southeast-1";
const ACCOUNT: &str = "123456789012";
const PACKAGE: usize = "functions//.zip".len() + 64;
const VERSION: &str = "9999";

fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).to_owned()
}

/// The functions there are, and one for each kind of the language that has none yet.
fn functions() -> Vec<Function> {
    let mut functions = discover(&root()).unwrap();
    for kind in landfall_catalog::kinds() {
        if !functions.iter().any(|function| function.name == kind.name) {
            let policy = json!({ "Statement": [] });
            let folder = PathBuf::new();
            functions.push(Function { name: kind.name.to_owned(), kind: FunctionKind::Module, folder, policy });
        }
    }
    functions
}

/// A value of the template as CloudFormation would fill it in, as long as it can become.
fn filled(template: &Value, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(call) => match call.iter().next().map(|(name, of)| (name.as_str(), of)) {
            Some(("Ref", Value::String(name))) => reference(template, name),
            Some(("Fn::GetAtt", of)) => {
                attribute(template, of[0].as_str().unwrap_or_default(), of[1].as_str().unwrap_or_default())
            }
            // Either the value or nothing: the value is longer.
            Some(("Fn::If", of)) => filled(template, &of[1]),
            Some(("Fn::Sub", Value::String(text))) => substituted(template, text),
            _ => value.to_string(),
        },
        other => other.to_string(),
    }
}

fn substituted(template: &Value, text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').unwrap();
        filled.push_str(before);
        filled.push_str(&match name.split_once('.') {
            Some((resource, of)) => attribute(template, resource, of),
            None => reference(template, name),
        });
        rest = after;
    }
    filled + rest
}

fn reference(template: &Value, name: &str) -> String {
    let stack = "s".repeat(LONGEST_STACK);
    let resource = &template["Resources"][name];
    match name {
        "AWS::StackName" => stack,
        "AWS::Region" => REGION.to_owned(),
        "AWS::AccountId" => ACCOUNT.to_owned(),
        "AWS::Partition" => "aws-us-gov".to_owned(),
        // An endpoint is given on the local AWS only.
        "EndpointUrl" => "http://127.0.0.1:65535".to_owned(),
        _ if name.ends_with("Package") => "p".repeat(PACKAGE),
        _ => match resource["Type"].as_str().unwrap_or_default() {
            "AWS::DynamoDB::Table" => filled(template, &resource["Properties"]["TableName"]),
            "AWS::S3::Bucket" => filled(template, &resource["Properties"]["BucketName"]),
            "AWS::SNS::Topic" => {
                let topic = filled(template, &resource["Properties"]["TopicName"]);
                format!("arn:aws-us-gov:sns:{REGION}:{ACCOUNT}:{topic}")
            }
            kind => panic!("say here what a reference to {name} ({kind}) becomes"),
        },
    }
}

fn attribute(template: &Value, resource: &str, of: &str) -> String {
    let properties = &template["Resources"][resource]["Properties"];
    let within = |service: &str, name: String| format!("arn:aws-us-gov:{service}:{REGION}:{ACCOUNT}:{name}");
    match of {
        "Version" => VERSION.to_owned(),
        "Arn" if resource.ends_with("Function") => {
            within("lambda", format!("function:{}", filled(template, &properties["FunctionName"])))
        }
        "Arn" if resource.ends_with("Logs") => {
            within("logs", format!("log-group:{}:*", filled(template, &properties["LogGroupName"])))
        }
        "Arn" if resource == "Table" => within("dynamodb", format!("table/{}", reference(template, resource))),
        "Arn" if resource == "ConfigBucket" => format!("arn:aws-us-gov:s3:::{}", reference(template, resource)),
        "Arn" if resource == "DeadLetters" => within("sqs", filled(template, &properties["QueueName"])),
        _ => panic!("say here what {resource}.{of} becomes"),
    }
}

/// The template with every kind.
fn whole() -> Value {
    template_of(&root(), &functions()).unwrap()
}

fn resources<'a>(template: &'a Value, kind: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let resources = template["Resources"].as_object().unwrap();
    resources.iter().filter(move |(_, resource)| resource["Type"] == kind).map(|(name, one)| (name, &one["Properties"]))
}

/// Properties that name something, and how long the name may be:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html> and the references of CloudFormation.
const NAMED: [(&str, &str, usize); 9] = [
    ("AWS::ApiGatewayV2::Api", "Name", 128),
    ("AWS::DynamoDB::Table", "TableName", 255),
    ("AWS::IAM::Role", "RoleName", 64),
    ("AWS::Lambda::Function", "FunctionName", 64),
    ("AWS::Logs::LogGroup", "LogGroupName", 512),
    ("AWS::S3::Bucket", "BucketName", 63),
    ("AWS::SNS::Topic", "TopicName", 256),
    ("AWS::SQS::Queue", "QueueName", 80),
    ("AWS::StepFunctions::StateMachine", "StateMachineName", 80),
];

#[test]
fn every_name_fits_with_the_longest_name_of_a_stack() {
    let template = whole();
    for (kind, property, limit) in NAMED {
        let mut any = false;
        for (resource, properties) in resources(&template, kind) {
            let name = filled(&template, &properties[property]);
            assert!(name.len() <= limit, "{resource}: {name} has {} characters", name.len());
            any = true;
        }
        assert!(any, "the template has no {kind} any more");
    }
    let artifacts = format!("{}-artifacts-{ACCOUNT}-{REGION}", "s".repeat(LONGEST_STACK));
    assert!(artifacts.len() <= 63, "{artifacts} has {} characters", artifacts.len());
}

#[test]
fn two_installations_in_one_account_do_not_collide() {
    let template = whole();
    for (kind, property, _) in NAMED {
        for (resource, properties) in resources(&template, kind) {
            let name = properties[property].to_string();
            assert!(name.contains("${AWS::StackName}"), "{resource}: {name}");
            // Roles and buckets of all regions have their names in common.
            let common = matches!(kind, "AWS::IAM::Role" | "AWS::S3::Bucket");
            assert!(!common || name.contains("${AWS::Region}"), "{resource}: {name}");
        }
    }
}

#[test]
fn the_environment_of_every_function_fits_with_all_kinds() {
    // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 4 KB, names and values together.
    let template = whole();
    assert_eq!(functions().iter().filter(|function| function.kind == FunctionKind::Module).count(), 29);
    for (name, properties) in resources(&template, "AWS::Lambda::Function") {
        let variables = properties["Environment"]["Variables"].as_object().unwrap();
        let size: usize = variables.iter().map(|(name, value)| name.len() + filled(&template, value).len()).sum();
        // Half of it stays free for what is to come.
        assert!(size <= 2048, "{name}: {size} bytes");
    }
}

#[test]
fn the_description_of_every_version_fits_with_all_kinds() {
    let template = whole();
    for (name, properties) in resources(&template, "AWS::Lambda::Version") {
        let text = filled(&template, &properties["Description"]);
        assert!(text.len() <= 256, "{name}: {} characters", text.len());
    }
}

#[test]
fn the_template_itself_fits_with_all_kinds() {
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    let template = whole();
    let count = |section: &str| template[section].as_object().unwrap().len();
    assert!(count("Resources") <= 500, "{} resources", count("Resources"));
    assert!(count("Parameters") <= 200, "{} parameters", count("Parameters"));
    assert!(template["Description"].as_str().unwrap().len() <= 1024);
}

#[test]
fn what_stays_has_a_plain_name_in_the_template_of_a_stack() {
    let place = Place { stack: "landfall", account: ACCOUNT, region: REGION };
    let template = template_for(&root(), &place).unwrap();
    let mut stays = 0;
    for (resource, one) in template["Resources"].as_object().unwrap() {
        let name = match one["Type"].as_str().unwrap() {
            "AWS::S3::Bucket" => &one["Properties"]["BucketName"],
            "AWS::DynamoDB::Table" => &one["Properties"]["TableName"],
            _ => continue,
        };
        assert_eq!(one["DeletionPolicy"], "Retain", "{resource}");
        assert!(name.as_str().is_some_and(|name| !name.contains("${")), "{resource}: {name}");
        stays += 1;
    }
    assert_eq!(stays, 2);
    let bucket = &template["Resources"]["ConfigBucket"]["Properties"]["BucketName"];
    assert_eq!(bucket, "landfall-config-123456789012-ap-southeast-1");
}
