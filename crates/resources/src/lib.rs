//! Resources that several modules use: KMS keys, buckets, roles, policies, log groups, and the IAM statements that
//! links grant.

mod bucket;
mod iam_quota;
mod key;
mod links;
mod log_group;
mod policy;
mod role;
mod service_quota;

use landfall_engine::{Error, Kind};

pub use bucket::{
    Bucket, Cors, LifecycleRule, Logging, PUBLIC_ACCESS_BLOCK, Replication, Transition, incomplete, s3, tls_only,
};
pub use key::Key;
pub use links::link_statements;
pub use log_group::{LogGroup, RETENTIONS};
pub use policy::ManagedPolicy;
pub use role::Role;
pub use service_quota::ServiceQuota;

/// The same error, asking for something else.
fn rekind(mut error: Error, kind: Kind) -> Error {
    error.kind = kind;
    error
}

#[cfg(test)]
mod tests {
    use landfall_catalog::Scope;
    use landfall_engine::Context;

    /// The context of a module `m` of the service `shop` in the environment `prod`.
    pub(crate) fn context() -> Context {
        Context {
            layer: "shop".to_owned(),
            environment: "prod".to_owned(),
            scope: Scope::Service,
            org_name: "org".to_owned(),
            region: "eu-central-1".to_owned(),
            account_id: "123456789012".to_owned(),
            partition: "aws".to_owned(),
            module: "m".to_owned(),
            links: Vec::new(),
            files_bucket: "config".to_owned(),
            files: Vec::new(),
        }
    }
}
