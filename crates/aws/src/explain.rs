//! From an SDK result to our error: what AWS answered, or why no answer came.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::codes::kind_of;
use crate::denied::hint;
use crate::error::{Error, Kind, Leftover, Result};
use crate::watch::Refused;

/// Turns an SDK result into ours, naming what was done and to what.
pub trait Explain<T> {
    /// `operation` is the AWS operation's name; `resource` is what a user calls the thing.
    fn explain(self, operation: &str, resource: &str) -> Result<T>;
}

impl<T, E> Explain<T> for std::result::Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn explain(self, operation: &str, resource: &str) -> Result<T> {
        self.map_err(|error| classify(error, operation, resource).about(resource))
    }
}

fn classify<E>(error: SdkError<E, HttpResponse>, operation: &str, resource: &str) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if let Some(refused) = refusal(&error) {
        let kind = match refused {
            Refused::ReadOnly(_) => Kind::Corrupt,
            // The table may have been out of reach for a moment: the next step finds whether the lease is lost.
            Refused::LeaseOver(_) | Refused::Broken(_) | Refused::Uncertain(_) | Refused::Late(_) => Kind::NotReady,
        };
        let error = Error::new(kind, operation, refused.to_string());
        return match refused {
            Refused::ReadOnly(_) | Refused::LeaseOver(_) => error.leaves(Leftover::Nothing),
            Refused::Late(_) => error.leaves(Leftover::Nothing).refused(),
            Refused::Broken(_) | Refused::Uncertain(_) => error.leaves(Leftover::Unknown),
        };
    }
    match &error {
        SdkError::ServiceError(context) => {
            let meta = context.err().meta();
            let code = meta.code().unwrap_or("Unknown").to_owned();
            let message = meta.message().unwrap_or("AWS gave no message").trim_end_matches('.').to_owned();
            let kind = match (meta.code(), context.raw().status().as_u16()) {
                // A proxy on the way answered, not the service: it has no error code.
                (None, 429) => Kind::Throttled,
                (None, 500..) => Kind::NotReady,
                _ => kind_of(&code, &message),
            };
            let mut ours = Error::new(kind, operation, format!("{message} ({code})"));
            if kind == Kind::Denied {
                ours.hint = Some(hint(&code, &message, operation, resource));
            }
            ours.leftover = match kind {
                Kind::Invalid | Kind::Denied | Kind::Conflict | Kind::Quota | Kind::Unsupported | Kind::Cancelled => {
                    Leftover::Nothing
                }
                Kind::NotReady | Kind::Throttled | Kind::NotFound | Kind::Corrupt | Kind::Unexpected => {
                    Leftover::Unknown
                }
            };
            ours.code = Some(code);
            if context.raw().status().as_u16() < 500 || kind == Kind::Throttled {
                ours = ours.refused();
            }
            ours.request(error.meta().extra("aws_request_id"))
        }
        SdkError::TimeoutError(_) => Error::new(Kind::NotReady, operation, "no answer in time").caused_by(error),
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            Error::new(Kind::NotReady, operation, "the connection failed before an answer came").caused_by(error)
        }
        _ => Error::new(Kind::Unexpected, operation, "the call could not be made").caused_by(error),
    }
}

/// Our own refusal, somewhere below the SDK's error.
fn refusal<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Refused> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}
