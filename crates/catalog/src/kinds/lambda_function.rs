//! `lambda-function`: one function from a zip file.

use super::shared::{EXTRA_POLICIES, KEY};
use crate::kind::{Default, Input, Kind, Letters, NameRule, Output, Wire};
use crate::ty::{Pattern, Support, Type, Versions};

const RUNTIME: Versions = Versions {
    form: Pattern {
        regex: "^(nodejs|python|java|dotnet|dotnetcore|ruby|go|provided)[0-9]*(\\.([0-9]+|x|al2|al2023))?$",
        what: "a Lambda runtime",
        example: "nodejs24.x",
    },
    former: &[],
    support,
    instead: "use nodejs24.x, python3.14, java25, dotnet10, ruby3.4 or provided.al2023",
};

/// Lambda refuses new functions of these.
const GONE: [&str; 19] = [
    "nodejs",
    "nodejs4.3",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "python2.7",
    "python3.6",
    "python3.7",
    "python3.8",
    "java8",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "dotnet6",
    "ruby2.7",
    "go1.x",
    "provided",
];
/// Amazon stopped patching these.
const FADING: [&str; 7] = ["nodejs18.x", "nodejs20.x", "python3.9", "java8.al2", "java11", "ruby3.2", "provided.al2"];

fn support(runtime: &str) -> Support {
    if GONE.contains(&runtime) || runtime.starts_with("ruby2.") || runtime.starts_with("dotnetcore") {
        Support::Gone("is past its end: Lambda makes no new functions of it")
    } else if FADING.contains(&runtime) {
        Support::Fading("is deprecated and gets no security fixes")
    } else {
        Support::Offered
    }
}

pub(crate) const KIND: Kind = Kind {
    name: "lambda-function",
    type_names: &["lambda-function", "aws-lambda-function"],
    summary: "One Lambda function from a zip file, inside the VPC where there is one",
    inputs: &[
        Input::required("runtime", Type::Version(&RUNTIME), "Runtime of the function"),
        Input::required("filename", Type::Path, "Zip file with the code, relative to this file"),
        Input::optional("handler", Type::NonEmpty, Default::Text("index.handler"), "What is called"),
        Input::optional("env_vars", Type::Map(&Type::Text), Default::EmptyMap, "Environment variables"),
        Input::optional("expose_via_domain", Type::Bool, Default::Bool(false), "An HTTP endpoint that calls it"),
        EXTRA_POLICIES,
    ],
    wires: &[
        Wire::anywhere("vpc_id", "base", "vpc_id"),
        Wire::anywhere("private_subnet_ids", "base", "private_subnet_ids"),
        KEY,
    ],
    outputs: &[
        Output::exported("function_name", "Name of the function"),
        Output::exported("function_arn", "ARN of the function"),
        Output::exported("cloudwatch_log_group_name", "Name of its log group"),
        Output::exported("cloudwatch_log_group_url", "Its log in the console"),
        Output::exported("lambda_trigger_uri", "URL of its endpoint; empty without one"),
    ],
    names: &[NameRule {
        what: "Lambda function",
        limit: 64,
        letters: Letters::Any,
        name: |parts| Some(format!("lf-{}-0000", parts.module)),
        input: None,
    }],
    missed: &[("vpc_id", "the VPC of the environment is used")],
    ..Kind::BLANK
};
