//! For tests only: the local AWS, accounts of their own, an independent client, and the conformance suite that every
//! module passes.

pub mod conformance;
mod local;
mod world;

pub use local::{Account, LocalAws};
pub use world::{End, World, make_table};
