//! `custom-terraform`: a Terraform module of the user's own.

use serde_json::Value;

use crate::kind::{Default, Input, Kind};
use crate::ty::Type;

pub(crate) const KIND: Kind = Kind {
    name: "custom-terraform",
    type_names: &["custom-terraform"],
    summary: "A Terraform module of your own",
    inputs: &[
        Input::optional("source", Type::NonEmpty, Default::Null, "Folder beside this file, or a module of a registry"),
        Input::optional("path_to_module", Type::NonEmpty, Default::Null, "Folder beside this file")
            .deprecated("use `source`"),
        Input::optional("version", Type::NonEmpty, Default::Null, "Version of a module of a registry"),
        Input::optional("terraform_inputs", Type::Map(&Type::Any), Default::EmptyMap, "Inputs of the module"),
    ],
    open_outputs: true,
    check: Some(|check| {
        if !check.is_given("source") && !check.is_given("path_to_module") {
            check.error("source", "`source` is missing", "add `source: ./my-module`");
        }
    }),
    files: Some(|inputs| {
        ["source", "path_to_module"]
            .iter()
            .filter_map(|input| inputs.get(*input).and_then(Value::as_str))
            .filter(|source| source.starts_with("./"))
            .map(str::to_owned)
            .collect()
    }),
    ..Kind::BLANK
};
