//! The protocol of lease, cancellation, quiet time and journal as models that are searched exhaustively. The conditions
//! are the predicates of the lease's record; the tests of the store (`store/conditions.rs`) hold them against what
//! DynamoDB checks.
//!
//! The models also lose their guards one by one, and must then find the accident that each of them prevents.

use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model};

mod holders;
mod lease;
mod quiet;
mod shares;

/// What a path can be made of.
trait Shown: Clone + Debug + PartialEq + Send + Sync {}
impl<T: Clone + Debug + PartialEq + Send + Sync> Shown for T {}

/// Every state that a protocol comes to.
fn search<M>(protocol: M) -> impl Checker<M>
where
    M: Model<State: Shown + Hash, Action: Shown> + Send + Sync + 'static,
{
    protocol.checker().threads(2).spawn_bfs().join()
}

/// The accident that is found, as a list of what happened.
fn accident<M>(protocol: M, property: &'static str) -> Vec<M::Action>
where
    M: Model<State: Shown + Hash, Action: Shown> + Send + Sync + 'static,
{
    let only = std::iter::once(property).collect();
    let found = protocol.checker().threads(2).finish_when(HasDiscoveries::AnyOf(only)).spawn_bfs().join();
    let path = found.discovery(property).unwrap_or_else(|| panic!("nothing goes wrong: {property}"));
    path.into_actions()
}
