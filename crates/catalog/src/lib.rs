//! Every module kind as data (inputs, outputs, links, needs, names) and the resolution of a layer file against it.
//! No AWS code.

mod check;
mod guard;
mod kind;
mod kinds;
mod layer;
mod reference;
mod resolve;
mod schema;
mod settings;
mod ty;

pub use check::Check;
pub use guard::is_guarded;
pub use kind::{
    Default, FilesOf, Grants, Holds, Input, Kind, Letters, NameParts, NameRule, Need, Output, Place, Presence, When,
    Wire,
};
pub use kinds::{all as kinds, by_name as kind};
pub use layer::{EnvironmentContext, EnvironmentModule, Layer, Link, Module, Scope};
pub use reference::reference;
pub use resolve::{Request, Resolved, files_of, resolve, settings_of, support_files};
pub use schema::schema;
pub use ty::{Enum, Pattern, Support, Type, Versions};
