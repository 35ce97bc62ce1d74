//! Quotas that a plan would use up.

use std::collections::BTreeMap;

use futures::future::join_all;
use landfall_aws::Aws;
use landfall_plan::{Action, ModulePlan, Obstacle, Weight};
use serde_json::Value;

use super::blind;
use crate::resource::Registered;
use crate::subject::Subject;

/// Percent of a quota from which on a plan says how little is left.
const NEAR: u64 = 80;

/// A quota of the account that new resources count against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What AWS calls it, for example `VPCs per Region`.
    pub name: String,
    /// How many there may be.
    pub limit: u64,
    /// How many there are.
    pub used: u64,
    /// How many the plan adds.
    pub more: u64,
    /// Page on which more can be asked for.
    pub page: String,
}

impl Quota {
    /// What it means for a plan; `None` when there is room enough.
    fn judge(&self) -> Option<Obstacle> {
        let Self { name, limit, used, more, page } = self;
        let total = used.saturating_add(*more);
        let weight = if total > *limit {
            Weight::Blocking
        } else if total.saturating_mul(100) >= limit.saturating_mul(NEAR) {
            Weight::Near
        } else {
            return None;
        };
        Some(Obstacle {
            weight,
            about: name.clone(),
            message: format!("{total} of {limit} {name} ({used} there, {more} to be made)"),
            hint: format!("ask for more: {page}"),
        })
    }
}

/// Quotas that the creations of the plan use up, or nearly.
pub(super) async fn look(aws: &Aws, subject: &Subject, plan: &ModulePlan) -> Vec<Obstacle> {
    let mut new: BTreeMap<&str, (Registered, Vec<Value>)> = BTreeMap::new();
    for change in plan.resources.iter().filter(|change| change.action == Action::Create) {
        if let Some(node) = subject.nodes.iter().find(|node| node.name == change.resource) {
            new.entry(node.kind.kind()).or_insert((node.kind, Vec::new())).1.push(node.desired.clone());
        }
    }
    let asked = new.values().map(|(kind, new)| async { (kind.kind(), kind.0.quotas(aws, new).await) });
    let answers = join_all(asked).await;
    let found = answers.into_iter().flat_map(|(kind, answer)| match answer {
        Ok(quotas) => quotas.iter().filter_map(Quota::judge).collect(),
        Err(error) => blind(&format!("quota of {kind}"), &error).into_iter().collect::<Vec<_>>(),
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(limit: u64, used: u64, more: u64) -> Option<Obstacle> {
        Quota { name: "VPCs per Region".to_owned(), limit, used, more, page: "https://quotas".to_owned() }.judge()
    }

    #[test]
    fn a_quota_is_told_from_four_fifths_on_and_is_in_the_way_above_it() {
        let weight = |limit, used, more| quota(limit, used, more).map(|obstacle| obstacle.weight);
        assert_eq!(weight(5, 2, 1), None);
        assert_eq!(weight(5, 3, 1), Some(Weight::Near));
        assert_eq!(weight(5, 4, 1), Some(Weight::Near), "the last one still fits");
        assert_eq!(weight(5, 5, 1), Some(Weight::Blocking));
        assert_eq!(weight(1000, 798, 1), None);
        assert_eq!(weight(1000, 799, 1), Some(Weight::Near));
        assert_eq!(weight(0, 0, 1), Some(Weight::Blocking));
    }

    #[test]
    fn what_is_over_a_quota_says_how_many_there_are_and_where_to_ask_for_more() {
        let told = quota(5, 5, 1).expect("it is over").sentence();
        assert_eq!(told, "6 of 5 VPCs per Region (5 there, 1 to be made): ask for more: https://quotas");
    }
}
