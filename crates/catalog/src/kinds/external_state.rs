//! `external-state`: outputs of something that is managed elsewhere.

use crate::kind::{Input, Kind};
use crate::ty::Type;

pub(crate) const KIND: Kind = Kind {
    name: "external-state",
    type_names: &["external-state"],
    summary: "Outputs of something that is managed elsewhere, as ${{module.NAME.outputs.OUTPUT}}",
    inputs: &[
        Input::required("backend_type", Type::NonEmpty, "Where the state is, for example s3"),
        Input::required("config", Type::Any, "How it is found there"),
    ],
    open_outputs: true,
    ..Kind::BLANK
};
