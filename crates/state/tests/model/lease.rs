//! Two holders of one lease that stall, crash and wake whenever it hurts, clocks that differ, an operator who unlocks
//! or cancels: what each step does.

use landfall_state::LeaseRecord;
use stateright::{Model, Property};

/// Life of a lease, in ticks of the clock.
const TTL: i64 = 3;
/// The clock stops here, so that the search ends.
const END: i64 = 6;
/// Takeovers are searched up to this token.
const TOKENS: u64 = 3;
/// A holder does not begin a call so close to the end of its lease.
pub(crate) const MARGIN: i64 = 1;
const NAMES: [&str; 2] = ["first", "second"];

/// What is modelled, and which guards hold.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    /// How far the clock of each holder is behind.
    pub(crate) lag: [i64; 2],
    /// Whether AWS knows the resource by a name of its own, and so refuses a second one.
    pub(crate) named: bool,
    /// Whether an operator may unlock while the holder runs.
    pub(crate) forced_unlock: bool,
    /// Whether an operator may cancel what the holder does.
    pub(crate) cancel: bool,
    pub(crate) guards: Guards,
}

#[derive(Clone, Debug)]
pub(crate) struct Guards {
    /// A write counts only under the newest token of a live lease.
    pub(crate) token_in_writes: bool,
    /// Taking a lease makes the token grow.
    pub(crate) token_grows: bool,
    /// Taking a lease fails when it changed since it was read.
    pub(crate) take_sees_changes: bool,
    /// A rerun looks the resource up before it makes one.
    pub(crate) lookup: bool,
    /// A call is not begun when the lease is about to end.
    pub(crate) deadline: bool,
    /// An intent is refused once the deployment was cancelled.
    pub(crate) cancel_in_intents: bool,
}

pub(crate) const ALL: Guards = Guards {
    token_in_writes: true,
    token_grows: true,
    take_sees_changes: true,
    lookup: true,
    deadline: true,
    cancel_in_intents: true,
};

/// Where a holder stands. It may stall before each step for any time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum At {
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
    /// It was told that its deployment is cancelled.
    Told(Held),
}

/// A lease as its holder knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    pub(crate) token: u64,
    ends: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Journal {
    #[default]
    Empty,
    Intent,
    Applied,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    now: i64,
    token: u64,
    holder: Option<usize>,
    expires: i64,
    /// The deployment of the holder was cancelled.
    cancelled: bool,
    journal: Journal,
    /// How often AWS made the resource.
    made: u8,
    at: [At; 2],
    /// Highest token that was ever given out.
    highest: u64,
    unlocks: u8,
    cancels: u8,
    crashes: u8,
    /// A write succeeded of one who does not hold the lease any more.
    stale_write: bool,
    /// A token was given out that was not higher than all before.
    token_reused: bool,
    /// Two holders took the same lease at the same time.
    taken_twice: bool,
    /// Something was begun under a lease after its deployment was cancelled.
    begun_too_late: bool,
    /// A holder whose lease lives could not record what it had begun.
    not_recorded: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    Tick,
    Step(usize),
    Renew(usize),
    Release(usize),
    /// The function dies; the state machine runs the step again with the same lease.
    Rerun(usize),
    /// The execution dies with everything it knew.
    Die(usize),
    Unlock,
    Cancel,
}

impl World {
    fn lease(&self) -> LeaseRecord {
        LeaseRecord {
            token: self.token,
            holder: self.holder.map(|holder| NAMES[holder].to_owned()),
            expires_ms: self.expires,
            cancelled: self.cancelled,
            ..LeaseRecord::default()
        }
    }

    fn held(&self, who: usize) -> Option<Held> {
        match self.at[who] {
            At::Outside | At::Read { .. } => None,
            At::Begin(held)
            | At::Missing(held)
            | At::Intended(held)
            | At::Made(held)
            | At::Recorded(held)
            | At::Told(held) => Some(held),
        }
    }
}

impl Protocol {
    fn now(&self, world: &World, who: usize) -> i64 {
        world.now - self.lag[who]
    }

