//! `k8s-cluster`: the EKS cluster of an environment and its default nodes.

use super::shared::{AMI_TYPE, DISK, INSTANCE_TYPE, NODES, node_size, ordered, retention};
use crate::kind::{Default, Input, Kind, Letters, NameRule, Need, Output, Place, Wire};
use crate::ty::{Pattern, Support, Type, Versions};

const VERSION: Versions = Versions {
    form: Pattern { regex: "^1\\.[0-9]{2}$", what: "a Kubernetes version", example: "1.35" },
    former: &[],
    support,
    instead: "use \"1.35\"; an existing cluster rises by one minor version at a time",
};

/// As AWS published it in 2026: 14 months of standard support, then 12 of extended support.
fn support(version: &str) -> Support {
    match version.trim_start_matches("1.").parse::<u32>() {
        Ok(minor) if minor <= 30 => Support::Gone("is not offered by EKS any more"),
        Ok(minor) if minor <= 33 => {
            Support::Fading("is in extended support, which costs six times as much, and is upgraded by AWS at its end")
        }
        _ => Support::Offered,
    }
}

const LAUNCH_TEMPLATE: &[Input] = &[Input::optional(
    "user_data",
    Type::Text,
    Default::Null,
    "What nodes run at their start: a nodeadm document or a script, not encoded",
)];

const SECURITY_GROUP: Pattern =
    Pattern { regex: "^sg-([0-9a-z]{8}|[0-9a-z]{17})$", what: "a security group id", example: "sg-0a1b2c3d4e5f60718" };

pub(crate) const KIND: Kind = Kind {
    name: "k8s-cluster",
    type_names: &["k8s-cluster", "aws-eks", "eks", "aws-k8s-cluster"],
    place: Place::Environment,
    unique: true,
    summary: "EKS cluster with encrypted secrets and one group of nodes over all private subnets",
    inputs: &[
        Input::optional("k8s_version", Type::Version(&VERSION), Default::Text("1.35"), "Kubernetes version"),
        Input::optional("min_nodes", NODES, Default::Int(3), "Fewest nodes"),
        Input::optional("max_nodes", NODES, Default::Int(5), "Most nodes"),
        Input::optional(
            "node_instance_type",
            Type::Pattern(&INSTANCE_TYPE),
            Default::Text("t3.medium"),
            "Machine type of the nodes",
        ),
        Input::optional("node_disk_size", DISK, Default::Int(20), "Disk of a node, GiB"),
        Input::optional("spot_instances", Type::Bool, Default::Bool(false), "Cheaper machines that AWS may take back"),
        Input::optional(
            "ami_type",
            Type::Enum(&AMI_TYPE),
            Default::Text("AL2023_x86_64_STANDARD"),
            "Image of the nodes",
        ),
        Input::optional(
            "node_launch_template",
            Type::Object(LAUNCH_TEMPLATE),
            Default::EmptyMap,
            "What else the nodes start with",
        ),
        Input::optional(
            "control_plane_security_groups",
            Type::list(&Type::Pattern(&SECURITY_GROUP)),
            Default::Texts(&[]),
            "Security groups that may reach the control plane from inside the VPC",
        ),
        Input::optional(
            "eks_log_retention",
            Type::Int { min: 1, max: 3653 },
            Default::Int(7),
            "Days the logs of the control plane are kept",
        ),
        Input::optional("enable_metrics", Type::Bool, Default::Bool(false), "Metrics of the node group every minute"),
    ],
    wires: &[
        Wire::same_file("private_subnet_ids", "base", "private_subnet_ids"),
        Wire::same_file("kms_account_key_arn", "base", "kms_account_key_arn"),
        Wire::same_file("vpc_id", "base", "vpc_id"),
    ],
    outputs: &[
        Output::exported("k8s_endpoint", "URL of the API server"),
        Output::exported("k8s_ca_data", "Certificate of the API server, base64"),
        Output::exported("k8s_cluster_name", "Name of the cluster"),
        Output::exported("k8s_openid_provider_url", "Issuer of service account tokens"),
        Output::exported("k8s_openid_provider_arn", "ARN of the identity provider in IAM"),
        Output::exported("k8s_node_group_security_id", "Security group of the nodes"),
        Output::exported("k8s_version", "Kubernetes version"),
    ],
    needs: &[Need::same_file("base")],
    names: &[
        NameRule {
            what: "EKS cluster",
            limit: 100,
            letters: Letters::Any,
            name: |parts| Some(format!("lf-{}", parts.environment)),
            input: None,
        },
        NameRule {
            what: "node group",
            limit: 63,
            letters: Letters::Any,
            name: |parts| Some(format!("lf-{}-default-0123456789abcdef", parts.layer)),
            input: None,
        },
        NameRule {
            what: "role of the nodes",
            limit: 64,
            letters: Letters::Iam,
            name: |parts| Some(format!("lf-{}-eks-default-node-group", parts.layer)),
            input: None,
        },
    ],
    check: Some(|check| {
        ordered(check, "min_nodes", "max_nodes");
        node_size(check);
        retention(check, "eks_log_retention");
    }),
    ..Kind::BLANK
};
