//! Writing the parts of a bucket, one after the other: S3 refuses two changes of one bucket at the same time.

use aws_sdk_s3::types::{
    BucketLoggingStatus, BucketVersioningStatus, CorsConfiguration, CorsRule, DeleteMarkerReplication,
    DeleteMarkerReplicationStatus, Destination, ExpirationStatus, LifecycleRuleFilter, LoggingEnabled,
    NoncurrentVersionExpiration, NoncurrentVersionTransition, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ReplicationConfiguration, ReplicationRule, ReplicationRuleFilter,
    ReplicationRuleStatus, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    Tagging, VersioningConfiguration,
};
use landfall_engine::{Aws, Error, Explain, Kind, Result, Tags};

use super::{Bucket, incomplete, s3};
use crate::rekind;

impl Bucket {
    /// Writes the parts that `touched` names. The order matters: what blocks a public policy changes before the
    /// policy, versions are kept before anything is replicated.
    pub(super) async fn configure(&self, aws: &Aws, touched: impl Fn(&str) -> bool, tags: &Tags) -> Result<()> {
        let write = Write { s3: s3(aws), owner: &aws.target().account_id, bucket: self };
        if touched("ownership") {
            write.ownership().await?;
        }
        if touched("public_access_block") {
            write.public_access_block().await?;
        }
        if touched("encryption") {
            write.encryption().await?;
        }
        if touched("versioning") {
            write.versioning().await?;
        }
        if touched("lifecycle") {
            write.lifecycle().await?;
        }
        if touched("logging") {
            write.logging().await?;
        }
        if touched("cors") {
            write.cors().await?;
        }
        if touched("policy") {
            write.policy().await?;
        }
        if touched("replication") {
            write.replication().await?;
        }
        if touched("tags") {
            write.tags(tags).await?;
        }
        Ok(())
    }
}

struct Write<'a> {
    s3: aws_sdk_s3::Client,
    owner: &'a str,
    bucket: &'a Bucket,
}

