//! The resolved layer: what the planner, the engine and the modules work from. Plain data, no spans, no YAML.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which of the two kinds of file a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Network, cluster, dns and what services share.
    Environment,
    /// An app and its resources, inside one environment.
    Service,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Environment => "environment",
            Self::Service => "service",
        })
    }
}

/// A layer whose inputs are complete: values, pinned values and defaults filled in, variables and environment
/// outputs substituted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Name of the layer.
    pub name: String,
    /// Environment or service.
    pub scope: Scope,
    /// Name of the environment; the layer's own name when it is one.
    pub environment: String,
    /// Organisation.
    pub org_name: String,
    /// AWS region.
    pub region: String,
    /// AWS account, 12 digits.
    pub account_id: String,
    /// Modules in the order of the file.
    pub modules: Vec<Module>,
    /// The optional top-level key `landfall` as it stands in the file; null when absent.
    #[serde(default)]
    pub settings: Value,
}

impl Layer {
    /// The module of that name.
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name)
    }
}

/// A module of a resolved layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Module {
    /// Name, unique in the layer.
    pub name: String,
    /// Name of its kind in the catalogue, for example `sqs`.
    pub kind: String,
    /// Every input of the kind and its system inputs. Outputs of other modules of the layer stand in strings as
    /// `${landfall:module.NAME.OUTPUT}`.
    pub inputs: Map<String, Value>,
    /// The defaults that were used, to be pinned once the module is deployed.
    #[serde(default)]
    pub defaults: BTreeMap<String, Value>,
    /// Names of modules of this layer that have to be applied before this one.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Links that it holds, in the order of the file.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Attributes of its resources that others may change: paths such as `tags.CostCenter`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore_drift: Vec<String>,
    /// Line of the file (1-based) on which the module begins.
    #[serde(default)]
    pub line: usize,
}

/// Access of one module to another module of the layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Name of the module that is linked to.
    pub target: String,
    /// Its kind.
    pub target_kind: String,
    /// Permission words, for targets that grant IAM permissions: `read`, `write`, `publish`, `subscribe`.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// For targets that hand out secrets: output of the target → name of the variable that receives it.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
}

/// What a service's file may use of the environment it lives in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentContext {
    /// Name of the environment.
    pub name: String,
    /// Its organisation.
    pub org_name: String,
    /// Its region.
    pub region: String,
    /// Its account, 12 digits.
    pub account_id: String,
    /// Outputs that it exports, by name.
    #[serde(default)]
    pub outputs: BTreeMap<String, Value>,
    /// Names that several of its modules export with different values, and those modules: none of the values is the
    /// one that is meant.
    #[serde(default)]
    pub ambiguous: BTreeMap<String, Vec<String>>,
    /// Its modules.
    #[serde(default)]
    pub modules: Vec<EnvironmentModule>,
}

impl EnvironmentContext {
    /// Fills in what its modules export, each module with its outputs by name.
    pub fn export<'a>(&mut self, exports: impl IntoIterator<Item = (&'a str, &'a str, &'a Value)>) {
        let mut given: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
        for (module, output, value) in exports {
            given.entry(output).or_default().push((module, value));
        }
        for (output, values) in given {
            if values.iter().all(|(_, value)| *value == values[0].1) {
                self.outputs.insert(output.to_owned(), values[0].1.clone());
            } else {
                let modules = values.iter().map(|(module, _)| (*module).to_owned()).collect();
                self.ambiguous.insert(output.to_owned(), modules);
            }
        }
    }
}

/// A module of the environment, as far as a service has to know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentModule {
    /// Name of the module.
    pub name: String,
    /// Name of its kind in the catalogue.
    pub kind: String,
}
