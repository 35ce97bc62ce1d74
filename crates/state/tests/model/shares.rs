//! An environment and two of its services: whoever changes the environment has it alone, services have it together.
//! They read what they meet in two parts, stall, renew, die and are unlocked whenever it hurts.

use landfall_state::LeaseRecord;
use stateright::{Checker, Model, Property};

use crate::{accident, search};

/// Life of a lease, in ticks of the clock.
const TTL: i64 = 3;
/// How far the clocks of the services are behind that of the environment.
const LAG: i64 = 1;
/// Nobody begins a call so close to the end of its lease.
const MARGIN: i64 = 1;
/// For how long calls of a holder that did not end in order may be on their way.
const STRAY: i64 = 1;
/// The clock stops here, so that the search ends.
const END: i64 = 6;
/// Who takes the environment alone; the others are its services.
const ENVIRONMENT: usize = 0;
const NAMES: [&str; 3] = ["environment", "shop", "orders"];

#[derive(Clone, Debug)]
struct Guards {
    /// The shares are read after the environment's record, not before it.
    record_comes_first: bool,
    /// An environment is taken only if no share came or went since its record was read.
    shares_are_counted: bool,
    /// A share is only taken of an environment that nobody holds.
    share_needs_a_free_environment: bool,
    /// A share is only removed by the environment once it has ended.
    only_ended_shares_go: bool,
    /// The share of a service that did not end in order stays until its calls are over.
    dead_shares_stay: bool,
    /// A share is not taken of an environment whose holder did not end in order before its calls are over.
    quiet_environments_are_not_shared: bool,
}

const ALL: Guards = Guards {
    record_comes_first: true,
    shares_are_counted: true,
    share_needs_a_free_environment: true,
    only_ended_shares_go: true,
    dead_shares_stay: true,
    quiet_environments_are_not_shared: true,
};

#[derive(Clone, Debug)]
struct Protocol {
    guards: Guards,
}

