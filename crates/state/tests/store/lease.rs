//! Who may hold a layer, until when, and what becomes of one who lost it.

use std::time::Duration;

use landfall_state::{AcquireRequest, Lease, StateError};

use crate::world::{TTL, World, is_lost, on_both_stores};

on_both_stores!(
    a_lease_has_one_holder_and_names_it,
    a_lease_given_back_is_free_at_once,
    a_lease_ends_by_the_clock_unless_it_is_renewed,
    an_ended_lease_is_not_revived,
    the_token_grows_with_every_take_and_is_never_reused,
    giving_back_a_lost_lease_leaves_the_new_holder_alone,
    the_same_holder_may_take_it_again,
    of_two_who_take_an_ended_lease_at_once_one_gets_it,
    services_share_their_environment_and_the_environment_waits_for_all_of_them,
    a_service_waits_for_its_environment_and_takes_nothing_meanwhile,
    a_service_and_its_environment_at_once_never_both_get_through,
    an_environment_lets_services_go_first_that_wait_longer_and_look_again,
    a_share_whose_place_a_note_took_is_given_back_all_the_same,
    an_environment_taken_over_fences_a_service_whose_clock_is_slow,
    a_service_given_back_frees_its_environment_at_once,
    unlock_takes_the_lease_away_and_fences_its_holder,
    unlock_of_a_service_frees_its_environment,
    unlock_takes_nothing_from_a_holder_that_came_after_the_look,
    unlock_of_a_free_layer_says_so,
    what_may_still_be_at_work_is_waited_out_before_anybody_else_begins,
    who_is_unlocked_is_waited_out_too,
    what_may_still_be_at_work_in_a_service_is_waited_out_before_its_environment_changes,
    a_service_whose_time_was_over_is_unlocked_though_its_environment_was_taken,
    what_may_still_be_at_work_in_an_environment_is_waited_out_before_its_services_begin,
    an_ended_lease_that_was_not_given_back_is_found,
);

fn holder_in_the_way(result: Result<Lease, StateError>) -> String {
    match result {
        Err(StateError::LeaseHeld { layer, holder, .. }) => format!("{layer} by {holder}"),
        other => panic!("expected a held lease, got {other:?}"),
    }
}

async fn a_lease_has_one_holder_and_names_it(world: World) {
    let taken_at = world.store.now();
    let lease = world.hold("staging", "first").await;
    world.wait(5);
    let refused = world.try_hold("staging", None, "second").await.unwrap_err();
    assert_eq!(refused.to_string(), format!("layer staging is held by first since {taken_at}: deploying"));
    let info = world.store.lease("staging").await.unwrap().unwrap();
    assert_eq!((info.holder.as_str(), info.token, info.expires_at), ("first", lease.token, lease.expires_at));
    assert!(world.try_hold("production", None, "second").await.is_ok(), "another layer is free");
}

async fn a_lease_given_back_is_free_at_once(world: World) {
    let lease = world.hold("staging", "first").await;
    world.store.release(&lease).await.unwrap();
    assert_eq!(world.store.lease("staging").await.unwrap(), None);
    assert_eq!(world.store.expired_lease("staging").await.unwrap(), None);
    assert!(world.hold("staging", "second").await.token > lease.token);
}

async fn a_lease_ends_by_the_clock_unless_it_is_renewed(world: World) {
    let lease = world.hold("staging", "first").await;
    world.wait(59);
    let renewed = world.store.renew(&lease, "still deploying", TTL).await.unwrap();
    assert_eq!(renewed.token, lease.token);
    world.wait(59);
    assert_eq!(world.store.lease("staging").await.unwrap().unwrap().doing, "still deploying");
    holder_in_the_way(world.try_hold("staging", None, "second").await);
    world.wait(1);
    assert_eq!(world.store.lease("staging").await.unwrap(), None);
    world.hold("staging", "second").await;
}

async fn an_ended_lease_is_not_revived(world: World) {
    let lease = world.hold("staging", "first").await;
    world.wait(60);
    assert!(is_lost(&world.store.renew(&lease, "late", TTL).await));
    assert_eq!(world.store.lease("staging").await.unwrap(), None);
}

