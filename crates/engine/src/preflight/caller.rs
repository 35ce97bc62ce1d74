//! Whose policies count for the function's calls.

use landfall_aws::{Aws, Explain, Result};
use tokio::sync::OnceCell;

landfall_aws::client!(pub(super) iam: aws_sdk_iam);
landfall_aws::client!(sts: aws_sdk_sts);

/// The role or user of the function, asked for once per process: it does not change while it runs.
#[derive(Debug, Default)]
pub(crate) struct Caller(OnceCell<Option<Principal>>);

/// A role or a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Principal {
    /// Its ARN as IAM knows it, with its path.
    pub arn: String,
    /// `role landfall-us-east-1-sqs`.
    pub name: String,
}

impl Caller {
    /// Asks beside other things where it will have to be asked. What it fails with is met again.
    pub(crate) async fn ahead(&self, aws: &Aws) {
        if let Err(error) = self.principal(aws).await {
            tracing::debug!(error = error.chain(), "whose policies count is not known yet");
        }
    }

    /// Whose policies count; `None` for the account's root, whom no policy of the account stops.
    pub(super) async fn principal(&self, aws: &Aws) -> Result<Option<&Principal>> {
        Ok(self.0.get_or_try_init(|| ask(aws)).await?.as_ref())
    }
}

async fn ask(aws: &Aws) -> Result<Option<Principal>> {
    let identity = sts(aws).get_caller_identity().send().await.explain("GetCallerIdentity", "the function")?;
    let arn = identity.arn().unwrap_or_default();
    let Some((kind, name)) = entity(arn) else { return Ok(None) };
    let name_of = format!("{kind} {name}");
    if kind == "user" {
        return Ok(Some(Principal { arn: arn.to_owned(), name: name_of }));
    }
    // A session is named after its role without the role's path, and a simulation wants the whole ARN.
    let answer = iam(aws).get_role().role_name(name).send().await.explain("GetRole", name)?;
    Ok(answer.role().map(|role| Principal { arn: role.arn().to_owned(), name: name_of }))
}

/// Kind and name of who has policies, from the ARN of a caller
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>).
fn entity(arn: &str) -> Option<(&'static str, &str)> {
    let resource = arn.splitn(6, ':').nth(5)?;
    if let Some(session) = resource.strip_prefix("assumed-role/") {
        return Some(("role", session.split('/').next()?));
    }
    Some(("user", resource.strip_prefix("user/")?.rsplit('/').next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stands_for_its_role_and_root_for_nobody() {
        assert_eq!(entity("arn:aws:sts::1:assumed-role/landfall-sqs/landfall-sqs"), Some(("role", "landfall-sqs")));
        assert_eq!(entity("arn:aws-cn:iam::1:user/team/ana"), Some(("user", "ana")));
        assert_eq!(entity("arn:aws:iam::1:root"), None);
    }
}
