//! `global-accelerator`: fixed addresses all over the world that lead to a load balancer.

use super::shared::{DOMAIN, together};
use crate::check::Check;
use crate::kind::{Default, Input, Kind, Letters, NameRule, Output, When, Wire};
use crate::ty::Type;

pub(crate) const KIND: Kind = Kind {
    name: "global-accelerator",
    type_names: &["global-accelerator", "aws-global-accelerator"],
    unique: true,
    summary: "Two fixed addresses that lead to the load balancer over the network of AWS",
    inputs: &[
        Input::optional("flow_logs_enabled", Type::Bool, Default::Bool(false), "Logs every flow"),
        Input::optional("flow_logs_bucket", Type::Text, Default::Text(""), "Bucket of the flow logs"),
        Input::optional(
            "flow_logs_prefix",
            Type::Text,
            Default::Text("global-accelerator-flow-logs/"),
            "Prefix of the flow logs",
        ),
        Input::optional(
            "endpoint_id",
            Type::NonEmpty,
            Default::Null,
            "ARN of the load balancer; k8s-base's when absent",
        ),
        Input::optional("domain", Type::Pattern(&DOMAIN), Default::Null, "Domain; the dns module's when it is linked"),
        Input::optional("zone_id", Type::NonEmpty, Default::Null, "Hosted zone of the domain"),
    ],
    wires: &[
        Wire::same_file("endpoint_id", "k8s-base", "load_balancer_arn"),
        Wire::dns("domain", "domain", When::DomainIsOurs),
        Wire::dns("zone_id", "zone_id", When::DomainIsOurs),
    ],
    outputs: &[
        Output::exported("global_accelerator_arn", "ARN of the accelerator"),
        Output::exported("global_accelerator_dns_name", "Host name of the accelerator"),
        Output::exported("global_accelerator_ip_addresses", "Its addresses"),
        Output::exported("global_accelerator_endpoint_arns", "ARNs of its endpoint groups"),
    ],
    names: &[NameRule {
        what: "accelerator",
        limit: 64,
        letters: Letters::Any,
        name: |parts| Some(format!("lf-{}", parts.layer)),
        input: None,
    }],
    check: Some(check),
    ..Kind::BLANK
};

fn check(check: &mut Check<'_, '_>) {
    together(check, "domain", "zone_id");
    if check.value("flow_logs_enabled") == true && check.value("flow_logs_bucket") == "" {
        check.error("flow_logs_enabled", "flow logs need `flow_logs_bucket`", "add `flow_logs_bucket`");
    }
    if !check.is_given("endpoint_id") && !check.is_in_file("k8s-base") {
        check.error("endpoint_id", "nothing says where traffic goes", "add `endpoint_id`, or a k8s-base module");
    }
}
