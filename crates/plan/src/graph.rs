//! Order of things that need each other: modules of a layer, resources of a module.

use std::collections::{BTreeMap, BTreeSet};

/// Things that need each other in a circle, in order, the first one repeated at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<String>);

impl std::fmt::Display for Cycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "these need each other in a circle: {}", self.0.join(" → "))
    }
}

impl std::error::Error for Cycle {}

/// Topological order that stays as close to the given order as the needs allow. Needs that are not in the list are
/// taken as met.
pub fn order<'a>(nodes: &[(&'a str, Vec<&'a str>)]) -> Result<Vec<&'a str>, Cycle> {
    let sets = ready_sets(nodes)?;
    let level: BTreeMap<&str, usize> =
        sets.iter().enumerate().flat_map(|(level, set)| set.iter().map(move |name| (*name, level))).collect();
    let mut names: Vec<&str> = nodes.iter().map(|(name, _)| *name).collect();
    names.sort_by_key(|name| level.get(name).copied().unwrap_or_default());
    Ok(names)
}

/// Groups in which every member can run at the same time, each group needing only earlier ones.
pub fn ready_sets<'a>(nodes: &[(&'a str, Vec<&'a str>)]) -> Result<Vec<Vec<&'a str>>, Cycle> {
    let known: BTreeSet<&str> = nodes.iter().map(|(name, _)| *name).collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut sets = Vec::new();
    while done.len() < known.len() {
        let ready: Vec<&str> = nodes
            .iter()
            .filter(|(name, needs)| {
                !done.contains(name) && needs.iter().all(|need| done.contains(need) || !known.contains(need))
            })
            .map(|(name, _)| *name)
            .collect();
        if ready.is_empty() {
            return Err(circle(nodes, &done));
        }
        done.extend(&ready);
        sets.push(ready);
    }
    Ok(sets)
}

fn circle(nodes: &[(&str, Vec<&str>)], done: &BTreeSet<&str>) -> Cycle {
    let needs: BTreeMap<&str, &Vec<&str>> = nodes.iter().map(|(name, needs)| (*name, needs)).collect();
    let mut path: Vec<&str> = Vec::new();
    let mut at = nodes.iter().map(|(name, _)| *name).find(|name| !done.contains(name));
    while let Some(name) = at {
        if let Some(start) = path.iter().position(|seen| *seen == name) {
            let mut found: Vec<String> = path[start..].iter().map(|name| (*name).to_owned()).collect();
            found.push(name.to_owned());
            return Cycle(found);
        }
        path.push(name);
        at = needs
            .get(name)
            .and_then(|list| list.iter().copied().find(|need| needs.contains_key(need) && !done.contains(need)));
    }
    Cycle(path.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_keeps_the_given_one_where_needs_allow() {
        let nodes = [("role", vec!["queue"]), ("bucket", vec![]), ("queue", vec!["key", "elsewhere"]), ("key", vec![])];
        assert_eq!(order(&nodes), Ok(vec!["bucket", "key", "queue", "role"]));
    }

    #[test]
    fn a_cycle_is_named_in_order() {
        let nodes = [("a", vec!["b"]), ("b", vec!["c"]), ("c", vec!["b"]), ("d", vec![])];
        assert_eq!(order(&nodes), Err(Cycle(vec!["b".into(), "c".into(), "b".into()])));
    }
}
