//! A layer says which defaults it used; defaults that were used at its first deployment win over newer ones.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use serde_json::json;
use support::{Around, ENVIRONMENT, layer};

const QUEUE: &str = "  - type: sqs\n    name: orders\n    delay_seconds: 3\n";

fn pinned(values: serde_json::Value) -> Around {
    let values: BTreeMap<_, _> = serde_json::from_value(values).unwrap();
    Around { pinned: BTreeMap::from([("orders".to_owned(), values)]), ..Around::default() }
}

#[test]
fn a_layer_says_which_defaults_it_used() {
    let layer = layer(&format!("{ENVIRONMENT}{QUEUE}"), &Around::default());
    assert_eq!(
        json!(layer.modules[0].defaults),
        json!({
            "content_based_deduplication": false,
            "fifo": false,
            "message_retention_seconds": 345_600,
            "receive_wait_time_seconds": 0,
        })
    );
}

#[test]
fn a_pinned_default_wins_over_the_default_of_today() {
    let layer = layer(&format!("{ENVIRONMENT}{QUEUE}"), &pinned(json!({"message_retention_seconds": 60})));
    let module = &layer.modules[0];
    assert_eq!(module.inputs["message_retention_seconds"], 60);
    assert_eq!(module.defaults["message_retention_seconds"], 60, "it stays pinned");
}

#[test]
fn a_value_of_the_user_wins_over_a_pinned_default_and_is_not_pinned() {
    let layer = layer(&format!("{ENVIRONMENT}{QUEUE}"), &pinned(json!({"delay_seconds": 900})));
    let module = &layer.modules[0];
    assert_eq!(module.inputs["delay_seconds"], 3);
    assert!(!module.defaults.contains_key("delay_seconds"));
}

#[test]
fn an_input_that_came_later_has_the_default_of_today() {
    let layer = layer(&format!("{ENVIRONMENT}{QUEUE}"), &pinned(json!({"fifo": false})));
    assert_eq!(layer.modules[0].inputs["message_retention_seconds"], 345_600);
}

#[test]
fn null_and_a_variable_without_value_are_like_nothing() {
    let text = format!("{ENVIRONMENT}  - type: sqs\n    delay_seconds: null\n    fifo: \"{{vars.image_tag}}\"\n");
    let layer = layer(&text, &Around::default());
    assert_eq!(
        (&layer.modules[0].inputs["delay_seconds"], &layer.modules[0].inputs["fifo"]),
        (&json!(0), &json!(false))
    );
    assert!(layer.modules[0].defaults.contains_key("delay_seconds"));
}
