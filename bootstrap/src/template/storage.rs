//! Where Landfall keeps what must not be lost: the config bucket and the state table.

use serde_json::{Map, Value, json};

use super::Place;
use super::parts::{deny_plain, reference, sub};

/// Name of the config bucket.
const BUCKET: &str = "${AWS::StackName}-config-${AWS::AccountId}-${AWS::Region}";

/// Name of the state table.
const TABLE: &str = "${AWS::StackName}";

/// Writes the names of what outlives a stack into its template. CloudFormation takes over what is there already when
/// its name is a plain text, and only then
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html>).
pub(super) fn name_what_stays(resources: &mut Value, place: &Place<'_>) {
    let named = |text: &str| {
        let text = text.replace("${AWS::StackName}", place.stack).replace("${AWS::AccountId}", place.account);
        json!(text.replace("${AWS::Region}", place.region))
    };
    resources["ConfigBucket"]["Properties"]["BucketName"] = named(BUCKET);
    resources["Table"]["Properties"]["TableName"] = named(TABLE);
}

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
            "BucketName": sub(BUCKET),
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
            "TableName": sub(TABLE),
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
