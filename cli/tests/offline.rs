//! What the command does without an installation: files, help, exit codes, no colours outside of a terminal.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{Done, run_with};

const ENV: &str = "\
name: demo
org_name: acme
providers:
  aws: { region: eu-central-1, account_id: \"111122223333\" }
modules:
  - type: base
";

const SHOP: &str = "\
name: shop
environments:
  - { name: staging, path: ./env.yaml }
modules:
  - name: orders
    type: aws-sqs
  - name: worker
    type: aws-iam-role
    allowed_iams: [\"arn:aws:iam::{aws.account_id}:root\"]
    links:
      - orders: [subscribe]
";

const BROKEN: &str = "\
name: shop
environments:
  - { name: staging, path: ./env.yaml }
modules:
  - name: orders
    type: aws-sqz
  - name: jobs
    type: aws-sqs
    fifoo: true
    delay_seconds: soon
";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("env.yaml", ENV),
        ("shop.yaml", SHOP),
        ("broken.yaml", BROKEN),
        ("values.yaml", "replicas: 3\n"),
        ("alone.yaml", &SHOP.replace("./env.yaml", "./nowhere.yaml")),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Done {
    run_with(folder, &[], arguments)
}

fn transcript(arguments: &[&str]) -> String {
    run(folder().path(), arguments).transcript(arguments)
}

#[test]
fn valid_files_are_said_to_be_valid_one_per_line() {
    insta::assert_snapshot!(transcript(&["validate", "env.yaml", "shop.yaml", "values.yaml"]));
}

#[test]
fn all_errors_of_all_files_are_shown_at_once() {
    insta::assert_snapshot!(transcript(&["validate", "broken.yaml", "nowhere.yaml", "env.yaml"]));
}

#[test]
fn a_service_whose_environment_is_not_there_is_checked_without_it() {
    insta::assert_snapshot!(transcript(&["validate", "alone.yaml"]));
}

#[test]
fn a_service_whose_environment_is_no_valid_layer_is_checked_without_it_and_says_so() {
    for (text, why) in [
        ("name: demo: x\n", "env.yaml is not valid: landfall validate ./env.yaml"),
        ("name: demo\nmodules: []\n", "env.yaml is not valid: landfall validate ./env.yaml"),
        ("replicas: 3\n", "env.yaml declares no layer"),
        (SHOP, "env.yaml is no environment"),
    ] {
        let folder = folder();
        std::fs::write(folder.path().join("env.yaml"), text).unwrap();
        let done = run(folder.path(), &["validate", "shop.yaml", "--json"]);
        let told = &done.json()[0]["diagnostics"][0];
        assert_eq!((done.code, &told["code"]), (0, &"environment-not-read".into()), "{text}: {told}");
        assert!(told["message"].as_str().unwrap().contains(why), "{text}: {told}");
    }
}

#[test]
fn diagnostics_for_programs_name_code_place_and_help() {
    insta::assert_snapshot!(transcript(&["validate", "broken.yaml", "--json"]));
}

#[test]
fn errors_that_are_too_many_to_be_shown_are_counted() {
    let folder = folder();
    let many: String = (0..300).map(|at| format!("  - {{ type: sqs, name: q{at}, fifoo: true }}\n")).collect();
    let (head, _) = SHOP.split_once("  - name: orders").unwrap();
    let both = head.replace("modules:", "  - { name: prod, path: ./env.yaml }\nmodules:");
    std::fs::write(folder.path().join("many.yaml"), both + &many).unwrap();
    let told = run(folder.path(), &["validate", "many.yaml"]).stdout;
    assert!(told.contains("… and 250 more\nmany.yaml: 300 errors\n"), "{told}");
    let json = run(folder.path(), &["validate", "many.yaml", "--json"]).json();
    assert_eq!((json[0]["diagnostics"].as_array().unwrap().len(), &json[0]["omitted"]), (200, &100.into()));
}

#[test]
fn nothing_is_uploaded_of_a_file_that_is_not_valid() {
    let done = run(folder().path(), &["deploy", "broken.yaml"]);
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stderr.contains("did you mean `aws-sqs`?"), "{}", done.stderr);
}

#[test]
fn a_service_with_several_environments_has_to_choose_one() {
    let folder = folder();
    let two = SHOP.replace("modules:", "  - { name: prod, path: ./env.yaml }\nmodules:");
    std::fs::write(folder.path().join("two.yaml"), two).unwrap();
    let arguments = ["deploy", "two.yaml"];
    insta::assert_snapshot!(run(folder.path(), &arguments).transcript(&arguments));
}

#[test]
fn the_schema_is_json_schema_and_knows_every_kind() {
    let schema = run(folder().path(), &["schema"]).json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let types = schema["properties"]["modules"]["items"]["properties"]["type"]["enum"].to_string();
    for kind in ["aws-base", "aws-sqs", "aws-sns", "aws-s3", "aws-iam-role"] {
        assert!(types.contains(kind), "{kind} in {types}");
    }
}

#[test]
fn help_lists_commands_examples_and_exit_codes() {
    insta::assert_snapshot!(transcript(&["--help"]));
}

#[test]
fn every_command_has_help_with_examples() {
    for command in [
        "validate",
        "plan",
        "deploy",
        "status",
        "history",
        "events",
        "outputs",
        "approve",
        "reject",
        "destroy",
        "unlock",
        "schema",
        "bootstrap",
    ] {
        let done = run(folder().path(), &[command, "--help"]);
        assert_eq!(done.code, 0, "{command}");
        assert!(done.stdout.contains("Example"), "{command} has no example:\n{}", done.stdout);
        assert!(done.stdout.contains("--json"), "{command} has no --json:\n{}", done.stdout);
    }
}

#[test]
fn wrong_arguments_end_with_2() {
    assert_eq!(run(folder().path(), &["deploy"]).code, 2);
    assert_eq!(run(folder().path(), &["launch"]).code, 2);
    assert_eq!(run(folder().path(), &["status", "shop/twelve"]).code, 2);
    assert_eq!(run(folder().path(), &["unlock", "shop", "--force"]).code, 2);
}

#[test]
fn without_a_region_or_credentials_it_says_what_to_set() {
    insta::assert_snapshot!(transcript(&["status"]));
    let folder = folder();
    let arguments = ["status"];
    let region = [("AWS_REGION", "eu-central-1")];
    insta::assert_snapshot!(run_with(folder.path(), &region, &arguments).transcript(&arguments));
}

#[test]
fn errors_for_programs_are_json_too() {
    insta::assert_snapshot!(transcript(&["status", "--json"]));
}

#[test]
fn outside_of_a_terminal_there_are_no_colours_unless_asked_for() {
    let folder = folder();
    let plain = run(folder.path(), &["validate", "broken.yaml"]);
    assert!(!plain.stdout.contains('\u{1b}'), "{}", plain.stdout);
    let coloured = run(folder.path(), &["validate", "broken.yaml", "--color", "always"]);
    assert!(coloured.stdout.contains('\u{1b}'), "{}", coloured.stdout);
}

#[test]
fn a_checkout_that_is_none_is_named() {
    let folder = folder();
    let home = folder.path().to_str().unwrap();
    let done = run_with(folder.path(), &[("LANDFALL_HOME", home)], &["local", "status"]);
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stderr.contains("which is no checkout of Landfall"), "{}", done.stderr);
}

#[test]
fn files_that_are_not_there_are_errors_with_their_place_beside_all_others() {
    let folder = folder();
    let site = ENV.replace(
        "  - type: base\n",
        "  - { type: s3, name: site, bucket_name: acme-site, files: ./site }\n  \
         - { type: s3, name: else, bucket_name: acme-else, files: ../elsewhere }\n",
    );
    std::fs::write(folder.path().join("site.yaml"), site).unwrap();
    let arguments = ["validate", "site.yaml"];
    insta::assert_snapshot!(run(folder.path(), &arguments).transcript(&arguments));
    std::fs::create_dir(folder.path().join("site")).unwrap();
    let found = run(folder.path(), &arguments);
    assert!(!found.stdout.contains("there is no site"), "{}", found.stdout);
}

#[test]
fn a_local_aws_that_is_down_is_said_to_be_down() {
    let folder = folder();
    // Nobody listens on port 1.
    let variables = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", "http://localhost:1"),
        ("AWS_ACCESS_KEY_ID", "000000000000"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let arguments = ["status"];
    insta::assert_snapshot!(run_with(folder.path(), &variables, &arguments).transcript(&arguments));
}