async fn the_token_grows_with_every_take_and_is_never_reused(world: World) {
    let mut tokens = Vec::new();
    for round in 0..3 {
        let lease = world.hold("staging", &format!("given back {round}")).await;
        tokens.push(lease.token);
        world.store.release(&lease).await.unwrap();
        tokens.push(world.hold("staging", &format!("left to end {round}")).await.token);
        world.wait(60);
        let held = world.hold("staging", &format!("unlocked {round}")).await;
        tokens.push(held.token);
        world.store.force_unlock("staging", held.token, Duration::ZERO).await.unwrap();
    }
    assert!(tokens.is_sorted_by(|earlier, later| earlier < later), "{tokens:?}");
}

async fn giving_back_a_lost_lease_leaves_the_new_holder_alone(world: World) {
    let old = world.hold_service("shop", "staging", "first").await;
    world.wait(60);
    let new = world.hold_service("shop", "staging", "second").await;
    world.store.release(&old).await.unwrap();
    assert_eq!(world.store.lease("shop").await.unwrap().unwrap().holder, "second");
    assert!(world.store.renew(&new, "deploying", TTL).await.is_ok());
    assert_eq!(holder_in_the_way(world.try_hold("staging", None, "third").await), "staging by second");
}

async fn the_same_holder_may_take_it_again(world: World) {
    let first = world.hold_service("shop", "staging", "execution").await;
    let again = world.hold_service("shop", "staging", "execution").await;
    assert!(again.token > first.token);
    assert!(is_lost(&world.store.renew(&first, "with the old token", TTL).await));
    world.store.release(&first).await.unwrap();
    assert!(world.store.renew(&again, "with the new token", TTL).await.is_ok());
}

async fn of_two_who_take_an_ended_lease_at_once_one_gets_it(world: World) {
    for round in 0..5 {
        let names: Vec<String> = (0..6).map(|number| format!("holder {round}.{number}")).collect();
        let takes = names.iter().map(|name| world.try_hold("staging", None, name));
        let (taken, refused): (Vec<_>, Vec<_>) =
            futures::future::join_all(takes).await.into_iter().partition(Result::is_ok);
        assert_eq!(taken.len(), 1);
        assert!(refused.iter().all(|refused| matches!(refused, Err(StateError::LeaseHeld { .. }))), "{refused:?}");
        world.wait(60);
    }
}

async fn services_share_their_environment_and_the_environment_waits_for_all_of_them(world: World) {
    let shop = world.hold_service("shop", "staging", "shop run").await;
    let since = world.store.now();
    world.wait(1);
    let api = world.hold_service("api", "staging", "api run").await;
    world.store.release(&api).await.unwrap();
    world.wait(1);
    let refused = world.try_hold("staging", None, "environment").await.unwrap_err();
    assert_eq!(refused.to_string(), format!("layer staging is held by shop run since {since}: deploying shop"));
    world.store.release(&shop).await.unwrap();
    world.hold("staging", "environment").await;
}

async fn a_service_waits_for_its_environment_and_takes_nothing_meanwhile(world: World) {
    world.hold("staging", "environment").await;
    let refused = world.try_hold("shop", Some("staging"), "shop run").await;
    assert_eq!(holder_in_the_way(refused), "staging by environment");
    assert_eq!(world.store.lease("shop").await.unwrap(), None);
    assert!(world.try_hold("shop", Some("production"), "shop run").await.is_ok());
}

async fn a_service_and_its_environment_at_once_never_both_get_through(world: World) {
    for round in 0..40 {
        let (service, environment) = (format!("shop-{round}"), format!("env-{round}"));
        let both = tokio::join!(
            world.try_hold(&service, Some(&environment), "service"),
            world.try_hold(&environment, None, "environment")
        );
        assert_ne!(both.0.is_ok(), both.1.is_ok(), "{both:?}");
    }
}

