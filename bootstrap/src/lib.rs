//! Installs Landfall into an account: the CloudFormation template, generated from the functions' folders, the
//! packages of the functions, and the stack.

mod functions;
mod install;
mod package;
mod policies;
mod template;

pub use functions::{Function, FunctionKind, discover};
pub use install::{Architecture, Binaries, Options, Progress, Report, install};
pub use package::{Package, package};
pub use template::{VERSION, template, template_text};
