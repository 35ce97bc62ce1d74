//! Policy documents of the environment: who may use its key, and what the flow log may write.

use landfall_aws::{Policy, Statement};
use landfall_engine::Context;
use landfall_resources::{LogGroup, Role};

use crate::ServiceLinkedRole;

const AUTOSCALING_ROLE: &str = "AWSServiceRoleForAutoScaling";
const AUTOSCALING: &str = "autoscaling.amazonaws.com";

/// The role with which Auto Scaling starts nodes, whose volumes are encrypted with the environment's key.
pub(crate) fn autoscaling_role() -> ServiceLinkedRole {
    ServiceLinkedRole { service: AUTOSCALING.to_owned(), role: AUTOSCALING_ROLE.to_owned() }
}

/// The policy of the environment's key
/// (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html>).
pub(crate) fn key(cx: &Context) -> Policy {
    let autoscaling = cx.global_arn("iam", &format!("role/aws-service-role/{AUTOSCALING}/{AUTOSCALING_ROLE}"));
    let domain = if cx.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Policy::new([
        Statement::allow(["kms:*"]).sid("Account").arns([cx.root_arn()]).on(["*"]),
        Statement::allow(["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"])
            .sid("Nodes")
            .arns([autoscaling.clone()])
            .on(["*"]),
        Statement::allow(["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"])
            .sid("VolumesOfNodes")
            .arns([autoscaling])
            .on(["*"])
            .when("Bool", "kms:GrantIsForAWSResource", ["true"]),
        Statement::allow(["kms:Decrypt", "kms:GenerateDataKey*"])
            .sid("Services")
            .services(["sns.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"])
            .on(["*"])
            .when("StringEquals", "aws:SourceAccount", [cx.account_id.clone()]),
        Statement::allow(["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"])
            .sid("Logs")
            .services([format!("logs.{}.{domain}", cx.region)])
            .on(["*"])
            .when("ArnLike", "kms:EncryptionContext:aws:logs:arn", [LogGroup::arn_of("*", cx)]),
    ])
}

/// The role that writes the flow log: only for flow logs of this account, and only into one log group
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html>).
pub(crate) fn flow_log_role(log_group: &str, cx: &Context) -> Role {
    // Roles are the account's, environments a region's: the name tells two regions apart.
    let name = format!("lf-{}-vpc-flow-{}", cx.environment, cx.suffix(8));
    let group = LogGroup::arn_of(log_group, cx);
    let policy = Policy::new([
        Statement::allow(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"])
            .sid("Write")
            .on([group.clone(), format!("{group}:*")]),
        // This one cannot be narrowed to a group.
        Statement::allow(["logs:DescribeLogGroups"]).sid("Find").on([LogGroup::arn_of("*", cx)]),
    ]);
    let source = cx.arn("ec2", "vpc-flow-log/*");
    let description = format!("Writes the flow log of the environment {}", cx.environment);
    Role::for_service(name, description, "vpc-flow-logs.amazonaws.com", Some(source), cx).inline("write", &policy)
}
