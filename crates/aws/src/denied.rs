//! What to do about denials: which actions, on what, for whom, and what kind of policy stands in the way.

use crate::error::{Error, Kind};

/// Codes that say who the caller is cannot be told; no permission is missing.
const NOT_KNOWN: [&str; 5] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
];

/// A permission that was missing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Denial {
    /// Who: `role landfall-sqs`, or an ARN.
    principal: String,
    /// `sqs:CreateQueue`.
    action: String,
    /// On what, where AWS says it.
    resource: Option<String>,
    /// On what, as we call it.
    asked_for: String,
    /// What denies it explicitly.
    policy: Option<String>,
}

impl Denial {
    /// AWS names principal, action and resource in most denials ("User: … is not authorized to perform: … on resource:
    /// …", <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>); an action that knows no
    /// resources comes without one. Where AWS does not name them, the operation and what we asked for stand in.
    fn read(code: &str, message: &str, operation: &str, resource: &str) -> Option<Self> {
        if NOT_KNOWN.contains(&code) || code == "OptInRequired" {
            return None;
        }
        Some(Self {
            principal: after(message, "User: ").map_or_else(|| "the function's role".to_owned(), |arn| role(&arn)),
            action: after(message, "perform: ").unwrap_or_else(|| operation.to_owned()),
            resource: after(message, "on resource: "),
            asked_for: resource.to_owned(),
            policy: message.split("with an explicit deny in ").nth(1).map(|rest| {
                let policy: Vec<&str> = rest.split_whitespace().take_while(|word| !word.starts_with('(')).collect();
                policy.join(" ").trim_end_matches(['.', ',']).to_owned()
            }),
        })
    }

    fn of(error: &Error) -> Option<Self> {
        if error.kind != Kind::Denied {
            return None;
        }
        let resource = error.resource.as_deref().unwrap_or_default();
        Self::read(error.code.as_deref()?, &error.message, &error.operation, resource)
    }

    /// Whether one change of one policy allows both.
    fn belongs_to(&self, other: &Self) -> bool {
        self.principal == other.principal && self.policy == other.policy
    }
}

/// The hint of a denied call.
pub(crate) fn hint(code: &str, message: &str, operation: &str, resource: &str) -> String {
    match Denial::read(code, message, operation, resource) {
        Some(denial) => advice(&denial.principal, denial.policy.as_deref(), &[&denial]),
        None if code == "OptInRequired" => {
            "the account is not signed up for this service or region: enable it in the console".to_owned()
        }
        None => "the credentials are not valid (any more): look at the function's role and the clock".to_owned(),
    }
}

/// Errors with the denials among them put together: one error for each principal and policy in the way, with all that
/// is missing in one hint. The others stay as they are, in their order.
pub fn denials_together(errors: Vec<Error>) -> Vec<Error> {
    let mut rest: Vec<Error> = Vec::new();
    let mut groups: Vec<(Vec<Denial>, Vec<Error>)> = Vec::new();
    for error in errors {
        let Some(denial) = Denial::of(&error) else {
            rest.push(error);
            continue;
        };
        match groups.iter_mut().find(|(known, _)| known.iter().all(|other| other.belongs_to(&denial))) {
            Some((denials, errors)) => {
                denials.push(denial);
                errors.push(error);
            }
            None => groups.push((vec![denial], vec![error])),
        }
    }
    let mut together: Vec<Error> =
        groups.into_iter().filter_map(|(denials, errors)| one_of(&denials, errors)).collect();
    together.append(&mut rest);
    together
}

/// One error for denials of one principal by one policy.
fn one_of(denials: &[Denial], errors: Vec<Error>) -> Option<Error> {
    let [first_denial, _, ..] = denials else { return errors.into_iter().next() };
    let mut operations: Vec<String> = errors.iter().map(|error| error.operation.to_string()).collect();
    operations.dedup();
    let mut one = errors.into_iter().next()?;
    let code = one.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    one.message = match &first_denial.policy {
        Some(policy) => format!("denied to {} by {policy}{code}", first_denial.principal),
        None => format!("not allowed to {}{code}", first_denial.principal),
    };
    one.operation = operations.join(", ").into();
    one.resource = None;
    let all: Vec<&Denial> = denials.iter().collect();
    one.hint = Some(advice(&first_denial.principal, first_denial.policy.as_deref(), &all));
    Some(one)
}

