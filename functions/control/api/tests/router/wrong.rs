//! Requests that are wrong are answered in one form, whoever finds the mistake.

use serde_json::{Value, json};

use crate::world::{World, event};

/// A request with a body as it is, and what its answer says.
struct Wrong {
    method: &'static str,
    path: String,
    body: Option<String>,
    status: u16,
    code: &'static str,
    says: &'static str,
}

fn wrong(
    method: &'static str,
    path: &str,
    body: Option<&str>,
    status: u16,
    code: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong { method, path: path.to_owned(), body: body.map(str::to_owned), status, code, says }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_is_told_what_is_wrong_and_what_to_do() {
    let world = World::new().await;
    world.running("shop").await;
    let (order, one) = ("/layers/shop/deployments", "/layers/shop/deployments/1");
    let approval = format!("{one}/approval");
    let long = format!(r#"{{"action":"plan","key":"{}"}}"#, "k".repeat(70_000));
    let reason = format!(r#"{{"decision":"reject","plan_hash":"h","reason":"{}"}}"#, "w".repeat(2_001));
    let key = format!(r#"{{"action":"plan","key":"{}"}}"#, "k".repeat(1_025));
    let cases = [
        // Bodies.
        wrong("POST", order, Some("{"), 400, "invalid", "EOF while parsing"),
        wrong("POST", order, Some("name: shop"), 400, "invalid", "the body is not understood"),
        wrong("POST", order, None, 400, "invalid", "missing field `action`"),
        wrong("POST", order, Some("[]"), 400, "invalid", "the body is not understood"),
        wrong("POST", order, Some(r#"{"action":"dance"}"#), 400, "invalid", "unknown variant `dance`"),
        wrong("POST", order, Some(r#"{"action":"plan","env":"x"}"#), 400, "invalid", "unknown field `env`"),
        wrong(
            "POST",
            order,
            Some(r#"{"action":"plan","upload":{"key":"k","version":"1"}}"#),
            400,
            "invalid",
            "unknown field `version`",
        ),
        wrong("POST", &approval, Some(r#"{"decision":"approve"}"#), 400, "invalid", "missing field `plan_hash`"),
        wrong("POST", &approval, Some(&reason), 400, "invalid", "a reason has at most 2000 characters"),
        wrong("DELETE", "/layers/shop/lease", Some(r#"{"forced":true}"#), 400, "invalid", "unknown field `forced`"),
        wrong("POST", order, Some(&long), 413, "too-large", "longer than 64 KB"),
        wrong("POST", order, Some(&key), 400, "invalid", "the key is not one"),
        wrong("POST", order, Some(r#"{"action":"plan","key":""}"#), 400, "invalid", "the key is not one"),
        wrong(
            "POST",
            order,
            Some(r#"{"action":"deploy","key":".landfall/uploads/x.yaml"}"#),
            400,
            "invalid",
            "the key is not one",
        ),
        wrong("POST", order, Some(r#"{"action":"destroy","key":"shop.yaml"}"#), 400, "invalid", "takes no file"),
        // Methods and paths.
        wrong("PUT", order, Some("{}"), 405, "method-not-allowed", "does not have this method"),
        wrong("DELETE", "/installation", None, 405, "method-not-allowed", "does not have this method"),
        wrong("GET", "/nothing", None, 404, "not-found", "no such path"),
        wrong("GET", "/", None, 404, "not-found", "no such path"),
        wrong("GET", "/layers/", None, 404, "not-found", "no such path"),
        wrong("GET", "/layers/%ff", None, 400, "invalid", "the path is not understood"),
        wrong("GET", &format!("/layers/{}", "x".repeat(3_000)), None, 400, "invalid", "not that long"),
        // Numbers.
        wrong("GET", "/layers/shop/deployments/first", None, 400, "invalid", "first is not a number"),
        wrong("GET", "/layers/shop/deployments/-1", None, 400, "invalid", "-1 is not a number"),
        wrong("GET", "/layers/shop/deployments/18446744073709551616", None, 400, "invalid", "is not a number"),
        wrong("GET", "/layers/shop/deployments/0", None, 404, "not-found", "deployment shop/0 does not exist"),
        wrong("GET", "/layers/shop/deployments/18446744073709551615", None, 404, "not-found", "does not exist"),
        wrong("GET", &format!("{one}/plan"), None, 404, "not-found", "has no plan yet"),
        // Queries.
        wrong("GET", &format!("{order}?limit=many"), None, 400, "invalid", "limit"),
        wrong("GET", &format!("{order}?limit=-1"), None, 400, "invalid", "limit"),
        wrong("GET", &format!("{order}?version=1"), None, 400, "invalid", "unknown field `version`"),
        wrong("GET", &format!("{one}/events?after=yesterday"), None, 400, "invalid", "after"),
    ];
    for case in cases {
        let mut event = event(case.method, &case.path);
        if let Some(body) = &case.body {
            event["body"] = json!(body);
        }
        let answer = world.send(&event).await;
        let shown = &case.path[..case.path.len().min(60)];
        let (code, message, _) = answer.error();
        assert_eq!((answer.status, code), (case.status, case.code), "{} {shown}: {message}", case.method);
        assert!(message.contains(case.says), "{} {shown}: {message}", case.method);
        assert!(answer.body["error"].as_object().unwrap().contains_key("hint"));
        if case.status == 405 {
            assert!(answer.headers.contains_key("allow"), "{shown}");
        }
    }
    // Nothing of it did anything.
    let list = world.ask("GET", order, None).await;
    assert_eq!(list.body["deployments"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_json_whatever_its_content_type_says() {
    let world = World::new().await;
    let (_, execution) = world.running("shop").await;
    world.hold("shop", &execution).await;
    let mut event = event("DELETE", "/layers/shop/lease");
    event["headers"]["content-type"] = json!("application/x-www-form-urlencoded");
    event["isBase64Encoded"] = json!(true);
    // {"force":true,"reason":"it hangs"}
    event["body"] = json!("eyJmb3JjZSI6dHJ1ZSwicmVhc29uIjoiaXQgaGFuZ3MifQ==");
    let answer = world.send(&event).await;
    assert_eq!((answer.status, &answer.body["still_running"]), (200, &json!(true)), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served() {
    let world = World::new().await;
    let answer = world.ask("GET", "/openapi.json", None).await;
    assert_eq!(answer.status, 200);
    let checked_in: Value = serde_json::from_str(include_str!("../../../../../docs/openapi.json")).unwrap();
    assert_eq!(answer.body, checked_in);
}
