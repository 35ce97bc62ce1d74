//! The state store against the local AWS and against DynamoDB Local: the same tests on both.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod dynamodb_local;
mod lease;
mod world;
