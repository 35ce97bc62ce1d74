//! Which file of the config bucket owns a layer, and events that come late or twice.

use landfall_state::{
    Action, DeployedConfig, DocumentRef, Finished, LayerEnd, LayerStatus, NewChange, Outcome, SourceOutcome,
    StateError, Status,
};

use crate::world::{World, change, on_both_stores};

on_both_stores!(
    an_older_version_of_a_key_is_dropped,
    a_redelivered_event_is_accepted_again,
    sequencers_of_different_length_compare_as_amazon_says,
    the_first_key_owns_the_layer_as_long_as_it_lives,
    a_layer_that_never_came_to_be_gives_its_name_away,
    a_destroyed_layer_gives_its_name_away_and_its_new_owner_keeps_it,
    a_key_that_holds_a_living_layer_cannot_declare_another,
    a_version_that_was_overtaken_between_registration_and_queue_is_not_queued,
    of_two_keys_that_claim_a_new_layer_at_once_one_gets_it,
    a_layer_is_not_renamed_by_asking_for_it_either,
);

async fn register(world: &World, key: &str, layer: &str, sequencer: &str) -> SourceOutcome {
    world.store.register_source(key, layer, sequencer).await.unwrap()
}

/// Brings a layer to `status` by a deployment from start to end.
async fn deployed(world: &World, layer: &str, version: &str, status: LayerStatus) {
    world.store.enqueue(change(layer, version)).await.unwrap();
    let number = world.store.start_next(layer).await.unwrap().unwrap().number;
    let lease = world.hold(layer, "execution").await;
    let document = DocumentRef::of(b"{}");
    let becomes = match status {
        LayerStatus::Destroyed => LayerEnd::Destroyed,
        LayerStatus::Failed => LayerEnd::Failed,
        LayerStatus::New => LayerEnd::AsItWas,
        LayerStatus::Deployed => {
            LayerEnd::Deployed(DeployedConfig { number, version_id: None, document, compared_at: None })
        }
    };
    let outcome = Some(Outcome::Changed);
    let end = Finished { status: Status::Succeeded, outcome, message: None, diagnostics: None };
    assert!(world.store.writer(&lease).deployment_ended(number, &end, becomes, None, None).await.unwrap());
}

async fn an_older_version_of_a_key_is_dropped(world: World) {
    assert_eq!(register(&world, "env.yaml", "staging", "0055AED6DCD90281E5").await, SourceOutcome::Accepted);
    assert_eq!(register(&world, "env.yaml", "staging", "0055AED6DCD90281E4").await, SourceOutcome::Stale);
    assert_eq!(register(&world, "env.yaml", "staging", "0055AED6DCD90281E6").await, SourceOutcome::Accepted);
    assert_eq!(register(&world, "other.yaml", "production", "0001").await, SourceOutcome::Accepted);
}

async fn a_redelivered_event_is_accepted_again(world: World) {
    for _ in 0..2 {
        assert_eq!(register(&world, "env.yaml", "staging", "0055AE").await, SourceOutcome::Accepted);
    }
    assert_eq!(world.store.layer_of_key("env.yaml").await.unwrap().as_deref(), Some("staging"));
    assert_eq!(world.store.layer_of_key("unknown.yaml").await.unwrap(), None);
}

async fn sequencers_of_different_length_compare_as_amazon_says(world: World) {
    assert_eq!(register(&world, "env.yaml", "staging", "0055AE").await, SourceOutcome::Accepted);
    // Padded on the right, the longer one is the newer one here, and older than a shorter one that begins higher.
    assert_eq!(register(&world, "env.yaml", "staging", "0055AE01").await, SourceOutcome::Accepted);
    assert_eq!(register(&world, "env.yaml", "staging", "0055AE").await, SourceOutcome::Stale);
    assert_eq!(register(&world, "env.yaml", "staging", "0055AF").await, SourceOutcome::Accepted);
}

async fn the_first_key_owns_the_layer_as_long_as_it_lives(world: World) {
    let owned = SourceOutcome::OwnedByOtherKey { key: "staging.yaml".to_owned() };
    assert_eq!(register(&world, "staging.yaml", "staging", "01").await, SourceOutcome::Accepted);
    world.store.enqueue(change("staging", "v0")).await.unwrap();
    assert_eq!(register(&world, "copy.yaml", "staging", "02").await, owned, "its first deployment waits");
    world.store.start_next("staging").await.unwrap();
    assert_eq!(register(&world, "copy.yaml", "staging", "02").await, owned, "its first deployment runs");
    let end = Finished { status: Status::Failed, outcome: None, message: None, diagnostics: None };
    world.store.finish("staging", 1, end).await.unwrap();
    for status in [LayerStatus::Failed, LayerStatus::Deployed] {
        deployed(&world, "staging", &format!("{status:?}"), status).await;
        assert_eq!(register(&world, "copy.yaml", "staging", "03").await, owned);
    }
    assert_eq!(world.store.layer_of_key("copy.yaml").await.unwrap(), None);
    assert_eq!(register(&world, "staging.yaml", "staging", "04").await, SourceOutcome::Accepted);
}

