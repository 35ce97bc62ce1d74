//! Deployments are asked for and listed.

use landfall_state::{Action, Actor, Finished, NewChange, Source, Status};
use serde_json::{Value, json};

use crate::world::{ADA, BOB, World, event};

const PATH: &str = "/layers/prod/deployments";

async fn order(world: &World, body: Value) -> crate::world::Answer {
    world.ask("POST", PATH, Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_is_the_caller_that_iam_authorised() {
    let world = World::new().await;
    world.put(".landfall/uploads/1.yaml", &world.environment("prod")).await;
    let plan = json!({ "action": "plan", "upload": { "key": ".landfall/uploads/1.yaml" }, "key": "envs/prod.yaml" });
    let answer = world.ask_as(BOB, "POST", PATH, Some(plan)).await;
    assert_eq!((answer.status, &answer.body["id"]), (202, &json!("prod/1")), "{answer:?}");
    let shown = world.ask("GET", "/layers/prod/deployments/1", None).await;
    let deployment = &shown.body["deployment"];
    assert_eq!((&deployment["actor"], &deployment["action"]), (&json!(BOB), &json!("plan")));
    assert_eq!(deployment["source"]["key"], "envs/prod.yaml");
    assert_eq!(deployment["source"]["object"], ".landfall/uploads/1.yaml");
    let events = world.ask("GET", "/layers/prod/deployments/1/events", None).await;
    assert_eq!(events.body["events"][0]["kind"], "started", "nothing is in its way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_leaves_the_caller_out_yields_unknown() {
    let world = World::new().await;
    world.put("prod.yaml", &world.environment("prod")).await;
    let mut event = event("POST", PATH);
    event["requestContext"].as_object_mut().unwrap().remove("authorizer");
    event["body"] = json!(r#"{"action":"deploy","key":"prod.yaml"}"#);
    assert_eq!(world.send(&event).await.status, 202);
    assert_eq!(world.control.store.deployment("prod", 1).await.unwrap().actor, Actor("unknown".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_a_change_of_its_own_and_the_newest_waits() {
    let world = World::new().await;
    world.put("prod.yaml", &world.environment("prod")).await;
    let deploy = json!({ "action": "deploy", "key": "prod.yaml" });
    for number in 1..=3u64 {
        let answer = order(&world, deploy.clone()).await;
        assert_eq!((&answer.body["number"], &answer.body["duplicate"]), (&json!(number), &json!(false)), "{answer:?}");
        let superseded = if number == 3 { json!(2) } else { json!(null) };
        assert_eq!(answer.body["superseded"], superseded);
    }
    let events = world.ask("GET", "/layers/prod/deployments/2/events", None).await;
    let last = events.body["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["kind"], &last["message"]), (&json!("superseded"), &json!("superseded by prod/3")));
    assert_eq!(world.control.store.deployment("prod", 3).await.unwrap().actor, Actor(ADA.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_lies_where_uploads_lie_and_is_only_planned() {
    let world = World::new().await;
    let file = world.environment("prod");
    for key in ["elsewhere/prod.yaml", ".landfall/documents/prod.yaml"] {
        world.put(key, &file).await;
        let answer = order(&world, json!({ "action": "plan", "upload": { "key": key }, "key": "prod.yaml" })).await;
        assert_eq!((answer.status, answer.error().1), (400, "an upload lies under .landfall/uploads/"), "{key}");
    }
    world.put(".landfall/uploads/1.yaml", &file).await;
    let upload = json!({ "key": ".landfall/uploads/1.yaml" });
    let answer = order(&world, json!({ "action": "deploy", "upload": upload, "key": "prod.yaml" })).await;
    assert_eq!((answer.status, answer.error().1), (400, "an upload can be planned, not deployed"));
    let missing = json!({ "key": ".landfall/uploads/2.yaml" });
    let answer = order(&world, json!({ "action": "plan", "upload": missing, "key": "prod.yaml" })).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert!(world.control.store.layer("prod").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_of_the_layer_and_of_the_key_that_owns_it() {
    let world = World::new().await;
    world.put("prod.yaml", &world.environment("prod")).await;
    world.put("copy.yaml", &world.environment("prod")).await;
    world.put("other.yaml", &world.environment("other")).await;
    world.put("broken.yaml", "name: prod\nmodules: [").await;
    world.put("values.yaml", "replicas: 3\n").await;
    for (key, status, says) in [
        ("other.yaml", 400, "other.yaml declares layer other, not prod"),
        ("broken.yaml", 400, "broken.yaml"),
        ("values.yaml", 400, "values.yaml declares no layer"),
        ("missing.yaml", 404, "missing.yaml is not in the config bucket"),
    ] {
        let answer = order(&world, json!({ "action": "deploy", "key": key })).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.error().1.contains(says), "{answer:?}");
    }
    assert_eq!(order(&world, json!({ "action": "deploy", "key": "prod.yaml" })).await.status, 202);
    let answer = order(&world, json!({ "action": "deploy", "key": "copy.yaml" })).await;
    assert_eq!((answer.status, answer.error().0), (409, "conflict"));
    assert!(answer.error().1.contains("layer prod belongs to prod.yaml"), "{answer:?}");
    assert_eq!(order(&world, json!({ "action": "deploy" })).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_takes_the_place_of_nothing_that_waits() {
    let world = World::new().await;
    world.put("prod.yaml", &world.environment("prod")).await;
    world.put(".landfall/uploads/1.yaml", &world.environment("prod")).await;
    let plan = json!({ "action": "plan", "upload": { "key": ".landfall/uploads/1.yaml" }, "key": "prod.yaml" });
    let deploy = json!({ "action": "deploy", "key": "prod.yaml" });
    assert_eq!(order(&world, deploy.clone()).await.status, 202);
    assert_eq!(order(&world, plan.clone()).await.body["number"], 2, "it waits for what runs");
    assert_eq!(order(&world, deploy).await.body["superseded"], 2, "what changes the layer comes first");
    let refused = order(&world, plan).await;
    assert_eq!((refused.status, refused.error().0), (409, "conflict"), "{refused:?}");
    assert_eq!(refused.error().1, "deployment prod/3 comes first");
    assert_eq!(refused.error().2, "plan again once it has ended: landfall status prod");
    assert_eq!(world.control.store.queue("prod").await.unwrap().waiting, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_with_its_key_is_answered_with_its_deployment() {
    let world = World::new().await;
    world.put("prod.yaml", &world.environment("prod")).await;
    let asked = async |method: &str, path: &str, body: Value, key: &str| {
        let mut event = event(method, path);
        event["headers"]["idempotency-key"] = json!(key);
        event["body"] = json!(body.to_string());
        world.send(&event).await
    };
    let deploy = json!({ "action": "deploy", "key": "prod.yaml" });
    for (key, number, duplicate) in [("a", 1, false), ("a", 1, true), ("b", 2, false), ("a", 1, true), ("b", 2, true)] {
        let answer = asked("POST", PATH, deploy.clone(), key).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!((&answer.body["number"], &answer.body["duplicate"]), (&json!(number), &json!(duplicate)), "{key}");
    }
    // Also where it would be refused by now: the layer has another deployment since.
    let store = &world.control.store;
    for (number, status) in [(1, Status::Failed), (2, Status::Cancelled)] {
        let end = Finished { status, outcome: None, message: None, diagnostics: None };
        assert!(store.finish("prod", number, end).await.unwrap());
    }
    let resume = "/layers/prod/deployments/2/resume";
    let answer = asked("POST", resume, json!({}), "c").await;
    assert_eq!((answer.status, &answer.body["number"]), (202, &json!(3)), "{answer:?}");
    let again = asked("POST", resume, json!({}), "c").await;
    assert_eq!((again.status, &again.body["number"]), (202, &json!(3)), "{again:?}");
    assert_eq!(asked("POST", resume, json!({}), "d").await.status, 409, "another request is none of them");
    for key in ["", &"k".repeat(129)] {
        let answer = asked("POST", PATH, deploy.clone(), key).await;
        assert_eq!((answer.status, answer.error().0), (400, "invalid"), "{answer:?}");
        assert!(answer.error().1.contains("idempotency-key"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_came_with_another_request_is_refused() {
    let world = World::new().await;
    world.put("prod.yaml", &world.environment("prod")).await;
    world.put(".landfall/uploads/1.yaml", &world.environment("prod")).await;
    let asked = async |body: &Value| {
        let mut event = event("POST", PATH);
        event["headers"]["idempotency-key"] = json!("the commit");
        event["body"] = json!(body.to_string());
        world.send(&event).await
    };
    let deploy = json!({ "action": "deploy", "key": "prod.yaml" });
    let plan = json!({ "action": "plan", "key": "prod.yaml" });
    let other = json!({ "action": "plan", "upload": { "key": ".landfall/uploads/1.yaml" }, "key": "prod.yaml" });
    assert_eq!(asked(&plan).await.body["number"], 1);
    for another in [&deploy, &other] {
        let answer = asked(another).await;
        assert_eq!((answer.status, answer.error().0), (409, "conflict"), "{answer:?}");
        assert!(answer.error().1.ends_with("asked for something else: prod/1"), "{answer:?}");
    }
    assert_eq!(asked(&plan).await.body["duplicate"], true);
    assert_eq!(world.control.store.layer("prod").await.unwrap().unwrap().counter, 1, "nothing else was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_renamed_is_refused_however_it_is_asked_for() {
    let world = World::new().await;
    world.control.store.register_source("prod.yaml", "prod", "01").await.unwrap();
    world.put("prod.yaml", &world.environment("prod")).await;
    assert_eq!(order(&world, json!({ "action": "deploy", "key": "prod.yaml" })).await.status, 202);
    world.put("prod.yaml", &world.environment("renamed")).await;
    for action in ["deploy", "plan"] {
        let body = json!({ "action": action, "key": "prod.yaml" });
        let answer = world.ask("POST", "/layers/renamed/deployments", Some(body)).await;
        assert_eq!((answer.status, answer.error().0), (409, "conflict"), "{answer:?}");
        assert!(answer.error().1.contains("prod.yaml holds layer prod"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_config_that_a_deployment_had_is_gone_on_with_though_a_newer_one_came_and_began_nothing() {
    let world = World::new().await;
    let store = &world.control.store;
    let source = Source { key: "prod.yaml".to_owned(), sequencer: Some("01".to_owned()), ..Source::default() };
    store.enqueue(NewChange::new("prod", Action::Deploy, source, Actor(BOB.to_owned()))).await.unwrap();
    let end = Finished { status: Status::Failed, outcome: None, message: None, diagnostics: None };
    assert!(store.finish("prod", 1, end).await.unwrap());
    store.register_source("prod.yaml", "prod", "02").await.unwrap();
    let same = json!({ "same_config": true });
    let answer = world.ask("POST", "/layers/prod/deployments/1/resume", Some(same)).await;
    assert_eq!((answer.status, &answer.body["number"]), (202, &json!(2)), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_keeps_its_freeze_though_its_environment_is_still_being_made() {
    let world = World::new().await;
    world.running("prod").await;
    let freeze = "landfall:\n  freeze: [{ from: 2020-01-01, until: 2120-01-01, reason: holidays }]\n";
    let service = "name: shop\nenvironments: [{ name: prod, path: prod.yaml }]\nmodules: [{ name: q, type: sqs }]\n";
    world.put("shop.yaml", &format!("{service}{freeze}")).await;
    let body = json!({ "action": "deploy", "key": "shop.yaml" });
    assert_eq!(world.ask("POST", "/layers/shop/deployments", Some(body)).await.status, 202);
    let deployment = world.control.store.deployment("shop", 1).await.unwrap();
    assert_eq!(deployment.status, Status::Queued);
    assert!(deployment.message.as_deref().is_some_and(|why| why.contains("holidays")), "{deployment:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_starts_what_the_first_one_only_recorded() {
    let world = World::new().await;
    world.put("prod.yaml", &world.environment("prod")).await;
    let source = Source { key: "prod.yaml".to_owned(), ..Source::default() };
    let recorded = NewChange {
        key: Some("a".to_owned()),
        ..NewChange::new("prod", Action::Deploy, source, Actor(ADA.to_owned()))
    };
    world.control.store.enqueue_and_begin(recorded, None).await.unwrap();
    assert_eq!(world.control.store.deployment("prod", 1).await.unwrap().execution_arn, None);
    let mut event = event("POST", PATH);
    event["headers"]["idempotency-key"] = json!("a");
    event["body"] = json!(json!({ "action": "deploy", "key": "prod.yaml" }).to_string());
    let again = world.send(&event).await;
    assert_eq!((again.status, &again.body["number"]), (202, &json!(1)), "{again:?}");
    assert!(world.control.store.deployment("prod", 1).await.unwrap().execution_arn.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_at_most_a_hundred_and_can_be_of_one_version() {
    let world = World::new().await;
    for number in 1..=103u32 {
        let version = if number == 4 || number == 50 { "searched".to_owned() } else { format!("v{number}") };
        let source = Source { key: "prod.yaml".to_owned(), version_id: Some(version), ..Source::default() };
        let change = NewChange {
            nonce: number.to_string(),
            ..NewChange::new("prod", Action::Deploy, source, Actor("uploader".to_owned()))
        };
        let diagnostics = "long ".repeat(6_000);
        world.control.store.reject(change, "not valid", Some(&diagnostics)).await.unwrap();
    }
    for (query, count) in [("", 20), ("?limit=0", 1), ("?limit=3", 3), ("?limit=99999999999", 100)] {
        let answer = world.ask("GET", &format!("{PATH}{query}"), None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let listed = answer.body["deployments"].as_array().unwrap();
        assert_eq!((listed.len(), &listed[0]["number"]), (count, &json!(103)), "{query}");
        // What Lambda answers has at most 6 MB.
        assert!(answer.body.to_string().len() < 2_000_000, "{query}");
        assert!(listed[0]["diagnostics"].is_string());
    }
    let searched = world.ask("GET", &format!("{PATH}?version_id=searched&limit=1"), None).await;
    assert_eq!(searched.body["deployments"][0]["number"], 50);
    let both = world.ask("GET", &format!("{PATH}?version_id=searched"), None).await;
    assert_eq!(both.body["deployments"].as_array().unwrap().len(), 2);
}