async fn an_environment_lets_services_go_first_that_wait_longer_and_look_again(world: World) {
    let store = &world.store;
    let take = async |turn| store.acquire(AcquireRequest { turn, ..World::request("staging", None, "next") }).await;
    let held = world.hold("staging", "before").await;
    let since = store.now();
    store.wait_in_turn("shop", "staging", "service", since, TTL).await.unwrap();
    store.release(&held).await.unwrap();
    world.wait(1);
    let later = Some(store.now());
    assert_eq!(holder_in_the_way(take(later).await), "staging by service");
    let lease = take(Some(since)).await.expect("who waits as long goes first");
    store.release(&lease).await.unwrap();
    // It gets its turn, and is in nobody's way afterwards.
    assert_eq!(holder_in_the_way(take(later).await), "staging by service");
    let shop = world.hold_service("shop", "staging", "service").await;
    assert_eq!(holder_in_the_way(take(Some(since)).await), "staging by service", "it is deployed");
    store.release(&shop).await.unwrap();
    let lease = take(later).await.expect("it waits no more");
    store.release(&lease).await.unwrap();
    // Who has the environment already, from a try whose answer was lost, does not wait for who cannot go first.
    let lease = take(None).await.expect("it is free");
    store.wait_in_turn("shop", "staging", "service", since, TTL).await.unwrap();
    store.release(&take(later).await.expect("it is its own")).await.unwrap();
    assert!(is_lost(&store.renew(&lease, "deploying", TTL).await));
    world.wait(TTL.as_secs() + 1);
    // One that does not look again any more holds nobody up, and a note is no share: under it nothing is written.
    store.wait_in_turn("shop", "staging", "service", since, TTL).await.unwrap();
    assert!(is_lost(&store.renew(&shop, "deploying", TTL).await));
    world.wait(TTL.as_secs() + 1);
    assert!(take(later).await.is_ok());
}

async fn a_share_whose_place_a_note_took_is_given_back_all_the_same(world: World) {
    let store = &world.store;
    for quietly in [false, true] {
        let shop = world.hold_service("shop", "staging", "first").await;
        world.wait(TTL.as_secs() + 1);
        let environment = world.hold("staging", "environment").await;
        store.wait_in_turn("shop", "staging", "second", store.now(), TTL).await.unwrap();
        store.release(&environment).await.unwrap();
        if quietly {
            store.release_quietly(&shop, TTL, "shop/1").await.unwrap();
            assert!(world.try_hold("staging", None, "environment").await.is_err(), "its calls are waited for");
            assert!(world.try_hold("shop", Some("staging"), "second").await.is_err());
        } else {
            store.release(&shop).await.unwrap();
            let second = world.hold_service("shop", "staging", "second").await;
            store.release(&second).await.unwrap();
        }
    }
}

async fn an_environment_taken_over_fences_a_service_whose_clock_is_slow(world: World) {
    let service = world.hold_service("shop", "staging", "service").await;
    let slow = world.with_slow_clock(Duration::from_secs(40));
    world.wait(60);
    let environment = world.hold("staging", "environment").await;
    assert!(is_lost(&slow.writer(&service).forgotten("queue", "queue").await));
    assert!(is_lost(&slow.renew(&service, "late", TTL).await));
    assert!(world.store.writer(&environment).forgotten("base", "vpc").await.is_ok());
}

async fn a_service_given_back_frees_its_environment_at_once(world: World) {
    let service = world.hold_service("shop", "staging", "service").await;
    world.store.release(&service).await.unwrap();
    world.hold("staging", "environment").await;
}

async fn unlock_takes_the_lease_away_and_fences_its_holder(world: World) {
    let lease = world.hold("staging", "stuck").await;
    let taken = world.store.force_unlock("staging", lease.token, Duration::ZERO).await.unwrap();
    assert_eq!(taken.holder, "stuck");
    assert_eq!(world.store.lease("staging").await.unwrap(), None);
    assert!(is_lost(&world.store.writer(&lease).forgotten("queue", "queue").await));
    assert!(is_lost(&world.store.renew(&lease, "late", TTL).await));
    assert!(world.hold("staging", "next").await.token > lease.token);
}

async fn unlock_of_a_service_frees_its_environment(world: World) {
    let stuck = world.hold_service("shop", "staging", "stuck").await;
    world.store.force_unlock("shop", stuck.token, Duration::ZERO).await.unwrap();
    world.hold("staging", "environment").await;
}

async fn unlock_takes_nothing_from_a_holder_that_came_after_the_look(world: World) {
    let seen = world.hold("staging", "dead").await;
    world.wait(60);
    let next = world.hold("staging", "next").await;
    let error = world.store.force_unlock("staging", seen.token, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "the lease of layer staging changed hands");
    world.store.renew(&next, "works", TTL).await.unwrap();
}

async fn unlock_of_a_free_layer_says_so(world: World) {
    let error = world.store.force_unlock("staging", 1, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "a lease of layer staging does not exist");
}