/// Where somebody stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum At {
    Outside,
    /// It read the environment's record, and comes to the shares of its services.
    Record {
        version: u64,
    },
    /// Without the guard: it read the shares, and comes to the record.
    Shares {
        ended: Vec<usize>,
    },
    /// It read both.
    Read {
        version: u64,
        ended: Vec<usize>,
    },
    /// It works until it notices that its lease is over.
    Holds {
        ends: i64,
    },
    /// Its execution is gone; a function of it works for as long as calls may be on their way.
    Stray {
        until: i64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    now: i64,
    /// The environment's own lease.
    lease: Record,
    /// When the share of each service ends, if it has one.
    shares: [Option<i64>; 3],
    at: [At; 3],
    deaths: u8,
    renewals: u8,
    /// The environment and a service worked at the same time.
    both: bool,
    together: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Record {
    held: bool,
    expires: i64,
    quiet_until: i64,
    version: u64,
}

impl Record {
    fn seen(&self) -> LeaseRecord {
        LeaseRecord {
            holder: self.held.then(|| NAMES[ENVIRONMENT].to_owned()),
            expires_ms: self.expires,
            quiet_until: self.quiet_until,
            shared_version: self.version,
            ..LeaseRecord::default()
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Act {
    Tick,
    /// Reads what it meets, or the next part of it.
    Look(usize),
    /// Takes its lease under the condition of what it read.
    Take(usize),
    Renew(usize),
    Release(usize),
    /// Its execution dies, or somebody unlocks it; the end is recorded, a function of it works on.
    Die(usize),
    /// Its lease or its calls are over, and it notices.
    Notice(usize),
}

impl World {
    fn clock(&self, who: usize) -> i64 {
        if who == ENVIRONMENT { self.now } else { self.now - LAG }
    }

    fn works(&self, who: usize) -> bool {
        match self.at[who] {
            At::Holds { ends } => self.clock(who) + MARGIN < ends,
            At::Stray { until } => until > self.now,
            At::Outside | At::Record { .. } | At::Shares { .. } | At::Read { .. } => false,
        }
    }

    /// Whether its lease is what the table says: a write under it counts.
    fn admits(&self, who: usize) -> bool {
        let At::Holds { ends } = self.at[who] else { return false };
        let recorded = if who == ENVIRONMENT { self.lease.held } else { self.shares[who].is_some() };
        recorded && self.clock(who) < ends
    }

    fn end(&mut self, who: usize) {
        let ends = self.clock(who) + TTL;
        match who {
            ENVIRONMENT => self.lease.expires = ends,
            service => self.shares[service] = Some(ends),
        }
        self.at[who] = At::Holds { ends };
    }
}

impl Protocol {
    fn look(&self, world: &World, who: usize) -> Option<At> {
        let now = world.clock(who);
        if who != ENVIRONMENT {
            return (world.at[who] == At::Outside).then_some(At::Read { version: 0, ended: Vec::new() });
        }
        let free = world.lease.seen().may_take(NAMES[ENVIRONMENT], now);
        let version = Some(world.lease.version).filter(|_| free);
        let live = world.shares.iter().flatten().any(|ends| *ends > now);
        let ended = (1..NAMES.len()).filter(|service| world.shares[*service].is_some()).collect();
        let ended = Some(ended).filter(|_| !live);
        let seen = match &world.at[who] {
            At::Outside if self.guards.record_comes_first => version.map(|version| At::Record { version }),
            At::Outside => ended.map(|ended| At::Shares { ended }),
            At::Record { version } => ended.map(|ended| At::Read { version: *version, ended }),
            At::Shares { ended } => version.map(|version| At::Read { version, ended: ended.clone() }),
            At::Read { .. } | At::Holds { .. } | At::Stray { .. } => return None,
        };
        Some(seen.unwrap_or(At::Outside))
    }

    fn take(&self, world: &mut World, who: usize) -> Option<()> {
        let At::Read { version, ended } = world.at[who].clone() else { return None };
        let (now, record) = (world.clock(who), world.lease.seen());
        let granted = if who == ENVIRONMENT {
            let counted = !self.guards.shares_are_counted || record.shared_version == version;
            let gone = |service: &usize| world.shares[*service].is_none_or(|ends| ends <= now);
            let over = !self.guards.only_ended_shares_go || ended.iter().all(gone);
            record.may_take(NAMES[ENVIRONMENT], now) && counted && over
        } else {
            let free = !self.guards.share_needs_a_free_environment || !record.is_held(now);
            let calm = !self.guards.quiet_environments_are_not_shared || !record.is_quiet(now);
            // Its own lease keeps it from beginning before its own calls are over; only its share is modelled.
            free && calm
        };
        if !granted {
            world.at[who] = At::Outside;
            return Some(());
        }
        if who == ENVIRONMENT {
            ended.iter().for_each(|service| world.shares[*service] = None);
            (world.lease.held, world.lease.quiet_until) = (true, 0);
        } else {
            world.lease.version += 1;
        }
        world.end(who);
        Some(())
    }

    fn die(&self, world: &mut World, who: usize) {
        let until = world.now + STRAY;
        // Whoever records it has any clock.
        let quiet = until + MARGIN;
        if who == ENVIRONMENT {
            (world.lease.held, world.lease.expires, world.lease.quiet_until) = (false, 0, quiet);
        } else {
            world.lease.version += 1;
            world.shares[who] = self.guards.dead_shares_stay.then_some(quiet);
        }
        world.at[who] = At::Stray { until };
        world.deaths += 1;
    }

    fn act(&self, world: &mut World, action: &Act) -> Option<()> {
        match *action {
            Act::Tick => world.now += 1,
            Act::Look(who) => world.at[who] = self.look(world, who)?,
            Act::Take(who) => self.take(world, who)?,
            Act::Renew(who) if world.admits(who) => {
                world.renewals += 1;
                world.end(who);
            }
            Act::Release(who) if world.admits(who) => {
                if who == ENVIRONMENT {
                    (world.lease.held, world.lease.expires) = (false, 0);
                } else {
                    world.lease.version += 1;
                    world.shares[who] = None;
                }
                world.at[who] = At::Outside;
            }
            Act::Die(who) if world.admits(who) => self.die(world, who),
            Act::Notice(who) if matches!(world.at[who], At::Holds { .. } | At::Stray { .. }) && !world.works(who) => {
                world.at[who] = At::Outside;
            }
            Act::Renew(_) | Act::Release(_) | Act::Die(_) | Act::Notice(_) => return None,
        }
        let services = [world.works(1), world.works(2)];
        world.both |= world.works(ENVIRONMENT) && services.contains(&true);
        world.together |= services == [true, true];
        Some(())
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            now: 0,
            lease: Record::default(),
            shares: [None; 3],
            at: [At::Outside, At::Outside, At::Outside],
            deaths: 0,
            renewals: 0,
            both: false,
            together: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Act>) {
        if world.now < END {
            actions.push(Act::Tick);
        }
        for who in 0..NAMES.len() {
            actions.extend([Act::Look(who), Act::Take(who), Act::Release(who), Act::Notice(who)]);
            if world.renewals < 2 {
                actions.push(Act::Renew(who));
            }
            if world.deaths < 2 {
                actions.push(Act::Die(who));
            }
        }
    }

    fn next_state(&self, last: &World, action: Act) -> Option<World> {
        let mut world = last.clone();
        self.act(&mut world, &action)?;
        (world != *last).then_some(world)
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.lease.version <= 5
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("an environment is alone with its change", |_, world: &World| !world.both),
            // Without these the search would prove nothing.
            Property::sometimes("two services work side by side", |_, world: &World| world.together),
            Property::sometimes("an environment changes after a service died", |_, world: &World| {
                world.deaths > 0 && world.works(ENVIRONMENT)
            }),
            Property::sometimes("a service begins after its environment died", |_, world: &World| {
                world.deaths > 0 && world.lease.quiet_until > 0 && world.works(1)
            }),
        ]
    }
}

#[test]
fn an_environment_never_changes_while_a_service_does() {
    search(Protocol { guards: ALL }).assert_properties();
}

/// What comes to pass without a guard.
fn without(guards: Guards) -> Vec<Act> {
    accident(Protocol { guards }, "an environment is alone with its change")
}

#[test]
fn without_the_record_first_a_share_that_came_between_the_two_reads_is_overlooked() {
    let path = without(Guards { record_comes_first: false, ..ALL });
    let looked = |act: &Act| *act == Act::Look(ENVIRONMENT);
    let (first, last) = (path.iter().position(looked), path.iter().rposition(looked));
    let came = path.iter().rposition(|act| matches!(act, Act::Take(1 | 2)));
    assert!(first < came && came < last, "{path:?}");
}

#[test]
fn without_the_count_of_shares_a_service_that_came_after_the_look_is_overlooked() {
    let path = without(Guards { shares_are_counted: false, ..ALL });
    let place = |wanted| path.iter().position(|act| *act == wanted);
    let [looked, took] = [Act::Look(ENVIRONMENT), Act::Take(ENVIRONMENT)].map(place);
    let came = path.iter().position(|act| matches!(act, Act::Take(1 | 2)));
    assert!(looked < came && came < took, "{path:?}");
}

#[test]
fn without_a_look_at_the_environment_a_service_begins_in_the_middle_of_its_change() {
    without(Guards { share_needs_a_free_environment: false, ..ALL });
}

#[test]
fn without_a_look_at_its_end_a_share_goes_that_was_renewed_by_a_slow_clock() {
    let path = without(Guards { only_ended_shares_go: false, ..ALL });
    assert!(path.iter().any(|act| matches!(act, Act::Renew(1 | 2))), "{path:?}");
}

#[test]
fn without_the_share_of_a_dead_service_its_calls_meet_the_change_of_the_environment() {
    let path = without(Guards { dead_shares_stay: false, ..ALL });
    assert!(path.iter().any(|act| matches!(act, Act::Die(1 | 2))), "{path:?}");
}

#[test]
fn without_the_quiet_time_the_calls_of_a_dead_environment_meet_a_service() {
    let path = without(Guards { quiet_environments_are_not_shared: false, ..ALL });
    assert!(path.contains(&Act::Die(ENVIRONMENT)), "{path:?}");
}
