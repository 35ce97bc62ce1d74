//! The list of all kinds. A new kind is one file here and its line in [`all`].

mod base;
mod iam_role;
mod s3;
mod sns;
mod sqs;

use crate::kind::Kind;

/// Every kind.
pub fn all() -> &'static [&'static Kind] {
    &[&base::KIND, &s3::KIND, &sqs::KIND, &sns::KIND, &iam_role::KIND]
}

/// The kind of that name.
pub fn by_name(name: &str) -> Option<&'static Kind> {
    all().iter().find(|kind| kind.name == name).copied()
}

/// The kind that a `type` names.
pub(crate) fn by_type(ty: &str) -> Option<&'static Kind> {
    all().iter().find(|kind| kind.type_names.contains(&ty)).copied()
}
