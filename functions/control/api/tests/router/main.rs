//! The router, asked with events as API Gateway sends them, over the state on the local AWS. Every answer is held
//! against the checked-in description of the API.
#![allow(clippy::unwrap_used)]

mod decisions;
mod described;
mod doctor;
mod drift;
mod layers;
mod letters;
mod orders;
mod world;
mod wrong;
