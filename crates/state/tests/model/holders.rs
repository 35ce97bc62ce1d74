//! What the search of the model of two holders proves, and what each guard prevents.

use stateright::Checker;

use crate::lease::{ALL, Act, Guards, MARGIN, Protocol};
use crate::{accident, search};

const UNNAMED: Protocol = Protocol { lag: [MARGIN, 0], named: false, forced_unlock: false, cancel: false, guards: ALL };
const NAMED: Protocol = Protocol { lag: [2, 0], named: true, forced_unlock: true, cancel: false, guards: ALL };

#[test]
fn the_protocol_holds_while_clocks_differ_by_no_more_than_the_margin() {
    search(UNNAMED).assert_properties();
    search(Protocol { lag: [0, MARGIN], ..UNNAMED }).assert_properties();
}

#[test]
fn a_resource_with_a_name_bears_any_clock_and_a_forced_unlock() {
    search(NAMED).assert_properties();
    search(Protocol { lag: [0, 2], ..NAMED }).assert_properties();
}

#[test]
fn what_was_cancelled_begins_nothing_and_records_what_it_had_begun() {
    search(Protocol { cancel: true, ..UNNAMED }).assert_properties();
    search(Protocol { cancel: true, ..NAMED }).assert_properties();
}

#[test]
fn without_the_token_in_writes_a_stalled_holder_writes_after_the_takeover() {
    let guards = Guards { token_in_writes: false, ..ALL };
    let path = accident(Protocol { guards, ..UNNAMED }, "only the newest token writes");
    assert!(path.contains(&Act::Step(0)) && path.contains(&Act::Step(1)), "{path:?}");
}

#[test]
fn without_a_growing_token_a_former_holder_cannot_be_told_from_the_new_one() {
    let guards = Guards { token_grows: false, ..ALL };
    accident(Protocol { guards: guards.clone(), ..UNNAMED }, "tokens only grow");
    accident(Protocol { guards, ..UNNAMED }, "only the newest token writes");
}

#[test]
fn without_a_condition_on_what_was_read_a_held_lease_is_taken() {
    let guards = Guards { take_sees_changes: false, ..ALL };
    accident(Protocol { guards, ..UNNAMED }, "a lease has one holder");
}

#[test]
fn without_the_lookup_a_crash_after_the_create_makes_a_second_one() {
    let guards = Guards { lookup: false, ..ALL };
    let path = accident(Protocol { guards, ..UNNAMED }, "one create per resource");
    assert!(path.iter().any(|act| matches!(act, Act::Rerun(_) | Act::Die(_) | Act::Release(_))), "{path:?}");
}

#[test]
fn without_the_deadline_a_stalled_holder_creates_after_the_takeover() {
    let guards = Guards { deadline: false, ..ALL };
    accident(Protocol { guards, ..UNNAMED }, "one create per resource");
}

#[test]
fn clocks_that_differ_by_more_than_the_margin_are_caught_by_names_only() {
    accident(Protocol { lag: [MARGIN + 1, 0], ..UNNAMED }, "one create per resource");
}

#[test]
fn without_the_mark_in_intents_a_cancelled_holder_begins() {
    let guards = Guards { cancel_in_intents: false, ..ALL };
    let path = accident(Protocol { cancel: true, guards, ..UNNAMED }, "what was cancelled begins nothing");
    assert!(matches!(path[..], [.., Act::Cancel, Act::Step(_)]), "{path:?}");
}
