//! What the control functions share: their settings, loading a layer at one version, starting deployments, announcing
//! what happens, and the entry of a function.

mod announce;
mod entry;
mod load;
mod refusal;
mod settings;
mod start;

pub use entry::{Control, serve};
pub use load::{ChosenEnvironment, Loaded, LoadedFile, Object};
pub use refusal::Refusal;
pub use settings::Settings;
