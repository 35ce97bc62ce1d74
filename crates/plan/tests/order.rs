//! Order of modules and resources for any graph.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use landfall_plan::{order, ready_sets};
use proptest::prelude::*;

type Nodes = Vec<(String, Vec<String>)>;

fn borrowed(nodes: &Nodes) -> Vec<(&str, Vec<&str>)> {
    nodes.iter().map(|(name, needs)| (name.as_str(), needs.iter().map(String::as_str).collect())).collect()
}

/// Any graph, with needs outside the list, needs twice and needs of itself.
fn graph() -> impl Strategy<Value = Nodes> {
    (1usize..12).prop_flat_map(|count| {
        let names: Vec<String> = (0..count).map(|number| format!("n{number}")).collect();
        let needs = prop::collection::vec(0..count + 2, 0..3);
        (Just(names).prop_shuffle(), prop::collection::vec(needs, count)).prop_map(|(names, needs)| {
            let needs = needs.into_iter().map(|needs| needs.into_iter().map(|need| format!("n{need}")).collect());
            names.into_iter().zip(needs).collect()
        })
    })
}

/// A graph without circles in an order that fits: everything needs only what stands before it.
fn sorted() -> impl Strategy<Value = Nodes> {
    (1usize..14).prop_flat_map(|count| {
        let needs: Vec<_> = (0..count).map(|at| prop::collection::vec(0..at.max(1), 0..4)).collect();
        needs.prop_map(|needs| {
            let nodes = needs.into_iter().enumerate().map(|(at, needs)| {
                let earlier = needs.into_iter().filter(|need| *need < at);
                (format!("n{at}"), earlier.map(|need| format!("n{need}")).collect())
            });
            nodes.collect()
        })
    })
}

/// A graph without circles in any order.
fn acyclic() -> impl Strategy<Value = Nodes> {
    sorted().prop_shuffle()
}

proptest! {
    #[test]
    fn everything_comes_once_and_after_what_it_needs(nodes in acyclic()) {
        let nodes = borrowed(&nodes);
        let ordered = order(&nodes).unwrap();
        let place: BTreeMap<&str, usize> = ordered.iter().enumerate().map(|(at, name)| (*name, at)).collect();
        prop_assert_eq!(place.len(), nodes.len());
        prop_assert_eq!(ordered.len(), nodes.len());
        for (name, needs) in &nodes {
            for need in needs {
                prop_assert!(place[need] < place[name], "{} needs {}", name, need);
            }
        }
    }

    #[test]
    fn an_order_that_fits_is_left_as_it_is(nodes in sorted()) {
        let given: Vec<&str> = nodes.iter().map(|(name, _)| name.as_str()).collect();
        prop_assert_eq!(order(&borrowed(&nodes)).unwrap(), given);
    }

    #[test]
    fn a_set_holds_exactly_what_its_predecessors_made_ready(nodes in acyclic()) {
        let nodes = borrowed(&nodes);
        let needs: BTreeMap<&str, &Vec<&str>> = nodes.iter().map(|(name, needs)| (*name, needs)).collect();
        let mut done = BTreeSet::new();
        for set in ready_sets(&nodes).unwrap() {
            let ready: BTreeSet<&str> = needs
                .iter()
                .filter(|(name, needs)| !done.contains(**name) && needs.iter().all(|need| done.contains(need)))
                .map(|(name, _)| *name)
                .collect();
            prop_assert_eq!(&set.iter().copied().collect::<BTreeSet<_>>(), &ready);
            done.extend(set);
        }
        prop_assert_eq!(done.len(), nodes.len());
    }

    #[test]
    fn a_circle_that_is_reported_is_one(nodes in graph()) {
        let nodes = borrowed(&nodes);
        let needs: BTreeMap<&str, &Vec<&str>> = nodes.iter().map(|(name, needs)| (*name, needs)).collect();
        match (order(&nodes), ready_sets(&nodes)) {
            (Ok(ordered), Ok(_)) => prop_assert_eq!(ordered.len(), nodes.len()),
            (Err(cycle), Err(same)) => {
                prop_assert_eq!(&cycle, &same);
                prop_assert!(cycle.0.len() > 1 && cycle.0.first() == cycle.0.last());
                for pair in cycle.0.windows(2) {
                    prop_assert!(needs[pair[0].as_str()].contains(&pair[1].as_str()), "{:?}", pair);
                }
                let distinct: BTreeSet<_> = cycle.0.iter().collect();
                prop_assert_eq!(distinct.len(), cycle.0.len() - 1, "the circle is walked once");
            }
            (order, sets) => prop_assert!(false, "they disagree: {:?} {:?}", order, sets),
        }
    }
}
