//! What a deployment would do, as a value: the change set of each module, its risk, its order and how it reads.
//! Pure: no client, no clock, no I/O.

mod change;
mod diff;
mod drift;
mod graph;
mod module;
mod plan;
mod preflight;
mod quota;
mod render;
mod run;
mod token;

pub use change::{Action, After, AttributeChange, Before, Field, OnChange, ResourceChange, Risk};
pub use diff::{Comparison, Leave, Leaving, canonical, compare, compare_leaving};
pub use drift::{AcceptedDrift, LeftAlone, Why, digest, is_below, there, wanted};
pub use graph::{Cycle, order, ready_sets};
pub use landfall_catalog::Scope as LayerScope;
pub use module::{ModuleChange, ModulePlan};
pub use plan::{Counts, Plan, PlanRequest};
pub use preflight::{Obstacle, Weight};
pub use quota::{Quota, weigh};
pub use render::{Paint, Style, Tone, differences, render, summary};
pub use run::{RunDocument, RunModule, SupportFile};
pub use token::{Resolution, Token, resolve, tokens};
