//! `nodegroup`: more nodes of another sort for the cluster of an environment.

use super::shared::{AMI_TYPE, CLUSTER, DISK, INSTANCE_TYPE, NODES, node_size, ordered};
use crate::kind::{Default, Input, Kind, Letters, NameRule, Need, Wire};
use crate::ty::{Enum, Type};

const EFFECT: Enum = Enum { words: &["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"], former: &[] };

const TAINT: &[Input] = &[
    Input::required("key", Type::NonEmpty, "Key of the taint"),
    Input::optional("value", Type::Text, Default::Text("opta"), "Value of the taint"),
    Input::optional("effect", Type::Enum(&EFFECT), Default::Text("NO_SCHEDULE"), "What it does to pods"),
];

pub(crate) const KIND: Kind = Kind {
    name: "nodegroup",
    type_names: &["aws-nodegroup", "nodegroup"],
    summary: "One more group of nodes for the cluster",
    inputs: &[
        Input::optional("min_nodes", NODES, Default::Int(3), "Fewest nodes"),
        Input::optional("max_nodes", NODES, Default::Int(15), "Most nodes"),
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
        Input::optional("labels", Type::Map(&Type::Text), Default::EmptyMap, "Kubernetes labels of the nodes"),
        Input::optional(
            "taints",
            Type::list(&Type::Object(TAINT)),
            Default::Texts(&[]),
            "Taints that keep pods without a toleration away",
        ),
        Input::optional("use_gpu", Type::Bool, Default::Bool(false), "Nodes with the NVIDIA image")
            .deprecated("use `ami_type: AL2023_x86_64_NVIDIA`"),
    ],
    wires: &[
        CLUSTER,
        Wire::anywhere("private_subnet_ids", "base", "private_subnet_ids"),
        Wire::anywhere("kms_account_key_arn", "base", "kms_account_key_arn"),
    ],
    needs: &[Need::somewhere("k8s-cluster")],
    names: &[
        NameRule {
            what: "node group",
            limit: 63,
            letters: Letters::Any,
            name: |parts| Some(format!("lf-{}-{}-0123456789abcdef", parts.layer, parts.module)),
            input: None,
        },
        NameRule {
            what: "role of the nodes",
            limit: 64,
            letters: Letters::Iam,
            name: |parts| Some(format!("lf-{}-eks-{}-node-group", parts.layer, parts.module)),
            input: None,
        },
    ],
    check: Some(|check| {
        ordered(check, "min_nodes", "max_nodes");
        node_size(check);
    }),
    ..Kind::BLANK
};
