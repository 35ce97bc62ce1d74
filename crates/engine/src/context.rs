//! What a module knows about where it is built: names, account, region, links, files.

use landfall_catalog::{Link, Scope};
use landfall_plan::RunDocument;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use landfall_plan::SupportFile;

/// Where a module is built. Plain data, so that planner, documentation and tests build modules without a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// Name of the layer.
    pub layer: String,
    /// Name of the environment: the layer's own name for an environment.
    pub environment: String,
    /// Whether the layer is an environment or a service.
    pub scope: Scope,
    /// Organisation name.
    pub org_name: String,
    /// Region.
    pub region: String,
    /// Account id, 12 digits.
    pub account_id: String,
    /// Partition: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Name of the module.
    pub module: String,
    /// Links that the module holds.
    pub links: Vec<Link>,
    /// Bucket in which the support files of the layer lie.
    pub files_bucket: String,
    /// Files that travelled with the config.
    pub files: Vec<SupportFile>,
}

impl Context {
    /// The context of one module of a run.
    pub fn of(run: &RunDocument, module: &str, links: Vec<Link>, files_bucket: &str) -> Self {
        Self {
            layer: run.layer.name.clone(),
            environment: run.layer.environment.clone(),
            scope: run.layer.scope,
            org_name: run.layer.org_name.clone(),
            region: run.layer.region.clone(),
            account_id: run.layer.account_id.clone(),
            partition: run.partition.clone(),
            module: module.to_owned(),
            links,
            files_bucket: files_bucket.to_owned(),
            files: run.files.clone(),
        }
    }

    /// `ENVIRONMENT-LAYER-MODULE`, the name of most resources of a service module.
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.environment, self.layer, self.module)
    }

    /// `length` hex digits (at most 64) that are the same for every run of this module in this account and region,
    /// and differ between accounts, regions, layers and modules: for names that are global or would collide.
    pub fn suffix(&self, length: usize) -> String {
        let identity = format!("{}/{}/{}/{}", self.account_id, self.region, self.layer, self.module);
        let mut digits = hex::encode(Sha256::digest(identity));
        digits.truncate(length);
        digits
    }

    /// An ARN in this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account_id)
    }

    /// An ARN of a global service (IAM) in this account.
    pub fn global_arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}::{}:{resource}", self.partition, self.account_id)
    }

    /// The ARN of the account's root, which stands for the whole account in a resource policy.
    pub fn root_arn(&self) -> String {
        self.global_arn("iam", "root")
    }
}
