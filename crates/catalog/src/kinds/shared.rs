//! What several kinds have in common: forms of text, inputs, wires, names, rules.

use crate::check::Check;
use crate::kind::{Default, Input, Letters, NameParts, NameRule, Wire};
use crate::ty::{Enum, Pattern, Type};

pub(crate) const ARN: Pattern = Pattern {
    regex: "^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12}|aws)?:[!-~]+$",
    what: "an ARN",
    example: "arn:aws:iam::123456789012:policy/reader",
};

pub(crate) const DOMAIN: Pattern = Pattern {
    regex: "^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
    what: "a domain",
    example: "app.example.com",
};

pub(crate) const INSTANCE_TYPE: Pattern =
    Pattern { regex: "^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", what: "an EC2 instance type", example: "t3.medium" };

pub(crate) const KUBERNETES_NAME: Pattern =
    Pattern { regex: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", what: "a Kubernetes name", example: "billing" };

/// Amazon Linux 2 images ended with Kubernetes 1.32; the same machines run Amazon Linux 2023.
pub(crate) const AMI_TYPE: Enum = Enum {
    words: &[
        "AL2023_x86_64_STANDARD",
        "AL2023_ARM_64_STANDARD",
        "AL2023_x86_64_NVIDIA",
        "AL2023_ARM_64_NVIDIA",
        "AL2023_x86_64_NEURON",
        "BOTTLEROCKET_x86_64",
        "BOTTLEROCKET_ARM_64",
        "BOTTLEROCKET_x86_64_NVIDIA",
        "BOTTLEROCKET_ARM_64_NVIDIA",
        "BOTTLEROCKET_x86_64_FIPS",
        "BOTTLEROCKET_ARM_64_FIPS",
    ],
    former: &[
        ("AL2_x86_64", "AL2023_x86_64_STANDARD"),
        ("AL2_ARM_64", "AL2023_ARM_64_STANDARD"),
        ("AL2_x86_64_GPU", "AL2023_x86_64_NVIDIA"),
    ],
};

pub(crate) const NODES: Type = Type::IntOrText { min: 0, max: 1000 };
pub(crate) const DISK: Type = Type::IntOrText { min: 1, max: 16_384 };

pub(crate) const LINKS: Input =
    Input::optional("links", Type::Links, Default::Texts(&[]), "Modules of this file that it may use");

pub(crate) const EXTRA_POLICIES: Input = Input::optional(
    "extra_iam_policies",
    Type::list(&Type::Pattern(&ARN)),
    Default::Texts(&[]),
    "ARNs of policies to attach",
);

pub(crate) const KEY: Wire = Wire::anywhere("kms_account_key_arn", "base", "kms_account_key_arn");
pub(crate) const LOG_BUCKET: Wire = Wire::anywhere("s3_log_bucket_name", "base", "s3_log_bucket_name");
pub(crate) const CLUSTER: Wire = Wire::anywhere("eks_cluster_name", "k8s-cluster", "k8s_cluster_name");
pub(crate) const ENDPOINT: Wire = Wire::anywhere("k8s_endpoint", "k8s-cluster", "k8s_endpoint");
pub(crate) const AUTHORITY: Wire = Wire::anywhere("k8s_ca_data", "k8s-cluster", "k8s_ca_data");
pub(crate) const OIDC_URL: Wire = Wire::anywhere("openid_provider_url", "k8s-cluster", "k8s_openid_provider_url");
pub(crate) const OIDC_ARN: Wire = Wire::anywhere("openid_provider_arn", "k8s-cluster", "k8s_openid_provider_arn");

/// `ENVIRONMENT-LAYER-MODULE`, for IAM.
pub(crate) const fn iam_name(what: &'static str, limit: usize) -> NameRule {
    NameRule { what, limit, letters: Letters::Iam, name: environment_layer_module, input: None }
}

/// A Helm release is named after its layer and module.
pub(crate) const RELEASE: NameRule = NameRule {
    what: "Helm release",
    limit: 53,
    letters: Letters::Lower,
    name: |parts| Some(format!("{}-{}", parts.layer, parts.module)),
    input: None,
};

fn environment_layer_module(parts: &NameParts<'_>) -> Option<String> {
    Some(format!("{}-{}-{}", parts.environment, parts.layer, parts.module))
}

/// `lf-LAYER-MODULE-xxxx`. AWS keeps such names in lower case.
pub(crate) fn layer_module(parts: &NameParts<'_>) -> Option<String> {
    Some(format!("lf-{}-{}-0000", parts.layer, parts.module).to_lowercase())
}

/// Days that CloudWatch can keep a log.
const RETENTIONS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// CloudWatch keeps logs for some numbers of days only.
pub(crate) fn retention(check: &mut Check<'_, '_>, input: &str) {
    let Some(days) = check.value(input).as_i64() else { return };
    if RETENTIONS.contains(&days) {
        return;
    }
    let lower = RETENTIONS.iter().rev().find(|known| **known < days);
    let higher = RETENTIONS.iter().find(|known| **known > days);
    let help = match (lower, higher) {
        (Some(lower), Some(higher)) => format!("use {lower} or {higher}"),
        (Some(nearest), None) | (None, Some(nearest)) => format!("use {nearest}"),
        (None, None) => String::new(),
    };
    check.error(input, format!("CloudWatch cannot keep a log for {days} days"), help);
}

/// `min` may not be above `max`. Texts of digits have become numbers already.
pub(crate) fn ordered(check: &mut Check<'_, '_>, min: &str, max: &str) {
    if let (Some(least), Some(most)) = (check.value(min).as_i64(), check.value(max).as_i64())
        && least > most
    {
        let input = if check.is_given(min) { min } else { max };
        check.error(
            input,
            format!("{min} ({least}) is more than {max} ({most})"),
            format!("raise {max} or lower {min}"),
        );
    }
}

/// Both or neither.
pub(crate) fn together(check: &mut Check<'_, '_>, one: &str, other: &str) {
    for (given, missing) in [(one, other), (other, one)] {
        if check.is_given(given) && !check.is_given(missing) {
            check.error(
                given,
                format!("`{given}` needs `{missing}`"),
                format!("add `{missing}`, or remove `{given}`: the dns module then gives both"),
            );
        }
    }
}

/// The first input excludes the others.
pub(crate) fn excludes(check: &mut Check<'_, '_>, first: &str, others: &[&str], why: &str) {
    for other in others {
        if is_set(check, first) && is_set(check, other) {
            check.error(other, format!("`{other}` and `{first}` exclude each other: {why}"), "remove one of the two");
        }
    }
}

fn is_set(check: &Check<'_, '_>, input: &str) -> bool {
    check.is_given(input) && check.value(input) != false
}

/// Nodes too small for the system pods of a cluster.
pub(crate) fn node_size(check: &mut Check<'_, '_>) {
    let Some(size) = check.text("node_instance_type").map(str::to_owned) else { return };
    if size.contains("micro") || size.contains("nano") {
        check.error(
            "node_instance_type",
            format!("{size} is too small for a Kubernetes node"),
            "use t3.medium or larger",
        );
    }
    generation(check, "node_instance_type", "t3.medium or m7i.large");
}

/// Warns of machines that AWS sells as previous generation.
pub(crate) fn generation(check: &mut Check<'_, '_>, input: &str, instead: &str) {
    let Some(text) = check.text(input).filter(|_| check.is_given(input)).map(str::to_owned) else { return };
    let family = text.trim_start_matches("cache.").trim_start_matches("db.").split('.').next().unwrap_or_default();
    if ["t1", "t2", "m1", "m2", "m3", "m4", "c1", "c3", "c4", "r3", "r4"].contains(&family) {
        check.warn(
            input,
            format!("{text} is of a previous generation: slower, dearer and not in every region"),
            format!("use {instead}"),
        );
    }
}
