//! The protocol of queue, supersession, looks, rollbacks, cancellation and freeze as one table of transitions. It is
//! searched exhaustively for what must never happen, and the same transitions are played against the store itself, so
//! that the model and the conditional writes cannot part.
#![allow(clippy::unwrap_used)]

mod agrees;
mod search;
mod table;
