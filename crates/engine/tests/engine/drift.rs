//! What others changed: ignored by the config, accepted by somebody, or set right.

use landfall_plan::{AcceptedDrift, Action, Why, digest};
use landfall_testkit::{Deployment, End, World};
use serde_json::{Map, Value, json};

use crate::cloud::{Things, cloud, things};
use crate::{deploy, log};

/// A thing with a value and a class.
fn thing(value: i64, class: i64) -> Map<String, Value> {
    things(json!([{ "resource": "a", "value": value, "class": class }]))
}

/// What others make of it.
fn tamper(world: &World, field: &str, value: i64) {
    cloud(&world.account.id, |cloud| cloud.set("a", field, json!(value)));
}

fn there(world: &World) -> (Value, Value) {
    cloud(&world.account.id, |cloud| (cloud.get("a", "value"), cloud.get("a", "class")))
}

/// The action of the plan, what it would change, and what it leaves alone.
async fn planned(world: &mut World, inputs: &Map<String, Value>) -> (Deployment, Action, Vec<String>, Vec<Why>) {
    let mut deployment = world.deploy::<Things>(Some(inputs), &[]).await;
    let plan = world.plan::<Things>(&mut deployment).await;
    let change = &plan.resources[0];
    let changes = change.attributes.iter().map(|attribute| attribute.path.clone()).collect();
    (deployment, change.action, changes, plan.left.iter().map(|left| left.why).collect())
}

#[tokio::test]
async fn what_the_config_ignores_stays_as_others_made_it_also_when_something_else_changes() {
    let mut world = World::new().await;
    world.ignore_drift = vec!["class".to_owned()];
    deploy(&mut world, &thing(1, 1)).await;
    tamper(&world, "class", 7);
    log(&world);
    let (deployment, action, changes, left) = planned(&mut world, &thing(1, 1)).await;
    assert_eq!((action, changes, left), (Action::Keep, vec![], vec![Why::Ignored]));
    assert_eq!(world.apply::<Things>(&deployment).await, End::Done);
    assert!(log(&world).is_empty(), "nothing is written");
    deploy(&mut world, &thing(2, 1)).await;
    assert_eq!(log(&world), ["update a"]);
    assert_eq!(there(&world), (json!(2), json!(7)), "the update writes the value of the others");
    let (_, action, changes, _) = planned(&mut world, &thing(2, 3)).await;
    assert_eq!((action, changes), (Action::Update, vec!["class".to_owned()]), "the config itself says something else");
    deploy(&mut world, &thing(2, 3)).await;
    assert_eq!(there(&world), (json!(2), json!(3)));
    assert_eq!(planned(&mut world, &thing(2, 3)).await.1, Action::Keep);
}

#[tokio::test]
async fn what_was_accepted_stays_while_it_is_that_value_and_the_config_wants_the_same() {
    let mut world = World::new().await;
    deploy(&mut world, &thing(1, 1)).await;
    tamper(&world, "value", 7);
    world.accepted = vec![AcceptedDrift {
        resource: "a".to_owned(),
        path: "value".to_owned(),
        recorded: digest(Some(&json!(1))),
        live: digest(Some(&json!(7))),
    }];
    deploy(&mut world, &thing(1, 2)).await;
    assert_eq!(there(&world), (json!(7), json!(2)), "a deployment does not revert it");
    assert_eq!(planned(&mut world, &thing(1, 2)).await.3, [Why::Accepted]);
    assert_eq!(planned(&mut world, &thing(5, 2)).await.2, ["value"], "the config wants another value");
    tamper(&world, "value", 8);
    assert_eq!(planned(&mut world, &thing(1, 2)).await.2, ["value"], "somebody changed it again");
    deploy(&mut world, &thing(1, 2)).await;
    assert_eq!(there(&world), (json!(1), json!(2)));
}

#[tokio::test]
async fn what_is_not_listed_is_set_right() {
    let mut world = World::new().await;
    world.ignore_drift = vec!["class".to_owned(), "val".to_owned(), "tags".to_owned()];
    deploy(&mut world, &thing(1, 1)).await;
    tamper(&world, "value", 7);
    cloud(&world.account.id, |cloud| cloud.set("a", "tags", json!({ "landfall:layer": "stolen" })));
    let (_, action, changes, left) = planned(&mut world, &thing(1, 1)).await;
    let own_tags = ["tags.landfall:layer", "tags.landfall:module", "tags.landfall:resource"];
    assert_eq!(action, Action::Update);
    assert!(
        own_tags.iter().all(|tag| changes.contains(&(*tag).to_owned())),
        "its own tags are not ignored: {changes:?}"
    );
    assert!(changes.contains(&"value".to_owned()) && left.is_empty());
    deploy(&mut world, &thing(1, 1)).await;
    assert_eq!(there(&world), (json!(1), json!(1)));
}
