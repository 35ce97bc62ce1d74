//! What kinds say that they need, against the policy beside the module's code.

use std::collections::BTreeSet;

use landfall_engine::Module;
use serde_json::Value;

use super::Example;
use crate::world::End;

/// Fails unless the module's `policy.json` allows every action that its resource kinds say they need: what is checked
/// before a deployment is what the function may do.
///
/// # Panics
/// With the kind and the action that the policy lacks.
pub fn actions_are_allowed<M: Module>(policy: &str) {
    let policy: Value = serde_json::from_str(policy).expect("a policy is JSON");
    let statements = policy["Statement"].as_array().expect("a policy has statements");
    let allowed: BTreeSet<&str> = statements
        .iter()
        .flat_map(|statement| match &statement["Action"] {
            Value::Array(actions) => actions.iter().filter_map(Value::as_str).collect(),
            action => Vec::from_iter(action.as_str()),
        })
        .collect();
    let mut needed = 0;
    for kind in M::resources() {
        for action in kind.actions().all() {
            assert!(allowed.contains(action), "{} needs {action}, which policy.json does not allow", kind.kind());
            needed += 1;
        }
    }
    assert!(needed > 0, "no kind of {} says what it needs", M::KIND);
}

/// Fails if a plan under the module's own policy is told that anything stands in its way: a false alarm is worse than
/// none.
///
/// # Panics
/// With the example and what it is told.
pub async fn no_false_alarms<M: Module>(examples: &str, policy: &str) {
    let examples: Vec<Example> = serde_json::from_str(examples).expect("the examples are a JSON list");
    for example in &examples {
        let name = &example.name;
        let mut world = example.world().await;
        world.restrict(policy).await;
        let mut first = world.deploy::<M>(Some(&example.inputs), &example.links).await;
        let plan = world.plan::<M>(&mut first).await;
        assert_eq!(plan.preflight, [], "{name}: nothing stands in the way of making it");
        assert_eq!(world.apply::<M>(&first).await, End::Done, "{name}: it is made");
        for inputs in [&example.updated, &example.replaced].into_iter().flatten().map(Some).chain([None]) {
            let mut change = world.deploy::<M>(inputs, &example.links).await;
            let plan = world.plan::<M>(&mut change).await;
            assert_eq!(plan.preflight, [], "{name}: nor of changing and destroying it");
        }
    }
}
