//! The replica of a bucket: its name, the role that S3 takes to fill it, the rule.

use landfall_aws::{Policy, Statement};
use landfall_engine::{Context, Handle};
use landfall_resources::{Bucket, Replication, Role};

/// Characters that IAM allows in a role's name.
const ROLE_NAME: usize = 64;

/// The name of a bucket's replica.
pub(crate) fn name(bucket: &str) -> String {
    format!("{bucket}-replica")
}

/// `lf-LAYER-MODULE-replication`; a name that would be too long is cut and kept unique.
fn role_name(cx: &Context) -> String {
    let name = format!("lf-{}-{}-replication", cx.layer, cx.module);
    if name.len() <= ROLE_NAME {
        return name;
    }
    let end = "-replication";
    let kept: String = name.chars().take(ROLE_NAME - end.len() - 9).collect();
    format!("{kept}-{}{end}", cx.suffix(8))
}

/// The role that S3 takes, with what live replication needs
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html>).
pub(crate) fn role(bucket: &str, cx: &Context) -> Role {
    let source = Bucket::arn_of(bucket, cx);
    let replica = Bucket::arn_of(&name(bucket), cx);
    let permissions = Policy::new([
        Statement::allow(["s3:GetReplicationConfiguration", "s3:ListBucket"]).sid("Bucket").on([source.clone()]),
        Statement::allow(["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"])
            .sid("Objects")
            .on([format!("{source}/*")]),
        Statement::allow(["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"])
            .sid("Replica")
            .on([format!("{replica}/*")]),
    ]);
    let description = format!("Copies the objects of {bucket} to {}", name(bucket));
    Role::for_service(role_name(cx), description, "s3.amazonaws.com", Some(source), cx)
        .inline("replication", &permissions)
}

/// The rule: everything, deletions included.
pub(crate) fn replication(role: &Handle<Role>, replica: &Handle<Bucket>) -> Replication {
    Replication {
        role: role.arn(),
        destination: replica.arn(),
        storage_class: "STANDARD".to_owned(),
        delete_markers: true,
    }
}
