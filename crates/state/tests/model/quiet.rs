//! The quiet time: a function of a deployment that has ended may still send calls, and AWS may still carry out what it
//! was sent. Whoever takes the layer next looks once the last of them has arrived.

use std::sync::LazyLock;
use std::time::Duration;

use landfall_state::{FENCE, LeaseRecord, QUIET_TIME, Run, RunStatus};
use serde_json::json;
use stateright::{Checker, Model, Property};

use crate::{accident, search};

/// Seconds of one tick.
const TICK: u64 = 5;
/// Within so many ticks AWS carries out what it was sent, or never.
const ON_THE_WAY: i64 = 1;
/// The clocks of two holders differ by no more than this.
const MARGIN: i64 = 1;
/// Life of a lease. The shortest one in use is twice as long.
const TTL: i64 = 6;
/// The clock stops here, so that the search ends.
const END: i64 = 14;
/// Token of the former holder.
const FORMER: u64 = 1;
const NAMES: [&str; 2] = ["former", "next"];

const fn ticks(time: Duration) -> i64 {
    assert!(time.as_secs().is_multiple_of(TICK), "a tick is too long");
    (time.as_secs() / TICK) as i64
}

/// What is modelled, and which guards hold.
#[derive(Clone, Debug)]
struct Protocol {
    /// How far the clocks of the former deployment are behind that of the next one.
    lag: i64,
    /// How long the layer is quiet.
    quiet_time: i64,
    /// How long a call is on its way at most.
    on_the_way: i64,
    /// A lease under which something may still be at work is given back quietly, and so is one that is taken away.
    quiet: bool,
    /// A function sends calls for some time after its lease was confirmed, and not longer.
    fence: bool,
    /// Whoever records the end of a run in place of its function says so.
    stray: bool,
    /// A step that finds its module at work repeats one that was lost, and says so.
    repetition: bool,
}

const ALL: Protocol = Protocol {
    lag: 0,
    quiet_time: ticks(QUIET_TIME),
    on_the_way: ON_THE_WAY,
    quiet: true,
    fence: true,
    stray: true,
    repetition: true,
};

/// Where the function of the former deployment stands. It may stall before each step for any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Function {
    /// It looked and found nothing.
    Missing,
    /// It wrote its intent.
    Intended,
    /// It sent the call at a moment, and has no answer.
    Sent(i64),
    /// AWS answered; that is not recorded yet.
    Made,
    /// It recorded the resource and the end of its run, or gave up.
    Gone,
}

/// Where the next deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Next {
    Waits,
    Holds,
    /// It looked and found nothing.
    Missing,
    /// It found what the former one had made.
    Found,
    /// It made the resource itself.
    Made,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    now: i64,
    token: u64,
    holder: Option<usize>,
    expires: i64,
    quiet_until: i64,
    function: Function,
    /// When the function had its lease confirmed.
    confirmed: i64,
    /// The run of the function as it is recorded.
    run: (RunStatus, bool),
    next: Next,
    /// The call of a step that was lost and is repeated, still on its way.
    lost: Option<i64>,
    repeated: bool,
    /// How often AWS made the resource.
    made: u8,
    /// A call of the former holder arrived after the next one had looked.
    late: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Act {
    Tick,
    /// The next step of the function.
    Step,
    /// The function renews the lease.
    Confirm,
    /// AWS carries out the call.
    Arrive,
    /// The function dies; the state machine runs the step again under the same lease.
    Repeat,
    /// AWS carries out the call of the step that was lost.
    ArriveLost,
    /// Nothing is heard of the function: somebody else records the end of its run.
    Settle,
    /// The former deployment ends: its modules have, or its execution was stopped.
    Finish,
    /// An operator or a sweep takes the lease away.
    Unlock,
    /// The next step of the next deployment.
    Next,
}

impl World {
    fn lease(&self) -> LeaseRecord {
        LeaseRecord {
            token: self.token,
            holder: self.holder.map(|holder| NAMES[holder].to_owned()),
            expires_ms: self.expires,
            quiet_until: self.quiet_until,
            ..LeaseRecord::default()
        }
    }

