//! The artifact bucket and what lies in it, named by content.

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, PublicAccessBlockConfiguration,
    VersioningConfiguration,
};

use crate::install::{Progress, told};

/// The artifact bucket.
pub(crate) struct Artifacts {
    s3: aws_sdk_s3::Client,
    /// Its name.
    pub(crate) bucket: String,
    region: String,
    endpoint: Option<String>,
}

impl Artifacts {
    pub(crate) fn new(config: &SdkConfig, bucket: String) -> Self {
        // The names of buckets need not resolve where an endpoint is given.
        let path_style = config.endpoint_url().is_some();
        let settings = aws_sdk_s3::config::Builder::from(config).force_path_style(path_style).build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(settings),
            bucket,
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            endpoint: config.endpoint_url().map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
        }
    }

    /// Whether the bucket is there.
    pub(crate) async fn is_there(&self) -> Result<bool> {
        match self.s3.head_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Ok(false),
            Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 403) => {
                anyhow::bail!(
                    "bucket {} belongs to somebody else, or the caller may not see it; give another with --artifact-bucket",
                    self.bucket
                )
            }
            Err(error) => anyhow::bail!("bucket {} cannot be looked at: {}", self.bucket, told(&error)),
        }
    }

    /// Makes the bucket: private, versioned.
    pub(crate) async fn create(&self, progress: &dyn Progress) -> Result<()> {
        let bucket = &self.bucket;
        let mut create = self.s3.create_bucket().bucket(bucket);
        // us-east-1 is the one region that must not be named
        // (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
        if self.region != "us-east-1" {
            let place = BucketLocationConstraint::from(self.region.as_str());
            create = create
                .create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(place).build());
        }
        create.send().await.map_err(|error| anyhow::anyhow!("bucket {bucket} cannot be made: {}", told(&error)))?;
        self.s3
            .put_public_access_block()
            .bucket(bucket)
            .public_access_block_configuration(
                PublicAccessBlockConfiguration::builder()
                    .block_public_acls(true)
                    .block_public_policy(true)
                    .ignore_public_acls(true)
                    .restrict_public_buckets(true)
                    .build(),
            )
            .send()
            .await
            .with_context(|| format!("public access to bucket {bucket} cannot be blocked"))?;
        self.s3
            .put_bucket_versioning()
            .bucket(bucket)
            .versioning_configuration(
                VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build(),
            )
            .send()
            .await
            .with_context(|| format!("versioning of bucket {bucket} cannot be turned on"))?;
        progress.step(&format!("made the artifact bucket {bucket}"));
        Ok(())
    }

    /// Whether an object is there. Keys are named by content, so what is there is right.
    pub(crate) async fn has(&self, key: &str) -> bool {
        self.s3.head_object().bucket(&self.bucket).key(key).send().await.is_ok()
    }

    /// Uploads an object.
    pub(crate) async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<()> {
        let put = self.s3.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(bytes));
        let sent = put.send().await;
        sent.map_err(|error| {
            let denied = error.code() == Some("AccessDenied");
            let hint = if denied { "; the caller needs s3:PutObject there" } else { "" };
            anyhow::anyhow!("{key} cannot be uploaded to {}: {}{hint}", self.bucket, told(&error))
        })?;
        Ok(())
    }

    /// Where CloudFormation reads an object.
    pub(crate) fn url(&self, key: &str) -> String {
        let (bucket, region) = (&self.bucket, &self.region);
        match &self.endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}/{key}"),
            None => {
                let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://{bucket}.s3.{region}.{suffix}/{key}")
            }
        }
    }
}