impl Write<'_> {
    fn name(&self) -> &str {
        &self.bucket.name
    }

    async fn ownership(&self) -> Result<()> {
        let operation = "PutBucketOwnershipControls";
        let rule = OwnershipControlsRule::builder()
            .object_ownership(self.bucket.ownership.as_str().into())
            .build()
            .map_err(incomplete(operation))?;
        let controls = OwnershipControls::builder().rules(rule).build().map_err(incomplete(operation))?;
        let put = self
            .s3
            .put_bucket_ownership_controls()
            .bucket(self.name())
            .expected_bucket_owner(self.owner)
            .ownership_controls(controls);
        put.send().await.explain(operation, self.name()).map(drop).map_err(settling)
    }

    async fn public_access_block(&self) -> Result<()> {
        if self.bucket.public_access_block.is_empty() {
            let delete = self.s3.delete_public_access_block().bucket(self.name()).expected_bucket_owner(self.owner);
            return delete.send().await.explain("DeletePublicAccessBlock", self.name()).map(drop).map_err(settling);
        }
        let on = |setting: &str| self.bucket.public_access_block.iter().any(|name| name == setting);
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(on("BlockPublicAcls"))
            .block_public_policy(on("BlockPublicPolicy"))
            .ignore_public_acls(on("IgnorePublicAcls"))
            .restrict_public_buckets(on("RestrictPublicBuckets"))
            .build();
        let put = self
            .s3
            .put_public_access_block()
            .bucket(self.name())
            .expected_bucket_owner(self.owner)
            .public_access_block_configuration(block);
        put.send().await.explain("PutPublicAccessBlock", self.name()).map(drop).map_err(settling)
    }

    async fn encryption(&self) -> Result<()> {
        let operation = "PutBucketEncryption";
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(self.bucket.encryption.as_str().into())
            .build()
            .map_err(incomplete(operation))?;
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .bucket_key_enabled(false)
            .build();
        let encryption =
            ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(incomplete(operation))?;
        let put = self
            .s3
            .put_bucket_encryption()
            .bucket(self.name())
            .expected_bucket_owner(self.owner)
            .server_side_encryption_configuration(encryption);
        put.send().await.explain(operation, self.name()).map(drop).map_err(settling)
    }

    async fn versioning(&self) -> Result<()> {
        let status =
            if self.bucket.versioning { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
        let put = self
            .s3
            .put_bucket_versioning()
            .bucket(self.name())
            .expected_bucket_owner(self.owner)
            .versioning_configuration(VersioningConfiguration::builder().status(status).build());
        put.send().await.explain("PutBucketVersioning", self.name()).map(drop).map_err(settling)
    }

    async fn lifecycle(&self) -> Result<()> {
        let operation = "PutBucketLifecycleConfiguration";
        if self.bucket.lifecycle.is_empty() {
            let delete = self.s3.delete_bucket_lifecycle().bucket(self.name()).expected_bucket_owner(self.owner);
            return delete.send().await.explain("DeleteBucketLifecycle", self.name()).map(drop).map_err(settling);
        }
        let mut configuration = aws_sdk_s3::types::BucketLifecycleConfiguration::builder();
        for rule in &self.bucket.lifecycle {
            let status = if rule.enabled { ExpirationStatus::Enabled } else { ExpirationStatus::Disabled };
            let mut built = aws_sdk_s3::types::LifecycleRule::builder()
                .id(&rule.id)
                .status(status)
                .filter(LifecycleRuleFilter::builder().prefix(&rule.prefix).build());
            for transition in &rule.noncurrent_transitions {
                built = built.noncurrent_version_transitions(
                    NoncurrentVersionTransition::builder()
                        .noncurrent_days(transition.days)
                        .storage_class(transition.storage_class.as_str().into())
                        .build(),
                );
            }
            if let Some(days) = rule.noncurrent_expiration_days {
                built = built.noncurrent_version_expiration(
                    NoncurrentVersionExpiration::builder().noncurrent_days(days).build(),
                );
            }
            configuration = configuration.rules(built.build().map_err(incomplete(operation))?);
        }
        let put = self
            .s3
            .put_bucket_lifecycle_configuration()
            .bucket(self.name())
            .expected_bucket_owner(self.owner)
            .lifecycle_configuration(configuration.build().map_err(incomplete(operation))?);
        put.send().await.explain(operation, self.name()).map(drop).map_err(settling)
    }

    async fn logging(&self) -> Result<()> {
        let operation = "PutBucketLogging";
        let mut status = BucketLoggingStatus::builder();
        if let Some(logging) = &self.bucket.logging {
            status = status.logging_enabled(
                LoggingEnabled::builder()
                    .target_bucket(&logging.bucket)
                    .target_prefix(&logging.prefix)
                    .build()
                    .map_err(incomplete(operation))?,
            );
        }
        let put = self
            .s3
            .put_bucket_logging()
            .bucket(self.name())
            .expected_bucket_owner(self.owner)
            .bucket_logging_status(status.build());
        put.send().await.explain(operation, self.name()).map(drop).map_err(settling)
    }

    async fn cors(&self) -> Result<()> {
        let operation = "PutBucketCors";
        if self.bucket.cors.is_empty() {
            let delete = self.s3.delete_bucket_cors().bucket(self.name()).expected_bucket_owner(self.owner);
            return delete.send().await.explain("DeleteBucketCors", self.name()).map(drop).map_err(settling);
        }
        let some = |texts: &[String]| (!texts.is_empty()).then(|| texts.to_vec());
        let mut configuration = CorsConfiguration::builder();
        for rule in &self.bucket.cors {
            configuration = configuration.cors_rules(
                CorsRule::builder()
                    .set_allowed_origins(Some(rule.allowed_origins.clone()))
                    .set_allowed_methods(Some(rule.allowed_methods.clone()))
                    .set_allowed_headers(some(&rule.allowed_headers))
                    .set_expose_headers(some(&rule.expose_headers))
                    .max_age_seconds(rule.max_age_seconds)
                    .build()
                    .map_err(incomplete(operation))?,
            );
        }
        let put = self
            .s3
            .put_bucket_cors()
            .bucket(self.name())
            .expected_bucket_owner(self.owner)
            .cors_configuration(configuration.build().map_err(incomplete(operation))?);
        put.send().await.explain(operation, self.name()).map(drop).map_err(settling)
    }

    async fn policy(&self) -> Result<()> {
        let Some(policy) = &self.bucket.policy else {
            let delete = self.s3.delete_bucket_policy().bucket(self.name()).expected_bucket_owner(self.owner);
            return delete.send().await.explain("DeleteBucketPolicy", self.name()).map(drop).map_err(settling);
        };
        let put = self
            .s3
            .put_bucket_policy()
            .bucket(self.name())
            .expected_bucket_owner(self.owner)
            .policy(policy.to_string());
        put.send().await.explain("PutBucketPolicy", self.name()).map(drop).map_err(settling).map_err(public_policy)
    }

    async fn replication(&self) -> Result<()> {
        let operation = "PutBucketReplication";
        let Some(replication) = &self.bucket.replication else {
            let delete = self.s3.delete_bucket_replication().bucket(self.name()).expected_bucket_owner(self.owner);
            return delete.send().await.explain("DeleteBucketReplication", self.name()).map(drop).map_err(settling);
        };
        let markers = if replication.delete_markers {
            DeleteMarkerReplicationStatus::Enabled
        } else {
            DeleteMarkerReplicationStatus::Disabled
        };
        let destination = Destination::builder()
            .bucket(&replication.destination)
            .storage_class(replication.storage_class.as_str().into())
            .build()
            .map_err(incomplete(operation))?;
        let rule = ReplicationRule::builder()
            .id("replica")
            .priority(0)
            .status(ReplicationRuleStatus::Enabled)
            .filter(ReplicationRuleFilter::builder().prefix("").build())
            .delete_marker_replication(DeleteMarkerReplication::builder().status(markers).build())
            .destination(destination)
            .build()
            .map_err(incomplete(operation))?;
        let configuration = ReplicationConfiguration::builder()
            .role(&replication.role)
            .rules(rule)
            .build()
            .map_err(incomplete(operation))?;
        let put = self
            .s3
            .put_bucket_replication()
            .bucket(self.name())
            .expected_bucket_owner(self.owner)
            .replication_configuration(configuration);
        put.send().await.explain(operation, self.name()).map(drop).map_err(settling)
    }

    async fn tags(&self, tags: &Tags) -> Result<()> {
        let operation = "PutBucketTagging";
        let tagging =
            Tagging::builder().set_tag_set(Some(self.bucket.sdk_tags(tags)?)).build().map_err(incomplete(operation))?;
        let put = self.s3.put_bucket_tagging().bucket(self.name()).expected_bucket_owner(self.owner).tagging(tagging);
        put.send().await.explain(operation, self.name()).map(drop).map_err(settling)
    }
}

