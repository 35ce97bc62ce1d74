//! Installs Landfall into an account: the CloudFormation template, generated from the functions' folders, the
//! packages of the functions, and the stack.

mod artifacts;
mod functions;
mod install;
mod names;
mod package;
mod policies;
mod preview;
mod stack;
mod template;

pub use functions::{Function, FunctionKind, discover};
pub use install::{Architecture, Binaries, Options, Progress, Report, ResourceEvent, ResourceState, install};
pub use names::LONGEST_STACK;
pub use package::Package;
pub use preview::{PackageState, ParameterChange, Preview, StackAction, StackChange, preview};
pub use template::{VERSION, template, template_text};
