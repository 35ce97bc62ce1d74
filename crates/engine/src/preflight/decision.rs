//! What a simulated decision means for a plan. Pure. What is simulated and what is not:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html>.

use landfall_plan::{Obstacle, Weight};

/// What the simulation of an action decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Some policy allows it and none denies it.
    Allowed,
    /// A statement denies it.
    Denied,
    /// No statement allows it.
    NotAllowed,
}

/// The simulation of one action.
#[derive(Clone, Debug)]
pub(super) struct Simulated<'a> {
    pub action: &'a str,
    /// The ARN on which it was asked about; `None` for `*`.
    pub on: Option<&'a str>,
    pub decision: Decision,
    /// Policies whose statements decided, as IAM names them.
    pub policies: Vec<String>,
    /// Whether a condition names something of a real call that nobody knows before it.
    pub guessed: bool,
    /// Whether the service control policies of the organisation allow it, where there are any.
    pub organisation: Option<bool>,
    /// Whether the permissions boundary allows it, where there is one.
    pub boundary: Option<bool>,
}

/// What a simulation means for whoever wants to deploy; `None`: nothing stands in the way, or nothing is known.
///
/// | decision | organisation | boundary | asked on | then |
/// |---|---|---|---|---|
/// | any | refuses | any | any | refused: where these have conditions they are not simulated |
/// | denied | allows or none | any | any | refused; perhaps, when a condition was guessed |
/// | not allowed | allows or none | refuses | an ARN | refused; perhaps, when a condition was guessed |
/// | not allowed | allows or none | refuses | `*` | perhaps: it may allow it on what is made |
/// | not allowed | allows or none | allows or none | an ARN | refused, unless a condition was guessed |
/// | not allowed | allows or none | allows or none | `*` | nothing is known: statements name resources |
/// | allowed | allows or none | any | any | nothing |
pub(super) fn judge(simulated: &Simulated<'_>, who: &str) -> Option<Obstacle> {
    let Simulated { action, on, guessed, .. } = simulated;
    let certain = |sure: bool| if sure { Weight::Blocking } else { Weight::Doubtful };
    let place = on.map(|on| format!(" on {on}")).unwrap_or_default();
    let by = match simulated.policies.as_slice() {
        [] => "a policy".to_owned(),
        policies => format!("policy {}", policies.join(", ")),
    };
    if simulated.organisation == Some(false) {
        let message = format!("the organisation's service control policies do not allow {action} to {who}");
        return Some(obstacle(Weight::Blocking, action, message, "ask whoever keeps the policies of the organisation"));
    }
    let bounded = simulated.boundary == Some(false);
    match simulated.decision {
        Decision::Allowed => None,
        Decision::Denied if bounded => {
            let message = format!("the permissions boundary of {who} denies {action}{place}");
            Some(obstacle(certain(!guessed), action, message, "take that statement out of the boundary"))
        }
        Decision::Denied => {
            let message = format!("{by} denies {action}{place} to {who}");
            Some(obstacle(certain(!guessed), action, message, "take that statement out of it"))
        }
        Decision::NotAllowed if bounded => {
            let message = format!("the permissions boundary of {who} does not allow {action}{place}");
            Some(obstacle(certain(on.is_some() && !guessed), action, message, "allow it in the boundary"))
        }
        Decision::NotAllowed if on.is_some() && !guessed => {
            let message = format!("no policy allows {action}{place} to {who}");
            Some(obstacle(Weight::Blocking, action, message, "update the installation with `landfall bootstrap`"))
        }
        Decision::NotAllowed => None,
    }
}

fn obstacle(weight: Weight, about: &str, message: String, hint: &str) -> Obstacle {
    Obstacle { weight, about: about.to_owned(), message, hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Decision::{Allowed, Denied, NotAllowed};

    fn asked(decision: Decision, on: Option<&str>) -> Simulated<'_> {
        Simulated {
            action: "sqs:CreateQueue",
            on,
            decision,
            policies: Vec::new(),
            guessed: false,
            organisation: None,
            boundary: None,
        }
    }

    fn weight(simulated: &Simulated<'_>) -> Option<Weight> {
        judge(simulated, "role r").map(|obstacle| obstacle.weight)
    }

    /// The table above, row by row.
    #[test]
    fn the_truth_table_of_a_simulation() {
        let arn = Some("arn:aws:sqs:us-east-1:1:orders");
        let rows = [
            (asked(Allowed, None), None),
            (asked(Allowed, arn), None),
            (asked(Denied, None), Some(Weight::Blocking)),
            (asked(Denied, arn), Some(Weight::Blocking)),
            (Simulated { guessed: true, ..asked(Denied, None) }, Some(Weight::Doubtful)),
            (Simulated { boundary: Some(false), ..asked(Denied, None) }, Some(Weight::Blocking)),
            (asked(NotAllowed, None), None),
            (asked(NotAllowed, arn), Some(Weight::Blocking)),
            (Simulated { guessed: true, ..asked(NotAllowed, arn) }, None),
            (Simulated { boundary: Some(false), ..asked(NotAllowed, None) }, Some(Weight::Doubtful)),
            (Simulated { boundary: Some(false), ..asked(NotAllowed, arn) }, Some(Weight::Blocking)),
            (Simulated { boundary: Some(true), ..asked(Allowed, arn) }, None),
            (Simulated { organisation: Some(false), ..asked(NotAllowed, None) }, Some(Weight::Blocking)),
            (Simulated { organisation: Some(true), ..asked(NotAllowed, None) }, None),
        ];
        for (simulated, expected) in rows {
            assert_eq!(weight(&simulated), expected, "{simulated:?}");
        }
    }

    #[test]
    fn a_denial_names_the_policy_the_action_the_role_and_what_to_do() {
        let denied = Simulated { policies: vec!["taken-away".to_owned()], ..asked(Denied, None) };
        let obstacle = judge(&denied, "role landfall-sqs").expect("it is denied");
        assert_eq!(
            obstacle.sentence(),
            "policy taken-away denies sqs:CreateQueue to role landfall-sqs: take that statement out of it"
        );
    }
}
