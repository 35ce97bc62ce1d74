//! `k8s-manifest`: one Kubernetes object from a file.

use super::shared::{AUTHORITY, CLUSTER, ENDPOINT};
use crate::kind::{Input, Kind, Need, Presence};
use crate::ty::Type;

pub(crate) const KIND: Kind = Kind {
    name: "k8s-manifest",
    type_names: &["k8s-manifest"],
    summary: "One Kubernetes object from a YAML file",
    inputs: &[Input::required("file_path", Type::Path, "The object as one YAML document, relative to this file")],
    wires: &[CLUSTER, ENDPOINT, AUTHORITY],
    needs: &[Need::somewhere("k8s-cluster"), Need { kind: "k8s-base", presence: Presence::Optional }],
    ..Kind::BLANK
};
