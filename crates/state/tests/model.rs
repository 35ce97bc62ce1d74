//! The protocol of lease and journal as a model that is searched exhaustively: two holders that stall, crash and wake
//! whenever it hurts, clocks that differ, an operator who unlocks. The conditions are those of the store itself.
//!
//! The model also loses its guards one by one, and must then find the accident that each of them prevents.

use landfall_state::LeaseRecord;
use stateright::{Checker, HasDiscoveries, Model, Property};

/// Life of a lease, in ticks of the clock.
const TTL: i64 = 3;
/// The clock stops here, so that the search ends.
const END: i64 = 6;
/// Takeovers are searched up to this token.
const TOKENS: u64 = 3;
/// A holder does not begin a call so close to the end of its lease.
const MARGIN: i64 = 1;
const NAMES: [&str; 2] = ["first", "second"];

/// What is modelled, and which guards hold.
#[derive(Clone, Debug)]
struct Protocol {
    /// How far the clock of each holder is behind.
    lag: [i64; 2],
    /// Whether AWS knows the resource by a name of its own, and so refuses a second one.
    named: bool,
    /// Whether an operator may unlock while the holder runs.
    forced_unlock: bool,
    guards: Guards,
}

#[derive(Clone, Debug)]
struct Guards {
    /// A write counts only under the newest token of a live lease.
    token_in_writes: bool,
    /// Taking a lease makes the token grow.
    token_grows: bool,
    /// Taking a lease fails when it changed since it was read.
    take_sees_changes: bool,
    /// A rerun looks the resource up before it makes one.
    lookup: bool,
    /// A call is not begun when the lease is about to end.
    deadline: bool,
}

const ALL: Guards =
    Guards { token_in_writes: true, token_grows: true, take_sees_changes: true, lookup: true, deadline: true };

/// Where a holder stands. It may stall before each step for any time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum At {
    /// It has no lease.
    Outside,
    /// It read the lease at a moment of its clock.
    Read { seen: u64, now: i64 },
    /// It holds a lease and knows nothing of the resource.
    Begin(Held),
    /// It looked and found nothing.
    Missing(Held),
    /// It wrote its intent.
    Intended(Held),
    /// The resource is there; that is not recorded yet.
    Made(Held),
    /// It recorded the resource.
    Recorded(Held),
}

