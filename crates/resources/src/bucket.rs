//! An S3 bucket with everything that is set on it: owner-enforced, encrypted, versioned, with its policy, its
//! lifecycle, its log and its replica. Objects in it are no part of it, except that they go with it.

mod configure;
mod empty;
mod observe;

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership, Tag};
use landfall_aws::{Policy, Statement};
use landfall_engine::{
    Actions, Aws, Changes, Context, Error, Explain, Field, Intent, Kind, Leftover, OnChange, Progress, Quota, Resource,
    Result, Seen, Tags, Target, Wanted, async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rekind;
use crate::service_quota::ServiceQuota;

/// Buckets of the account, all regions together
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html>).
const BUCKETS: ServiceQuota = ServiceQuota::of_account("s3", "L-DC2B2D3D", "general purpose buckets");

/// Buckets that AWS lists in one answer at most
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>).
const LISTED: i32 = 10_000;

/// The client. Names of buckets may contain dots, which the wildcard certificate of S3 does not cover: the name goes
/// into the path (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>).
pub fn s3(aws: &Aws) -> aws_sdk_s3::Client {
    aws.client(|config, watch| {
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true).interceptor(watch).build();
        aws_sdk_s3::Client::from_conf(config)
    })
}

/// The four settings of the public access block.
pub const PUBLIC_ACCESS_BLOCK: [&str; 4] =
    ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];

/// A bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    /// Name, unique in the partition.
    pub name: String,
    /// Who owns the objects: `BucketOwnerEnforced` turns access control lists off.
    pub ownership: String,
    /// The settings of the public access block that are on, in alphabetical order.
    pub public_access_block: Vec<String>,
    /// Default encryption.
    pub encryption: String,
    /// Whether it keeps former versions.
    pub versioning: bool,
    /// What happens to former versions.
    pub lifecycle: Vec<LifecycleRule>,
    /// Where accesses are logged.
    pub logging: Option<Logging>,
    /// What browsers of other origins may do.
    pub cors: Vec<Cors>,
    /// Bucket policy, canonical.
    pub policy: Option<Value>,
    /// Where every object is copied to.
    pub replication: Option<Replication>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A rule for former versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// Name of the rule.
    pub id: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// Objects it is about; empty for all.
    pub prefix: String,
    /// Where former versions go, by days since they were replaced.
    pub noncurrent_transitions: Vec<Transition>,
    /// Days after which former versions are deleted.
    pub noncurrent_expiration_days: Option<i32>,
    /// Parts of a rule that Landfall never sets and only sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<String>,
}

/// A move to another storage class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Days since the version was replaced.
    pub days: i32,
    /// Storage class.
    pub storage_class: String,
}

/// Where accesses are logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// Name of the log bucket.
    pub bucket: String,
    /// Prefix of the logs in it.
    pub prefix: String,
}

/// What browsers of other origins may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
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

/// Where every object is copied to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replication {
    /// ARN of the role that S3 takes.
    pub role: String,
    /// ARN of the other bucket.
    pub destination: String,
    /// Storage class of the copies.
    pub storage_class: String,
    /// Whether deletions are copied, too.
    pub delete_markers: bool,
}

impl Bucket {
    /// A private, versioned, encrypted bucket that takes requests over TLS only.
    pub fn private(name: impl Into<String>, cx: &Context) -> Self {
        let name = name.into();
        Self {
            ownership: "BucketOwnerEnforced".to_owned(),
            public_access_block: PUBLIC_ACCESS_BLOCK.map(str::to_owned).to_vec(),
            encryption: "AES256".to_owned(),
            versioning: true,
            lifecycle: vec![LifecycleRule::former_versions()],
            logging: None,
            cors: Vec::new(),
            policy: Some(Policy::new([tls_only(&Self::arn_of(&name, cx))]).document()),
            replication: None,
            tags: Tags::new(),
            name,
        }
    }

