//! `k8s-base`: what every cluster needs before services run in it: load balancer, mesh, autoscaling, metrics.

use super::shared::{DOMAIN, LOG_BUCKET, together};
use crate::check::Check;
use crate::kind::{Default, Input, Kind, Need, Output, Place, When, Wire};
use crate::ty::{Pattern, Type};

const ADMIN: Pattern = Pattern {
    regex: "^arn:aws[a-z-]*:iam::[0-9]{12}:(user|role)/[!-~]+$",
    what: "the ARN of an IAM user or role",
    example: "arn:aws:iam::123456789012:role/admin",
};

const PORTS: Type = Type::List { of: &Type::PORT, min: 0, max: 50, distinct: true };

pub(crate) const KIND: Kind = Kind {
    name: "k8s-base",
    type_names: &["k8s-base", "aws-k8s-base"],
    place: Place::Environment,
    unique: true,
    summary: "Load balancer with TLS, service mesh, autoscaling and metrics of the cluster",
    inputs: &[
        Input::optional("nginx_enabled", Type::Bool, Default::Bool(true), "A public load balancer with ingress"),
        Input::optional("linkerd_enabled", Type::Bool, Default::Bool(true), "Encryption between services"),
        Input::optional("nginx_high_availability", Type::Bool, Default::Bool(false), "At least three ingress replicas"),
        Input::optional("linkerd_high_availability", Type::Bool, Default::Bool(false), "Three replicas of the mesh"),
        Input::optional(
            "admin_arns",
            Type::list(&Type::Pattern(&ADMIN)),
            Default::Texts(&[]),
            "IAM users and roles that administer the cluster",
        ),
        Input::optional("nginx_config", Type::Any, Default::EmptyMap, "Settings of the ingress controller"),
        Input::optional("nginx_extra_tcp_ports", PORTS, Default::Texts(&[]), "More ports of the load balancer"),
        Input::optional("nginx_extra_tcp_ports_tls", PORTS, Default::Texts(&[]), "Those of them that end TLS"),
        Input::optional(
            "expose_self_signed_ssl",
            Type::Bool,
            Default::Bool(false),
            "TLS with a certificate of its own where no domain is set",
        ),
        Input::optional("domain", Type::Pattern(&DOMAIN), Default::Null, "Domain; the dns module's when absent"),
        Input::optional("zone_id", Type::NonEmpty, Default::Null, "Hosted zone of the domain"),
        Input::optional("cert_arn", Type::Text, Default::Null, "Certificate; the dns module's when absent"),
        Input::optional("ingress_nginx_values", Type::Any, Default::EmptyMap, "More Helm values of the ingress"),
        Input::optional("linkerd_values", Type::Any, Default::EmptyMap, "More Helm values of the mesh"),
        Input::optional("cert_manager_values", Type::Any, Default::EmptyMap, "Has no effect")
            .deprecated("remove it: cert-manager is not installed, certificates come from ACM"),
    ],
    wires: &[
        Wire::same_file("eks_cluster_name", "k8s-cluster", "k8s_cluster_name"),
        Wire::same_file("k8s_endpoint", "k8s-cluster", "k8s_endpoint"),
        Wire::same_file("k8s_ca_data", "k8s-cluster", "k8s_ca_data"),
        Wire::same_file("openid_provider_url", "k8s-cluster", "k8s_openid_provider_url"),
        Wire::same_file("openid_provider_arn", "k8s-cluster", "k8s_openid_provider_arn"),
        Wire::same_file("k8s_version", "k8s-cluster", "k8s_version"),
        LOG_BUCKET,
        Wire::same_file("private_key", "external-ssl-cert", "private_key"),
        Wire::same_file("certificate_body", "external-ssl-cert", "certificate_body"),
        Wire::same_file("certificate_chain", "external-ssl-cert", "certificate_chain"),
        Wire::dns("domain", "domain", When::DomainIsFree),
        Wire::dns("cert_arn", "cert_arn", When::DomainIsFree),
        Wire::dns("zone_id", "zone_id", When::DomainIsFree),
    ],
    outputs: &[
        Output::exported("load_balancer_raw_dns", "Host name of the load balancer"),
        Output::exported("load_balancer_arn", "ARN of the load balancer"),
    ],
    needs: &[Need::same_file("base"), Need::same_file("k8s-cluster")],
    check: Some(check),
    missed: &[
        ("enable_auto_dns", "records for the domain are always made"),
        ("private_key", "use a module of type external-ssl-cert"),
    ],
    ..Kind::BLANK
};

fn check(check: &mut Check<'_, '_>) {
    together(check, "domain", "zone_id");
    let open = check.items("nginx_extra_tcp_ports").to_vec();
    for (index, port) in check.items("nginx_extra_tcp_ports_tls").to_vec().iter().enumerate() {
        if !open.contains(port) {
            check.error(
                &format!("nginx_extra_tcp_ports_tls[{index}]"),
                format!("port {port} is not one of nginx_extra_tcp_ports"),
                "add it there too",
            );
        }
    }
}
