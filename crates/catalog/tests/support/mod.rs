//! Resolving a text as a user would, for all tests of this crate.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;

use landfall_catalog::{EnvironmentContext, EnvironmentModule, Layer, Request, Resolved, resolve};
use landfall_config::{Diagnostics, File, Limits, Source, classify};
use serde_json::{Value, json};

/// The beginning of an environment file.
pub const ENVIRONMENT: &str = "\
name: staging
org_name: acme
providers:
  aws:
    region: us-east-1
    account_id: \"123456789012\"
modules:
";

/// The beginning of a service file.
pub const SERVICE: &str = "\
name: shop
environments:
  - {name: staging, path: env.yaml}
modules:
";

/// What is known around a file.
#[derive(Clone, Debug, Default)]
pub struct Around {
    pub environment: Option<EnvironmentContext>,
    pub variables: BTreeMap<String, String>,
    pub pinned: BTreeMap<String, BTreeMap<String, Value>>,
    pub supported: Option<std::collections::BTreeSet<String>>,
    pub account_id: Option<String>,
    pub zones: Option<u32>,
}

/// A deployed environment with a network and a cluster.
pub fn staging() -> EnvironmentContext {
    let module = |name: &str, kind: &str| EnvironmentModule { name: name.to_owned(), kind: kind.to_owned() };
    let outputs = json!({
        "vpc_id": "vpc-0a1b2c3d4e5f60718",
        "private_subnet_ids": ["subnet-0a", "subnet-0b", "subnet-0c"],
        "s3_log_bucket_name": "lf-staging-logging-bucket-0123456789abcdef",
        "kms_account_key_arn": "arn:aws:kms:us-east-1:123456789012:key/1",
        "k8s_openid_provider_url": "https://oidc.example.com/id/1",
        "k8s_openid_provider_arn": "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/id/1",
        "k8s_cluster_name": "lf-staging",
    });
    EnvironmentContext {
        name: "staging".to_owned(),
        org_name: "acme".to_owned(),
        region: "us-east-1".to_owned(),
        account_id: "123456789012".to_owned(),
        outputs: serde_json::from_value(outputs).unwrap(),
        modules: vec![module("base", "base"), module("k8scluster", "k8s-cluster")],
        ..EnvironmentContext::default()
    }
}

/// Resolves a text.
pub fn resolved_with(name: &str, text: &str, around: &Around) -> Result<Resolved, Diagnostics> {
    let source = Source::from_bytes(name, text.as_bytes(), &Limits::default())?;
    let File::Layer(file) = classify(&source)? else { panic!("this is no layer:\n{text}") };
    resolve(Request {
        file: &file,
        source: &source,
        environment: around.environment.as_ref(),
        variables: &around.variables,
        pinned: &around.pinned,
        supported: around.supported.as_ref(),
        account_id: around.account_id.as_deref(),
        zones: around.zones,
        config_bucket: None,
    })
}

/// The layer of a text that has to be right.
pub fn layer(text: &str, around: &Around) -> Layer {
    match resolved_with("app.yaml", text, around) {
        Ok(resolved) => resolved.layer,
        Err(diagnostics) => panic!("{}", diagnostics.render(false, 100)),
    }
}

/// What the user reads: errors, or warnings of a text that is right.
pub fn rendered_with(text: &str, around: &Around) -> String {
    match resolved_with("app.yaml", text, around) {
        Err(diagnostics) => diagnostics.render(false, 100),
        Ok(resolved) => {
            let source = Source::from_bytes("app.yaml", text.as_bytes(), &Limits::default()).unwrap();
            match Diagnostics::from_items(resolved.warnings, Some(source)) {
                Some(warnings) => warnings.render(false, 100),
                None => "accepted\n".to_owned(),
            }
        }
    }
}

/// The same for a file that is checked offline.
pub fn rendered(text: &str) -> String {
    rendered_with(text, &Around::default())
}

/// Inside of the deployed environment.
pub fn in_staging() -> Around {
    Around { environment: Some(staging()), ..Around::default() }
}