    /// One conditional write to the state. Whether it counted.
    fn write(&self, world: &mut World, who: usize, held: Held, begins: bool) -> bool {
        let (lease, now) = (world.lease(), self.now(world, who));
        let admitted = if begins && self.guards.cancel_in_intents {
            lease.lets_begin(held.token, now)
        } else {
            lease.admits(held.token, now)
        };
        let counts = !self.guards.token_in_writes || admitted;
        let holds = held.token == world.token && world.holder == Some(who);
        if counts && (held.token < world.highest || world.holder != Some(who)) {
            world.stale_write = true;
        }
        world.begun_too_late |= counts && begins && holds && world.cancelled;
        world.not_recorded |= !counts && !begins && holds && now < world.expires;
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
        (world.holder, world.expires, world.cancelled) = (Some(who), now + TTL, false);
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
                if !self.write(world, who, held, true) {
                    // Whether it was cancelled or has lost its lease is what the lease says.
                    let told = world.cancelled && world.lease().admits(held.token, now);
                    return Some(if told { At::Told(held) } else { At::Outside });
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
                if !self.write(world, who, held, false) {
                    return Some(At::Outside);
                }
                world.journal = Journal::Applied;
                At::Recorded(held)
            }
            At::Recorded(_) | At::Told(_) => return None,
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
            cancelled: false,
            journal: Journal::Empty,
            made: 0,
            at: [At::Outside, At::Outside],
            highest: 0,
            unlocks: 0,
            cancels: 0,
            crashes: 0,
            stale_write: false,
            token_reused: false,
            taken_twice: false,
            begun_too_late: false,
            not_recorded: false,
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
        if self.cancel && world.cancels < 1 && world.lease().is_held(world.now) {
            actions.push(Act::Cancel);
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
                    | At::Recorded(known)
                    | At::Told(known) => {
                        *known = held;
                    }
                    At::Outside | At::Read { .. } => return None,
                }
            }
            Act::Release(who) => {
                let held = world.held(who)?;
                if world.token == held.token && world.holder == Some(who) {
                    (world.holder, world.expires, world.cancelled) = (None, 0, false);
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
                (world.holder, world.expires, world.cancelled) = (None, 0, false);
                world.unlocks += 1;
            }
            Act::Cancel => {
                world.cancelled = true;
                world.cancels += 1;
            }
        }
        (world != *last).then_some(world)
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.token <= TOKENS
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("only the newest token writes", |_, world: &World| !world.stale_write),
            Property::always("one create per resource", |_, world: &World| world.made <= 1),
            Property::always("tokens only grow", |_, world: &World| !world.token_reused),
            Property::always("a lease has one holder", |_, world: &World| !world.taken_twice),
            Property::always("a recorded resource exists", |_, world: &World| {
                world.journal != Journal::Applied || world.made > 0
            }),
            Property::always("what was cancelled begins nothing", |_, world: &World| !world.begun_too_late),
            Property::always("what was begun is recorded, cancelled or not", |_, world: &World| !world.not_recorded),
            // Without these the search would prove nothing.
            Property::sometimes("a second holder records what a dead one made", |_, world: &World| {
                world.crashes > 0 && world.made == 1 && matches!(world.at[1], At::Recorded(held) if held.token > 1)
            }),
            Property::sometimes("a stalled holder wakes after its lease was taken over", |_, world: &World| {
                matches!(world.at[0], At::Intended(held) if held.token < world.token) && world.holder == Some(1)
            }),
        ];
        if self.cancel {
            properties.extend([
                Property::sometimes("a holder records what it had begun when it was cancelled", |_, world: &World| {
                    world.cancelled && matches!(world.at[0], At::Recorded(held) if held.token == world.token)
                }),
                Property::sometimes("a cancelled holder is told before it begins", |_, world: &World| {
                    matches!(world.at[0], At::Told(_)) && world.made == 0
                }),
                Property::sometimes("the holder after a cancelled one works freely", |_, world: &World| {
                    matches!(world.at[0], At::Told(_)) && matches!(world.at[1], At::Recorded(_))
                }),
            ]);
        }
        properties
    }
}
