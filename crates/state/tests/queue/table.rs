//! The table: what each operation makes of the state of one layer.

use landfall_state::{Action, Status};

/// What can happen to a layer. Each is one transaction of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// A change comes.
    Enqueue,
    /// A change comes and begins in the same transaction, if nothing is in its way.
    EnqueueAndBegin,
    /// Somebody wants a plan, which begins at once if nothing is in its way.
    Plan,
    /// A look for drift is due.
    Look,
    /// The running deployment is about to fail and wants its rollback, perhaps once more.
    RollBack,
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
    /// The running deployment fails and gives its lease back.
    Fail,
    /// The layer is frozen.
    Freeze,
    /// The freeze ends.
    Thaw,
}

/// A deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deployment {
    pub(crate) action: Action,
    pub(crate) status: Status,
    /// Whether it has the lease.
    pub(crate) works: bool,
    pub(crate) superseded_by: Option<usize>,
    pub(crate) rolled_back_by: Option<usize>,
    /// It began an action after it was cancelled.
    pub(crate) begun_too_late: bool,
}

impl Deployment {
    fn new(action: Action) -> Self {
        let status = Status::Queued;
        Self { action, status, works: false, superseded_by: None, rolled_back_by: None, begun_too_late: false }
    }

    /// Whether a freeze keeps it: a look and a plan change nothing, a rollback is the end of one that began.
    pub(crate) fn is_frozen(&self) -> bool {
        self.action == Action::Deploy
    }
}

/// What a change or a step of the running deployment was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    /// It did it.
    Yes,
    /// The deployment was cancelled.
    Cancelled,
    /// Nothing runs that could.
    Nobody,
    /// Another deployment comes first.
    Later,
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
    /// Applies an operation, and answers what it was told.
    ///
    /// | operation | needs | does |
    /// |---|---|---|
    /// | enqueue | | the change waits; who waited before is superseded |
    /// | plan | none waits | the plan waits; it runs if nothing does |
    /// | look | nothing runs or waits | the look waits |
    /// | roll back | a change works, not cancelled, its rollback is not there; none waits but a plan | the rollback waits; a plan is superseded |
    /// | start | nothing runs, one waits; it is no change or there is no freeze | who waited runs |
    /// | admit | one runs without the lease | it takes the lease |
    /// | begin | one works, not cancelled | |
    /// | record | one works | |
    /// | cancel | waits, or runs without the lease | it ends, its place is free |
    /// | cancel | works | its lease says so |
    /// | finish | one works that is not rolled back | it ends, as cancelled if it was; place and lease are free |
    /// | fail | one works | it ends, as cancelled if it was; place and lease are free |
    pub(crate) fn apply(&mut self, op: Op) -> Told {
        match op {
            Op::Enqueue => {
                self.replace_waiting(Action::Deploy);
            }
            Op::EnqueueAndBegin => {
                let alone = self.running.is_none() && self.waiting.is_none();
                self.apply(Op::Enqueue);
                if alone {
                    self.apply(Op::StartNext);
                }
            }
            Op::Plan if self.waiting.is_none() => {
                self.waiting = Some(self.deployments.len());
                self.deployments.push(Deployment::new(Action::Plan));
                self.apply(Op::StartNext);
            }
            Op::Look if self.running.is_none() && self.waiting.is_none() => {
                self.waiting = Some(self.deployments.len());
                self.deployments.push(Deployment::new(Action::Drift));
            }
            Op::Plan | Op::Look => return Told::Later,
            Op::RollBack => return self.roll_back(),
            Op::StartNext if self.running.is_none() => {
                if let Some(next) = self.waiting.filter(|next| !self.frozen || !self.deployments[*next].is_frozen()) {
                    (self.running, self.waiting) = (Some(next), None);
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
            Op::Finish | Op::Fail => {
                if let Some(running) = self.works().filter(|running| op == Op::Fail || !self.is_rolled_back(*running)) {
                    let ended = if op == Op::Fail { Status::Failed } else { Status::Succeeded };
                    self.end(running, if self.cancelled { Status::Cancelled } else { ended });
                    self.cancelled = false;
                }
            }
            Op::Freeze => self.frozen = true,
            Op::Thaw => self.frozen = false,
            Op::StartNext | Op::Cancel(_) => {}
        }
        Told::Yes
    }

    /// The running deployment that has the lease.
    pub(crate) fn works(&self) -> Option<usize> {
        self.running.filter(|running| self.deployments[*running].works)
    }

    fn is_rolled_back(&self, which: usize) -> bool {
        self.deployments[which].rolled_back_by.is_some()
    }

    fn roll_back(&mut self) -> Told {
        let fails = |running: &usize| self.deployments[*running].action == Action::Deploy && !self.cancelled;
        let Some(running) = self.works().filter(fails) else { return Told::Nobody };
        if self.is_rolled_back(running) {
            return Told::Yes;
        }
        if self.waiting.is_some_and(|waiting| self.deployments[waiting].action != Action::Plan) {
            return Told::Later;
        }
        self.deployments[running].rolled_back_by = Some(self.deployments.len());
        self.replace_waiting(Action::Rollback);
        Told::Yes
    }

    fn replace_waiting(&mut self, action: Action) {
        let new = self.deployments.len();
        if let Some(old) = self.waiting.replace(new) {
            self.deployments[old].status = Status::Superseded;
            self.deployments[old].superseded_by = Some(new);
        }
        self.deployments.push(Deployment::new(action));
    }

    fn told(&self, begins: bool) -> Told {
        match self.works() {
            Some(_) if begins && self.cancelled => Told::Cancelled,
            Some(_) => Told::Yes,
            None => Told::Nobody,
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