/// What S3 says while a new bucket, its versioning or a new role is not known everywhere yet
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel>).
fn settling(error: Error) -> Error {
    let versioning = error.is_code("InvalidRequest") && error.message.contains("Versioning must be");
    if error.is_code("NoSuchBucket") || versioning { rekind(error, Kind::NotReady) } else { error }
}

/// The refusal of a public policy is no missing permission.
fn public_policy(error: Error) -> Error {
    if error.kind != Kind::Denied || !error.message.contains("BlockPublicPolicy") {
        return error;
    }
    rekind(error, Kind::Invalid)
        .hint("the bucket policy makes the bucket public: set `block_public: false` if that is meant, or narrow it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_public_policy_is_a_mistake_of_the_config() {
        let refused = Error::new(
            Kind::Denied,
            "PutBucketPolicy",
            "User: arn:aws:iam::1:role/x is not authorized to perform: s3:PutBucketPolicy on resource: b because \
             public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access (AccessDenied)",
        );
        let error = public_policy(refused);
        assert_eq!(error.kind, Kind::Invalid);
        assert!(error.hint.is_some_and(|hint| hint.contains("block_public: false")));
    }

    #[test]
    fn a_bucket_that_is_not_known_everywhere_yet_is_waited_for() {
        let mut error = Error::new(Kind::NotFound, "PutBucketPolicy", "no such bucket");
        error.code = Some("NoSuchBucket".to_owned());
        assert_eq!(settling(error).kind, Kind::NotReady);
    }
}
