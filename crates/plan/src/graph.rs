//! Order of things that need each other: modules of a layer, resources of a module.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// Things that need each other in a circle, in order, the first one repeated at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<String>);

impl std::fmt::Display for Cycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "these need each other in a circle: {}", self.0.join(" → "))
    }
}

impl std::error::Error for Cycle {}

/// Topological order that stays as close to the given order as the needs allow: of what is ready, the one that was
/// given first comes first, so an order that fits is left as it is. Needs that are not in the list are taken as met.
///
/// # Errors
/// The circle, when some of them need each other.
pub fn order<'a>(nodes: &[(&'a str, Vec<&'a str>)]) -> Result<Vec<&'a str>, Cycle> {
    let mut open = Open::new(nodes);
    let mut ready: BinaryHeap<Reverse<usize>> = open.ready().into_iter().map(Reverse).collect();
    let mut ordered = Vec::with_capacity(nodes.len());
    while let Some(Reverse(at)) = ready.pop() {
        ordered.push(nodes[at].0);
        ready.extend(open.settle(at).into_iter().map(Reverse));
    }
    if ordered.len() == nodes.len() { Ok(ordered) } else { Err(circle(nodes, &ordered)) }
}

/// Groups in which every member can run at the same time, each group needing only earlier ones.
///
/// # Errors
/// The circle, when some of them need each other.
pub fn ready_sets<'a>(nodes: &[(&'a str, Vec<&'a str>)]) -> Result<Vec<Vec<&'a str>>, Cycle> {
    let mut open = Open::new(nodes);
    let mut ready = open.ready();
    let mut sets: Vec<Vec<&str>> = Vec::new();
    while !ready.is_empty() {
        sets.push(ready.iter().map(|at| nodes[*at].0).collect());
        ready = ready.into_iter().flat_map(|at| open.settle(at)).collect();
        ready.sort_unstable();
    }
    let settled = sets.concat();
    if settled.len() == nodes.len() { Ok(sets) } else { Err(circle(nodes, &settled)) }
}

/// What is not settled: how many needs each node still has, and who waits for it.
struct Open {
    needs: Vec<usize>,
    dependents: Vec<Vec<usize>>,
}

impl Open {
    fn new(nodes: &[(&str, Vec<&str>)]) -> Self {
        let place: HashMap<&str, usize> = nodes.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
        let mut open = Self { needs: vec![0; nodes.len()], dependents: vec![Vec::new(); nodes.len()] };
        for (at, (_, needs)) in nodes.iter().enumerate() {
            for need in needs.iter().filter_map(|need| place.get(need)) {
                open.needs[at] += 1;
                open.dependents[*need].push(at);
            }
        }
        open
    }

    /// Those that need nothing, in the given order.
    fn ready(&self) -> Vec<usize> {
        (0..self.needs.len()).filter(|at| self.needs[*at] == 0).collect()
    }

    /// Those that became ready because this one is done.
    fn settle(&mut self, at: usize) -> Vec<usize> {
        let dependents = std::mem::take(&mut self.dependents[at]);
        dependents
            .into_iter()
            .filter(|dependent| {
                self.needs[*dependent] -= 1;
                self.needs[*dependent] == 0
            })
            .collect()
    }
}

fn circle(nodes: &[(&str, Vec<&str>)], done: &[&str]) -> Cycle {
    let done: HashSet<&str> = done.iter().copied().collect();
    let needs: HashMap<&str, &Vec<&str>> = nodes.iter().map(|(name, needs)| (*name, needs)).collect();
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
