//! `datadog`: the Datadog agent on every node.

use super::shared::{AUTHORITY, CLUSTER, ENDPOINT, RELEASE};
use crate::kind::{Default, Input, Kind, Need, Presence};
use crate::ty::Type;

pub(crate) const KIND: Kind = Kind {
    name: "datadog",
    type_names: &["datadog"],
    summary: "Datadog agents: metrics, logs and traces of the cluster",
    inputs: &[
        Input::optional("api_key", Type::Text, Default::Null, "ARN of the secret that holds the API key"),
        Input::optional("timeout", Type::COUNT, Default::Int(600), "Seconds the installation may take"),
        Input::optional("values", Type::Any, Default::EmptyMap, "More Helm values"),
        Input::optional(
            "chart_version",
            Type::NonEmpty,
            Default::Null,
            "Version of the chart; a tested one when absent",
        ),
    ],
    wires: &[CLUSTER, ENDPOINT, AUTHORITY],
    needs: &[Need::somewhere("k8s-cluster"), Need { kind: "k8s-base", presence: Presence::Optional }],
    names: &[RELEASE],
    check: Some(|check| {
        if check.text("api_key").is_some_and(|key| !key.is_empty() && !key.starts_with("arn:")) {
            let help = "put it into Secrets Manager and write the ARN of that secret";
            check.warn("api_key", "the key stands in clear text in the file", help);
        }
    }),
    ..Kind::BLANK
};