    fn may_be_at_work(&self) -> bool {
        static RUN: LazyLock<Run> = LazyLock::new(|| {
            let created_at = "2026-01-01T00:00:00Z";
            let run = json!({
                "number": 1, "module": "orders", "kind": "sqs", "status": "running", "created_at": created_at
            });
            serde_json::from_value(run).expect("a run")
        });
        let (status, stray) = self.run;
        Run { status, stray, ..RUN.clone() }.may_be_at_work()
    }
}

impl Protocol {
    /// What a clock of the former deployment says.
    fn former_now(&self, world: &World) -> i64 {
        world.now - self.lag
    }

    fn admits(&self, world: &World) -> bool {
        world.lease().admits(FORMER, self.former_now(world))
    }

    /// The lease goes from the former deployment.
    fn give_back(&self, world: &mut World, quietly: bool) -> Option<()> {
        if world.holder != Some(0) {
            return None;
        }
        (world.holder, world.expires) = (None, 0);
        if quietly && self.quiet {
            world.token += 1;
            world.quiet_until = self.former_now(world) + self.quiet_time;
        }
        Some(())
    }

    fn step(&self, world: &World) -> Option<(Function, RunStatus)> {
        let (run, _) = world.run;
        Some(match world.function {
            Function::Missing if world.lease().lets_begin(FORMER, self.former_now(world)) => (Function::Intended, run),
            // How long ago something was is known whatever the clock says.
            Function::Intended if !self.fence || world.now < world.confirmed + ticks(FENCE) => {
                (Function::Sent(world.now), run)
            }
            // A run that ended stays ended.
            Function::Made if self.admits(world) && run == RunStatus::Running => (Function::Gone, RunStatus::Done),
            Function::Missing | Function::Intended | Function::Made => (Function::Gone, run),
            Function::Sent(_) | Function::Gone => return None,
        })
    }

