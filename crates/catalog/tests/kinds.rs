//! The catalogue holds together: what kinds say of each other exists, defaults fit, and files that use every kind and
//! nearly every input are right.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use landfall_catalog::{Grants, Holds, Input, Kind, Layer, Type, kind, kinds, schema, support_files};
use serde_json::Value;
use support::{Around, in_staging, resolved_with};

const ENVIRONMENT: &str = include_str!("layers/environment.yaml");
const SERVICE: &str = include_str!("layers/service.yaml");

fn service() -> Around {
    let mut around = in_staging();
    around.variables = [("size", "small"), ("replicas", "2")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    around
}

fn warnings_and_layer(name: &str, text: &str, around: &Around) -> (String, Layer) {
    match resolved_with(name, text, around) {
        Ok(resolved) => {
            let warnings: Vec<_> = resolved.warnings.iter().map(ToString::to_string).collect();
            (warnings.join("\n"), resolved.layer)
        }
        Err(diagnostics) => panic!("{}", diagnostics.render(false, 100)),
    }
}

#[test]
fn an_environment_of_every_kind_resolves() {
    let (warnings, layer) = warnings_and_layer("environment.yaml", ENVIRONMENT, &Around::default());
    insta::assert_snapshot!("environment_warnings", warnings);
    insta::assert_json_snapshot!("environment", layer);
    insta::assert_json_snapshot!("environment_files", support_files(&layer));
}

#[test]
fn a_service_of_every_kind_resolves() {
    let (warnings, layer) = warnings_and_layer("service.yaml", SERVICE, &service());
    insta::assert_snapshot!("service_warnings", warnings);
    insta::assert_json_snapshot!("service", layer);
    insta::assert_json_snapshot!("service_files", support_files(&layer));
}

#[test]
fn a_service_is_right_without_its_environment_too() {
    let (_, layer) = warnings_and_layer("service.yaml", SERVICE, &Around::default());
    assert_eq!(layer.modules.len(), 21);
}

#[test]
fn both_files_together_use_every_kind() {
    let (_, environment) = warnings_and_layer("environment.yaml", ENVIRONMENT, &Around::default());
    let (_, service) = warnings_and_layer("service.yaml", SERVICE, &service());
    let used: BTreeSet<_> = environment.modules.iter().chain(&service.modules).map(|it| it.kind.clone()).collect();
    let all: BTreeSet<_> = kinds().iter().map(|kind| kind.name.to_owned()).collect();
    assert_eq!(all.len(), 29);
    assert_eq!(all.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_type_of_aws_is_known_with_and_without_its_prefix() {
    let known: BTreeSet<_> = kinds().iter().flat_map(|kind| kind.type_names).copied().collect();
    let of_aws = "base eks nodegroup dns k8s-base postgres mysql redis documentdb dynamodb s3 sqs sns iam-role \
                  iam-user iam-policy k8s-service ses vpn";
    for name in of_aws.split_whitespace() {
        assert!(known.contains(name), "{name}");
        assert!(known.contains(format!("aws-{name}").as_str()), "aws-{name}");
    }
    for name in kinds().iter().map(|kind| kind.name) {
        assert!(known.contains(name), "{name}: the name of a kind is also a type");
    }
    assert_eq!(known.len(), kinds().iter().map(|kind| kind.type_names.len()).sum::<usize>(), "a type means one kind");
}

#[test]
fn wires_lead_to_outputs_that_exist() {
    for (of, wire) in kinds().iter().flat_map(|kind| kind.wires.iter().map(move |wire| (kind, wire))) {
        let source = kind(wire.kind).unwrap_or_else(|| panic!("{}: {} is no kind", of.name, wire.kind));
        assert!(source.output(wire.output).is_some(), "{}: {} has no output {}", of.name, wire.kind, wire.output);
    }
}

#[test]
fn needs_and_links_name_kinds_that_exist_and_secrets_are_outputs() {
    for of in kinds() {
        for need in of.needs {
            assert!(kind(need.kind).is_some(), "{}: {}", of.name, need.kind);
        }
        match of.grants {
            Grants::Secrets(keys) => {
                assert!(keys.iter().all(|key| of.output(key).is_some()), "{}", of.name);
                assert!(keys.iter().any(|key| of.output(key).unwrap().secret), "{}: nothing secret", of.name);
            }
            Grants::Permissions { words, default } => assert!(default.iter().all(|word| words.contains(word))),
            Grants::Nothing => {}
        }
        if let Holds::Origin(kinds) = of.holds {
            assert!(kinds.iter().all(|name| kind(name).is_some()), "{}", of.name);
        }
        let holds = !matches!(of.holds, Holds::Nothing);
        assert_eq!(holds, of.input("links").is_some(), "{}: links are an input of those that hold some", of.name);
    }
}

#[test]
fn everything_is_described() {
    for of in kinds() {
        assert!(is_sentence(of.summary), "{}: {}", of.name, of.summary);
        for output in of.outputs {
            assert!(is_sentence(output.doc), "{}.{}", of.name, output.name);
        }
        every_input(of, &mut |path, input| assert!(is_sentence(input.doc), "{path}: {}", input.doc));
    }
}

fn is_sentence(text: &str) -> bool {
    text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit() || c.is_lowercase() && text.starts_with("http"))
        && !text.ends_with('.')
        && text.len() >= 4
}

/// Every default is a value that a user might write.
#[test]
fn defaults_fit_the_types_that_they_are_defaults_of() {
    let schema = schema();
    for of in kinds() {
        every_input(of, &mut |path, input| {
            let default = input.default.to_json();
            if default.is_null() || input.required || default == Value::Array(Vec::new()) {
                return;
            }
            // An empty text stands for "none".
            if default == "" {
                return;
            }
            let mut of_input = input.ty.schema();
            of_input["$defs"] = schema["$defs"].clone();
            assert!(jsonschema::is_valid(&of_input, &default), "{path}: {default}");
        });
    }
}

#[test]
fn the_schema_is_a_schema_and_its_expressions_are_valid_in_both_dialects() {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema), "{:?}", jsonschema::meta::validate(&schema));
    for of in kinds() {
        every_input(of, &mut |path, input| {
            let regex = match input.ty {
                Type::Pattern(pattern) => pattern.regex,
                Type::Version(versions) => versions.form.regex,
                _ => return,
            };
            let regex = regex_lite::Regex::new(regex).unwrap_or_else(|error| panic!("{path}: {error}"));
            if let Type::Pattern(pattern) = input.ty {
                assert!(regex.is_match(pattern.example), "{path}: {}", pattern.example);
            }
        });
    }
}

fn every_input(of: &Kind, found: &mut dyn FnMut(String, &Input)) {
    fn inside(path: &str, ty: &Type, found: &mut dyn FnMut(String, &Input)) {
        match ty {
            Type::Object(fields) => {
                for field in *fields {
                    let path = format!("{path}.{}", field.name);
                    inside(&path, &field.ty, found);
                    found(path, field);
                }
            }
            Type::List { of, .. } | Type::Map(of) => inside(path, of, found),
            Type::Either(types) => types.iter().for_each(|ty| inside(path, ty, found)),
            _ => {}
        }
    }
    for input in of.inputs {
        let path = format!("{}.{}", of.name, input.name);
        inside(&path, &input.ty, found);
        found(path, input);
    }
}
