//! What a user sees when a file cannot be read: one snapshot per kind of bad input.
#![allow(clippy::unwrap_used)]

use landfall_config::{Diagnostics, File, Limits, Report, Source, Span, classify};

fn rendered(bytes: &[u8]) -> String {
    match Source::from_bytes("env.yaml", bytes, &Limits::default()).and_then(|source| classify(&source)) {
        Ok(file) => panic!("accepted: {file:?}"),
        Err(diagnostics) => diagnostics.render(false, 100),
    }
}

const ENVIRONMENT: &str =
    "name: staging\norg_name: acme\nproviders:\n  aws:\n    region: us-east-1\n    account_id: 000123456789\n";

macro_rules! bad {
    ($($name:ident: $bytes:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(rendered($bytes.as_ref()));
        }
    )*};
}

bad! {
    empty_file: b"";
    only_a_comment: b"# to do\n";
    binary_file: b"\x7fELF\x02\x01\x01\0\0\0";
    invalid_utf8: b"name: x\n# caf\xc3\xa9 caf\xe9\n";
    five_megabytes: "a: b\n".repeat(1024 * 1024);
    yaml_bomb: format!("a: &a [x,x,x,x,x,x,x,x,x]\n{}modules: *f\n",
        [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "f")]
            .map(|(from, to)| format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 9].join(","))).concat());
    long_text_repeated_by_aliases: format!("a: &a {}\nmodules: [{}]\n", "x".repeat(500_000), vec!["*a"; 20].join(","));
    alias_inside_its_own_value: b"modules: &a\n  - *a\n";
    nested_too_deeply: format!("modules: {}\n", "[".repeat(100_000));
    duplicate_key: format!("{ENVIRONMENT}modules:\n  - type: sqs\n    fifo: true\n    fifo: false\n");
    tab_indentation: format!("{ENVIRONMENT}modules:\n\t- type: sqs\n");
    tab_inside_a_module: format!("{ENVIRONMENT}modules:\n  - type: sqs\n\tfifo: true\n");
    syntax_error: format!("{ENVIRONMENT}modules: [\n");
    unquoted_reference_in_front_of_text: format!("{ENVIRONMENT}modules:\n  - type: s3\n    bucket_name: {{env}}-data\n");
    unquoted_reference_as_name: "name: {env}\nenvironments: [{name: a, path: b}]\nmodules: []\n";
    several_documents: format!("{ENVIRONMENT}modules: []\n---\nname: other\n");
    no_environment_at_all: b"name: app\nmodules: []\n";
    both_kinds_at_once: format!("{ENVIRONMENT}environments: [{{name: a, path: b}}]\nmodules: []\n");
    unreplaced_placeholders: b"name: x\norg_name: <<org::string>>\nproviders: {aws: {region: us-east-1, account_id: <<id::string>>}}\nmodules: []\n";
    missing_everything_in_an_environment: b"org_name: acme\nmodules:\n";
    another_provider: b"name: a\norg_name: acme\nproviders: {google: {region: x}}\nmodules: []\n";
    wrong_types_in_the_envelope: b"name: 12\norg_name: Acme Corp\nproviders: {aws: {region: frankfurt, account_id: 1.5, acount: 1}}\nmodules: {}\nmodule: []\n";
    two_modules_of_one_name: format!("{ENVIRONMENT}modules:\n  - {{type: sqs, name: a}}\n  - {{type: sns, name: a}}\n  - type: s3\n  - type: s3\n");
    bad_module_entries: format!("{ENVIRONMENT}modules:\n  - sqs\n  - name: a\n  - {{type: sqs, name: my-queue}}\n  - {{type: sqs, depends_on: db}}\n");
    variables_that_are_lists: b"name: app\nenvironments:\n  - {name: a, path: b, variables: {zones: [1, 2], size: {cpu: 1}, fine: 1.20}}\nmodules: []\n";
    misspelt_service: b"name: shop\nenvironment:\n  - {name: a, path: b}\nmoduls:\n  - {type: sqs, name: a}\n";
    keys_in_capitals: b"name: shop\nEnvironments: [{name: a, path: b}]\nMODULES: []\n";
    misspelt_environment: b"name: a\norg_name: acme\nprovider: {aws: {region: us-east-1, account_id: 1}}\nmodule: []\n";
    nothing_but_a_name_and_settings: b"name: shop\nlandfall: {approval: always}\n";
    nothing_but_names: b"name: a\norg_name: acme\n";
    no_space_after_a_dash: b"name: shop\nenvironments:\n  - {name: a, path: b}\nmodules:\n  -name: q\n   type: sqs\n";
    no_space_after_a_second_dash: format!("{ENVIRONMENT}modules:\n  - type: sqs\n  -type: sns\n");
    no_space_after_the_dash_of_one_line: format!("{ENVIRONMENT}modules:\n  -type: sns\n");
    control_character: b"name: caf\xc3\xa9\nm\xc3\xb6: \x01\n";
    bad_environment_entries: b"name: app\nenvironments:\n  - {name: a, pth: b}\n  - {name: b, path: c, vars: {x: 1}, variables: {x: 2}}\n  - {name: b, path: d}\nmodules: []\n";
}