async fn a_layer_that_never_came_to_be_gives_its_name_away(world: World) {
    world.running("staging").await;
    let end = Finished { status: Status::Failed, outcome: None, message: None, diagnostics: None };
    world.store.finish("staging", 1, end).await.unwrap();
    assert_eq!(register(&world, "moved.yaml", "staging", "02").await, SourceOutcome::Accepted);
    let mut moved = change("staging", "v2");
    moved.source.key = "moved.yaml".to_owned();
    world.store.enqueue(moved).await.unwrap();
    let owned = SourceOutcome::OwnedByOtherKey { key: "moved.yaml".to_owned() };
    assert_eq!(register(&world, "staging.yaml", "staging", "03").await, owned);
    assert_eq!(register(&world, "moved.yaml", "staging", "03").await, SourceOutcome::Accepted);
}

async fn a_destroyed_layer_gives_its_name_away_and_its_new_owner_keeps_it(world: World) {
    deployed(&world, "staging", "v1", LayerStatus::Deployed).await;
    deployed(&world, "staging", "v2", LayerStatus::Destroyed).await;
    assert_eq!(register(&world, "moved.yaml", "staging", "02").await, SourceOutcome::Accepted);
    let mut moved = change("staging", "v3");
    moved.source.key = "moved.yaml".to_owned();
    world.store.enqueue(moved).await.unwrap();
    let owned = SourceOutcome::OwnedByOtherKey { key: "moved.yaml".to_owned() };
    assert_eq!(register(&world, "staging.yaml", "staging", "03").await, owned, "the new deployment waits");
}

async fn a_key_that_holds_a_living_layer_cannot_declare_another(world: World) {
    assert_eq!(register(&world, "staging.yaml", "staging", "01").await, SourceOutcome::Accepted);
    deployed(&world, "staging", "v1", LayerStatus::Deployed).await;
    let former = SourceOutcome::KeyOwnsOtherLayer { layer: "staging".to_owned() };
    assert_eq!(register(&world, "staging.yaml", "renamed", "02").await, former);
    deployed(&world, "staging", "v2", LayerStatus::Destroyed).await;
    assert_eq!(register(&world, "staging.yaml", "renamed", "02").await, SourceOutcome::Accepted);
}

/// A version of a key as its event brings it.
fn version(key: &str, sequencer: &str) -> NewChange {
    let mut change = change("staging", sequencer);
    change.source.key = key.to_owned();
    change.source.sequencer = Some(sequencer.to_owned());
    change
}

async fn a_version_that_was_overtaken_between_registration_and_queue_is_not_queued(world: World) {
    register(&world, "staging.yaml", "staging", "01").await;
    register(&world, "staging.yaml", "staging", "02").await;
    world.store.enqueue(version("staging.yaml", "02")).await.unwrap();
    let late = world.store.enqueue(version("staging.yaml", "01")).await.unwrap_err();
    assert!(matches!(late, StateError::Overtaken { .. }), "{late}");
    assert_eq!(world.store.deployment("staging", 1).await.unwrap().status, Status::Queued);
    assert!(world.store.enqueue(version("staging.yaml", "02")).await.unwrap().duplicate, "a redelivery is known");
}

async fn of_two_keys_that_claim_a_new_layer_at_once_one_gets_it(world: World) {
    for key in ["one.yaml", "other.yaml"] {
        assert_eq!(register(&world, key, "staging", "01").await, SourceOutcome::Accepted);
    }
    let (one, other) = tokio::join!(
        world.store.enqueue(version("one.yaml", "01")),
        world.store.enqueue(NewChange { nonce: "other".into(), ..version("other.yaml", "01") })
    );
    let refused = match (one, other) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
        both => panic!("one of them owns the layer: {both:?}"),
    };
    assert!(matches!(refused, StateError::OwnedByOtherKey { .. }), "{refused}");
}

async fn a_layer_is_not_renamed_by_asking_for_it_either(world: World) {
    register(&world, "staging.yaml", "staging", "01").await;
    deployed(&world, "staging", "v1", LayerStatus::Deployed).await;
    for action in [Action::Deploy, Action::Plan] {
        let mut renamed = NewChange { action, ..change("renamed", "v2") };
        renamed.source.key = "staging.yaml".to_owned();
        let refused = world.store.enqueue_and_begin(renamed, None).await.unwrap_err();
        assert!(matches!(&refused, StateError::KeyOwnsOtherLayer { layer, .. } if layer == "staging"), "{refused}");
    }
    assert_eq!(world.store.layer("renamed").await.unwrap(), None);
}
