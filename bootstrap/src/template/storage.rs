//! Where Landfall keeps what must not be lost: the config bucket and the state table.

use serde_json::{Map, Value, json};

use super::parts::{deny_plain, reference, sub};

/// Config bucket and state table: both outlive the stack.
pub(super) fn storage(resources: &mut Map<String, Value>) {
    let kept = |mut resource: Value| {
        resource["DeletionPolicy"] = json!("Retain");
        resource["UpdateReplacePolicy"] = json!("Retain");
        resource
    };
    resources.insert("ConfigBucket".into(), kept(json!({
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "BucketName": sub("${AWS::StackName}-config-${AWS::AccountId}-${AWS::Region}"),
            "VersioningConfiguration": { "Status": "Enabled" },
            "BucketEncryption": { "ServerSideEncryptionConfiguration": [
                { "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } },
            ] },
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
            },
            "OwnershipControls": { "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] },
            "NotificationConfiguration": { "EventBridgeConfiguration": { "EventBridgeEnabled": true } },
            "LifecycleConfiguration": { "Rules": [
                { "Id": "old-versions", "Status": "Enabled", "NoncurrentVersionExpiration": { "NoncurrentDays": 365 } },
                { "Id": "uploads", "Status": "Enabled", "Prefix": ".landfall/uploads/", "ExpirationInDays": 30 },
                { "Id": "broken-uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 } },
            ] },
        },
    })));
    resources.insert(
        "ConfigBucketPolicy".into(),
        json!({
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": reference("ConfigBucket"),
                "PolicyDocument": { "Version": "2012-10-17", "Statement": [deny_plain("ConfigBucket")] },
            },
        }),
    );
    let attributes: Vec<Value> = ["pk", "sk", "gsi1pk", "gsi1sk"]
        .iter()
        .map(|name| json!({ "AttributeName": name, "AttributeType": "S" }))
        .collect();
    resources.insert("Table".into(), kept(json!({
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": sub("${AWS::StackName}"),
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": attributes,
            "KeySchema": [
                { "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" },
            ],
            "GlobalSecondaryIndexes": [{
                "IndexName": "gsi1",
                "KeySchema": [
                    { "AttributeName": "gsi1pk", "KeyType": "HASH" }, { "AttributeName": "gsi1sk", "KeyType": "RANGE" },
                ],
                "Projection": { "ProjectionType": "ALL" },
            }],
            "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true },
            "DeletionProtectionEnabled": true,
            "SSESpecification": { "SSEEnabled": true },
        },
    })));
}
