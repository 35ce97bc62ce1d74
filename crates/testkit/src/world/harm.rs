//! What is done to a world: functions that are killed, resources that are deleted by hand, a lease that is lost.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use landfall_aws::Fault;
use landfall_engine::{Module, Op};
use landfall_state::{Actor, Cancelled, NewChange, Phase, Source};

use super::{Deployment, LAYER, STEPS, World, acquire};

impl World {
    /// Runs steps until the `nth` AWS call of them all breaks, and abandons the step there as a killed function would.
    /// Answers the call that was broken, or `None` when the module settled with fewer calls.
    pub async fn killed<M: Module>(&self, deployment: &Deployment, nth: u64, fault: Fault) -> Option<String> {
        self.engine.aws().watch().break_call(nth, fault);
        self.until_broken::<M>(deployment).await
    }

    /// As [`World::killed`], counting only writing calls.
    pub async fn killed_at_write<M: Module>(&self, deployment: &Deployment, nth: u64, fault: Fault) -> Option<String> {
        self.engine.aws().watch().break_write(nth, fault);
        self.until_broken::<M>(deployment).await
    }

    /// As [`World::killed`], at the first call of `operation`, `service.Operation`.
    pub async fn killed_at<M: Module>(&self, deployment: &Deployment, operation: &str, fault: Fault) -> Option<String> {
        self.engine.aws().watch().break_first(operation, fault);
        self.until_broken::<M>(deployment).await
    }

    async fn until_broken<M: Module>(&self, deployment: &Deployment) -> Option<String> {
        let watch = self.engine.aws().watch();
        for _ in 0..STEPS {
            let settled = {
                let mut step = pin!(self.step::<M>(deployment));
                // Looked at after every poll, so that the step gets no further than the broken call.
                poll_fn(|cx| match step.as_mut().poll(cx) {
                    _ if watch.is_broken() => Poll::Ready(true),
                    Poll::Ready(end) => Poll::Ready(end.is_some()),
                    Poll::Pending => Poll::Pending,
                })
                .await
            };
            if settled {
                return watch.mend();
            }
        }
        panic!("the module does not settle");
    }

    /// Deletes a resource as somebody outside Landfall would. Answers whether it is gone.
    ///
    /// # Panics
    /// When it cannot be deleted.
    pub async fn delete_outside<M: Module>(&self, deployment: &Deployment, resource: &str) -> bool {
        let request = self.request(deployment, Op::Reconcile);
        let deleted = self.engine.delete_outside::<M>(&request, resource).await;
        deleted.unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    /// Cancels the deployment that holds the lease.
    ///
    /// # Panics
    /// When the state does not take it.
    pub async fn cancel(&self) {
        let change = NewChange::new(LAYER, landfall_state::Action::Deploy, Source::default(), Actor::default());
        self.store.enqueue(change).await.expect("queued");
        let running = self.store.start_next(LAYER).await.expect("the queue").expect("it is the next");
        self.store.started(LAYER, running.number, &self.lease.holder).await.expect("it runs");
        self.store.phase(LAYER, running.number, Phase::Applying, None).await.expect("it runs");
        let cancelled = self.store.cancel(LAYER, running.number, "ana", None).await.expect("it is known");
        assert_eq!(cancelled, Cancelled::Told);
    }

    /// Lets somebody else take the lease away.
    ///
    /// # Panics
    /// When nobody holds it.
    pub async fn steal_lease(&self) {
        let held = self.store.lease(LAYER).await.expect("the state is there").expect("the lease is held");
        self.store.force_unlock(LAYER, held.token, Duration::ZERO).await.expect("the lease is held");
        acquire(&self.store, "execution-2").await;
    }
}
