//! What must not be lost: the config bucket and the state table are still as they were installed.

use aws_config::SdkConfig;
use serde_json::Value;

use super::facts::Facts;
use super::{Blind, Finding, seen};

const GROUP: &str = "Storage";

pub(super) async fn look(config: &SdkConfig, facts: &Facts) -> Vec<Finding> {
    let (mut found, table) = tokio::join!(bucket(config, facts.id("ConfigBucket")), table(config, facts.id("Table")));
    found.extend(table);
    found
}

/// What is wrong with a setting and the command that sets it right; `None` when it is as installed.
type Setting = Result<Option<(&'static str, String)>, Blind>;

async fn bucket(config: &SdkConfig, bucket: &str) -> Vec<Finding> {
    const CHECK: &str = "config bucket";
    let s3 = aws_sdk_s3::Client::new(config);
    let settings = tokio::join!(
        versioning(&s3, bucket),
        encryption(&s3, bucket),
        public(&s3, bucket),
        events(&s3, bucket),
        tls(&s3, bucket)
    );
    let settings: [Setting; 5] = settings.into();
    let mut found = Vec::new();
    for setting in settings {
        match setting {
            Ok(None) => {}
            Ok(Some((what, todo))) => found.push(Finding::wrong(GROUP, CHECK, what, todo)),
            Err(blind) if blind.is(&["NoSuchBucket"]) => {
                let what = format!("{bucket} is gone, and the files and documents in it");
                return vec![Finding::wrong(
                    GROUP,
                    CHECK,
                    what,
                    "install again under another name: landfall bootstrap --stack NAME",
                )];
            }
            Err(blind) => found.push(Finding::blind(GROUP, CHECK, &blind)),
        }
    }
    if found.is_empty() {
        let what = "keeps versions, is encrypted and private, tells of uploads";
        found.push(Finding::ok(GROUP, CHECK, what));
    }
    found
}

async fn versioning(s3: &aws_sdk_s3::Client, bucket: &str) -> Setting {
    let answer = seen("s3:GetBucketVersioning", s3.get_bucket_versioning().bucket(bucket).send().await)?;
    let on = answer.status().is_some_and(|status| status.as_str() == "Enabled");
    Ok((!on).then(|| {
        let todo =
            format!("aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled");
        ("keeps no versions: what is overwritten is lost", todo)
    }))
}

async fn encryption(s3: &aws_sdk_s3::Client, bucket: &str) -> Setting {
    let asked = s3.get_bucket_encryption().bucket(bucket).send().await;
    match seen("s3:GetEncryptionConfiguration", asked) {
        Ok(answer) if answer.server_side_encryption_configuration().is_some_and(|rules| !rules.rules().is_empty()) => {
            Ok(None)
        }
        Err(blind) if !blind.is(&["ServerSideEncryptionConfigurationNotFoundError"]) => Err(blind),
        Ok(_) | Err(_) => {
            let rules = "{\"Rules\":[{\"ApplyServerSideEncryptionByDefault\":{\"SSEAlgorithm\":\"AES256\"}}]}";
            let todo = format!(
                "aws s3api put-bucket-encryption --bucket {bucket} --server-side-encryption-configuration '{rules}'"
            );
            Ok(Some(("has no encryption set", todo)))
        }
    }
}

async fn public(s3: &aws_sdk_s3::Client, bucket: &str) -> Setting {
    let asked = s3.get_public_access_block().bucket(bucket).send().await;
    let blocked = match seen("s3:GetBucketPublicAccessBlock", asked) {
        Ok(answer) => answer.public_access_block_configuration().is_some_and(|block| {
            [
                block.block_public_acls(),
                block.ignore_public_acls(),
                block.block_public_policy(),
                block.restrict_public_buckets(),
            ]
            .iter()
            .all(|on| *on == Some(true))
        }),
        Err(blind) if blind.is(&["NoSuchPublicAccessBlockConfiguration"]) => false,
        Err(blind) => return Err(blind),
    };
    Ok((!blocked).then(|| {
        let all = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true";
        let todo =
            format!("aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration {all}");
        ("may be made public", todo)
    }))
}

async fn events(s3: &aws_sdk_s3::Client, bucket: &str) -> Setting {
    let asked = s3.get_bucket_notification_configuration().bucket(bucket).send().await;
    let answer = seen("s3:GetBucketNotification", asked)?;
    Ok(answer.event_bridge_configuration().is_none().then(|| {
        let todo = format!(
            "aws s3api put-bucket-notification-configuration --bucket {bucket} \
             --notification-configuration '{{\"EventBridgeConfiguration\":{{}}}}'"
        );
        ("does not tell EventBridge of uploads: nothing that is uploaded is deployed", todo)
    }))
}

async fn tls(s3: &aws_sdk_s3::Client, bucket: &str) -> Setting {
    let asked = s3.get_bucket_policy().bucket(bucket).send().await;
    let policy = match seen("s3:GetBucketPolicy", asked) {
        Ok(answer) => answer.policy.unwrap_or_default(),
        Err(blind) if blind.is(&["NoSuchBucketPolicy"]) => String::new(),
        Err(blind) => return Err(blind),
    };
    let policy: Value = serde_json::from_str(&policy).unwrap_or_default();
    let mut statements = policy["Statement"].as_array().into_iter().flatten();
    let denied =
        statements.any(|one| one["Effect"] == "Deny" && one["Condition"]["Bool"]["aws:SecureTransport"] == "false");
    Ok((!denied).then(|| {
        let todo = "the statement TlsOnly of its policy is in bootstrap/template.yaml; put it back".to_owned();
        ("takes requests without TLS", todo)
    }))
}

async fn table(config: &SdkConfig, table: &str) -> Vec<Finding> {
    const CHECK: &str = "state table";
    let ddb = aws_sdk_dynamodb::Client::new(config);
    let (described, backups) = tokio::join!(
        ddb.describe_table().table_name(table).send(),
        ddb.describe_continuous_backups().table_name(table).send()
    );
    let mut found = Vec::new();
    match seen("dynamodb:DescribeTable", described) {
        Ok(answer) => {
            let is = answer.table();
            let status = is.and_then(|table| table.table_status()).map_or("unknown", |status| status.as_str());
            if !matches!(status, "ACTIVE" | "UPDATING") {
                found.push(Finding::wrong(GROUP, CHECK, format!("it is {status}"), "wait, and look again"));
            }
            if is.and_then(|table| table.deletion_protection_enabled()) != Some(true) {
                let todo = format!("aws dynamodb update-table --table-name {table} --deletion-protection-enabled");
                found.push(Finding::wrong(GROUP, CHECK, "it is not protected from deletion", todo));
            }
        }
        Err(blind) if blind.is(&["ResourceNotFoundException"]) => {
            let todo = "restore it from its backup, under its name: aws dynamodb restore-table-to-point-in-time";
            return vec![Finding::wrong(
                GROUP,
                CHECK,
                format!("{table} is gone, and what Landfall knows with it"),
                todo,
            )];
        }
        Err(blind) => found.push(Finding::blind(GROUP, CHECK, &blind)),
    }
    match seen("dynamodb:DescribeContinuousBackups", backups) {
        Ok(answer) => {
            let backups = answer.continuous_backups_description();
            let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description());
            let on = recovery.and_then(|recovery| recovery.point_in_time_recovery_status());
            if on.is_none_or(|status| status.as_str() != "ENABLED") {
                let todo = format!(
                    "aws dynamodb update-continuous-backups --table-name {table} \
                     --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
                );
                found.push(Finding::wrong(GROUP, CHECK, "it has no point-in-time recovery", todo));
            }
        }
        Err(blind) => found.push(Finding::blind(GROUP, CHECK, &blind)),
    }
    if found.is_empty() {
        found.push(Finding::ok(GROUP, CHECK, "protected from deletion, restorable to any second"));
    }
    found
}
