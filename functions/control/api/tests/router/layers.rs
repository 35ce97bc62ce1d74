//! Layers are shown, missed and unlocked.

use aws_sdk_sfn::config::retry::RetryConfig;
use serde_json::json;

use crate::world::{ADA, World};

/// An execution that nobody started.
fn gone(world: &World) -> String {
    format!("arn:aws:states:us-east-1:{}:execution:landfall-deploy:gone", world.account_id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_shows_what_runs_and_who_holds_it() {
    let world = World::new().await;
    let (number, execution) = world.running("shop").await;
    world.hold("shop", &execution).await;
    let answer = world.ask("GET", "/layers/shop", None).await;
    assert_eq!(answer.status, 200);
    assert_eq!((&answer.body["running"], &answer.body["waiting"]), (&json!(number), &json!(null)));
    assert_eq!(answer.body["lease"]["holder"], json!(execution));
    let all = world.ask("GET", "/layers", None).await;
    assert_eq!(all.body["layers"][0]["layer"], "shop");
    assert_eq!(world.ask("GET", "/layers/shop/outputs", None).await.body["outputs"], json!({}));
    let installed = world.ask("GET", "/installation", None).await;
    assert_eq!(installed.body["account_id"], json!(world.account_id));
    assert_eq!(installed.body["kinds"], json!(["base", "sqs"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_is_not_there_is_answered_with_the_nearest_that_is() {
    let world = World::new().await;
    world.running("production").await;
    for (method, path) in [
        ("GET", "/layers/prodution"),
        ("GET", "/layers/prodution/outputs"),
        ("GET", "/layers/prodution/deployments/1"),
        ("GET", "/layers/prodution/deployments/1/events"),
        ("DELETE", "/layers/prodution/lease"),
    ] {
        let answer = world.ask(method, path, None).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.error(), ("not-found", "there is no layer prodution", "did you mean production?"), "{path}");
    }
    for action in ["deploy", "destroy"] {
        let answer = world.ask("POST", "/layers/prodution/deployments", Some(json!({ "action": action }))).await;
        assert_eq!((answer.status, answer.error().2), (404, "did you mean production?"), "{action}");
    }
    let far = world.ask("GET", "/layers/zzz", None).await;
    assert_eq!((far.status, &far.body["error"]["hint"]), (404, &json!(null)));
    // Who waits for the first deployment of a layer asks for its list before there is one.
    let none = world.ask("GET", "/layers/prodution/deployments", None).await;
    assert_eq!((none.status, &none.body["deployments"]), (200, &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_runs_is_only_unlocked_by_force_and_with_a_reason() {
    let world = World::new().await;
    let (number, execution) = world.running("shop").await;
    let free = world.ask("DELETE", "/layers/shop/lease", None).await;
    assert_eq!((free.status, free.error().1), (404, "layer shop is not locked"));
    world.hold("shop", &execution).await;
    let refused = world.ask("DELETE", "/layers/shop/lease", None).await;
    assert_eq!((refused.status, refused.error().0), (409, "conflict"));
    assert!(refused.error().1.contains("still runs: applying"), "{refused:?}");
    assert!(refused.error().2.contains("--force --reason"), "{refused:?}");
    for body in [json!({ "force": true }), json!({ "force": true, "reason": "  " })] {
        let refused = world.ask("DELETE", "/layers/shop/lease", Some(body)).await;
        assert_eq!((refused.status, refused.error().1), (400, "a forced unlock needs a reason"));
    }
    assert!(world.control.store.lease("shop").await.unwrap().is_some());
    let forced = json!({ "force": true, "reason": "it hangs" });
    let taken = world.ask("DELETE", "/layers/shop/lease", Some(forced)).await;
    assert_eq!((taken.status, &taken.body["still_running"]), (200, &json!(true)), "{taken:?}");
    assert_eq!(taken.body["was_held_by"]["holder"], json!(execution));
    assert!(world.control.store.lease("shop").await.unwrap().is_none());
    let events = world.ask("GET", &format!("/layers/shop/deployments/{number}/events"), None).await;
    let last = events.body["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["kind"], &last["message"]), (&json!("unlocked"), &json!(format!("unlocked by {ADA}: it hangs"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_gone_is_unlocked_without_force() {
    let world = World::new().await;
    world.running("shop").await;
    world.hold("shop", &gone(&world)).await;
    let taken = world.ask("DELETE", "/layers/shop/lease", None).await;
    assert_eq!((taken.status, &taken.body["still_running"]), (200, &json!(false)), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_from_a_holder_of_whom_nobody_knows_whether_it_runs() {
    let mut world = World::new().await;
    let (_, execution) = world.running("shop").await;
    world.hold("shop", &execution).await;
    let nowhere = world.control.sfn.config().to_builder().endpoint_url("http://127.0.0.1:9");
    world.control.sfn = aws_sdk_sfn::Client::from_conf(nowhere.retry_config(RetryConfig::disabled()).build());
    let answer = world.ask("DELETE", "/layers/shop/lease", None).await;
    assert_eq!((answer.status, answer.error().0), (503, "busy"), "{answer:?}");
    assert!(world.control.store.lease("shop").await.unwrap().is_some());
}