/// A lease as its holder knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    token: u64,
    ends: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Journal {
    #[default]
    Empty,
    Intent,
    Applied,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    now: i64,
    token: u64,
    holder: Option<usize>,
    expires: i64,
    journal: Journal,
    /// How often AWS made the resource.
    made: u8,
    at: [At; 2],
    /// Highest token that was ever given out.
    highest: u64,
    unlocks: u8,
    crashes: u8,
    /// A write succeeded of one who does not hold the lease any more.
    stale_write: bool,
    /// A token was given out that was not higher than all before.
    token_reused: bool,
    /// Two holders took the same lease at the same time.
    taken_twice: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Act {
    Tick,
    Step(usize),
    Renew(usize),
    Release(usize),
    /// The function dies; the state machine runs the step again with the same lease.
    Rerun(usize),
    /// The execution dies with everything it knew.
    Die(usize),
    Unlock,
}

impl World {
    fn lease(&self) -> LeaseRecord {
        LeaseRecord {
            token: self.token,
            holder: self.holder.map(|holder| NAMES[holder].to_owned()),
            expires_ms: self.expires,
            ..LeaseRecord::default()
        }
    }

    fn held(&self, who: usize) -> Option<Held> {
        match self.at[who] {
            At::Outside | At::Read { .. } => None,
            At::Begin(held) | At::Missing(held) | At::Intended(held) | At::Made(held) | At::Recorded(held) => {
                Some(held)
            }
        }
    }
}

impl Protocol {
    fn now(&self, world: &World, who: usize) -> i64 {
        world.now - self.lag[who]
    }

    /// One conditional write to the state. Whether it counted.
    fn write(&self, world: &mut World, who: usize, held: Held) -> bool {
        let counts = !self.guards.token_in_writes || world.lease().admits(held.token, self.now(world, who));
        if counts && (held.token < world.highest || world.holder != Some(who)) {
            world.stale_write = true;
        }
        counts
    }

    fn take(&self, world: &mut World, who: usize, seen: u64, now: i64) -> At {
        let unchanged = !self.guards.take_sees_changes || world.token == seen;
        let free = !self.guards.take_sees_changes || world.lease().may_take(NAMES[who], now);
        if !unchanged || !free {
            return At::Outside;
        }
        if world.lease().is_held(world.now) && world.holder != Some(who) {
            world.taken_twice = true;
        }
        if self.guards.token_grows {
            world.token += 1;
        }
        world.token_reused |= world.token <= world.highest;
        world.highest = world.highest.max(world.token);
        (world.holder, world.expires) = (Some(who), now + TTL);
        At::Begin(Held { token: world.token, ends: now + TTL })
    }

    /// The next step of a holder; `None` when it has nothing to do.
    fn step(&self, world: &mut World, who: usize) -> Option<At> {
        let now = self.now(world, who);
        Some(match world.at[who].clone() {
            At::Outside if world.lease().may_take(NAMES[who], now) => At::Read { seen: world.token, now },
            At::Outside => return None,
            At::Read { seen, now } => self.take(world, who, seen, now),
            At::Begin(held) if world.journal == Journal::Applied => At::Recorded(held),
            // What exists is found by its name, its token or its tags, whatever the journal says.
            At::Begin(held) if self.guards.lookup && world.made > 0 => At::Made(held),
            At::Begin(held) => At::Missing(held),
            At::Missing(held) => {
                if !self.write(world, who, held) {
                    return Some(At::Outside);
                }
                world.journal = Journal::Intent;
                At::Intended(held)
            }
            At::Intended(held) => {
                if self.guards.deadline && now + MARGIN >= held.ends {
                    return Some(At::Outside);
                }
                // AWS answers a second creation under one name with the first one.
                if !(self.named && world.made > 0) {
                    world.made += 1;
                }
                At::Made(held)
            }
            At::Made(held) => {
                if !self.write(world, who, held) {
                    return Some(At::Outside);
                }
                world.journal = Journal::Applied;
                At::Recorded(held)
            }
            At::Recorded(_) => return None,
        })
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            now: 2,
            token: 0,
            holder: None,
            expires: 0,
            journal: Journal::Empty,
            made: 0,
            at: [At::Outside, At::Outside],
            highest: 0,
            unlocks: 0,
            crashes: 0,
            stale_write: false,
            token_reused: false,
            taken_twice: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Act>) {
        if world.now < END {
            actions.push(Act::Tick);
        }
        for who in 0..2 {
            actions.push(Act::Step(who));
            if world.held(who).is_some() {
                actions.extend([Act::Renew(who), Act::Release(who)]);
                if world.crashes < 2 {
                    actions.extend([Act::Rerun(who), Act::Die(who)]);
                }
            }
        }
        if world.unlocks < 1 && world.holder.is_some() {
            actions.push(Act::Unlock);
        }
    }

    fn next_state(&self, last: &World, action: Act) -> Option<World> {
        let mut world = last.clone();
        match action {
            Act::Tick => world.now += 1,
            Act::Step(who) => world.at[who] = self.step(&mut world, who)?,
            Act::Renew(who) => {
                let mut held = world.held(who)?;
                let now = self.now(&world, who);
                if !world.lease().admits(held.token, now) {
                    return None;
                }
                held.ends = now + TTL;
                world.expires = held.ends;
                match &mut world.at[who] {
                    At::Begin(known)
                    | At::Missing(known)
                    | At::Intended(known)
                    | At::Made(known)
                    | At::Recorded(known) => {
                        *known = held;
                    }
                    At::Outside | At::Read { .. } => return None,
                }
            }
            Act::Release(who) => {
                let held = world.held(who)?;
                if world.token == held.token && world.holder == Some(who) {
                    (world.holder, world.expires) = (None, 0);
                }
                world.at[who] = At::Outside;
            }
            Act::Rerun(who) => {
                world.at[who] = At::Begin(world.held(who)?);
                world.crashes += 1;
            }
            Act::Die(who) => {
                world.at[who] = At::Outside;
                world.crashes += 1;
            }
            Act::Unlock => {
                let runs = world.holder.is_some_and(|holder| world.held(holder).is_some());
                if runs && !self.forced_unlock {
                    return None;
                }
                world.token += 1;
                world.highest = world.highest.max(world.token);
                (world.holder, world.expires) = (None, 0);
                world.unlocks += 1;
            }
        }
        (world != *last).then_some(world)
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.token <= TOKENS
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("only the newest token writes", |_, world: &World| !world.stale_write),
            Property::always("one create per resource", |_, world: &World| world.made <= 1),
            Property::always("tokens only grow", |_, world: &World| !world.token_reused),
            Property::always("a lease has one holder", |_, world: &World| !world.taken_twice),
            Property::always("a recorded resource exists", |_, world: &World| {
                world.journal != Journal::Applied || world.made > 0
            }),
            // Without these the search would prove nothing.
            Property::sometimes("a second holder records what a dead one made", |_, world: &World| {
                world.crashes > 0 && world.made == 1 && matches!(world.at[1], At::Recorded(held) if held.token > 1)
            }),
            Property::sometimes("a stalled holder wakes after its lease was taken over", |_, world: &World| {
                matches!(world.at[0], At::Intended(held) if held.token < world.token) && world.holder == Some(1)
            }),
        ]
    }
}

fn search(protocol: &Protocol) -> impl Checker<Protocol> {
    protocol.clone().checker().threads(2).spawn_bfs().join()
}

/// The accident that is found, as a list of what happened.
fn accident(protocol: Protocol, property: &'static str) -> Vec<Act> {
    let only = std::iter::once(property).collect();
    let found = protocol.checker().threads(2).finish_when(HasDiscoveries::AnyOf(only)).spawn_bfs().join();
    let path = found.discovery(property).unwrap_or_else(|| panic!("nothing goes wrong: {property}"));
    path.into_actions()
}

const UNNAMED: Protocol = Protocol { lag: [MARGIN, 0], named: false, forced_unlock: false, guards: ALL };
const NAMED: Protocol = Protocol { lag: [2, 0], named: true, forced_unlock: true, guards: ALL };

#[test]
fn the_protocol_holds_while_clocks_differ_by_no_more_than_the_margin() {
    search(&UNNAMED).assert_properties();
    search(&Protocol { lag: [0, MARGIN], ..UNNAMED }).assert_properties();
}

#[test]
fn a_resource_with_a_name_bears_any_clock_and_a_forced_unlock() {
    search(&NAMED).assert_properties();
    search(&Protocol { lag: [0, 2], ..NAMED }).assert_properties();
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
