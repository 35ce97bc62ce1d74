//! What is wrong is named.

use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_named_while_a_deployment_runs_as_it_should() {
    let world = World::new().await;
    let (_, execution) = world.running("shop").await;
    world.hold("shop", &execution).await;
    let plain = world.ask("GET", "/doctor", None).await;
    assert_eq!((plain.status, &plain.body["troubles"], &plain.body["deep"]), (200, &json!([]), &json!(null)));
    let counts = ["layers", "held", "running", "waiting"].map(|name| plain.body[name].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1, 0]);
    let deep = world.ask("GET", "/doctor?deep=true", None).await;
    assert_eq!((&deep.body["deep"]["broken"], &deep.body["deep"]["complete"]), (&json!([]), &json!(true)), "{deep:?}");
    assert_eq!(world.ask("GET", "/doctor?deep=perhaps", None).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_is_held_by_nobody_who_lives_is_named_with_what_to_do() {
    let world = World::new().await;
    let (number, _) = world.running("shop").await;
    world.hold("shop", &format!("arn:aws:states:us-east-1:{}:execution:landfall-deploy:gone", world.account_id)).await;
    let answer = world.ask("GET", "/doctor?deep=true", None).await;
    let trouble = &answer.body["troubles"][0];
    assert_eq!((&trouble["kind"], &trouble["number"]), (&json!("dead-lease"), &json!(number)), "{answer:?}");
    assert_eq!(trouble["todo"], "landfall unlock shop");
    let broken = &answer.body["deep"]["broken"][0];
    assert_eq!((&broken["layer"], &broken["record"]), (&json!("shop"), &json!("LEASE")), "{answer:?}");
    assert_eq!(world.ask("DELETE", "/layers/shop/lease", None).await.status, 200);
    let after = world.ask("GET", "/doctor?deep=true", None).await;
    assert_eq!((&after.body["troubles"], &after.body["deep"]["broken"]), (&json!([]), &json!([])));
}
