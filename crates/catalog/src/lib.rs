//! Every module kind as data (inputs, outputs, links, needs, names) and the resolution of a layer file against it.
//! No AWS code.

mod layer;

pub use layer::{EnvironmentContext, EnvironmentModule, Layer, Link, Module, Scope};
