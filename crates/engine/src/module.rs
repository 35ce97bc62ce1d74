//! The contract of a module kind.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use landfall_aws::Result;

use crate::context::Context;
use crate::graph::Graph;
use crate::resource::Registered;

/// One module kind: which resources exist for its inputs, and what it tells other modules.
pub trait Module: Send + Sync + 'static {
    /// Kind, as in the catalogue.
    const KIND: &'static str;
    /// Inputs, as the catalogue fills them. Values that other modules make known may still be tokens.
    type Inputs: DeserializeOwned + Send;

    /// Every resource kind that this module ever made, also in earlier versions, so that any of them can be removed.
    fn resources() -> Vec<Registered>;

    /// The resources for these inputs, and the outputs. Pure.
    fn build(inputs: Self::Inputs, cx: &Context, graph: &mut Graph) -> Result<Outputs>;
}

/// Outputs of a module by name; values may be attributes of its resources.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outputs(pub Map<String, Value>);

impl Outputs {
    /// No outputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an output.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}