/// What to do about denials of one principal by one policy, each action once, by the resource it is missing on.
fn advice(principal: &str, policy: Option<&str>, denials: &[&Denial]) -> String {
    let mut by_resource: Vec<(Option<&str>, Vec<&str>)> = Vec::new();
    for denial in denials {
        // Of many, each in our own words would be longer than it helps.
        let in_our_words = (denials.len() == 1).then_some(denial.asked_for.as_str());
        let resource = denial.resource.as_deref().or(in_our_words).filter(|resource| !resource.is_empty());
        let place = match by_resource.iter().position(|(known, _)| *known == resource) {
            Some(place) => place,
            None => {
                by_resource.push((resource, Vec::new()));
                by_resource.len() - 1
            }
        };
        let actions = &mut by_resource[place].1;
        if !actions.contains(&denial.action.as_str()) {
            actions.push(&denial.action);
        }
    }
    let parts: Vec<String> = by_resource
        .iter()
        .map(|(resource, actions)| match resource {
            Some(resource) => format!("{} on {resource}", actions.join(", ")),
            None => actions.join(", "),
        })
        .collect();
    let what = parts.join(", and ");
    match policy {
        Some(policy) => format!("{policy} denies {what} to {principal}: take that statement out of it"),
        None => format!(
            "allow {what} to {principal}: update the installation with `landfall bootstrap`, or look for a service \
             control policy or permissions boundary that denies it"
        ),
    }
}

/// `arn:aws:sts::1:assumed-role/landfall-sqs/session` is known to people as the role.
fn role(arn: &str) -> String {
    match arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next()) {
        Some(role) => format!("role {role}"),
        None => arn.to_owned(),
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
        let expected = "allow sqs:CreateQueue on arn:aws:sqs:eu-west-1:1:q to role landfall-sqs:";
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

    fn denied(role: &str, action: &str, on: &str) -> Error {
        let message = format!(
            "User: arn:aws:sts::1:assumed-role/{role}/x is not authorized to perform: {action}{on} because no \
             identity-based policy allows the {action} action (AccessDenied)"
        );
        let operation = action.split(':').nth(1).unwrap_or(action);
        let mut error = Error::new(Kind::Denied, operation, &message).about("thing");
        error.hint = Some(hint("AccessDenied", &message, operation, "thing"));
        error.code = Some("AccessDenied".to_owned());
        error
    }

    #[test]
    fn denials_of_one_role_become_one_error_with_every_action_in_one_hint() {
        let other = Error::new(Kind::NotReady, "DescribeKey", "no answer in time");
        let errors = vec![
            denied("landfall-base", "ec2:DescribeVpcs", ""),
            other,
            denied("landfall-base", "kms:DescribeKey", " on resource: arn:aws:kms:eu-west-1:1:key/k"),
            denied("landfall-base", "ec2:DescribeSubnets", ""),
            denied("landfall-base", "kms:GetKeyPolicy", " on resource: arn:aws:kms:eu-west-1:1:key/k"),
            denied("landfall-sqs", "sqs:ListQueues", ""),
        ];
        let together = denials_together(errors);
        let told: Vec<String> = together.iter().map(Error::advice).collect();
        assert_eq!(told.len(), 3, "{told:#?}");
        assert_eq!(
            told[0].lines().collect::<Vec<_>>(),
            [
                "DescribeVpcs, DescribeKey, DescribeSubnets, GetKeyPolicy: not allowed to role landfall-base \
                 (AccessDenied)",
                "  hint: allow ec2:DescribeVpcs, ec2:DescribeSubnets, and kms:DescribeKey, kms:GetKeyPolicy on \
                 arn:aws:kms:eu-west-1:1:key/k to role landfall-base: update the installation with `landfall \
                 bootstrap`, or look for a service control policy or permissions boundary that denies it",
            ]
        );
        assert!(told[1].contains("allow sqs:ListQueues on thing to role landfall-sqs"), "{}", told[1]);
        assert!(told[2].starts_with("DescribeKey: no answer"), "{}", told[2]);
    }
}