/// Why nobody may take the layer now.
async fn in_the_way(world: &World) -> String {
    match world.try_hold("staging", None, "next").await {
        Err(StateError::LeaseHeld { doing, .. }) => doing,
        other => panic!("expected a quiet layer, got {other:?}"),
    }
}

async fn what_may_still_be_at_work_is_waited_out_before_anybody_else_begins(world: World) {
    let dead = world.hold("staging", "dead").await;
    world.store.release_quietly(&dead, Duration::from_secs(30), "staging/3").await.unwrap();
    assert!(is_lost(&world.store.writer(&dead).forgotten("queue", "queue").await));
    assert!(is_lost(&world.store.renew(&dead, "late", TTL).await));
    assert_eq!(world.store.holder("staging").await.unwrap(), None, "nobody holds it");
    world.wait(29);
    let why = in_the_way(&world).await;
    assert_eq!(why, "making sure that no call of what ended before is still on its way (staging/3)");
    world.wait(1);
    let next = world.hold("staging", "next").await;
    assert!(next.token > dead.token);
    // What was waited out once is not waited for again.
    world.store.release(&next).await.unwrap();
    world.hold("staging", "another").await;
}

async fn who_is_unlocked_is_waited_out_too(world: World) {
    let stuck = world.hold("staging", "stuck").await;
    world.store.force_unlock("staging", stuck.token, Duration::from_secs(30)).await.unwrap();
    in_the_way(&world).await;
    world.wait(30);
    world.hold("staging", "next").await;
}

const STRAY: &str = "making sure that no call of what ended before is still on its way";

async fn what_may_still_be_at_work_in_a_service_is_waited_out_before_its_environment_changes(world: World) {
    let dead = world.hold_service("shop", "staging", "dead").await;
    world.store.release_quietly(&dead, Duration::from_secs(30), "shop/3").await.unwrap();
    world.wait(29);
    assert_eq!(in_the_way(&world).await, format!("{STRAY} (shop/3)"));
    assert!(world.try_hold("orders", Some("staging"), "another service").await.is_ok(), "services do not wait for it");
    world.wait(60);
    let environment = world.hold("staging", "environment").await;
    world.store.release(&environment).await.unwrap();
    // The same when somebody takes the lease away, and the service goes on after it.
    let stuck = world.hold_service("shop", "staging", "stuck").await;
    world.store.force_unlock("shop", stuck.token, Duration::from_secs(30)).await.unwrap();
    assert_eq!(in_the_way(&world).await, format!("{STRAY} (deploying)"));
    world.wait(30);
    let next = world.hold_service("shop", "staging", "next").await;
    world.store.release(&next).await.unwrap();
    world.hold("staging", "environment").await;
}

async fn a_service_whose_time_was_over_is_unlocked_though_its_environment_was_taken(world: World) {
    let dead = world.hold_service("shop", "staging", "dead").await;
    world.wait(60);
    let environment = world.hold("staging", "environment").await;
    let quiet = Duration::from_secs(30);
    assert_eq!(world.store.force_unlock("shop", dead.token, quiet).await.unwrap().holder, "dead");
    assert_eq!(world.store.holder("shop").await.unwrap(), None);
    assert!(world.store.writer(&environment).forgotten("base", "vpc").await.is_ok(), "it has what it took");
    world.store.release(&environment).await.unwrap();
    assert_eq!(in_the_way(&world).await, format!("{STRAY} (deploying)"));
    world.wait(30);
    world.hold("staging", "environment").await;
}

async fn what_may_still_be_at_work_in_an_environment_is_waited_out_before_its_services_begin(world: World) {
    let dead = world.hold("staging", "dead").await;
    world.store.release_quietly(&dead, Duration::from_secs(30), "staging/3").await.unwrap();
    world.wait(29);
    match world.try_hold("shop", Some("staging"), "service").await {
        Err(StateError::LeaseHeld { layer, doing, .. }) => {
            assert_eq!((layer.as_str(), doing), ("staging", format!("{STRAY} (staging/3)")));
        }
        other => panic!("expected a quiet environment, got {other:?}"),
    }
    world.wait(1);
    world.hold_service("shop", "staging", "service").await;
}

async fn an_ended_lease_that_was_not_given_back_is_found(world: World) {
    world.hold("staging", "dead").await;
    assert_eq!(world.store.expired_lease("staging").await.unwrap(), None);
    world.wait(60);
    assert_eq!(world.store.expired_lease("staging").await.unwrap().unwrap().holder, "dead");
}
