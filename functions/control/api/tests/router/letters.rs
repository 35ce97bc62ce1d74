//! Dead letters are listed, processed again and discarded.

use serde_json::{Value, json};

use crate::world::{ADA, World};

fn upload(key: &str) -> String {
    json!({ "source": "aws.s3", "detail": { "object": { "key": key, "version-id": "v1", "sequencer": "0a" } } })
        .to_string()
}

async fn redrive(world: &World, body: Value) -> Value {
    let answer = world.ask("POST", "/dead-letters/redrive", Some(body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

async fn left(world: &World) -> usize {
    world.ask("GET", "/dead-letters", None).await.body["letters"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_changes_nothing() {
    let world = World::new().await;
    assert_eq!(left(&world).await, 0);
    world.letter(&upload("env.yaml")).await;
    for _ in 0..2 {
        let listed = world.ask("GET", "/dead-letters", None).await;
        let letter = &listed.body["letters"][0];
        assert_eq!(
            (&letter["kind"], &letter["about"]),
            (&json!("upload"), &json!("env.yaml, version v1")),
            "{listed:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_stays_and_says_why() {
    let world = World::new().await;
    world.letter(&upload("env.yaml")).await;
    world.letter("nobody knows").await;
    // There are no functions here that could take anything.
    for _ in 0..2 {
        let body = redrive(&world, json!({})).await;
        let ends = body["letters"].as_array().unwrap();
        assert_eq!(ends.len(), 2, "{body}");
        assert!(ends.iter().all(|end| end["end"] == "kept"), "{body}");
        assert!(ends.iter().any(|end| end["message"].as_str().unwrap().contains("Invoke failed")), "{body}");
    }
    assert_eq!(left(&world).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_the_clock_is_over_when_the_clock_comes_again() {
    let world = World::new().await;
    world.letter(r#"{"op":"sweep"}"#).await;
    let body = redrive(&world, json!({})).await;
    assert_eq!(body["letters"][0]["end"], "processed", "{body}");
    assert_eq!(left(&world).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_leaves_a_record_with_who_and_why() {
    let world = World::new().await;
    world.letter(&upload("env.yaml")).await;
    world.letter("nobody knows").await;
    let refused = world.ask("POST", "/dead-letters/redrive", Some(json!({ "discard": true, "reason": " " }))).await;
    assert_eq!((refused.status, refused.error().0), (400, "invalid"));
    assert_eq!(left(&world).await, 2);

    let body = redrive(&world, json!({ "discard": true, "reason": "a test" })).await;
    assert!(body["letters"].as_array().unwrap().iter().all(|end| end["end"] == "discarded"), "{body}");
    let listed = world.ask("GET", "/dead-letters", None).await;
    assert_eq!(listed.body["letters"], json!([]));
    for discarded in listed.body["discarded"].as_array().unwrap() {
        assert_eq!((&discarded["by"], &discarded["reason"]), (&json!(ADA), &json!("a test")), "{discarded}");
    }
    assert_eq!(listed.body["discarded"].as_array().unwrap().len(), 2);
    // The change itself is visible with its layer.
    let rejected = world.ask("GET", "/layers/env/deployments/1", None).await;
    assert_eq!(rejected.body["deployment"]["status"], "rejected", "{rejected:?}");
    assert_eq!(rejected.body["deployment"]["message"], json!(format!("discarded by {ADA}: a test")));
}
