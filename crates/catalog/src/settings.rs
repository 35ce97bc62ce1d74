//! The optional top-level key `landfall` of a layer file: settings of its deployments.

use crate::kind::{Default, Input};
use crate::ty::{Enum, Type};

const APPROVAL: Enum = Enum { words: &["risky", "always", "never"], former: &[] };

/// What may stand under `landfall`.
pub(crate) const SETTINGS: &[Input] = &[Input::optional(
    "approval",
    Type::Enum(&APPROVAL),
    Default::Text("risky"),
    "Which changes wait for an approval; a destroy always does",
)];
