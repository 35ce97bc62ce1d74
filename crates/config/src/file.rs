//! The envelope of a layer file: what every layer file says, whatever its modules are.

use crate::source::Span;
use crate::yaml::{Map, Node};

/// What a file in the config bucket is.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one is made per file and taken apart at once")]
pub enum File {
    /// It declares a layer.
    Layer(LayerFile),
    /// Valid YAML that declares no layer: Helm values, a policy.
    Support,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A file that declares a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerFile {
    /// Name of the layer.
    pub name: Spanned<String>,
    /// Environment or service, with what only that kind of file holds.
    pub scope: FileScope,
    /// Modules in the order of the file.
    pub modules: Vec<ModuleEntry>,
    /// Declared variables.
    pub input_variables: Vec<InputVariable>,
    /// The optional top-level key `landfall`.
    pub settings: Option<Node>,
}

/// Which kind of file it is.
#[derive(Clone, Debug, PartialEq)]
pub enum FileScope {
    /// It has `org_name` and `providers`.
    Environment {
        /// Organisation.
        org_name: Spanned<String>,
        /// AWS region.
        region: Spanned<String>,
        /// AWS account, padded to 12 digits.
        account_id: Spanned<String>,
    },
    /// It has `environments`.
    Service {
        /// The environments it can be deployed to.
        environments: Vec<EnvironmentRef>,
    },
}

/// An entry of `environments`.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentRef {
    /// Label by which the entry is chosen; need not be the environment's name.
    pub name: Spanned<String>,
    /// Where the environment's file is.
    pub path: Spanned<String>,
    /// `variables` and `vars` merged.
    pub variables: Map,
    /// The entry.
    pub span: Span,
}

/// An entry of `input_variables`.
#[derive(Clone, Debug, PartialEq)]
pub struct InputVariable {
    /// Name.
    pub name: Spanned<String>,
    /// Value that is used when none is given.
    pub default: Option<Node>,
    /// What it is for.
    pub description: Option<String>,
}

/// An entry of `modules`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleEntry {
    /// Position in the list, from 0.
    pub index: usize,
    /// Type as it was typed.
    pub ty: Spanned<String>,
    /// Name; derived from the type when the file gives none.
    pub name: Spanned<String>,
    /// Whether the file gives the name.
    pub explicit_name: bool,
    /// Names of modules that come first.
    pub depends_on: Vec<Spanned<String>>,
    /// Attributes of its resources that others may change.
    pub ignore_drift: Vec<Spanned<String>>,
    /// Every other key.
    pub inputs: Map,
    /// The entry.
    pub span: Span,
}

impl ModuleEntry {
    /// The path of one of its fields, for example `modules[2].fifo`; of the entry itself for an empty name.
    pub fn field(&self, name: &str) -> String {
        let dot = if name.is_empty() { "" } else { "." };
        format!("modules[{}]{dot}{name}", self.index)
    }
}

impl LayerFile {
    /// The entries of `environments`; empty for an environment.
    pub fn environments(&self) -> &[EnvironmentRef] {
        match &self.scope {
            FileScope::Environment { .. } => &[],
            FileScope::Service { environments } => environments,
        }
    }
}

/// The name of a module whose entry gives none: the type as typed without dashes.
pub fn default_module_name(ty: &str) -> String {
    ty.replace('-', "")
}