    fn next(&self, world: &mut World) -> Option<Next> {
        Some(match world.next {
            Next::Waits if world.lease().may_take(NAMES[1], world.now) => {
                world.token += 1;
                (world.holder, world.expires, world.quiet_until) = (Some(1), world.now + TTL, 0);
                Next::Holds
            }
            Next::Holds if world.made > 0 => Next::Found,
            Next::Holds => Next::Missing,
            Next::Missing => {
                world.made += 1;
                Next::Made
            }
            Next::Waits | Next::Found | Next::Made => return None,
        })
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        let now = 1;
        vec![World {
            now,
            token: FORMER,
            holder: Some(0),
            expires: now - self.lag + TTL,
            quiet_until: 0,
            function: Function::Missing,
            confirmed: now,
            run: (RunStatus::Running, false),
            next: Next::Waits,
            lost: None,
            repeated: false,
            made: 0,
            late: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Act>) {
        let due = |sent: i64| sent + self.on_the_way <= world.now;
        let arrives = matches!(world.function, Function::Sent(sent) if due(sent)) || world.lost.is_some_and(due);
        if world.now < END && !arrives {
            actions.push(Act::Tick);
        }
        actions.extend([
            Act::Step,
            Act::Confirm,
            Act::Arrive,
            Act::Repeat,
            Act::ArriveLost,
            Act::Settle,
            Act::Finish,
            Act::Unlock,
            Act::Next,
        ]);
    }

    fn next_state(&self, last: &World, action: Act) -> Option<World> {
        let mut world = last.clone();
        match action {
            Act::Tick => world.now += 1,
            Act::Step => (world.function, world.run.0) = self.step(&world)?,
            Act::Confirm if world.function == Function::Gone => return None,
            Act::Confirm if self.admits(&world) => {
                (world.confirmed, world.expires) = (world.now, self.former_now(&world) + TTL);
            }
            // It stops; what it has sent it cannot call back.
            Act::Confirm if !matches!(world.function, Function::Sent(_)) => world.function = Function::Gone,
            Act::Confirm => return None,
            Act::Arrive => {
                let Function::Sent(_) = world.function else { return None };
                world.function = Function::Made;
                world.made += 1;
                world.late |= !matches!(world.next, Next::Waits | Next::Holds);
            }
            Act::Repeat => {
                let Function::Sent(sent) = world.function else { return None };
                if world.repeated || !self.admits(&world) {
                    return None;
                }
                (world.repeated, world.lost) = (true, Some(sent));
                (world.confirmed, world.expires) = (world.now, self.former_now(&world) + TTL);
                world.function = Function::Missing;
                world.run.1 |= self.repetition;
            }
            Act::ArriveLost => {
                world.lost.take()?;
                world.late |= !matches!(world.next, Next::Waits | Next::Holds);
            }
            Act::Settle if world.run.0 == RunStatus::Running && self.admits(&world) => {
                world.run = (RunStatus::Failed, self.stray);
            }
            Act::Settle => return None,
            Act::Finish => {
                let quietly = world.may_be_at_work();
                self.give_back(&mut world, quietly)?;
            }
            Act::Unlock => self.give_back(&mut world, true)?,
            Act::Next => world.next = self.next(&mut world)?,
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no call arrives after the next holder has looked", |_, world: &World| !world.late),
            Property::always("one create per resource", |_, world: &World| world.made <= 1),
            // Without these the search would prove nothing.
            Property::sometimes("a call arrives while the layer is quiet", |_, world: &World| {
                world.function == Function::Made && world.lease().is_quiet(world.now)
            }),
            Property::sometimes("the next holder finds what a function had made that is lost", |_, world: &World| {
                world.next == Next::Found && world.function == Function::Made && world.token > FORMER + 1
            }),
            Property::sometimes("the next holder takes a lease that ended by itself", |_, world: &World| {
                world.next == Next::Holds && world.token == FORMER + 1 && world.run.0 == RunStatus::Running
            }),
            Property::sometimes("nothing is waited out where nothing is at work", |_, world: &World| {
                world.next == Next::Found && world.run == (RunStatus::Done, false) && world.now < ticks(QUIET_TIME)
            }),
        ]
    }
}

const LATE: &str = "no call arrives after the next holder has looked";
const TWICE: &str = "one create per resource";

#[test]
fn the_next_holder_looks_once_the_last_call_of_the_former_one_has_arrived() {
    for lag in [-MARGIN, 0, MARGIN] {
        search(Protocol { lag, ..ALL }).assert_properties();
    }
}

#[test]
fn without_the_quiet_time_a_call_arrives_behind_the_back_of_the_next_holder() {
    let path = accident(Protocol { quiet: false, ..ALL }, TWICE);
    assert!(path.contains(&Act::Finish) || path.contains(&Act::Unlock), "{path:?}");
}

#[test]
fn without_the_fence_a_stalled_function_sends_its_call_after_the_quiet_time() {
    accident(Protocol { fence: false, ..ALL }, TWICE);
}

#[test]
fn an_end_that_somebody_else_recorded_and_that_does_not_say_so_is_not_waited_out() {
    let path = accident(Protocol { stray: false, ..ALL }, TWICE);
    assert!(path.contains(&Act::Settle) && path.contains(&Act::Finish), "{path:?}");
}

#[test]
fn a_step_that_repeats_a_lost_one_and_does_not_say_so_ends_too_early() {
    let path = accident(Protocol { repetition: false, ..ALL }, LATE);
    assert!(path.contains(&Act::Repeat) && path.contains(&Act::ArriveLost), "{path:?}");
}

#[test]
fn the_quiet_time_is_as_long_as_it_has_to_be() {
    let slow = Protocol { lag: MARGIN, ..ALL };
    accident(Protocol { quiet_time: slow.quiet_time - 1, ..slow.clone() }, LATE);
    accident(Protocol { on_the_way: ON_THE_WAY + 1, ..slow.clone() }, LATE);
    accident(Protocol { lag: MARGIN + 1, ..slow }, LATE);
}
