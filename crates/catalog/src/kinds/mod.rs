//! The list of all kinds. A new kind is one file here and its line in [`all`].

mod base;
mod cloudfront_distribution;
mod custom_terraform;
mod datadog;
mod dns;
mod documentdb;
mod dynamodb;
mod external_ssl_cert;
mod external_state;
mod global_accelerator;
mod helm_chart;
mod iam_policy;
mod iam_role;
mod iam_user;
mod k8s_base;
mod k8s_cluster;
mod k8s_manifest;
mod k8s_service;
mod lambda_function;
mod mongodb_atlas;
mod mysql;
mod nodegroup;
mod postgres;
mod redis;
mod s3;
mod ses;
mod shared;
mod sns;
mod sql;
mod sqs;
mod vpn;

use crate::kind::Kind;

/// Every kind.
pub fn all() -> &'static [&'static Kind] {
    &[
        &base::KIND,
        &k8s_cluster::KIND,
        &nodegroup::KIND,
        &dns::KIND,
        &k8s_base::KIND,
        &k8s_service::KIND,
        &helm_chart::KIND,
        &k8s_manifest::KIND,
        &postgres::KIND,
        &mysql::KIND,
        &redis::KIND,
        &documentdb::KIND,
        &dynamodb::KIND,
        &s3::KIND,
        &sqs::KIND,
        &sns::KIND,
        &iam_role::KIND,
        &iam_user::KIND,
        &iam_policy::KIND,
        &lambda_function::KIND,
        &cloudfront_distribution::KIND,
        &global_accelerator::KIND,
        &external_ssl_cert::KIND,
        &ses::KIND,
        &vpn::KIND,
        &datadog::KIND,
        &mongodb_atlas::KIND,
        &custom_terraform::KIND,
        &external_state::KIND,
    ]
}

/// The kind of that name.
pub fn by_name(name: &str) -> Option<&'static Kind> {
    all().iter().find(|kind| kind.name == name).copied()
}

/// The kind that a `type` names.
pub(crate) fn by_type(ty: &str) -> Option<&'static Kind> {
    all().iter().find(|kind| kind.type_names.contains(&ty)).copied()
}
