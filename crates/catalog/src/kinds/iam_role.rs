//! `iam-role`: one role that Kubernetes services, other principals or AWS services may take.

use super::shared::{EXTRA_POLICIES, iam_name};
use crate::kind::{Default, Grants, Holds, Input, Kind, Output, When, Wire};
use crate::ty::{Pattern, Type};

const SERVICE: &[Input] = &[
    Input::required("namespace", Type::Text, "Kubernetes namespace, `*` for any"),
    Input::required("service_name", Type::Text, "Kubernetes service account, `*` for any"),
];

/// What may stand under `AWS` in a trust policy
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>).
const PRINCIPAL: Pattern = Pattern {
    regex: "^(\\*|[0-9]{12}|arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[!-~]+)$",
    what: "the ARN of a principal, an account id or `*`",
    example: "arn:aws:iam::123456789012:role/admin",
};

const SERVICE_PRINCIPAL: Pattern = Pattern {
    regex: "^[a-z0-9.-]+\\.amazonaws\\.com(\\.cn)?$",
    what: "an AWS service principal",
    example: "events.amazonaws.com",
};

pub(crate) const KIND: Kind = Kind {
    name: "iam-role",
    type_names: &["aws-iam-role", "iam-role"],
    summary: "One IAM role with the permissions of its links",
    inputs: &[
        Input::optional(
            "allowed_k8s_services",
            Type::list(&Type::Object(SERVICE)),
            Default::Texts(&[]),
            "Kubernetes service accounts that may take it",
        ),
        Input::optional(
            "allowed_iams",
            Type::list(&Type::Pattern(&PRINCIPAL)),
            Default::Texts(&[]),
            "ARNs of principals that may take it",
        ),
        Input::optional(
            "allowed_services",
            Type::list(&Type::Pattern(&SERVICE_PRINCIPAL)),
            Default::Texts(&[]),
            "AWS services that may take it",
        ),
        EXTRA_POLICIES,
        Input::optional("links", Type::Links, Default::Texts(&[]), "Modules it may use"),
    ],
    wires: &[
        Wire {
            name: "openid_provider_url",
            kind: "k8s-cluster",
            output: "k8s_openid_provider_url",
            when: When::Anywhere,
        },
        Wire {
            name: "openid_provider_arn",
            kind: "k8s-cluster",
            output: "k8s_openid_provider_arn",
            when: When::Anywhere,
        },
    ],
    outputs: &[Output::exported("role_arn", "ARN of the role")],
    grants: Grants::Nothing,
    holds: Holds::Permissions,
    names: &[iam_name("IAM role", 64), iam_name("IAM policy", 128)],
    check: Some(|check| {
        let given = ["allowed_k8s_services", "allowed_iams", "allowed_services"];
        if given.iter().all(|input| check.is_empty(input)) {
            check.error("", "nobody may take this role", "add allowed_k8s_services, allowed_iams or allowed_services");
        }
        if !check.items("allowed_k8s_services").is_empty() && !check.is_reachable("k8s-cluster") {
            check.error(
                "allowed_k8s_services",
                "there is no Kubernetes cluster",
                "add a k8s-cluster module to the environment",
            );
        }
    }),
    ..Kind::BLANK
};
