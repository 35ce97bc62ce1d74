//! The one error type that crosses crate borders, and the one classification of AWS errors.

use std::fmt;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};

/// Result with the one error type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an error asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request is wrong: change the config.
    Invalid,
    /// A permission is missing: change a policy.
    Denied,
    /// Something is in the way: a name is taken, a plan no longer fits, somebody else holds it.
    Conflict,
    /// Not yet: something AWS needs is still being made or drained. Trying again later helps.
    NotReady,
    /// Too many calls: trying again more slowly helps.
    Throttled,
    /// A quota of the account is used up.
    Quota,
    /// AWS or this installation does not offer it here.
    Unsupported,
    /// It does not exist.
    NotFound,
    /// A record contradicts itself.
    Corrupt,
    /// Anything else.
    Unexpected,
}

/// What a failed step left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leftover {
    /// Nothing was made.
    Nothing,
    /// Something was made and is recorded.
    Something,
    /// It is not known; the next run looks.
    #[default]
    Unknown,
}

/// An error with what a reader needs to act on it.
#[derive(Debug)]
pub struct Error {
    /// What it asks for.
    pub kind: Kind,
    /// AWS error code, if AWS answered.
    pub code: Option<String>,
    /// What was being done, for example `CreateQueue`.
    pub operation: String,
    /// What it was done to, for example the queue's name.
    pub resource: Option<String>,
    /// What went wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What it left behind.
    pub leftover: Leftover,
    /// AWS request id.
    pub request_id: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of our own.
    pub fn new(kind: Kind, operation: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: None,
            operation: operation.into(),
            resource: None,
            message: message.into(),
            hint: None,
            leftover: Leftover::Unknown,
            request_id: None,
            source: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what it is about.
    #[must_use]
    pub fn about(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// States what it left behind.
    #[must_use]
    pub fn leaves(mut self, leftover: Leftover) -> Self {
        self.leftover = leftover;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether AWS answered with this error code.
    pub fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// The error and its causes in one line, for the border.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let next = error.to_string();
            if !text.contains(&next) {
                text.push_str(": ");
                text.push_str(&next);
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        if let Some(resource) = &self.resource {
            write!(f, " of {resource}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(request) = &self.request_id {
            write!(f, " (request {request})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// Turns an SDK result into ours, naming what was done and to what.
pub trait Explain<T> {
    /// `operation` is the AWS operation's name; `resource` is what a user calls the thing.
    fn explain(self, operation: &str, resource: &str) -> Result<T>;
}

impl<T, E, R> Explain<T> for std::result::Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    fn explain(self, operation: &str, resource: &str) -> Result<T> {
        self.map_err(|error| classify(error, operation).about(resource))
    }
}

/// Takes an error of one of these codes as "nothing to do". Every use says in a comment why that is fine.
pub fn tolerate<T>(result: Result<T>, codes: &[&str]) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code.as_deref().is_some_and(|code| codes.contains(&code)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn classify<E, R>(error: SdkError<E, R>, operation: &str) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    let request_id = error.meta().extra("aws_request_id").map(str::to_owned);
    match &error {
        SdkError::ServiceError(context) => {
            let meta = context.err().meta();
            let code = meta.code().unwrap_or("Unknown").to_owned();
            let message = meta.message().unwrap_or("AWS gave no message").trim_end_matches('.').to_owned();
            let kind = kind_of(&code, &message);
            let mut ours = Error::new(kind, operation, format!("{message} ({code})"));
            if kind == Kind::Denied {
                ours.hint = Some(denied_hint(&message, operation));
            }
            ours.leftover = match kind {
                Kind::Invalid | Kind::Denied | Kind::Conflict | Kind::Quota | Kind::Unsupported => Leftover::Nothing,
                Kind::NotReady | Kind::Throttled | Kind::NotFound | Kind::Corrupt | Kind::Unexpected => {
                    Leftover::Unknown
                }
            };
            ours.code = Some(code);
            ours.request_id = request_id;
            ours
        }
        SdkError::TimeoutError(_) => Error::new(Kind::NotReady, operation, "no answer in time").caused_by(error),
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            Error::new(Kind::NotReady, operation, "the connection failed before an answer came").caused_by(error)
        }
        _ => Error::new(Kind::Unexpected, operation, "the call could not be made").caused_by(error),
    }
}

/// What an error code asks for. Codes are those of the services' "Common errors" and "Errors" sections; AWS reuses
/// few of them, so one table serves all services.
pub(crate) fn kind_of(code: &str, message: &str) -> Kind {
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
    match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthorizationError"
        | "NotAuthorized"
        | "AuthFailure"
        | "OptInRequired"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException" => Kind::Denied,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown"
        | "RequestThrottled"
        | "ProvisionedThroughputExceededException"
        | "BandwidthLimitExceeded"
        | "LimitExceededException"
            if message.to_ascii_lowercase().contains("rate") =>
        {
            Kind::Throttled
        }
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "ProvisionedThroughputExceededException" => Kind::Throttled,
        "LimitExceeded"
        | "LimitExceededException"
        | "VpcLimitExceeded"
        | "AddressLimitExceeded"
        | "TooManyBuckets"
        | "ServiceQuotaExceededException"
        | "NatGatewayLimitExceeded"
        | "RulesPerSecurityGroupLimitExceeded"
        | "SubnetLimitExceeded"
        | "InternetGatewayLimitExceeded"
        | "SecurityGroupLimitExceeded"
        | "DBSubnetGroupQuotaExceeded"
        | "DBSubnetGroupQuotaExceededFault"
        | "CacheSubnetGroupQuotaExceeded"
        | "TopicLimitExceeded"
        | "SubscriptionLimitExceeded" => Kind::Quota,
        "DependencyViolation"
        | "OperationAborted"
        | "QueueDeletedRecently"
        | "ResourceNotReady"
        | "IncorrectState"
        | "InvalidDBSubnetGroupStateFault"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "KMSInternalException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "ServiceFailure"
        | "KeyUnavailableException"
        | "DependencyTimeoutException"
        | "InvalidNatGatewayState" => Kind::NotReady,
        "EntityAlreadyExists"
        | "AlreadyExistsException"
        | "ResourceAlreadyExistsException"
        | "BucketAlreadyExists"
        | "BucketAlreadyOwnedByYou"
        | "QueueNameExists"
        | "QueueAlreadyExists"
        | "InvalidGroup.Duplicate"
        | "InvalidPermission.Duplicate"
        | "RouteAlreadyExists"
        | "Resource.AlreadyAssociated"
        | "DBSubnetGroupAlreadyExists"
        | "CacheSubnetGroupAlreadyExists"
        | "DeleteConflict"
        | "BucketNotEmpty"
        | "ResourceInUseException"
        | "InvalidSubnet.Conflict"
        | "ResourceConflictException" => Kind::Conflict,
        "NotFoundException"
        | "NoSuchEntity"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "NotFound"
        | "ResourceNotFoundException"
        | "NonExistentQueue"
        | "QueueDoesNotExist"
        | "NoSuchTagSet"
        | "NoSuchBucketPolicy"
        | "NoSuchLifecycleConfiguration"
        | "NoSuchCORSConfiguration"
        | "ReplicationConfigurationNotFoundError"
        | "NoSuchPublicAccessBlockConfiguration"
        | "OwnershipControlsNotFoundError"
        | "ServerSideEncryptionConfigurationNotFoundError"
        | "NoSuchConfiguration"
        | "DBSubnetGroupNotFoundFault"
        | "CacheSubnetGroupNotFoundFault" => Kind::NotFound,
        "UnsupportedOperation"
        | "OperationNotSupportedException"
        | "InvalidAction"
        | "UnknownOperationException"
        | "NotImplemented" => Kind::Unsupported,
        _ if code.ends_with(".NotFound") || code.ends_with("NotFoundFault") || code.ends_with("NotFound") => {
            Kind::NotFound
        }
        _ if code.ends_with(".Duplicate")
            || code.ends_with("AlreadyExists")
            || code.ends_with("AlreadyExistsFault") =>
        {
            Kind::Conflict
        }
        _ if code.ends_with("LimitExceeded")
            || code.ends_with("QuotaExceeded")
            || code.ends_with("QuotaExceededFault") =>
        {
            Kind::Quota
        }
        _ if code.starts_with("Invalid")
            || code.starts_with("Malformed")
            || code.starts_with("Missing")
            || code.contains("Validation") =>
        {
            Kind::Invalid
        }
        _ => Kind::Unexpected,
    }
}

/// AWS names principal, action and resource in most denials ("User: … is not authorized to perform: … on
/// resource: …", <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>).
fn denied_hint(message: &str, operation: &str) -> String {
    let after = |marker: &str| {
        message
            .split(marker)
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next())
            .map(|word| word.trim_end_matches([',', '.', ';']).to_owned())
    };
    let action = after("perform: ").unwrap_or_else(|| operation.to_owned());
    let role = after("User: ").unwrap_or_else(|| "the function's role".to_owned());
    let on = after("on resource: ").map(|resource| format!(" on {resource}")).unwrap_or_default();
    format!(
        "allow {action}{on} to {role}: update the installation with `landfall bootstrap`, or look for a service control policy or permissions boundary that denies it"
    )
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
            ("InvalidVpcID.NotFound", Kind::NotFound),
            ("InvalidParameterValue", Kind::Invalid),
            ("BucketAlreadyExists", Kind::Conflict),
            ("RequestLimitExceeded", Kind::Throttled),
            ("com.amazonaws.kms#NotFoundException", Kind::NotFound),
            ("SomethingNew", Kind::Unexpected),
        ] {
            assert_eq!(kind_of(code, ""), kind, "{code}");
        }
    }

    #[test]
    fn a_denial_names_action_role_and_resource() {
        let message = "User: arn:aws:sts::1:assumed-role/landfall-sqs/x is not authorized to perform: sqs:CreateQueue \
                       on resource: arn:aws:sqs:eu-west-1:1:q because no identity-based policy allows it";
        let hint = denied_hint(message, "CreateQueue");
        assert!(
            hint.starts_with(
                "allow sqs:CreateQueue on arn:aws:sqs:eu-west-1:1:q to arn:aws:sts::1:assumed-role/landfall-sqs/x:"
            ),
            "{hint}"
        );
    }
}
