//! Who may take the role: Kubernetes service accounts through the cluster's OIDC provider, principals, AWS services.

use landfall_aws::{Policy, Statement, whole_principal};
use landfall_engine::{Context, Error, Kind, Result};

use crate::Inputs;

/// Audience of the tokens that EKS puts into pods for AWS
/// (<https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>).
const AUDIENCE: &str = "sts.amazonaws.com";

/// The trust policy: one statement per sort of principal.
///
/// # Errors
/// When Kubernetes services are given without a cluster, or nobody is given.
pub(crate) fn policy(inputs: &Inputs, cx: &Context) -> Result<Policy> {
    let invalid = |message: &str, hint: &str| Error::new(Kind::Invalid, "build", message).about(&cx.module).hint(hint);
    let mut statements = Vec::new();
    if !inputs.allowed_k8s_services.is_empty() {
        let (Some(url), Some(arn)) = (&inputs.openid_provider_url, &inputs.openid_provider_arn) else {
            return Err(invalid(
                "allowed_k8s_services needs a Kubernetes cluster",
                "add a k8s-cluster module to the environment and deploy it first",
            ));
        };
        let provider = url.strip_prefix("https://").unwrap_or(url);
        let accounts = inputs
            .allowed_k8s_services
            .iter()
            .map(|service| format!("system:serviceaccount:{}:{}", service.namespace, service.service_name));
        statements.push(
            Statement::allow(["sts:AssumeRoleWithWebIdentity"])
                .sid("Kubernetes")
                .federated(arn)
                .when("StringLike", format!("{provider}:sub"), accounts)
                .when("StringEquals", format!("{provider}:aud"), [AUDIENCE]),
        );
    }
    if !inputs.allowed_iams.is_empty() {
        let allowed = inputs.allowed_iams.iter().map(|who| whole_principal(who, &cx.partition));
        statements.push(Statement::allow(["sts:AssumeRole"]).sid("Principals").arns(allowed));
    }
    if !inputs.allowed_services.is_empty() {
        statements.push(Statement::allow(["sts:AssumeRole"]).sid("Services").services(inputs.allowed_services.clone()));
    }
    if statements.is_empty() {
        return Err(invalid("nobody may take this role", "add allowed_k8s_services, allowed_iams or allowed_services"));
    }
    Ok(Policy::new(statements))
}
