//! Quotas that a plan uses up. Each function tells what its own modules add to a quota; whether all of them fit is seen
//! in the plan of the layer, where what they add is summed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::module::ModulePlan;
use crate::preflight::{Obstacle, Weight};

/// Percent of a quota from which on a plan says how little is left.
const NEAR: u64 = 80;

/// A quota of the account that new resources count against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// What AWS calls it, for example `VPCs per Region`. The same name is the same quota.
    pub name: String,
    /// How many there may be.
    pub limit: u64,
    /// How many there are.
    pub used: u64,
    /// How many the plan adds.
    pub more: u64,
    /// Page on which more can be asked for.
    pub page: String,
    /// Modules that add to it.
    #[serde(default)]
    pub modules: BTreeSet<String>,
}

impl Quota {
    /// A quota of this name: how many there may be, how many there are, and how many a plan adds.
    pub fn new(name: impl Into<String>, limit: u64, used: u64, more: u64) -> Self {
        Self { name: name.into(), limit, used, more, page: String::new(), modules: BTreeSet::new() }
    }

    /// Both together. Of two counts taken one after the other the higher one is believed.
    fn and(mut self, other: Self) -> Self {
        self.used = self.used.max(other.used);
        self.limit = self.limit.min(other.limit);
        self.more = self.more.saturating_add(other.more);
        self.modules.extend(other.modules);
        self
    }

    /// What it means for a plan; `None` when there is room enough.
    fn judge(&self) -> Option<Obstacle> {
        let Self { name, limit, used, more, page, modules } = self;
        let total = used.saturating_add(*more);
        let weight = if total > *limit {
            Weight::Blocking
        } else if total.saturating_mul(100) >= limit.saturating_mul(NEAR) {
            Weight::Near
        } else {
            return None;
        };
        let by = match modules.len() {
            0 | 1 => String::new(),
            // All of them are in the plan, with what each makes.
            count => format!(" by {count} modules"),
        };
        Some(Obstacle {
            weight,
            about: name.clone(),
            message: format!("{total} of {limit} {name} ({used} there, {more} to be made{by})"),
            hint: format!("ask for more: {page}"),
        })
    }
}

/// Takes the quotas out of the plans of a layer's modules and leaves what stands in the way: what all of them add to a
/// quota counts together, and is told in the last one that adds to it.
pub fn weigh(modules: &mut [ModulePlan]) {
    let mut quotas: BTreeMap<String, Quota> = BTreeMap::new();
    for quota in modules.iter_mut().flat_map(|module| std::mem::take(&mut module.quotas)) {
        let whole = match quotas.remove(&quota.name) {
            Some(known) => known.and(quota),
            None => quota,
        };
        quotas.insert(whole.name.clone(), whole);
    }
    for quota in quotas.values() {
        let Some(obstacle) = quota.judge() else { continue };
        if let Some(last) = modules.iter_mut().rev().find(|module| quota.modules.contains(&module.module)) {
            last.preflight.push(obstacle);
        }
    }
    for module in modules {
        module.preflight.sort_by_key(|obstacle| std::cmp::Reverse(obstacle.weight));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::ModuleChange;

    fn quota(limit: u64, used: u64, more: u64, modules: &[&str]) -> Quota {
        let modules = modules.iter().map(|name| (*name).to_owned()).collect();
        Quota { page: "https://quotas".to_owned(), modules, ..Quota::new("VPCs per Region", limit, used, more) }
    }

    fn module(name: &str, quotas: &[Quota]) -> ModulePlan {
        ModulePlan {
            module: name.to_owned(),
            kind: "base".to_owned(),
            change: ModuleChange::Apply,
            needs: Vec::new(),
            resources: Vec::new(),
            notes: Vec::new(),
            preflight: Vec::new(),
            quotas: quotas.to_vec(),
            left: Vec::new(),
        }
    }

    /// What the plans of modules that add so much say, in order.
    fn told(modules: &[(&str, &[Quota])]) -> Vec<(String, String)> {
        let mut plans: Vec<ModulePlan> = modules.iter().map(|(name, quotas)| module(name, quotas)).collect();
        weigh(&mut plans);
        assert!(plans.iter().all(|plan| plan.quotas.is_empty()), "the plan keeps what they mean, not the counts");
        let said = plans.iter().flat_map(|plan| plan.preflight.iter().map(|one| (plan.module.clone(), one.sentence())));
        said.collect()
    }

    #[test]
    fn a_quota_is_told_from_four_fifths_on_and_is_in_the_way_above_it() {
        let weight = |limit, used, more| quota(limit, used, more, &[]).judge().map(|obstacle| obstacle.weight);
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
        let said = told(&[("base", &[quota(5, 5, 1, &["base"])])]);
        let expected = "6 of 5 VPCs per Region (5 there, 1 to be made): ask for more: https://quotas";
        assert_eq!(said, [("base".to_owned(), expected.to_owned())]);
    }

    #[test]
    fn of_two_that_each_need_the_last_place_one_does_not_fit() {
        let said = told(&[
            ("a", &[quota(5, 4, 1, &["a"])]),
            ("b", &[quota(5, 4, 1, &["b"])]),
            ("c", &[Quota { name: "roles".to_owned(), ..quota(1000, 4, 1, &["c"]) }]),
        ]);
        let expected = "6 of 5 VPCs per Region (4 there, 2 to be made by 2 modules): ask for more: https://quotas";
        assert_eq!(said, [("b".to_owned(), expected.to_owned())]);
    }

    #[test]
    fn what_one_function_tells_of_many_of_its_modules_counts_once() {
        let said = told(&[("a", &[]), ("b", &[]), ("c", &[quota(5, 3, 3, &["a", "b", "c"])])]);
        let expected = "6 of 5 VPCs per Region (3 there, 3 to be made by 3 modules): ask for more: https://quotas";
        assert_eq!(said, [("c".to_owned(), expected.to_owned())]);
    }
}
