//! How a bucket is seen: whether it is there and whose it is, then every part of it at once.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketVersioningStatus, ExpirationStatus};
use landfall_aws::Policy;
use landfall_engine::{Aws, Error, Explain, Kind, Result, Seen, Tags, Wanted, tolerate};
use serde_json::{Value, json};

use super::{Cors, LifecycleRule, Logging, Replication, Transition, s3, taken};

const GONE: &[&str] = &["NoSuchBucket"];

/// The ARN of a bucket.
pub(super) fn arn(aws: &Aws, name: &str) -> String {
    format!("arn:{}:s3:::{name}", aws.target().partition)
}

/// One bucket, by its id or its name.
pub(super) async fn bucket(aws: &Aws, wanted: &Wanted<'_>) -> Result<Option<Seen>> {
    let Some(name) = wanted.key() else { return Ok(None) };
    let look = Look { s3: s3(aws), name, owner: &aws.target().account_id };
    let Some(tags) = look.tags().await? else { return Ok(None) };
    let parts = tokio::try_join!(
        look.ownership(),
        look.public_access_block(),
        look.encryption(),
        look.versioning(),
        look.lifecycle(),
        look.logging(),
        look.cors(),
        look.policy(),
        look.replication(),
    );
    // A bucket that goes away while it is looked at is gone.
    let Some(parts) = tolerate(parts, GONE)? else { return Ok(None) };
    let (ownership, public_access_block, encryption, versioning, lifecycle, logging, cors, policy, replication) = parts;
    let properties = json!({
        "name": name,
        "ownership": ownership,
        "public_access_block": public_access_block,
        "encryption": encryption,
        "versioning": versioning,
        "lifecycle": lifecycle,
        "logging": logging,
        "cors": cors,
        "policy": policy,
        "replication": replication,
        "tags": tags,
    });
    Ok(Some(Seen::ready(name, properties).with("arn", arn(aws, name))))
}

/// A bucket that is looked at. Every request names the account that must own it
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>).
struct Look<'a> {
    s3: Client,
    name: &'a str,
    owner: &'a str,
}

impl Look<'_> {
    /// Its tags; `None` when there is no such bucket.
    async fn tags(&self) -> Result<Option<Tags>> {
        let asked = self.s3.get_bucket_tagging().bucket(self.name).expected_bucket_owner(self.owner).send().await;
        let answer = match asked.explain("GetBucketTagging", self.name) {
            Ok(answer) => answer,
            // A bucket without tags is there.
            Err(error) if error.is_code("NoSuchTagSet") => return Ok(Some(Tags::new())),
            Err(error) if error.is_code("NoSuchBucket") => return Ok(None),
            Err(error) if is_foreign(&error) => return Err(taken(self.name)),
            Err(error) => return Err(error),
        };
        let tags = answer.tag_set().iter().filter(|tag| !tag.key().starts_with("aws:"));
        Ok(Some(tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()))
    }

    async fn ownership(&self) -> Result<Option<String>> {
        let asked =
            self.s3.get_bucket_ownership_controls().bucket(self.name).expected_bucket_owner(self.owner).send().await;
        let answer =
            tolerate(asked.explain("GetBucketOwnershipControls", self.name), &["OwnershipControlsNotFoundError"])?;
        let rule = answer.and_then(|answer| answer.ownership_controls?.rules.into_iter().next());
        Ok(rule.map(|rule| rule.object_ownership.as_str().to_owned()))
    }

    async fn public_access_block(&self) -> Result<Vec<String>> {
        let asked = self.s3.get_public_access_block().bucket(self.name).expected_bucket_owner(self.owner).send().await;
        let answer =
            tolerate(asked.explain("GetPublicAccessBlock", self.name), &["NoSuchPublicAccessBlockConfiguration"])?;
        let Some(block) = answer.and_then(|answer| answer.public_access_block_configuration) else {
            return Ok(Vec::new());
        };
        let settings = [
            block.block_public_acls(),
            block.block_public_policy(),
            block.ignore_public_acls(),
            block.restrict_public_buckets(),
        ];
        let on = super::PUBLIC_ACCESS_BLOCK.iter().zip(settings).filter(|(_, on)| *on == Some(true));
        Ok(on.map(|(name, _)| (*name).to_owned()).collect())
    }

    async fn encryption(&self) -> Result<Option<String>> {
        let asked = self.s3.get_bucket_encryption().bucket(self.name).expected_bucket_owner(self.owner).send().await;
        let missing = &["ServerSideEncryptionConfigurationNotFoundError"];
        let answer = tolerate(asked.explain("GetBucketEncryption", self.name), missing)?;
        let rule = answer.and_then(|answer| answer.server_side_encryption_configuration?.rules.into_iter().next());
        let default = rule.and_then(|rule| rule.apply_server_side_encryption_by_default);
        Ok(default.map(|default| default.sse_algorithm.as_str().to_owned()))
    }

    async fn versioning(&self) -> Result<bool> {
        let asked = self.s3.get_bucket_versioning().bucket(self.name).expected_bucket_owner(self.owner).send().await;
        Ok(asked.explain("GetBucketVersioning", self.name)?.status == Some(BucketVersioningStatus::Enabled))
    }

    async fn lifecycle(&self) -> Result<Vec<LifecycleRule>> {
        let asked = self
            .s3
            .get_bucket_lifecycle_configuration()
            .bucket(self.name)
            .expected_bucket_owner(self.owner)
            .send()
            .await;
        let answer = asked.explain("GetBucketLifecycleConfiguration", self.name);
        let answer = tolerate(answer, &["NoSuchLifecycleConfiguration"])?;
        Ok(answer.map(|answer| answer.rules().iter().map(lifecycle_rule).collect()).unwrap_or_default())
    }

    async fn logging(&self) -> Result<Option<Logging>> {
        let asked = self.s3.get_bucket_logging().bucket(self.name).expected_bucket_owner(self.owner).send().await;
        let enabled = asked.explain("GetBucketLogging", self.name)?.logging_enabled;
        Ok(enabled.map(|log| Logging { bucket: log.target_bucket, prefix: log.target_prefix }))
    }

    async fn cors(&self) -> Result<Vec<Cors>> {
        let asked = self.s3.get_bucket_cors().bucket(self.name).expected_bucket_owner(self.owner).send().await;
        let answer = tolerate(asked.explain("GetBucketCors", self.name), &["NoSuchCORSConfiguration"])?;
        let rules = answer.and_then(|answer| answer.cors_rules).unwrap_or_default();
        Ok(rules
            .into_iter()
            .map(|rule| Cors {
                allowed_origins: rule.allowed_origins,
                allowed_headers: rule.allowed_headers.unwrap_or_default(),
                allowed_methods: rule.allowed_methods,
                expose_headers: rule.expose_headers.unwrap_or_default(),
                max_age_seconds: rule.max_age_seconds.unwrap_or_default(),
            })
            .collect())
    }

    async fn policy(&self) -> Result<Option<Value>> {
        let asked = self.s3.get_bucket_policy().bucket(self.name).expected_bucket_owner(self.owner).send().await;
        let answer = tolerate(asked.explain("GetBucketPolicy", self.name), &["NoSuchBucketPolicy"])?;
        Ok(answer.and_then(|answer| Policy::parse(answer.policy()?)))
    }

    async fn replication(&self) -> Result<Option<Replication>> {
        let asked = self.s3.get_bucket_replication().bucket(self.name).expected_bucket_owner(self.owner).send().await;
        let missing = &["ReplicationConfigurationNotFoundError"];
        let answer = tolerate(asked.explain("GetBucketReplication", self.name), missing)?;
        let Some(configuration) = answer.and_then(|answer| answer.replication_configuration) else { return Ok(None) };
        let rule = configuration.rules().iter().find(|rule| rule.status().as_str() == "Enabled");
        let destination = rule.and_then(|rule| rule.destination());
        let markers = rule.and_then(|rule| rule.delete_marker_replication()).and_then(|markers| markers.status());
        Ok(Some(Replication {
            role: configuration.role().to_owned(),
            destination: destination.map(|destination| destination.bucket().to_owned()).unwrap_or_default(),
            storage_class: destination
                .and_then(|destination| destination.storage_class())
                .map_or("STANDARD", |class| class.as_str())
                .to_owned(),
            delete_markers: markers.is_some_and(|status| status.as_str() == "Enabled"),
        }))
    }
}

