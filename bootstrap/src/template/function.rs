//! Everything that belongs to one function: role, logs, versions behind an alias, alarm, environment.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::VERSION;
use super::parts::{Alarm, DEPLOY, MODULE, alarm, assumed_by, get, log_group, reference, role_name, sub, trace};
use crate::functions::{Function, FunctionKind};
use crate::policies::{control, joined, module};

/// Role, log group, function, version, alias and alarm of one function.
pub(super) fn add_function(resources: &mut Map<String, Value>, function: &Function, all: &[Function]) {
    let logical = function.logical();
    let name = &function.name;
    let common = match function.kind {
        FunctionKind::Control => control(),
        FunctionKind::Module => module(),
    };
    let own = vec![
        json!({
            "Sid": "Logs", "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": get(&format!("{logical}Logs"), "Arn"),
        }),
        trace(),
        json!({
            "Sid": "DeadLetters", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": get("DeadLetters", "Arn"),
        }),
    ];
    let own = match function.kind {
        FunctionKind::Control => own,
        FunctionKind::Module => [&own[..2], &[ask_for_permissions(name)]].concat(),
    };
    resources.insert(
        format!("{logical}Role"),
        json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": role_name(name),
                "Description": format!("What the Landfall function {name} may do"),
                "AssumeRolePolicyDocument": assumed_by("lambda.amazonaws.com"),
                "Policies": [{ "PolicyName": "function", "PolicyDocument": joined(&[&common, &function.policy], own) }],
            },
        }),
    );
    resources.insert(format!("{logical}Logs"), log_group(&format!("/aws/lambda/${{AWS::StackName}}-{name}")));
    let properties = json!({
        "FunctionName": sub(format!("${{AWS::StackName}}-{name}")),
        "Description": describe(function),
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Architectures": [reference("Architecture")],
        "Code": { "S3Bucket": reference("ArtifactBucket"), "S3Key": reference(function.parameter()) },
        "Role": get(&format!("{logical}Role"), "Arn"),
        "MemorySize": 512,
        "Timeout": if function.kind == FunctionKind::Module { 300 } else { 60 },
        "TracingConfig": { "Mode": "Active" },
        "Environment": { "Variables": environment(function, all) },
    });
    let version = version(function, all, &properties);
    resources.insert(
        format!("{logical}Function"),
        json!({
            "Type": "AWS::Lambda::Function",
            "DependsOn": [format!("{logical}Logs")],
            "Properties": properties,
        }),
    );
    resources.insert(
        format!("{logical}Version"),
        json!({
            "Type": "AWS::Lambda::Version",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "FunctionName": reference(format!("{logical}Function")),
                "Description": version,
            },
        }),
    );
    resources.insert(
        format!("{logical}Live"),
        json!({
            "Type": "AWS::Lambda::Alias",
            "Properties": {
                "FunctionName": reference(format!("{logical}Function")),
                "FunctionVersion": get(&format!("{logical}Version"), "Version"),
                "Name": "live",
            },
        }),
    );
    resources.insert(
        format!("{logical}Alarm"),
        alarm(&Alarm {
            what: &format!("the function {name} failed"),
            namespace: "AWS/Lambda",
            metric: "Errors",
            statistic: "Sum",
            dimension: ("FunctionName", reference(format!("{logical}Function"))),
        }),
    );
}

/// A module's function asks before a deployment whether its own role may do what the plan needs. The role's ARN is put
/// together: a reference to it from its own policy would be a circle.
fn ask_for_permissions(name: &str) -> Value {
    json!({
        "Sid": "OwnPermissions", "Effect": "Allow", "Action": ["iam:GetRole", "iam:SimulatePrincipalPolicy"],
        "Resource": sub(format!(
            "arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{AWS::StackName}}-${{AWS::Region}}-{name}"
        )),
    })
}

/// What a published version stands for: its package, its configuration and, where it starts other functions, their
/// versions. CloudFormation publishes a new version when this text changes and only then
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-version.html>); the old
/// one stays for deployments that run on it. At most 256 characters.
fn version(function: &Function, all: &[Function], properties: &Value) -> Value {
    let configuration = hex::encode(Sha256::digest(properties.to_string()));
    let mut text = format!("${{{}}} {}", function.parameter(), &configuration[..8]);
    let versions: Vec<String> =
        stays_on(function, all).map(|other| format!("${{{}Version.Version}}", other.logical())).collect();
    if !versions.is_empty() {
        text.push_str(&format!(" {}", versions.join(".")));
    }
    sub(text)
}

/// The functions whose versions the planner names: a deployment stays on those with which it began.
fn stays_on<'a>(function: &Function, all: &'a [Function]) -> impl Iterator<Item = &'a Function> {
    let names = function.kind == FunctionKind::Control && function.name == "planner";
    all.iter().filter(move |other| names && (other.kind == FunctionKind::Module || other.name == "coordinator"))
}

pub(super) fn describe(function: &Function) -> String {
    match function.kind {
        FunctionKind::Control => format!("Landfall {}", function.name),
        FunctionKind::Module => format!("Landfall module {}", function.name),
    }
}

pub(super) fn environment(function: &Function, all: &[Function]) -> Value {
    let mut variables = Map::new();
    variables.insert("LANDFALL_TABLE".into(), reference("Table"));
    variables.insert("LANDFALL_BUCKET".into(), reference("ConfigBucket"));
    variables.insert("LANDFALL_RELEASE".into(), json!(VERSION));
    variables.insert("RUST_LOG".into(), json!("info"));
    variables.insert(
        "AWS_ENDPOINT_URL".into(),
        json!({ "Fn::If": ["HasEndpoint", reference("EndpointUrl"), reference("AWS::NoValue")] }),
    );
    if function.kind == FunctionKind::Control {
        let modules: Vec<&Function> = all.iter().filter(|other| other.kind == FunctionKind::Module).collect();
        let kinds: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
        variables.insert("LANDFALL_STACK".into(), reference("AWS::StackName"));
        variables.insert("LANDFALL_TOPIC_ARN".into(), reference("Topic"));
        variables.insert("LANDFALL_DEPLOY_MACHINE_ARN".into(), sub(DEPLOY));
        variables.insert("LANDFALL_MODULE_MACHINE_ARN".into(), sub(MODULE));
        variables.insert("LANDFALL_KINDS".into(), json!(json!(kinds).to_string()));
        let versions: Vec<String> = stays_on(function, all)
            .map(|other| format!("\"{}\":\"${{{}Version.Version}}\"", other.name, other.logical()))
            .collect();
        if !versions.is_empty() {
            variables.insert("LANDFALL_VERSIONS".into(), sub(format!("{{{}}}", versions.join(","))));
        }
    }
    Value::Object(variables)
}