    /// A private bucket into which AWS writes the logs of this account: accesses to other buckets
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html>) and what
    /// `delivery.logs` brings, such as flow logs and accesses to load balancers
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html>).
    pub fn for_logs(name: impl Into<String>, cx: &Context) -> Self {
        let bucket = Self::private(name, cx);
        let arn = Self::arn_of(&bucket.name, cx);
        let objects = format!("{arn}/*");
        let ours = |statement: Statement| statement.when("StringEquals", "aws:SourceAccount", [cx.account_id.clone()]);
        let delivery = ["delivery.logs.amazonaws.com"];
        let policy = Policy::new([
            ours(Statement::allow(["s3:PutObject"]).sid("DeliverLogs").services(delivery).on([&objects]).when(
                "StringEquals",
                "s3:x-amz-acl",
                ["bucket-owner-full-control"],
            )),
            ours(Statement::allow(["s3:GetBucketAcl"]).sid("CheckOwner").services(delivery).on([&arn])),
            ours(
                Statement::allow(["s3:PutObject"])
                    .sid("LogAccess")
                    .services(["logging.s3.amazonaws.com"])
                    .on([&objects]),
            ),
            tls_only(&arn),
        ]);
        bucket.policy(&policy)
    }

    /// Sets its policy.
    #[must_use]
    pub fn policy(mut self, policy: &Policy) -> Self {
        self.policy = Some(policy.document());
        self
    }

    /// The ARN of the bucket of that name.
    pub fn arn_of(name: &str, cx: &Context) -> String {
        format!("arn:{}:s3:::{name}", cx.partition)
    }
}

impl LifecycleRule {
    /// Former versions move to cheaper storage after 30 and 60 days and are deleted after 90.
    pub fn former_versions() -> Self {
        let transition = |days, class: &str| Transition { days, storage_class: class.to_owned() };
        Self {
            id: "former-versions".to_owned(),
            enabled: true,
            prefix: String::new(),
            noncurrent_transitions: vec![transition(30, "STANDARD_IA"), transition(60, "GLACIER")],
            noncurrent_expiration_days: Some(90),
            other: Vec::new(),
        }
    }
}

/// Nobody reaches the bucket or its objects without TLS.
pub fn tls_only(arn: &str) -> Statement {
    Statement::deny(["s3:*"]).sid("TlsOnly").everybody().on([arn.to_owned(), format!("{arn}/*")]).when(
        "Bool",
        "aws:SecureTransport",
        ["false"],
    )
}

#[async_trait]
impl Resource for Bucket {
    const KIND: &'static str = "AWS::S3::Bucket";
    const FIELDS: &'static [Field] = &[
        Field { name: "name", on_change: OnChange::Replace },
        Field { name: "public_access_block", on_change: OnChange::Disruptive },
    ];
    const DATA: Option<&'static str> = Some("every object in the bucket, former versions included");
    const ACTIONS: Actions = Actions {
        create: &[
            "s3:CreateBucket",
            "s3:TagResource",
            "s3:PutBucketOwnershipControls",
            "s3:PutEncryptionConfiguration",
        ],
        update: &[
            ("public_access_block", "s3:PutBucketPublicAccessBlock"),
            ("encryption", "s3:PutEncryptionConfiguration"),
            ("versioning", "s3:PutBucketVersioning"),
            ("lifecycle", "s3:PutLifecycleConfiguration"),
            ("policy", "s3:PutBucketPolicy"),
            ("replication", "s3:PutReplicationConfiguration"),
        ],
        delete: &["s3:DeleteBucket"],
    };

    fn arn(name: &str, target: &Target) -> Option<String> {
        let Target { partition, .. } = target;
        Some(format!("arn:{partition}:s3:::{name}"))
    }

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("name")?.as_str()?.to_owned())
    }

    fn canonical(mut properties: Value) -> Value {
        if let Some(policy) = properties.get_mut("policy").filter(|policy| policy.is_object()) {
            *policy = Policy::normalise(policy);
        }
        properties
    }

    async fn quotas(aws: &Aws, new: &[Value]) -> Result<Vec<Quota>> {
        let pages = s3(aws).list_buckets().max_buckets(LISTED).into_paginator().items().send();
        let found = pages.collect::<Result<Vec<_>, _>>().await.explain("ListBuckets", "buckets")?;
        Ok(vec![BUCKETS.room(aws, found.len(), new.len()).await?])
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let looks = wanted.iter().map(|wanted| observe::bucket(aws, wanted));
        futures::future::try_join_all(looks).await
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let region = &aws.target().region;
        // us-east-1 is the place without a constraint.
        let place = (region != "us-east-1").then(|| BucketLocationConstraint::from(region.as_str()));
        let configuration = CreateBucketConfiguration::builder()
            .set_location_constraint(place)
            .set_tags(Some(self.sdk_tags(&self.tags)?))
            .build();
        let created = s3(aws)
            .create_bucket()
            .bucket(&self.name)
            .object_ownership(ObjectOwnership::BucketOwnerEnforced)
            .create_bucket_configuration(configuration)
            .send()
            .await
            .explain("CreateBucket", &self.name);
        created.map_err(|error| match error.code.as_deref() {
            Some("BucketAlreadyExists") => taken(&self.name),
            // The next look shows whether it is the one that an interrupted attempt made.
            Some("BucketAlreadyOwnedByYou") => rekind(error, Kind::NotReady),
            _ => error,
        })?;
        self.configure(aws, |field| field != "tags" && field != "ownership", &Tags::new()).await?;
        Ok(Progress::done(&self.name).with("arn", observe::arn(aws, &self.name)))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        self.configure(aws, |field| changes.touches(field), &self.all_tags(changes)).await?;
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        empty::delete(aws, &seen.id).await
    }
}

