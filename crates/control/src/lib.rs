//! What the control functions share: their settings, loading a layer at one version, starting deployments, announcing
//! what happens, and the entry of a function.

mod accept;
mod announce;
mod entry;
mod layer_settings;
mod load;
mod refusal;
mod report;
mod settings;
mod start;

pub use accept::Checked;
pub use entry::{Control, serve};
pub use layer_settings::{Approval, LayerSettings, When};
pub use load::{ChosenEnvironment, Loaded, LoadedFile, Object};
pub use refusal::Refusal;
pub use report::{End, ModuleEnd, Report, ResourceEnd, report};
pub use settings::Settings;
