//! What references stand for, and what is said of those that lead nowhere.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Around, ENVIRONMENT, SERVICE, in_staging, layer, rendered, rendered_with};

/// The value that a service receives for a text.
fn value_of(text: &str, around: &Around) -> Value {
    let file = format!(
        "input_variables:\n  - {{name: size, default: 3}}\n{SERVICE}  - type: custom-terraform\n    name: it\n    source: x\n    \
         terraform_inputs:\n      value: {text}\n  - {{type: sqs, name: orders}}\n"
    );
    layer(&file, around).module("it").unwrap().inputs["terraform_inputs"]["value"].clone()
}

#[test]
fn every_reference_has_a_value_inside_of_an_environment() {
    let table = [
        ("\"{env}/{layer_name}/{parent_name}\"", json!("staging/shop/staging")),
        ("\"{region} {aws.region} {aws.account_id}\"", json!("us-east-1 us-east-1 123456789012")),
        ("\"{parent.vpc_id}\"", json!("vpc-0a1b2c3d4e5f60718")),
        ("\"{parent.private_subnet_ids}\"", json!(["subnet-0a", "subnet-0b", "subnet-0c"])),
        ("\"{vars.size}\"", json!(3)),
        ("\"size {variables.size}\"", json!("size 3")),
        ("\"{vars.image_tag}\"", Value::Null),
        ("\"{kubeconfig}\"", json!("~/.kube/config")),
        ("\"{{literal}} $${{HOME}}\"", json!("{literal} ${HOME}")),
        ("${{module.orders.queue_arn}}", json!("${landfall:module.orders.queue_arn}")),
        ("\"{module.orders.queue_arn}\"", json!("${landfall:module.orders.queue_arn}")),
        ("[\"{env}\", {a: \"{env}\"}]", json!(["staging", {"a": "staging"}])),
    ];
    for (text, value) in table {
        assert_eq!(value_of(text, &in_staging()), value, "{text}");
    }
}

#[test]
fn a_value_of_the_environment_wins_over_a_default() {
    let mut around = in_staging();
    around.variables.insert("size".to_owned(), "9".to_owned());
    assert_eq!(value_of("\"{vars.size}\"", &around), json!("9"));
}

#[test]
fn text_of_a_variable_stands_for_numbers_and_booleans() {
    let text = format!(
        "input_variables:\n  - {{name: fifo, default: \"true\"}}\n  - {{name: delay, default: \"7\"}}\n{ENVIRONMENT}  - type: sqs\n    \
         fifo: \"{{vars.fifo}}\"\n    delay_seconds: \"{{vars.delay}}\"\n"
    );
    let inputs = &layer(&text, &Around::default()).modules[0].inputs;
    assert_eq!((&inputs["fifo"], &inputs["delay_seconds"]), (&json!(true), &json!(7)));
}

#[test]
fn a_reference_to_a_module_makes_it_come_first() {
    let text = format!(
        "{ENVIRONMENT}  - {{type: sns, sqs_subscribers: [\"${{{{module.q.queue_arn}}}}\"]}}\n  - {{type: sqs, name: q}}\n"
    );
    assert_eq!(layer(&text, &Around::default()).modules[0].needs, ["q"]);
}

#[test]
fn nothing_of_an_unknown_environment_is_invented() {
    assert_eq!(value_of("\"{parent.vpc_id}\"", &Around::default()), json!("${landfall:offline.parent.vpc_id}"));
    assert_eq!(value_of("\"{env}\"", &Around::default()), json!("${landfall:offline.env}"));
}

#[test]
fn references_to_nothing_in_a_service() {
    let text = format!(
        "{SERVICE}  - type: s3
    name: uploads
    bucket_name: \"{{parent.vpcid}}\"
  - type: sqs
    name: orders
    delay_seconds: \"{{vars.delay}}\"
  - type: iam-role
    name: worker
    allowed_iams:
      - \"${{{{module.order.queue_arn}}}}\"
      - \"${{{{module.orders.queue_ar}}}}\"
      - \"${{{{module.worker.role_arn}}}}\"
      - \"${{{{module.base.vpc_id}}}}\"
      - \"{{parent.domain}}\"
      - \"{{parent.public_nat_ips}}\"
      - \"a {{parent.private_subnet_ids}}\"
      - \"{{envv}} {{ region }}\"
"
    );
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn references_to_nothing_in_an_environment() {
    let text = format!(
        "{ENVIRONMENT}  - type: base\n  - type: s3\n    bucket_name: \"x-{{parent.vpc_id}}\"\n    bucket_policy: '{{\"Version\": \"2012-10-17\"}}'\n"
    );
    insta::assert_snapshot!(rendered(&text));
}

#[test]
fn the_other_spelling_and_secrets_are_warned_of() {
    let text = format!(
        "{ENVIRONMENT}  - type: base\n  - {{type: postgres, name: db}}\n  - type: lambda-function\n    runtime: nodejs24.x\n    filename: app.zip\n    \
         env_vars:\n      HOST: \"{{module.db.db_host}}\"\n      PASSWORD: \"${{{{module.db.db_password}}}}\"\n"
    );
    insta::assert_snapshot!(rendered(&text));
}

#[test]
fn an_output_that_several_modules_give_differently_is_not_chosen_by_chance() {
    let mut around = in_staging();
    let environment = around.environment.as_mut().unwrap();
    let (one, other, same) = (json!("blue.example.com"), json!("green.example.com"), json!("Z1"));
    environment.export([
        ("blue", "domain", &one),
        ("green", "domain", &other),
        ("blue", "zone_id", &same),
        ("green", "zone_id", &same),
    ]);
    assert_eq!(value_of("\"{parent.zone_id}\"", &around), same);
    let told =
        rendered_with(&format!("{SERVICE}  - {{type: sns, sqs_subscribers: [\"{{parent.domain}}\"]}}\n"), &around);
    assert!(told.contains("several modules of the environment `staging` give `domain`"), "{told}");
    assert!(told.contains("blue, green"), "{told}");
}
