//! A rule: which calls it concerns, how often it strikes, and what it does to them. Rules are set as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::call::{Call, Caller};

/// Which calls a rule concerns. What is not given concerns all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// `ec2`, `dynamodb`.
    pub service: Option<String>,
    /// `CreateVpc`; one of several, divided by `|`.
    pub operation: Option<String>,
    /// Name of a function without the stack's name.
    pub function: Option<String>,
    /// Region that the call is signed for.
    pub region: Option<String>,
    /// Whether it changes something.
    pub mutating: Option<bool>,
    /// A name that the request contains.
    pub names: Option<String>,
}

impl Match {
    fn fits(&self, call: &Call, caller: &Caller) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.service, &call.service)
            && is(&self.region, &call.region)
            && self.operation.as_deref().is_none_or(|wanted| wanted.split('|').any(|one| one == call.operation))
            && self.function.as_deref().is_none_or(|wanted| caller.function.as_deref() == Some(wanted))
            && self.mutating.is_none_or(|wanted| wanted == call.mutating)
            && self.names.as_deref().is_none_or(|name| call.names(name))
    }
}

/// Where something happens: the call is not made, or it is made and nobody learns how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Before the call.
    Before,
    /// After it.
    After,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// The call is not made; the service answers 500 or 503.
    Fail {
        /// 500 or 503.
        status: u16,
    },
    /// The call is not made; the service answers with this error.
    Error {
        /// HTTP status.
        status: u16,
        /// Error code, such as `DependencyViolation`.
        code: String,
    },
    /// The call is not made; the service says that there were too many.
    Throttle,
    /// The call is answered with an empty success, and not done until it is asked for again: what AWS promises to do
    /// soon, such as deleting a queue.
    Promise,
    /// The connection breaks, before the call or after it.
    Drop {
        /// After: the call is made, the reply is lost.
        place: Place,
    },
    /// The function's process is killed, before the call or after it.
    Kill {
        /// After: the call is made.
        place: Place,
    },
    /// The call takes longer. Other rules concern it all the same.
    Delay {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// What is new is not found, and not in lists, until it was looked for some times, or is ten seconds old.
    Lag {
        /// How many times.
        looks: u32,
    },
    /// What is new stays `pending`, and what was deleted stays `deleting`, until it was looked at some times. Where
    /// the protocol shows a state: NAT gateways, VPC endpoints, VPCs, subnets.
    Linger {
        /// How many times.
        looks: u32,
    },
    /// New roles cannot be assumed or named in a policy until it was tried some times.
    Unassumable {
        /// How many times.
        tries: u32,
    },
    /// Lists are answered in pages of one.
    Pages,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which calls.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// How many calls pass first.
    #[serde(default)]
    pub skip: u64,
    /// How many calls it strikes; none: all.
    #[serde(default)]
    pub times: Option<u64>,
    /// Whether `skip` and `times` count for each set of parameters on its own.
    #[serde(default)]
    pub each: bool,
    /// Strikes a call only with this probability, drawn from the seed.
    #[serde(default)]
    pub probability: Option<f64>,
    /// The seed of the probability.
    #[serde(default)]
    pub seed: u64,
    /// What happens.
    #[serde(rename = "do")]
    pub effect: Effect,
}

/// A rule and how often it matched and struck.
#[derive(Clone, Debug, Serialize)]
pub struct Armed {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// Calls that fitted.
    pub matched: u64,
    /// Calls that it struck.
    pub struck: u64,
    #[serde(skip)]
    counts: BTreeMap<String, u64>,
}

impl Armed {
    /// A rule that has met no call.
    pub fn new(rule: Rule) -> Self {
        Self { rule, matched: 0, struck: 0, counts: BTreeMap::new() }
    }

    /// Whether it strikes this call. Counts it.
    pub fn strikes(&mut self, call: &Call, caller: &Caller) -> bool {
        if !self.rule.matches.fits(call, caller) {
            return false;
        }
        let number = self.matched;
        self.matched += 1;
        if self.rule.probability.is_some_and(|probability| drawn(self.rule.seed, number) >= probability) {
            return false;
        }
        let group = if self.rule.each { format!("{} {}", call.operation, call.text) } else { String::new() };
        let count = self.counts.entry(group).or_default();
        let place = *count;
        *count += 1;
        let last = self.rule.times.map_or(u64::MAX, |times| self.rule.skip.saturating_add(times));
        let strikes = place >= self.rule.skip && place < last;
        self.struck += u64::from(strikes);
        strikes
    }
}

/// A number from 0 to 1 that is the same for the same seed and place (SplitMix64).
fn drawn(seed: u64, place: u64) -> f64 {
    let mut state = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^= state >> 31;
    // The upper 53 bits fill the fraction of a double.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let fraction = (state >> 11) as f64;
    fraction / 9_007_199_254_740_992.0
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn call(body: &str) -> Call {
        let scope = "AWS4-HMAC-SHA256 Credential=A/20261125/us-east-1/ec2/aws4_request, SignedHeaders=host";
        let request = Request::post("/")
            .header("authorization", scope)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(())
            .expect("a request");
        Call::of(&request.into_parts().0, body.as_bytes())
    }

    fn armed(json: &str) -> Armed {
        Armed::new(serde_json::from_str(json).expect("a rule"))
    }

    fn strikes(rule: &mut Armed, body: &str) -> bool {
        rule.strikes(&call(body), &Caller { function: Some("base".to_owned()) })
    }

    #[test]
    fn a_rule_strikes_the_calls_that_it_counts() {
        let mut rule = armed(
            r#"{"match":{"operation":"CreateVpc|CreateSubnet","function":"base"},"skip":1,"times":1,
                "do":{"fault":"throttle"}}"#,
        );
        assert!(!strikes(&mut rule, "Action=DescribeVpcs"));
        assert!(!strikes(&mut rule, "Action=CreateVpc"));
        assert!(strikes(&mut rule, "Action=CreateSubnet"));
        assert!(!strikes(&mut rule, "Action=CreateSubnet"));
        assert_eq!((rule.matched, rule.struck), (3, 1));
    }

    #[test]
    fn each_set_of_parameters_can_count_on_its_own() {
        let mut rule = armed(r#"{"each":true,"times":1,"do":{"fault":"throttle"}}"#);
        assert!(strikes(&mut rule, "Action=DeleteVpc&VpcId=vpc-1"));
        assert!(strikes(&mut rule, "Action=DeleteVpc&VpcId=vpc-2"));
        assert!(!strikes(&mut rule, "Action=DeleteVpc&VpcId=vpc-1"));
    }

    #[test]
    fn a_seed_draws_the_same_calls_again() {
        let draw = |seed| {
            let mut rule = armed(r#"{"probability":0.3,"do":{"fault":"throttle"}}"#);
            rule.rule.seed = seed;
            (0..200).map(|_| strikes(&mut rule, "Action=CreateVpc")).collect::<Vec<bool>>()
        };
        let struck = draw(7).into_iter().filter(|struck| *struck).count();
        assert!((40..80).contains(&struck), "{struck} of 200");
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn what_a_rule_does_not_know_is_refused() {
        assert!(serde_json::from_str::<Rule>(r#"{"do":{"fault":"explode"}}"#).is_err());
        assert!(serde_json::from_str::<Rule>(r#"{"match":{"operatoin":"x"},"do":{"fault":"throttle"}}"#).is_err());
    }
}