#[test]
fn five_errors_are_reported_at_once() {
    let text = "name: 12\norg_name: ACME\nproviders: {aws: {region: mars, account_id: x}}\nextra: 1\nmodules: []\n";
    let source = Source::from_bytes("env.yaml", text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(classify(&source).unwrap_err().items().len(), 5);
}

#[test]
fn a_secret_is_not_told_where_the_file_is_no_yaml_either() {
    for line in [
        "password: {hunter}x",
        "password: {hunter",
        "token: \"hunter\n      hunter",
        "password: hunter: hunter",
        "password: \"hunter\" hunter",
        "password:\n      - hunter\n     hunter: [",
        "\"password\":\"hunter\": {",
        "password: *hunter",
        "password: @hunter",
        "password: 99999999999999999999\n    a: [",
    ] {
        let text = format!("{ENVIRONMENT}modules:\n  - type: sqs\n    {line}\n    name: x\n");
        let told = rendered(text.as_bytes());
        assert!(!told.contains("hunter") && !told.contains("999"), "{line}: {told}");
    }
}

#[test]
fn yaml_without_the_keys_of_a_layer_is_a_support_file() {
    for text in [
        "name: app\nenvironment: {sdk: '>=3.0.0'}\ndependencies: {}\n",
        "name: app\nenvironment: staging\nmodule: billing\n",
        "name: ci\non: push\nenv: {A: b}\njobs: {}\n",
        "name: app\nos_name: linux\nmodels: [{type: a}]\n",
        "name: grafana\norgName: Main Org\n",
        "name: external-dns\nprovider: {aws: {region: eu-west-1}}\n",
        "name: api\nenvironment: [{name: A, type: text, value: b}]\n",
        "name: app\nprovider: {name: aws}\nservice: x\n",
        "name: app\norg: acme\nmode: fast\n",
        "moduls: [{type: sqs}]\n",
        "name: {a: b}\nlandfall: {}\n",
        "replicas: 3\n",
        "- a\n- b\n",
        "just text",
        "{\"Version\": \"2012-10-17\"}",
        "a: !Ref b\n---\nb: 1\n",
    ] {
        let source = Source::from_bytes("values.yaml", text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(classify(&source).unwrap(), File::Support, "{text}");
    }
}

#[test]
fn every_place_lies_on_the_line_that_it_names() {
    let text = format!("{ENVIRONMENT}modules:\n  - {{type: sqs, name: é-ü}}\n");
    let source = Source::from_bytes("env.yaml", text.as_bytes(), &Limits::default()).unwrap();
    let diagnostics = classify(&source).unwrap_err();
    let item = &diagnostics.items()[0];
    assert_eq!((item.line, item.column, item.field.as_str()), (8, 23, "modules[0].name"));
    assert_eq!(source.slice(item.span), "é-ü");
}

#[test]
fn account_ids_are_padded_however_they_are_written() {
    for written in ["000123456789", "\"123456789\"", "123456789", "123456789.0"] {
        let text = ENVIRONMENT.replace("000123456789", written) + "modules: []\n";
        let source = Source::from_bytes("env.yaml", text.as_bytes(), &Limits::default()).unwrap();
        let Ok(File::Layer(layer)) = classify(&source) else { panic!("{written} is refused") };
        let landfall_config::FileScope::Environment { account_id, .. } = layer.scope else { panic!("an environment") };
        assert_eq!(account_id.value, "000123456789", "{written}");
    }
}

#[test]
fn errors_beyond_those_that_are_kept_are_counted_and_warnings_take_no_place_of_theirs() {
    let lines = "a: b\n".repeat(300);
    let source = Source::from_bytes("env.yaml", lines.as_bytes(), &Limits::default()).unwrap();
    let mut report = Report::new(&source);
    for line in 0..299 {
        report.push(report.at(Span::new(line * 5, line * 5 + 1), "odd", "this is odd").warning());
    }
    report.push(report.at(Span::new(299 * 5, 299 * 5 + 1), "bad", "this is bad"));
    let found = report.finish().unwrap_err();
    assert_eq!((found.items().len(), found.omitted()), (200, 100));
    assert_eq!(found.items().last().unwrap().code, "bad");
    let told = found.with_omitted(7).render(false, 100);
    assert!(told.ends_with("… and 257 more\nenv.yaml: 1 error, 306 warnings\n"), "{told}");

    let mut report = Report::new(&source);
    for line in 0..300 {
        report.push(report.at(Span::new(line * 5, line * 5 + 1), "bad", "this is bad"));
    }
    let found = Diagnostics::from_items(report.into_items(), Some(source.clone())).unwrap();
    assert!(found.render(false, 100).ends_with("… and 250 more\nenv.yaml: 300 errors\n"));
}
