//! What an AWS error code asks for: the one classification of them.

use crate::error::Kind;

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "AuthorizationError",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "KMSAccessDeniedException",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];

const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

const QUOTA: &[&str] = &[
    "InstanceLimitExceeded",
    "LimitExceeded",
    "LimitExceededException",
    "ServiceQuotaExceededException",
    "TooManyBuckets",
];

const NOT_READY: &[&str] = &[
    "ConcurrentModification",
    "ConcurrentModificationException",
    "DependencyTimeoutException",
    "DependencyViolation",
    "IncorrectState",
    "InternalError",
    "InternalException",
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "InvalidCacheClusterState",
    "InvalidClusterStateFault",
    "InvalidDBClusterStateFault",
    "InvalidDBInstanceState",
    "InvalidDBInstanceStateFault",
    "InvalidDBSubnetGroupStateFault",
    "InvalidNatGatewayState",
    "InvalidReplicationGroupState",
    "KMSInternalException",
    "KeyUnavailableException",
    "OperationAborted",
    "QueueDeletedRecently",
    "ResourceNotReady",
    "ServiceFailure",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
];

const CONFLICT: &[&str] = &[
    "BucketAlreadyExists",
    "BucketAlreadyOwnedByYou",
    "BucketNotEmpty",
    "CacheSubnetGroupAlreadyExists",
    "CidrConflict",
    "ConflictException",
    "DBSubnetGroupAlreadyExists",
    "DeleteConflict",
    "EntityAlreadyExists",
    "InvalidSubnet.Conflict",
    "QueueNameExists",
    "Resource.AlreadyAssociated",
    "ResourceConflictException",
    "ResourceInUseException",
];

const NOT_FOUND: &[&str] = &["NoSuchEntity", "NonExistentQueue", "QueueDoesNotExist"];

const UNSUPPORTED: &[&str] = &[
    "InvalidAction",
    "NotImplemented",
    "OperationNotSupportedException",
    "UnknownOperationException",
    "Unsupported",
    "UnsupportedOperation",
    "UnsupportedOperationException",
];

/// What an error code asks for. Codes are those of the services' "Common errors" and "Errors" sections; AWS reuses
/// few of them, so one table serves all services. Codes that are not listed are told by how AWS forms them.
pub(crate) fn kind_of(code: &str, message: &str) -> Kind {
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
    // KMS, CloudWatch Logs and IAM call a quota and a rate by the same code.
    if code.starts_with("LimitExceeded") && message.to_ascii_lowercase().contains("rate exceeded") {
        return Kind::Throttled;
    }
    let listed = [
        (DENIED, Kind::Denied),
        (THROTTLED, Kind::Throttled),
        (QUOTA, Kind::Quota),
        (NOT_READY, Kind::NotReady),
        (CONFLICT, Kind::Conflict),
        (NOT_FOUND, Kind::NotFound),
        (UNSUPPORTED, Kind::Unsupported),
    ];
    listed.iter().find(|(codes, _)| codes.contains(&code)).map_or_else(|| formed(code), |(_, kind)| *kind)
}

/// What the form of a code says.
fn formed(code: &str) -> Kind {
    let plain = code.trim_end_matches("Exception").trim_end_matches("Fault").trim_end_matches("Error");
    if plain.ends_with("NotFound") || (plain.starts_with("NoSuch") && plain != "NoSuch") {
        Kind::NotFound
    } else if plain.ends_with("AlreadyExists") || plain.ends_with(".Duplicate") {
        Kind::Conflict
    } else if plain.ends_with("LimitExceeded") || plain.ends_with("QuotaExceeded") {
        Kind::Quota
    } else if ["Invalid", "Malformed", "Missing"].iter().any(|start| plain.starts_with(start))
        || plain.contains("Validation")
    {
        Kind::Invalid
    } else {
        Kind::Unexpected
    }
}

/// Whether a code says that what was to be made is there already.
pub(crate) fn says_it_exists(code: &str) -> bool {
    let plain = code.trim_end_matches("Exception").trim_end_matches("Fault").trim_end_matches("Error");
    plain.ends_with("AlreadyExists")
        || plain.ends_with(".Duplicate")
        || plain.ends_with("AlreadyAssociated")
        || matches!(code, "BucketAlreadyOwnedByYou" | "QueueNameExists" | "ResourceInUseException")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_to_do() {
        for (code, kind) in [
            ("AccessDeniedException", Kind::Denied),
            ("UnauthorizedOperation", Kind::Denied),
            ("DependencyViolation", Kind::NotReady),
            ("AWS.SimpleQueueService.QueueDeletedRecently", Kind::NotReady),
            ("VpcLimitExceeded", Kind::Quota),
            ("RulesPerSecurityGroupLimitExceeded", Kind::Quota),
            ("DBSubnetGroupQuotaExceededFault", Kind::Quota),
            ("InvalidVpcID.NotFound", Kind::NotFound),
            ("InvalidGroup.Duplicate", Kind::Conflict),
            ("RouteAlreadyExists", Kind::Conflict),
            ("EntityAlreadyExists", Kind::Conflict),
            ("InvalidParameterValue", Kind::Invalid),
            ("MalformedPolicyDocumentException", Kind::Invalid),
            ("ValidationError", Kind::Invalid),
            ("BucketAlreadyExists", Kind::Conflict),
            ("RequestLimitExceeded", Kind::Throttled),
            ("SlowDown", Kind::Throttled),
            ("com.amazonaws.kms#NotFoundException", Kind::NotFound),
            ("NoSuchBucketPolicy", Kind::NotFound),
            ("ReplicationConfigurationNotFoundError", Kind::NotFound),
            ("DBClusterNotFoundFault", Kind::NotFound),
            ("UnsupportedOperation", Kind::Unsupported),
            ("SomethingNew", Kind::Unexpected),
        ] {
            assert_eq!(kind_of(code, ""), kind, "{code}");
        }
    }

    #[test]
    fn one_code_is_a_rate_or_a_quota_by_its_message() {
        assert_eq!(kind_of("LimitExceededException", "Rate exceeded"), Kind::Throttled);
        assert_eq!(kind_of("LimitExceededException", "too many keys were generated"), Kind::Quota);
    }

    #[test]
    fn codes_of_what_exists_already_are_known() {
        for code in
            ["EntityAlreadyExists", "InvalidGroup.Duplicate", "ResourceAlreadyExistsException", "RouteAlreadyExists"]
        {
            assert!(says_it_exists(code), "{code}");
        }
        assert!(!says_it_exists("DependencyViolation"));
    }
}
