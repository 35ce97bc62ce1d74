//! What to do about a denial: which action, on what, for whom, and what kind of policy stands in the way.

/// The hint of a denied call. AWS names principal, action and resource in most denials ("User: … is not authorized to
/// perform: … on resource: …", <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>);
/// where it does not, the operation and the resource that we asked for stand in.
pub(crate) fn hint(code: &str, message: &str, operation: &str, resource: &str) -> String {
    if matches!(
        code,
        "ExpiredToken"
            | "ExpiredTokenException"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
    ) {
        return "the credentials are not valid (any more): look at the function's role and the clock".to_owned();
    }
    if code == "OptInRequired" {
        return "the account is not signed up for this service or region: enable it in the console".to_owned();
    }
    let action = after(message, "perform: ").unwrap_or_else(|| operation.to_owned());
    let role = after(message, "User: ").unwrap_or_else(|| "the function's role".to_owned());
    let on = after(message, "on resource: ").unwrap_or_else(|| resource.to_owned());
    let explicit = message.split("with an explicit deny in ").nth(1).map(|rest| {
        let policy: Vec<&str> = rest.split_whitespace().take_while(|word| !word.starts_with('(')).collect();
        policy.join(" ").trim_end_matches(['.', ',']).to_owned()
    });
    match explicit {
        Some(policy) => format!("{policy} denies {action} on {on} to {role}: take that statement out of it"),
        None => format!(
            "allow {action} on {on} to {role}: update the installation with `landfall bootstrap`, or look for a service \
             control policy or permissions boundary that denies it"
        ),
    }
}

fn after(message: &str, marker: &str) -> Option<String> {
    let word = message.split(marker).nth(1)?.split_whitespace().next()?;
    Some(word.trim_end_matches([',', '.', ';']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "User: arn:aws:sts::1:assumed-role/landfall-sqs/x is not authorized to perform: sqs:CreateQueue \
                        on resource: arn:aws:sqs:eu-west-1:1:q";

    #[test]
    fn a_denial_names_action_role_and_resource() {
        let message = format!("{USER} because no identity-based policy allows the sqs:CreateQueue action");
        let hint = hint("AccessDenied", &message, "CreateQueue", "q");
        let expected =
            "allow sqs:CreateQueue on arn:aws:sqs:eu-west-1:1:q to arn:aws:sts::1:assumed-role/landfall-sqs/x:";
        assert!(hint.starts_with(expected), "{hint}");
    }

    #[test]
    fn an_explicit_denial_names_the_policy_that_denies() {
        let message = format!("{USER} with an explicit deny in a service control policy (AccessDenied)");
        let hint = hint("AccessDenied", &message, "CreateQueue", "q");
        assert!(hint.starts_with("a service control policy denies sqs:CreateQueue on arn:aws:sqs"), "{hint}");
    }

    #[test]
    fn a_denial_without_details_names_what_was_asked_for() {
        let hint = hint("AccessDenied", "Access Denied", "CreateBucket", "files");
        assert!(hint.starts_with("allow CreateBucket on files to the function's role:"), "{hint}");
    }

    #[test]
    fn wrong_credentials_are_not_a_missing_permission() {
        let hint = hint("ExpiredToken", "The security token included in the request is expired", "CreateQueue", "q");
        assert!(hint.starts_with("the credentials"), "{hint}");
    }
}
