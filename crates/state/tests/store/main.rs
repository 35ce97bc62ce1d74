//! The state store against the local AWS and against DynamoDB Local: the same tests on both.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod approvals;
mod between;
mod cancel;
mod conditions;
mod documents;
mod drift;
mod dynamodb_local;
mod events;
mod fencing;
mod freeze;
mod gate;
mod journal;
mod lease;
mod queue;
mod records;
mod runs;
mod sources;
mod whole;
mod world;
