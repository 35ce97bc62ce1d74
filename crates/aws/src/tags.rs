//! The tags by which Landfall finds its own resources again.

use std::collections::BTreeMap;

/// Tags of a resource: key to value.
pub type Tags = BTreeMap<String, String>;

/// Key of the tag that holds the layer's name.
pub const LAYER_TAG: &str = "landfall:layer";
/// Key of the tag that holds the module's name.
pub const MODULE_TAG: &str = "landfall:module";
/// Key of the tag that holds the resource's name in its module.
pub const RESOURCE_TAG: &str = "landfall:resource";
