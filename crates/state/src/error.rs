//! What can go wrong with the state, and the one place where DynamoDB and S3 errors are turned into it.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use jiff::Timestamp;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// There is no such record.
    #[error("{what} does not exist")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// The record is not in the state that the write expected.
    #[error("{what}")]
    Conflict {
        /// What stands in the way.
        what: String,
    },
    /// The lease is over or somebody else has a newer token: nothing was written.
    #[error("the lease of layer {layer} (token {token}) is over; nothing was written")]
    LeaseLost {
        /// Layer.
        layer: String,
        /// Token of the lease that was lost.
        token: u64,
    },
    /// Somebody holds the lease.
    #[error("layer {layer} is held by {holder} since {since}: {doing}")]
    LeaseHeld {
        /// Layer that is held.
        layer: String,
        /// Who holds it.
        holder: String,
        /// Since when.
        since: Timestamp,
        /// Until when, unless it is renewed.
        expires_at: Timestamp,
        /// What it is doing.
        doing: String,
    },
    /// The deployment was cancelled: it begins nothing more.
    #[error("the deployment of layer {layer} was cancelled")]
    Cancelled {
        /// Layer.
        layer: String,
    },
    /// A newer version of the key was registered before the change was queued.
    #[error("a newer version of {key} came first")]
    Overtaken {
        /// Key of the config bucket.
        key: String,
    },
    /// Another key of the config bucket owns the layer.
    #[error("layer {layer} belongs to {key}")]
    OwnedByOtherKey {
        /// Layer.
        layer: String,
        /// The owner.
        key: String,
    },
    /// The key holds another layer, which still exists.
    #[error("{key} holds layer {layer}")]
    KeyOwnsOtherLayer {
        /// Key of the config bucket.
        key: String,
        /// The layer that it holds.
        layer: String,
    },
    /// A record cannot be read.
    #[error("the record {what} cannot be read")]
    Corrupt {
        /// Which record.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A record is larger than DynamoDB takes: nothing was written.
    #[error("the record {what} would be {kilobytes} KB long; DynamoDB takes 400 KB")]
    TooLarge {
        /// Which record.
        what: String,
        /// About how long it would be.
        kilobytes: usize,
    },
    /// A setting is missing from the environment.
    #[error("the environment variable {name} is not set")]
    Setting {
        /// Its name.
        name: &'static str,
    },
    /// AWS refused or failed.
    #[error("{operation} failed ({code}): {message}")]
    Aws {
        /// AWS operation.
        operation: &'static str,
        /// AWS error code, or `Unknown`.
        code: String,
        /// AWS's message.
        message: String,
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StateError {
    /// A record that does not exist.
    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// A record in another state than expected.
    pub(crate) fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into() }
    }

    /// An error of an AWS call.
    pub(crate) fn aws<E, R>(operation: &'static str, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let code = error.code().unwrap_or("Unknown").to_owned();
        let message = error.message().unwrap_or("no answer").to_owned();
        Self::Aws { operation, code, message, source: error.into() }
    }

    /// The same error under a more telling code.
    pub(crate) fn with_code(self, code: String) -> Self {
        match self {
            Self::Aws { operation, message, source, .. } => Self::Aws { operation, code, message, source },
            other => other,
        }
    }

    /// Whether waiting and trying again may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Aws { code, .. } => {
                matches!(
                    code.as_str(),
                    "ThrottlingException"
                        | "ThrottlingError"
                        | "ProvisionedThroughputExceeded"
                        | "ProvisionedThroughputExceededException"
                        | "RequestLimitExceeded"
                        | "RequestTimeout"
                        | "InternalError"
                        | "InternalFailure"
                        | "InternalServerError"
                        | "ServiceUnavailable"
                        | "TransactionConflict"
                        | "TransactionConflictException"
                        | "TransactionInProgressException"
                        | "SlowDown"
                        | "Unknown"
                )
            }
            Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::LeaseLost { .. }
            | Self::LeaseHeld { .. }
            | Self::Cancelled { .. }
            | Self::Overtaken { .. }
            | Self::KeyOwnsOtherLayer { .. }
            | Self::OwnedByOtherKey { .. }
            | Self::Corrupt { .. }
            | Self::TooLarge { .. }
            | Self::Setting { .. } => false,
        }
    }
}
