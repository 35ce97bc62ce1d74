//! `iam-policy`: one managed policy from a file.

use super::shared::iam_name;
use crate::kind::{Input, Kind, Output};
use crate::ty::Type;

pub(crate) const KIND: Kind = Kind {
    name: "iam-policy",
    type_names: &["aws-iam-policy", "iam-policy"],
    summary: "One managed policy from a JSON file",
    inputs: &[Input::required("file", Type::Path, "Policy document as JSON, relative to this file")],
    outputs: &[
        Output::exported("policy_arn", "ARN of the policy"),
        Output::exported("policy_id", "Id of the policy"),
        Output::exported("policy_name", "Name of the policy"),
    ],
    names: &[iam_name("IAM policy", 128)],
    ..Kind::BLANK
};
