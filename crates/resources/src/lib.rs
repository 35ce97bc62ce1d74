//! Resources that several modules use: KMS keys, roles, policies, log groups, and the IAM statements that links
//! grant.

mod key;

pub use key::Key;
