//! A freeze keeps deployments from beginning, and says so.

use std::time::Duration;

use landfall_state::{Action, DocumentRef, FreezeWindow, NewChange, Place, Scope, Status};

use crate::world::{World, change, on_both_stores};

on_both_stores!(
    a_frozen_layer_begins_nothing_until_the_end_and_says_why,
    a_thawed_layer_begins_at_once,
    a_frozen_environment_keeps_its_services_and_no_others,
    what_runs_goes_on_and_plans_are_made,
    a_window_of_the_settings_freezes_while_it_lasts,
    the_windows_of_an_environment_freeze_its_services,
);

async fn begins(world: &World, layer: &str) -> Option<u64> {
    world.store.start_next(layer).await.unwrap().map(|deployment| deployment.number)
}

async fn freeze(world: &World, layer: &str, seconds: u64) {
    let until = world.store.now() + Duration::from_secs(seconds);
    world.store.freeze(layer, until, "Black Friday", "ana").await.unwrap();
}

fn service(layer: &str) -> NewChange {
    NewChange { environment_choice: Some("staging".to_owned()), ..change(layer, "v1") }
}

async fn a_frozen_layer_begins_nothing_until_the_end_and_says_why(world: World) {
    world.store.enqueue(change("shop", "v1")).await.unwrap();
    freeze(&world, "shop", 60).await;
    for _ in 0..2 {
        assert_eq!(begins(&world, "shop").await, None);
    }
    let waits = world.store.deployment("shop", 1).await.unwrap();
    assert_eq!(waits.status, Status::Queued);
    let until = world.store.frozen("shop").await.unwrap().unwrap().until.strftime("%Y-%m-%d %H:%M UTC");
    assert_eq!(waits.message.unwrap(), format!("shop is frozen until {until} by ana: Black Friday"));
    world.wait(60);
    assert_eq!(begins(&world, "shop").await, Some(1));
    assert_eq!(world.store.deployment("shop", 1).await.unwrap().message, None);
}

async fn a_thawed_layer_begins_at_once(world: World) {
    world.store.enqueue(change("shop", "v1")).await.unwrap();
    freeze(&world, "shop", 60).await;
    assert_eq!(world.store.thaw("shop").await.unwrap().unwrap().by, "ana");
    assert_eq!(world.store.thaw("shop").await.unwrap(), None);
    assert_eq!(begins(&world, "shop").await, Some(1));
}

async fn a_frozen_environment_keeps_its_services_and_no_others(world: World) {
    world.store.enqueue(service("shop")).await.unwrap();
    world.store.enqueue(change("elsewhere", "v1")).await.unwrap();
    freeze(&world, "staging", 60).await;
    assert_eq!(begins(&world, "shop").await, None);
    let message = world.store.deployment("shop", 1).await.unwrap().message.unwrap();
    assert!(message.starts_with("staging is frozen until "), "{message}");
    assert_eq!(world.store.services("staging").await.unwrap(), ["shop"], "whoever thaws it knows whom to start");
    assert_eq!(begins(&world, "elsewhere").await, Some(1));
}

async fn what_runs_goes_on_and_plans_are_made(world: World) {
    world.running("shop").await;
    freeze(&world, "shop", 60).await;
    assert_eq!(begins(&world, "shop").await, Some(1), "its execution may still have to be started");
    let plan = NewChange { action: Action::Plan, ..change("billing", "v1") };
    world.store.enqueue(plan).await.unwrap();
    freeze(&world, "billing", 60).await;
    assert_eq!(begins(&world, "billing").await, Some(1));
}

fn windows(world: &World) -> Vec<FreezeWindow> {
    let at = |seconds| world.store.now() + Duration::from_secs(seconds);
    vec![FreezeWindow { from: at(60), until: at(120), reason: "sale".to_owned() }]
}

async fn a_window_of_the_settings_freezes_while_it_lasts(world: World) {
    let freeze_windows = windows(&world);
    world.wait(60);
    world.store.enqueue(NewChange { freeze_windows: freeze_windows.clone(), ..change("shop", "v1") }).await.unwrap();
    assert_eq!(begins(&world, "shop").await, None);
    let message = world.store.deployment("shop", 1).await.unwrap().message.unwrap();
    assert!(message.ends_with("by the settings of shop: sale"), "{message}");
    world.store.enqueue(NewChange { freeze_windows: Vec::new(), ..change("shop", "v2") }).await.unwrap();
    assert_eq!(begins(&world, "shop").await, Some(2), "an edit that takes the window out is not held by it");
    world.store.enqueue(NewChange { freeze_windows, ..change("billing", "v1") }).await.unwrap();
    world.wait(60);
    assert_eq!(begins(&world, "billing").await, Some(1));
}

async fn the_windows_of_an_environment_freeze_its_services(world: World) {
    world.running("staging").await;
    let lease = world.hold("staging", "execution").await;
    let place = Place {
        scope: Scope::Environment,
        environment: "staging",
        org_name: "org",
        region: "us-east-1",
        account_id: "111122223333",
        freeze_windows: &windows(&world),
        settings: &serde_json::Value::Null,
    };
    let run = DocumentRef::of(b"{}");
    world.store.writer(&lease).run_recorded(1, &run, Some(&place)).await.unwrap();
    world.store.enqueue(service("shop")).await.unwrap();
    world.wait(60);
    assert_eq!(begins(&world, "shop").await, None);
    world.wait(60);
    assert_eq!(begins(&world, "shop").await, Some(1));
}
