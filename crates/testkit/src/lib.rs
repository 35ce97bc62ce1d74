//! For tests only: the local AWS, accounts of their own, an independent client, the conformance suite that every module
//! passes, and the fault proxy that the installed system is tested behind.

pub mod conformance;
mod guise;
mod local;
mod observer;
pub mod proxy;
mod quotas;
mod table;
mod throttle;
mod world;

pub use local::{Account, LocalAws};
pub use observer::Inventory;
pub use quotas::Quotas;
pub use table::make_table;
pub use throttle::Throttle;
pub use world::{Deployment, End, World};
