//! What diagnostics tell of a value that looks like a secret: that it is wrong, and never what it is.
#![allow(clippy::unwrap_used)]

mod support;

use support::{ENVIRONMENT, SERVICE, in_staging, rendered, rendered_with};

/// What the user reads must speak of the mistake and must not hold any part of `hunter12` or of 31415926.
fn is_told_without_the_secret(told: &str, mistake: &str) {
    assert!(told.contains(mistake), "{mistake}: {told}");
    for part in ["hunter", "TAIL", "31415926", "3141", "5926"] {
        assert!(!told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_wrong_value_of_a_key_that_is_named_like_a_secret_is_not_told() {
    for (value, mistake) in [
        ("31415926", "api_key: expected a string, found an integer"),
        ("3141.5926", "found a number"),
        ("31415926314159263141592631415926", "this integer is too large"),
        ("\"hunter{TAIL8}12\"", "what stands in braces here is not a reference"),
        ("\"hunter{{12\"", "the key stands in clear text"),
        ("{hunter12}", "found a mapping"),
        ("[hunter12]", "found a list"),
        ("\n      - hunter12", "found a list"),
        ("\n      hunter12: \"hunter12\n      hunter12\"", "found a mapping"),
    ] {
        let told = rendered(&format!(
            "{ENVIRONMENT}  - type: base\n  - type: k8s-cluster\n  - type: datadog\n    api_key: {value}\n"
        ));
        is_told_without_the_secret(&told, mistake);
    }
}

#[test]
fn the_name_of_a_variable_makes_a_secret_of_what_is_made_with_it() {
    for (module, mistake) in [
        ("{type: sqs, delay_seconds: \"{vars.password}\"}", "expected an integer from 0 to 900, found a string"),
        ("{type: sqs, delay_seconds: \"{vars.pin_token}\"}", "the value is out of range"),
        ("{type: sqs, fifo: \"{vars.password}\"}", "expected true or false, found a string"),
        ("{type: dynamodb, hash_key: a, billing_mode: \"{vars.password}\"}", "the value is not one of the values"),
        ("{type: base, total_ipv4_cidr_block: \"10.{vars.password}\"}", "the value is not an IPv4 range"),
        ("{type: postgres, engine_version: \"{vars.password}\"}", "the value is not"),
        ("{type: sqs, delay_seconds: \"{variables.list_of_secrets}\"}", "found a list"),
    ] {
        let text = format!(
            "input_variables:\n  - {{name: password, default: hunter12}}\n  - {{name: pin_token, default: 31415926}}\n  \
             - {{name: list_of_secrets, default: [hunter12]}}\n{ENVIRONMENT}  - {module}\n"
        );
        is_told_without_the_secret(&rendered(&text), mistake);
    }
}

#[test]
fn a_key_in_the_place_of_its_file_is_not_told() {
    let file = format!(
        "{ENVIRONMENT}  - type: external-ssl-cert\n    domain: example.com\n    certificate_body_file: cert.pem\n    \
         private_key_file: |\n      hunter12\n      hunter12\n"
    );
    is_told_without_the_secret(&rendered(&file), "private_key_file: the value is not a path relative to this file");
}

#[test]
fn what_is_glued_to_the_name_of_a_secret_is_not_told() {
    for (text, mistake) in [
        (format!("{SERVICE}  - {{type: sqs, password:hunter12}}\n"), "unknown field `password…`"),
        (format!("{SERVICE}  - {{type: sqs, password hunter12: }}\n"), "unknown field `password…`"),
        (format!("{SERVICE}  - password:hunter12\n"), "expected a mapping, found the string \"password…\""),
        (format!("{SERVICE}  - {{type: sqs, delay_seconds: \"password: hunter12\"}}\n"), "the string \"password…\""),
        (
            format!("{SERVICE}  - {{type: sqs, delay_seconds: \"{{vars.password}}\"}}\n")
                .replace("env.yaml}", "env.yaml, vars: {password:hunter12}}"),
            "did you mean `password…`?",
        ),
    ] {
        is_told_without_the_secret(&rendered(&text), mistake);
    }
}

#[test]
fn names_made_with_a_secret_are_neither_checked_nor_told() {
    let mut around = in_staging();
    around.variables.insert("password".to_owned(), "hunter12".to_owned());
    let text = format!(
        "{SERVICE}  - {{type: s3, bucket_name: \"X-{{vars.password}}\"}}\n  - {{type: dynamodb, hash_key: \"{{vars.password}}\"}}\n  - {{type: sqs, fifo: 1}}\n"
    );
    is_told_without_the_secret(&rendered_with(&text, &around), "found the integer 1");
}

#[test]
fn what_is_no_secret_is_told_as_before() {
    let text = format!(
        "input_variables:\n  - {{name: size, default: large}}\n{ENVIRONMENT}  - {{type: sqs, delay_seconds: \"{{vars.size}}\"}}\n"
    );
    assert!(rendered(&text).contains("found the string \"large\""));
}
