//! Reconciling a module: a module says which resources exist for its inputs, the engine observes, compares, plans,
//! orders, journals, tags, fences, retries and reports. Modules contain none of that.

mod apply;
mod context;
mod graph;
mod journal;
mod lambda;
mod load;
mod lookup;
mod module;
mod observe;
mod outside;
mod plan;
mod preflight;
mod reads;
mod reconcile;
mod record;
mod remove;
mod report;
mod resource;
mod settle;
mod step;
mod subject;

pub use async_trait::async_trait;
pub use context::{Context, SupportFile};
pub use graph::{Graph, Handle};
pub use lambda::run;
pub use landfall_aws::{Aws, Error, Explain, Kind, Leftover, Result, Tags, Target, tolerate};
pub use landfall_plan::Quota;
pub use landfall_plan::{Field, OnChange, Token, tokens};
pub use lookup::Lookup;
pub use module::{Module, Outputs};
pub use preflight::Actions;
pub use resource::{Changes, Intent, Progress, Recorded, Registered, Resource, Seen, Status, Wanted, registered};
pub use step::{Engine, Limits, Op, Outcome, Refused, Request, Response};
pub use subject::preview;
