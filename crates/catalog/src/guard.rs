//! Which attributes of resources hold a promise about security: their drift is neither ignored nor accepted, whoever
//! asks for it. The rule goes by names, so that it covers kinds of resources that are still to come.

/// Kinds of which every attribute but the tags is guarded: identities, keys, what is allowed from where.
const KINDS: [&str; 8] = [
    "AWS::IAM::",
    "AWS::KMS::",
    "AWS::SecretsManager::",
    "AWS::CertificateManager::",
    "Policy",
    "SecurityGroup",
    "FlowLog",
    "::Ebs",
];

/// Kinds of modules all of whose resources are of [`KINDS`]: what others make beside such resources only a plan knows.
const MODULES: [&str; 4] = ["external-ssl-cert", "iam-policy", "iam-role", "iam-user"];

/// Words that make the attribute guarded in whose name they stand.
const WORDS: [&str; 24] = [
    "acl",
    "auth",
    "cors",
    "cross_account",
    "default_route",
    "egress",
    "encrypt",
    "ingress",
    "kms",
    "logging",
    "ownership",
    "password",
    "polic",
    "principal",
    "protection",
    "public",
    "role",
    "rotation",
    "rule",
    "secret",
    "ssl",
    "tls",
    "trust",
    "versioning",
];

/// The tags by which Landfall finds what it made.
const OWN_TAGS: &str = "tags.landfall:";

/// Whether the attribute at `path` of a resource of `kind` holds a promise about security; for an empty kind, whether it
/// does in every resource.
pub fn is_guarded(kind: &str, path: &str) -> bool {
    let top = path.split('.').next().unwrap_or(path);
    if top == "tags" {
        return path.starts_with(OWN_TAGS);
    }
    KINDS.iter().any(|word| kind.contains(word)) || WORDS.iter().any(|word| top.contains(word))
}

/// Whether no resource of a module of `kind` has an attribute at `path` whose drift may be ignored, as far as the
/// catalogue knows.
pub(crate) fn is_guarded_in_module(kind: &str, path: &str) -> bool {
    is_guarded(if MODULES.contains(&kind) { KINDS[0] } else { "" }, path)
}

#[cfg(test)]
mod tests {
    use super::{MODULES, is_guarded, is_guarded_in_module};

    #[test]
    fn modules_of_identities_let_only_tags_drift() {
        assert!(is_guarded_in_module("iam-role", "description"));
        assert!(is_guarded_in_module("iam-role", "tags.landfall:layer"));
        assert!(!is_guarded_in_module("iam-role", "tags.CostCenter"));
        assert!(!is_guarded_in_module("sqs", "delay_seconds"));
        assert!(MODULES.iter().all(|name| crate::kinds::by_name(name).is_some()));
    }

    #[test]
    fn promises_are_guarded_and_settings_are_not() {
        for (kind, path) in [
            ("AWS::S3::Bucket", "public_access_block"),
            ("AWS::S3::Bucket", "encryption"),
            ("AWS::SNS::Topic", "policy.Statement"),
            ("AWS::SQS::Queue", "kms_key"),
            ("AWS::IAM::Role", "description"),
            ("AWS::EC2::SecurityGroup", "ingress"),
            ("AWS::SQS::QueuePolicy", "document"),
            ("Landfall::EC2::EbsEncryptionByDefault", "enabled"),
            ("AWS::SQS::Queue", "tags.landfall:layer"),
        ] {
            assert!(is_guarded(kind, path), "{kind} {path}");
        }
        for (kind, path) in [
            ("AWS::SQS::Queue", "delay_seconds"),
            ("AWS::IAM::Role", "tags.CostCenter"),
            ("AWS::S3::Bucket", "lifecycle"),
            ("AWS::Logs::LogGroup", "retention_days"),
            ("", "tags"),
        ] {
            assert!(!is_guarded(kind, path), "{kind} {path}");
        }
    }
}
