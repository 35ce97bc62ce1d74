//! What every form of reference means, and what a malformed one is told.
#![allow(clippy::unwrap_used)]

use landfall_config::{Reference, Segment, Template};
use proptest::prelude::*;

/// The template as text in which references are marked with angle brackets.
fn parsed(text: &str) -> String {
    match Template::parse(text) {
        Ok(template) => template
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => text.clone(),
                Segment::Ref { reference, range } => {
                    assert!(text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
                    format!("<{reference:?}>")
                }
            })
            .collect(),
        Err(errors) => errors
            .iter()
            .map(|error| format!("{}: {} ({})", &text[error.range.clone()], error.message, error.help))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[test]
fn every_form_is_understood() {
    let table = [
        "plain",
        "{env}",
        "{layer_name}-{parent_name}",
        "{region} {aws.region} {aws.account_id}",
        "{state_storage}",
        "{kubeconfig}{k8s_access_token}",
        "{parent.domain}",
        "api.{parent.domain}",
        "{vars.size}{variables.size}",
        "${{module.db.db_host}}:5432",
        "${{ module.db.db_host }}",
        "{module.dns.domain}",
        "{{literal}}",
        "{{{{",
        "$${{HOME}}",
        "$5 and 100%",
        "{{\"a\": {vars.n}}}",
        "é{env}ü",
        "${{module.state.outputs.vpc_id}}",
    ];
    insta::assert_snapshot!(table.map(|text| format!("{text}  →  {}", parsed(text))).join("\n"));
}

#[test]
fn every_mistake_is_explained() {
    let table = [
        "{}",
        "{0}",
        "{",
        "}",
        "a } b",
        "{env",
        "{ env }",
        "{envv}",
        "{Content-Type}",
        "{\"a\": 1}",
        "{\n  \"a\": {\"b\": 1}\n}",
        "{parent}",
        "{parent.}",
        "{parent[domain]}",
        "{parnt.domain}",
        "{var.size}",
        "{vars.n:03d}",
        "{env!r}",
        "{aws.acount_id}",
        "{anything.else}",
        "${{db.host}}",
        "${{module.db}}",
        "${{module.db.host",
        "${HOME}",
        "{module.db}",
    ];
    insta::assert_snapshot!(
        table.map(|text| format!("{text}\n    {}", parsed(text).replace('\n', "\n    "))).join("\n")
    );
}

#[test]
fn the_other_spelling_of_a_module_reference_is_noted() {
    let template = Template::parse("x {module.dns.domain}").unwrap();
    assert_eq!(template.notes.len(), 1);
    assert_eq!(template.notes[0].help, "write ${{module.dns.domain}}");
    let same = Template::parse("x ${{module.dns.domain}}").unwrap();
    assert_eq!(template.references().next().unwrap().0, same.references().next().unwrap().0);
}

#[test]
fn a_text_that_is_one_reference_is_known_as_such() {
    assert_eq!(Template::parse("{parent.ids}").unwrap().whole(), Some(&Reference::Parent("ids".to_owned())));
    assert_eq!(Template::parse("{parent.ids} ").unwrap().whole(), None);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_explained(text in "[ -~é\n{}$.a-m]{0,40}") {
        match Template::parse(&text) {
            Ok(_) => {}
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(text.get(error.range.clone()).is_some_and(|part| !part.is_empty()));
                }
            }
        }
    }

    #[test]
    fn text_with_doubled_braces_is_literal(text in "[ -~é\n]{0,40}") {
        let text = text.replace('$', "");
        let escaped = text.replace('{', "{{").replace('}', "}}");
        let template = Template::parse(&escaped).unwrap();
        let literal: String = template.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => text.clone(),
            Segment::Ref { .. } => String::from("?"),
        }).collect();
        prop_assert_eq!(literal, text);
    }
}