fn lifecycle_rule(rule: &aws_sdk_s3::types::LifecycleRule) -> LifecycleRule {
    #[expect(deprecated, reason = "rules made before filters existed still answer with a prefix of their own")]
    let former_prefix = rule.prefix();
    let filter = rule.filter();
    let other = [
        ("expiration", rule.expiration().is_some()),
        ("transitions", !rule.transitions().is_empty()),
        ("abort_incomplete_multipart_upload", rule.abort_incomplete_multipart_upload().is_some()),
        ("filter.tag", filter.is_some_and(|filter| filter.tag().is_some() || filter.and().is_some())),
        ("filter.size", filter.is_some_and(|filter| filter.object_size_greater_than().is_some())),
        ("filter.size", filter.is_some_and(|filter| filter.object_size_less_than().is_some())),
    ];
    LifecycleRule {
        id: rule.id().unwrap_or_default().to_owned(),
        enabled: *rule.status() == ExpirationStatus::Enabled,
        prefix: filter.and_then(|filter| filter.prefix()).or(former_prefix).unwrap_or_default().to_owned(),
        noncurrent_transitions: rule
            .noncurrent_version_transitions()
            .iter()
            .map(|transition| Transition {
                days: transition.noncurrent_days().unwrap_or_default(),
                storage_class: transition.storage_class().map_or("", |class| class.as_str()).to_owned(),
            })
            .collect(),
        noncurrent_expiration_days: rule
            .noncurrent_version_expiration()
            .and_then(|expiration| expiration.noncurrent_days()),
        other: other.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned()).collect(),
    }
}

/// Whether a refusal means that the bucket is somebody else's. For a bucket of the own account S3 says which
/// permission is missing; for one of another account it says nothing
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>). A name that is taken in another
/// region is answered with where to go
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html>).
fn is_foreign(error: &Error) -> bool {
    let is_elsewhere = ["PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect"];
    if is_elsewhere.iter().any(|code| error.is_code(code)) {
        return true;
    }
    error.kind == Kind::Denied && error.is_code("AccessDenied") && !error.message.contains("not authorized to perform")
}
