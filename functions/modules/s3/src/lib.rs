//! Module `s3`: one bucket, private and encrypted, with its replica and the files that travelled with the config.

mod content_type;
mod files;
mod policy;
mod replica;

use landfall_engine::{Context, Error, Graph, Kind, Module, Outputs, Registered, Result, registered};
use landfall_resources::{Bucket, Cors, Logging, Role};
use serde::Deserialize;
use serde_json::Value;

pub use files::Files;

/// Prefix of the access logs in the environment's log bucket.
const LOG_PREFIX: &str = "log/";

/// The module.
#[derive(Debug)]
pub struct S3;

/// Inputs, as the catalogue fills them.
#[derive(Clone, Debug, Deserialize)]
pub struct Inputs {
    /// Name of the bucket, unique among all accounts.
    pub bucket_name: String,
    /// Blocks public access.
    pub block_public: bool,
    /// Policy of the user's, as a mapping or as JSON text.
    #[serde(default)]
    pub bucket_policy: Value,
    /// What browsers of other origins may do.
    #[serde(default)]
    pub cors_rule: Option<CorsRule>,
    /// Keeps a replica beside it.
    pub same_region_replication: bool,
    /// Folder whose files are uploaded, relative to the layer file.
    #[serde(default)]
    pub files: Option<String>,
    /// Log bucket of the environment.
    #[serde(default)]
    pub s3_log_bucket_name: Option<String>,
}

/// What browsers of other origins may do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CorsRule {
    /// Origins that may ask.
    pub allowed_origins: Vec<String>,
    /// Headers that may be sent.
    pub allowed_headers: Vec<String>,
    /// Methods that may be used.
    pub allowed_methods: Vec<String>,
    /// Headers that the browser may read.
    pub expose_headers: Vec<String>,
    /// Seconds the answer may be kept.
    pub max_age_seconds: i32,
}

impl Module for S3 {
    const KIND: &'static str = "s3";
    type Inputs = Inputs;

    fn resources() -> Vec<Registered> {
        vec![registered::<Bucket>(), registered::<Role>(), registered::<Files>()]
    }

    fn build(inputs: Inputs, cx: &Context, graph: &mut Graph) -> Result<Outputs> {
        let name = &inputs.bucket_name;
        let logging = inputs
            .s3_log_bucket_name
            .as_ref()
            .map(|bucket| Logging { bucket: bucket.clone(), prefix: LOG_PREFIX.to_owned() });
        let mut bucket = Bucket::private(name, cx);
        if !inputs.block_public {
            bucket.public_access_block.clear();
        }
        bucket.policy = Some(policy::merged(&inputs.bucket_policy, name, cx)?);
        bucket.cors = inputs.cors_rule.map(|rule| cors(rule, cx)).transpose()?.into_iter().collect();
        bucket.logging = logging.clone();
        if inputs.same_region_replication {
            let mut other = Bucket::private(replica::name(name), cx);
            other.logging = logging;
            let other = graph.add("replica", other);
            let role = graph.add("replication-role", replica::role(name, cx));
            bucket.replication = Some(replica::replication(&role, &other));
        }
        let bucket = graph.add("bucket", bucket);
        if let Some(folder) = &inputs.files {
            graph.add("files", Files::new(bucket.id(), folder, cx)?);
        }
        Ok(Outputs::new()
            .with("bucket_id", bucket.id())
            .with("bucket_arn", bucket.arn())
            // An origin access identity had a path of its own; with origin access control there is none.
            .with("cloudfront_read_path", ""))
    }
}

fn cors(rule: CorsRule, cx: &Context) -> Result<Cors> {
    for (field, values) in [("allowed_origins", &rule.allowed_origins), ("allowed_methods", &rule.allowed_methods)] {
        if values.is_empty() {
            return Err(Error::new(Kind::Invalid, "build", format!("cors_rule has no {field}"))
                .about(&cx.module)
                .hint(format!("add {field} to cors_rule, or remove cors_rule")));
        }
    }
    Ok(Cors {
        allowed_origins: rule.allowed_origins,
        allowed_headers: rule.allowed_headers,
        allowed_methods: rule.allowed_methods,
        expose_headers: rule.expose_headers,
        max_age_seconds: rule.max_age_seconds,
    })
}
