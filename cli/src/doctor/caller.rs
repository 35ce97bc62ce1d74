//! Whoever asks: credentials, the clock of this machine, and whether the caller may do what the command needs.

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};

use super::facts::Facts;
use super::{Blind, Finding, seen};
use crate::http::{date_of, refused_credentials};

const GROUP: &str = "Caller";
/// AWS refuses what is signed with a clock that is further off
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>).
const REFUSED: SignedDuration = SignedDuration::from_mins(5);
/// Reason to set a clock right.
const OFF: SignedDuration = SignedDuration::from_secs(30);

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) arn: String,
    pub(super) account: String,
    pub(super) partition: String,
}

pub(super) async fn identity(config: &SdkConfig) -> Result<Identity, Finding> {
    let asked = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let answer = seen("sts:GetCallerIdentity", asked).map_err(|blind| {
        let (what, todo) = match refused_credentials(&blind.what) {
            Some(failure) => (failure.message, failure.hint),
            None => (blind.what, Some("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned())),
        };
        Finding::wrong(GROUP, "credentials", what, todo.unwrap_or_default())
    })?;
    let arn = answer.arn().unwrap_or_default().to_owned();
    let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
    Ok(Identity { account: answer.account().unwrap_or_default().to_owned(), partition, arn })
}

pub(super) fn credentials(identity: &Identity, region: &str) -> Finding {
    let Identity { arn, account, .. } = identity;
    let who = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    Finding::ok(GROUP, "credentials", format!("{who} of account {account}, region {region}"))
}

/// The clock of this machine against that of AWS, which tells the time with every answer.
pub(super) async fn clock(config: &SdkConfig, facts: &Facts) -> Option<Finding> {
    let url = config.endpoint_url().map(str::to_owned).or_else(|| facts.outputs.get("ApiUrl").cloned())?;
    let before = Timestamp::now();
    let there = match date_of(&url).await {
        Ok(there) => there,
        Err(why) => {
            let blind = Blind { code: None, what: why, todo: None };
            return Some(Finding::blind(GROUP, "clock", &blind));
        }
    };
    // The answer tells whole seconds, and was made somewhere between question and answer.
    let after = Timestamp::now();
    let off = if there < before { before.duration_since(there) } else { there.duration_since(after) };
    Some(differs(off.max(SignedDuration::ZERO)))
}

fn differs(off: SignedDuration) -> Finding {
    let todo = "set the clock: timedatectl set-ntp true, or what your system has for it";
    let said = format!("differs from that of AWS by {} s", off.as_secs());
    if off > REFUSED {
        Finding::wrong(GROUP, "clock", format!("{said}; AWS refuses what is signed with it"), todo)
    } else if off > OFF {
        Finding::warning(GROUP, "clock", said, todo)
    } else {
        Finding::ok(GROUP, "clock", "agrees with that of AWS")
    }
}

/// Whether the caller may do what the command needs.
pub(super) async fn permissions(config: &SdkConfig, facts: &Facts, identity: &Identity) -> Vec<Finding> {
    let iam = aws_sdk_iam::Client::new(config);
    let policies = match source(identity) {
        Source::Root => return vec![Finding::ok(GROUP, "permissions", "the root of the account may do everything")],
        Source::Own(arn) => arn,
        // A session counts as its role, which IAM knows by its path, and a session does not tell that.
        Source::Role(name) => match seen("iam:GetRole", iam.get_role().role_name(name).send().await) {
            Ok(answer) => answer.role().map(|role| role.arn().to_owned()).unwrap_or_default(),
            Err(blind) => return vec![Finding::blind(GROUP, "permissions", &blind)],
        },
    };
    let Facts { region, account, partition, .. } = facts;
    let api = format!("arn:{partition}:execute-api:{region}:{account}:{}/$default", facts.id("Api"));
    let bucket = format!("arn:{partition}:s3:::{}/*", facts.id("ConfigBucket"));
    let needed = [
        ("see layers", "execute-api:Invoke", format!("{api}/GET/layers")),
        ("deploy", "execute-api:Invoke", format!("{api}/POST/layers/LAYER/deployments")),
        ("upload", "s3:PutObject", bucket),
        ("approve", "execute-api:Invoke", format!("{api}/POST/layers/LAYER/deployments/1/approval")),
        ("redrive", "execute-api:Invoke", format!("{api}/POST/dead-letters/redrive")),
    ];
    let mut found = Vec::new();
    for (what, action, resource) in &needed {
        let asked = iam.simulate_principal_policy().policy_source_arn(&policies).action_names(*action);
        let asked = asked.resource_arns(resource).send().await;
        let answer = match seen("iam:SimulatePrincipalPolicy", asked) {
            Ok(answer) => answer,
            Err(blind) => return vec![Finding::blind(GROUP, "permissions", &blind)],
        };
        if answer.evaluation_results().iter().any(|result| result.eval_decision().as_str() != "allowed") {
            found.push(Finding::warning(
                GROUP,
                "permissions",
                format!("the caller may not {what}"),
                format!("where that is wanted, allow {action} on {resource}"),
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(GROUP, "permissions", "the caller may see, upload, deploy, approve and redrive"));
    }
    found
}

/// Whose policies count for the caller.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// Nobody's.
    Root,
    /// The caller's own.
    Own(String),
    /// Those of the role of this name.
    Role(String),
}

fn source(identity: &Identity) -> Source {
    let arn = &identity.arn;
    match arn.splitn(6, ':').nth(5).unwrap_or_default() {
        "root" => Source::Root,
        name => match name.strip_prefix("assumed-role/") {
            Some(session) => Source::Role(session.split('/').next().unwrap_or_default().to_owned()),
            None => Source::Own(arn.clone()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_session_counts_as_its_role_and_root_needs_no_policy() {
        let of = |arn: &str| source(&Identity { arn: arn.into(), account: "1".into(), partition: "aws".into() });
        assert_eq!(of("arn:aws:iam::1:root"), Source::Root);
        assert_eq!(of("arn:aws:iam::1:user/ana"), Source::Own("arn:aws:iam::1:user/ana".to_owned()));
        assert_eq!(of("arn:aws:sts::1:assumed-role/dev/ana"), Source::Role("dev".to_owned()));
    }
    #[test]
    fn a_clock_is_well_until_aws_nearly_refuses_what_it_signs() {
        let of = |seconds| differs(SignedDuration::from_secs(seconds));
        assert_eq!(of(30), Finding::ok(GROUP, "clock", "agrees with that of AWS"));
        assert_eq!(of(31).state, State::Warning);
        assert_eq!(of(300).state, State::Warning);
        let refused = of(301);
        assert_eq!(refused.state, State::Wrong);
        assert!(refused.what.contains("by 301 s; AWS refuses"), "{refused:?}");
    }
}