impl Bucket {
    fn sdk_tags(&self, tags: &Tags) -> Result<Vec<Tag>> {
        tags.iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(incomplete("PutBucketTagging")))
            .collect()
    }

    /// Ours and those of others, since S3 replaces all tags at once.
    fn all_tags(&self, changes: &Changes<'_>) -> Tags {
        let removed = changes.removed_tags(&self.tags);
        let mut all: Tags = changes
            .seen
            .properties
            .get("tags")
            .and_then(|tags| serde_json::from_value(tags.clone()).ok())
            .unwrap_or_default();
        all.retain(|key, _| !removed.contains(key));
        all.extend(self.tags.clone());
        all
    }
}

/// The error of a name that somebody else has.
fn taken(name: &str) -> Error {
    Error::new(
        Kind::Conflict,
        "CreateBucket",
        "there is a bucket of this name already, in another AWS account or region",
    )
    .about(name)
    .hint("bucket names are unique among all accounts: choose another bucket_name")
    .leaves(Leftover::Nothing)
}

/// The error of a request that lacks a required member.
pub fn incomplete(operation: &str) -> impl Fn(aws_sdk_s3::error::BuildError) -> Error + '_ {
    move |error| Error::new(Kind::Corrupt, operation, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_bucket_blocks_public_access_and_plain_text() {
        let cx = crate::tests::context();
        let bucket = Bucket::private("b", &cx);
        assert_eq!(bucket.public_access_block, PUBLIC_ACCESS_BLOCK);
        let policy = bucket.policy.expect("it has a policy");
        assert_eq!(policy["Statement"][0]["Effect"], "Deny");
        assert_eq!(policy["Statement"][0]["Condition"]["Bool"]["aws:SecureTransport"][0], "false");
        assert_eq!(policy["Statement"][0]["Resource"], serde_json::json!(["arn:aws:s3:::b", "arn:aws:s3:::b/*"]));
    }

    #[test]
    fn only_services_of_this_account_write_logs() {
        let cx = crate::tests::context();
        let policy = Bucket::for_logs("logs", &cx).policy.expect("it has a policy");
        let statements = policy["Statement"].as_array().expect("statements");
        let allowed: Vec<_> = statements.iter().filter(|statement| statement["Effect"] == "Allow").collect();
        assert_eq!(allowed.len(), 3);
        for statement in allowed {
            assert_eq!(statement["Condition"]["StringEquals"]["aws:SourceAccount"][0], cx.account_id);
        }
    }

    #[test]
    fn a_policy_is_compared_in_its_canonical_form_after_references_are_filled_in() {
        let filled = serde_json::json!({ "policy": { "Statement": [{ "Effect": "Allow", "Resource": ["b", "a"] }] } });
        assert_eq!(Bucket::canonical(filled)["policy"]["Statement"][0]["Resource"], serde_json::json!(["a", "b"]));
    }
}
