//! `iam-user`: one user for people, without any key or password.

use super::shared::{EXTRA_POLICIES, LINKS, iam_name};
use crate::kind::{Holds, Kind, Output};

pub(crate) const KIND: Kind = Kind {
    name: "iam-user",
    type_names: &["aws-iam-user", "iam-user"],
    summary: "One IAM user with the permissions of its links; no key and no password are made",
    inputs: &[EXTRA_POLICIES, LINKS],
    outputs: &[Output::exported("user_arn", "ARN of the user")],
    holds: Holds::Permissions,
    names: &[iam_name("IAM user", 64), iam_name("IAM policy", 128)],
    ..Kind::BLANK
};
