//! The layers of the demonstration, as the planner receives them.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Around, in_staging, layer};

#[test]
fn the_environment_of_the_demonstration() {
    let text = include_str!("../../../examples/demo/env.yaml");
    insta::assert_json_snapshot!(layer(text, &Around::default()));
}

#[test]
fn the_service_of_the_demonstration() {
    let text = include_str!("../../../examples/demo/shop.yaml");
    let mut around = in_staging();
    if let Some(environment) = &mut around.environment {
        environment.name = "demo".to_owned();
    }
    insta::assert_json_snapshot!(layer(text, &around));
}
