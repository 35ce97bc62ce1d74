//! Module `iam-role`: one role with the permissions of its links, for Kubernetes services, other principals or AWS
//! services.

mod simulator;
mod trust;

use landfall_aws::{Policy, Statement};
use landfall_engine::{Context, Graph, Module, Outputs, Registered, Result, registered};
use landfall_resources::{ManagedPolicy, Role, link_statements};
use serde::Deserialize;

/// The module.
#[derive(Debug)]
pub struct IamRole;

/// Inputs, as the catalogue fills them.
#[derive(Clone, Debug, Deserialize)]
pub struct Inputs {
    /// Kubernetes service accounts that may take it.
    #[serde(default)]
    pub allowed_k8s_services: Vec<K8sService>,
    /// ARNs of principals that may take it.
    #[serde(default)]
    pub allowed_iams: Vec<String>,
    /// AWS services that may take it.
    #[serde(default)]
    pub allowed_services: Vec<String>,
    /// ARNs of policies to attach.
    #[serde(default)]
    pub extra_iam_policies: Vec<String>,
    /// URL of the cluster's OIDC provider, with or without its scheme.
    #[serde(default)]
    pub openid_provider_url: Option<String>,
    /// ARN of the cluster's OIDC provider.
    #[serde(default)]
    pub openid_provider_arn: Option<String>,
}

/// A Kubernetes service account; `*` stands for any.
#[derive(Clone, Debug, Deserialize)]
pub struct K8sService {
    /// Namespace.
    pub namespace: String,
    /// Service account.
    pub service_name: String,
}

impl Module for IamRole {
    const KIND: &'static str = "iam-role";
    type Inputs = Inputs;

    fn resources() -> Vec<Registered> {
        vec![registered::<ManagedPolicy>(), registered::<Role>()]
    }

    fn build(inputs: Inputs, cx: &Context, graph: &mut Graph) -> Result<Outputs> {
        let name = cx.name();
        let mut statements = simulator::statements();
        statements.extend(link_statements(&cx.links)?);
        let description = format!("What module {} of layer {} may do", cx.module, cx.layer);
        let policy = graph.add("policy", ManagedPolicy::new(&name, description, statements));

        let description = format!("Module {} of layer {}", cx.module, cx.layer);
        let attached = std::iter::once(policy.arn()).chain(inputs.extra_iam_policies.iter().cloned());
        let role = Role::new(&name, description, &trust::policy(&inputs, cx)?)
            .inline("pass-itself", &pass_itself(&name, cx))
            .attach(attached);
        let role = graph.add("role", role);
        Ok(Outputs::new().with("role_arn", role.arn()))
    }
}

/// Whoever runs as the role may hand it on, for example to a job that it starts.
fn pass_itself(name: &str, cx: &Context) -> Policy {
    Policy::new([Statement::allow(["iam:GetRole", "iam:PassRole"]).sid("PassItself").on([Role::arn_of(name, cx)])])
}
