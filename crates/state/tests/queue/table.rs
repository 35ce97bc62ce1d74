//! The table: what each operation makes of the state of one layer.

use landfall_state::Status;

/// What can happen to a layer. Each is one transaction of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// A change comes.
    Enqueue,
    /// Somebody starts what waits.
    StartNext,
    /// The running deployment takes the lease and begins to work.
    Admit,
    /// The running deployment would begin an action.
    Begin,
    /// The running deployment records an action.
    Record,
    /// Somebody cancels a deployment.
    Cancel(usize),
    /// The running deployment ends well and gives its lease back.
    Finish,
    /// The layer is frozen.
    Freeze,
    /// The freeze ends.
    Thaw,
}

/// A deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deployment {
    pub(crate) status: Status,
    /// Whether it has the lease.
    pub(crate) works: bool,
    pub(crate) superseded_by: Option<usize>,
    /// It began an action after it was cancelled.
    pub(crate) begun_too_late: bool,
}

/// What a step of the running deployment was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    /// It did it.
    Yes,
    /// The deployment was cancelled.
    Cancelled,
    /// Nothing runs that could.
    Nobody,
}

/// One layer. Deployments are counted from 0 here and from 1 in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Layer {
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) running: Option<usize>,
    pub(crate) waiting: Option<usize>,
    /// The running deployment was cancelled while it worked.
    pub(crate) cancelled: bool,
    pub(crate) frozen: bool,
}

impl Layer {
    /// Applies an operation, and answers what a step of the running deployment was told.
    ///
    /// | operation | needs | does |
    /// |---|---|---|
    /// | enqueue | | the change waits; who waited before is superseded |
    /// | start | nothing runs, one waits, no freeze | who waited runs |
    /// | admit | one runs without the lease | it takes the lease |
    /// | begin | one works, not cancelled | |
    /// | record | one works | |
    /// | cancel | waits, or runs without the lease | it ends, its place is free |
    /// | cancel | works | its lease says so |
    /// | finish | one works | it ends, as cancelled if it was; its place and the lease are free |
    pub(crate) fn apply(&mut self, op: Op) -> Told {
        match op {
            Op::Enqueue => {
                let new = self.deployments.len();
                if let Some(old) = self.waiting.replace(new) {
                    self.deployments[old].status = Status::Superseded;
                    self.deployments[old].superseded_by = Some(new);
                }
                let fresh =
                    Deployment { status: Status::Queued, works: false, superseded_by: None, begun_too_late: false };
                self.deployments.push(fresh);
            }
            Op::StartNext if self.running.is_none() && !self.frozen => {
                if let Some(next) = self.waiting.take() {
                    self.running = Some(next);
                    self.deployments[next].status = Status::Running;
                }
            }
            Op::Admit => {
                if let Some(running) = self.running {
                    self.deployments[running].works = true;
                }
            }
            Op::Begin => return self.told(true),
            Op::Record => return self.told(false),
            Op::Cancel(which) if which < self.deployments.len() => self.cancel(which),
            Op::Finish => {
                if let Some(running) = self.running.filter(|running| self.deployments[*running].works) {
                    self.end(running, if self.cancelled { Status::Cancelled } else { Status::Succeeded });
                    self.cancelled = false;
                }
            }
            Op::Freeze => self.frozen = true,
            Op::Thaw => self.frozen = false,
            Op::StartNext | Op::Cancel(_) => {}
        }
        Told::Yes
    }

    fn told(&mut self, begins: bool) -> Told {
        match self.running {
            Some(running) if self.deployments[running].works => {
                if begins && self.cancelled {
                    return Told::Cancelled;
                }
                Told::Yes
            }
            _ => Told::Nobody,
        }
    }

    fn cancel(&mut self, which: usize) {
        if self.waiting == Some(which) {
            self.waiting = None;
            self.deployments[which].status = Status::Cancelled;
        } else if self.running == Some(which) {
            if self.deployments[which].works {
                self.cancelled = true;
            } else {
                self.end(which, Status::Cancelled);
            }
        }
    }

    fn end(&mut self, which: usize, status: Status) {
        self.deployments[which].status = status;
        self.deployments[which].works = false;
        self.running = None;
    }
}
