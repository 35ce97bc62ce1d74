//! Three-way comparison of one resource: what the config wants, what was applied last, what is there now.

use serde_json::{Map, Value};

use crate::change::{Action, After, AttributeChange, Before, Field, OnChange, Risk};
use crate::drift::Why;
use crate::token::is_token;

/// Tags are shared with other tools (the Kubernetes controllers tag subnets, cost tools tag everything): keys that
/// neither the config nor the last apply names are not ours to remove.
const SHARED_FIELD: &str = "tags";

/// What a comparison found.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What has to be done.
    pub action: Action,
    /// Every difference, in the order of the desired fields.
    pub attributes: Vec<AttributeChange>,
    /// The risk of the action, before the resource's own data is considered.
    pub risk: Risk,
}

/// What a comparison found that leaves some differences alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaving {
    /// The comparison without them.
    pub comparison: Comparison,
    /// What is left alone.
    pub left: Vec<(AttributeChange, Why)>,
    /// The desired properties with what is left alone as it is now: what an update writes.
    pub desired: Value,
}

/// Says of a difference that the config did not make whether it is left alone.
pub type Leave<'a> = &'a dyn Fn(&AttributeChange) -> Option<Why>;

/// Compares the desired properties (tokens that are not known yet may stand in them) with the recorded and the
/// observed ones. All three are JSON objects with the same top-level fields; a field that AWS does not report is
/// compared with the record instead.
///
/// | recorded | observed | outcome |
/// |---|---|---|
/// | any | none | create |
/// | any | equal to desired | keep |
/// | equal to desired | differs | update or replace, marked as drift |
/// | differs or none | differs | update or replace |
pub fn compare(fields: &[Field], desired: &Value, recorded: Option<&Value>, observed: Option<&Value>) -> Comparison {
    compare_leaving(fields, desired, recorded, observed, &|_| None).comparison
}

/// [`compare`], with drift that is left alone: only differences between what is recorded and what is there, of
/// attributes of which the config still says what was applied last, are asked about.
pub fn compare_leaving(
    fields: &[Field],
    properties: &Value,
    recorded: Option<&Value>,
    observed: Option<&Value>,
    leave: Leave<'_>,
) -> Leaving {
    let empty = Map::new();
    let desired = properties.as_object().unwrap_or(&empty);
    let recorded = recorded.and_then(Value::as_object);
    let Some(observed) = observed.and_then(Value::as_object) else {
        let attributes = desired
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| AttributeChange {
                path: name.clone(),
                before: Before::Absent,
                after: after(value),
                forces_replacement: false,
                drift: recorded.is_some(),
            })
            .collect();
        let comparison = Comparison { action: Action::Create, attributes, risk: Risk::Low };
        return Leaving { comparison, left: Vec::new(), desired: properties.clone() };
    };

    let (mut attributes, mut left) = (Vec::new(), Vec::new());
    let mut written = properties.clone();
    let mut worst = OnChange::Update;
    for (name, wanted) in desired {
        let rule = fields.iter().find(|field| field.name == name).map_or(OnChange::Update, |field| field.on_change);
        if rule == OnChange::Ignore {
            continue;
        }
        let last = recorded.and_then(|recorded| recorded.get(name));
        let Some(now) = observed.get(name).or(last) else {
            if !wanted.is_null() {
                attributes.push(AttributeChange {
                    path: name.clone(),
                    before: Before::Absent,
                    after: after(wanted),
                    forces_replacement: rule == OnChange::Replace,
                    drift: false,
                });
                // What nobody knows of is not lost.
                worst = worse(worst, if rule == OnChange::Keeps { OnChange::Update } else { rule });
            }
            continue;
        };
        let mut found = Vec::new();
        differences(&mut vec![name], wanted, last, now, name == SHARED_FIELD, &mut found);
        for (mut change, keys) in found {
            if let Some(why) = Some(&change).filter(|change| change.drift).and_then(leave) {
                keep_as_it_is(&mut written, &keys, &change.before);
                left.push((change, why));
                continue;
            }
            let is_harmless = rule == OnChange::Keeps && !keeps_less(&change);
            worst = worse(worst, if is_harmless { OnChange::Update } else { rule });
            change.forces_replacement = rule == OnChange::Replace;
            attributes.push(change);
        }
    }
    let (action, risk) = match (attributes.is_empty(), worst) {
        (true, _) => (Action::Keep, Risk::Low),
        (false, OnChange::Replace) => (Action::Replace, Risk::Elevated),
        (false, OnChange::Keeps) => (Action::Update, Risk::High),
        (false, OnChange::Disruptive) => (Action::Update, Risk::Elevated),
        (false, OnChange::Update | OnChange::Ignore) => (Action::Update, Risk::Low),
    };
    Leaving { comparison: Comparison { action, attributes, risk }, left, desired: written }
}

/// Puts what is there now in the place of what is wanted.
fn keep_as_it_is(properties: &mut Value, keys: &[&str], now: &Before) {
    let (Some((last, above)), mut place) = (keys.split_last(), properties) else { return };
    for key in above {
        let Some(below) = place.get_mut(*key) else { return };
        place = below;
    }
    let Some(fields) = place.as_object_mut() else { return };
    match now {
        Before::Value(now) => {
            fields.insert((*last).to_owned(), now.clone());
        }
        // A top-level field is one of the resource's struct, which has all of them.
        Before::Absent if above.is_empty() => {
            fields.insert((*last).to_owned(), Value::Null);
        }
        Before::Absent => {
            fields.remove(*last);
        }
    }
}

/// Whether less is kept after a change than before it. No value is no limit.
fn keeps_less(change: &AttributeChange) -> bool {
    let limit = |value: &Value| value.as_f64().unwrap_or(f64::INFINITY);
    let before = match &change.before {
        Before::Value(value) => limit(value),
        Before::Absent => f64::INFINITY,
    };
    match &change.after {
        After::Value(value) => limit(value) < before,
        After::Absent | After::KnownAfterApply => false,
    }
}

fn worse(left: OnChange, right: OnChange) -> OnChange {
    let rank = |rule| match rule {
        OnChange::Ignore => 0,
        OnChange::Update => 1,
        OnChange::Disruptive => 2,
        OnChange::Keeps => 3,
        OnChange::Replace => 4,
    };
    if rank(right) > rank(left) { right } else { left }
}

/// A value that is nothing but unknown is known after apply; a document in which something is unknown is shown with
/// what is known of it, because that is what a reader approves.
fn after(value: &Value) -> After {
    match value {
        Value::String(text) if is_token(text) => After::KnownAfterApply,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            After::Value(value.clone())
        }
    }
}

/// Every difference below `keys`, each with the keys that lead to it: a key may hold dots, so a path alone is not enough.
fn differences<'v>(
    keys: &mut Vec<&'v str>,
    wanted: &'v Value,
    last: Option<&'v Value>,
    now: &'v Value,
    shared: bool,
    found: &mut Vec<(AttributeChange, Vec<&'v str>)>,
) {
    let change = |keys: &[&'v str], before, after, drift| {
        let change = AttributeChange { path: keys.join("."), before, after, forces_replacement: false, drift };
        (change, keys.to_vec())
    };
    if let (Value::Object(wanted), Value::Object(now)) = (wanted, now) {
        let last = last.and_then(Value::as_object);
        for (key, wanted) in wanted {
            keys.push(key);
            let last = last.and_then(|last| last.get(key));
            match now.get(key) {
                Some(now) => differences(keys, wanted, last, now, false, found),
                None if wanted.is_null() => {}
                None => {
                    let drift = last.is_some_and(|last| same(last, wanted));
                    found.push(change(keys, Before::Absent, after(wanted), drift));
                }
            }
            keys.pop();
        }
        for (key, now) in now {
            let ours = !shared || last.is_some_and(|last| last.contains_key(key));
            if wanted.contains_key(key) || now.is_null() || !ours {
                continue;
            }
            keys.push(key);
            let drift = last.is_some_and(|last| !last.contains_key(key));
            found.push(change(keys, Before::Value(now.clone()), After::Absent, drift));
            keys.pop();
        }
        return;
    }
    if same(wanted, now) {
        return;
    }
    let before = if now.is_null() { Before::Absent } else { Before::Value(now.clone()) };
    let after = if wanted.is_null() { After::Absent } else { after(wanted) };
    found.push(change(keys, before, after, last.is_some_and(|last| same(last, wanted))));
}

/// Whether two documents say the same. The order of keys means nothing, here as in [`Value`]'s own equality.
fn same(left: &Value, right: &Value) -> bool {
    left == right
}

/// A value with its object keys sorted, for showing and comparing texts of documents.
pub fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|left, right| left.0.cmp(right.0));
            Value::Object(sorted.into_iter().map(|(key, value)| (key.clone(), canonical(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FIELDS: &[Field] = &[
        Field { name: "fifo", on_change: OnChange::Replace },
        Field { name: "class", on_change: OnChange::Disruptive },
        Field { name: "token", on_change: OnChange::Ignore },
        Field { name: "days", on_change: OnChange::Keeps },
    ];

    fn paths(comparison: &Comparison) -> Vec<&str> {
        comparison.attributes.iter().map(|change| change.path.as_str()).collect()
    }

    #[test]
    fn nothing_observed_creates() {
        let seen = compare(FIELDS, &json!({"fifo": true, "delay": null}), None, None);
        assert_eq!((seen.action, seen.risk, paths(&seen)), (Action::Create, Risk::Low, vec!["fifo"]));
    }

    #[test]
    fn keeping_less_is_a_loss_and_keeping_more_is_none() {
        for (before, after, risk) in [
            (json!(30), json!(7), Risk::High),
            (json!(7), json!(30), Risk::Low),
            (json!(null), json!(3653), Risk::High),
            (json!(3653), json!(null), Risk::Low),
        ] {
            let (before, after) = (json!({ "days": before, "class": "a" }), json!({ "days": after, "class": "a" }));
            let seen = compare(FIELDS, &after, Some(&before), Some(&before));
            assert_eq!((seen.action, seen.risk), (Action::Update, risk), "{before} {after}");
        }
        let (before, after) = (json!({ "days": 30, "class": "a" }), json!({ "days": 7, "class": "b" }));
        assert_eq!(compare(FIELDS, &after, Some(&before), Some(&before)).risk, Risk::High);
        assert_eq!(
            compare(FIELDS, &after, None, Some(&json!({ "class": "a" }))).risk,
            Risk::Elevated,
            "nothing is known"
        );
    }

    #[test]
    fn equal_documents_keep_whatever_their_key_order() {
        let desired = json!({"policy": {"b": 1, "a": [1, 2]}, "token": "x"});
        let observed = json!({"policy": {"a": [1, 2], "b": 1}, "token": "y"});
        assert_eq!(compare(FIELDS, &desired, None, Some(&observed)).action, Action::Keep);
    }

    #[test]
    fn a_field_that_cannot_change_replaces() {
        let seen = compare(FIELDS, &json!({"fifo": true, "delay": 5}), None, Some(&json!({"fifo": false, "delay": 0})));
        assert_eq!(seen.action, Action::Replace);
        assert!(seen.attributes[0].forces_replacement && !seen.attributes[1].forces_replacement);
    }

    #[test]
    fn a_change_by_somebody_else_is_drift_and_one_by_the_config_is_not() {
        let recorded = json!({"delay": 5, "retention": 60});
        let seen = compare(
            FIELDS,
            &json!({"delay": 5, "retention": 90}),
            Some(&recorded),
            Some(&json!({"delay": 7, "retention": 60})),
        );
        assert_eq!(seen.attributes.iter().map(|change| change.drift).collect::<Vec<_>>(), vec![true, false]);
    }

    #[test]
    fn foreign_tags_stay_and_our_former_tags_go() {
        let recorded = json!({"tags": {"a": "1", "old": "x"}});
        let observed = json!({"tags": {"a": "1", "old": "x", "CostCenter": "7"}});
        let seen = compare(FIELDS, &json!({"tags": {"a": "1"}}), Some(&recorded), Some(&observed));
        assert_eq!(paths(&seen), vec!["tags.old"]);
        assert_eq!(seen.action, Action::Update);
    }

    #[test]
    fn a_value_known_after_apply_counts_as_a_change() {
        let seen = compare(FIELDS, &json!({"key": "${landfall:key.arn}"}), None, Some(&json!({"key": "arn:old"})));
        assert_eq!(seen.attributes[0].after, After::KnownAfterApply);
    }

    #[test]
    fn drift_that_is_left_alone_is_no_difference_and_an_update_writes_what_is_there() {
        let recorded = json!({"delay": 5, "kept": 1, "tags": {"a": "1", "k8s.io/x": "2", "gone": "3"}});
        let observed = json!({"delay": 7, "kept": 2, "tags": {"a": "9", "k8s.io/x": "8"}});
        let mut desired = recorded.clone();
        desired["kept"] = json!(3);
        let seen = compare_leaving(FIELDS, &desired, Some(&recorded), Some(&observed), &|change| {
            (change.path != "tags.a").then_some(Why::Ignored)
        });
        assert_eq!(paths(&seen.comparison), vec!["kept", "tags.a"], "what the config changed is never left alone");
        let left: Vec<&str> = seen.left.iter().map(|(change, _)| change.path.as_str()).collect();
        assert_eq!(left, ["delay", "tags.k8s.io/x", "tags.gone"]);
        assert_eq!(seen.desired, json!({"delay": 7, "kept": 3, "tags": {"a": "1", "k8s.io/x": "8"}}));
    }

    #[test]
    fn a_resource_of_which_all_drift_is_left_alone_is_kept() {
        let recorded = json!({"fifo": true, "note": "x"});
        let observed = json!({"fifo": false, "note": null});
        let seen = compare_leaving(FIELDS, &recorded, Some(&recorded), Some(&observed), &|_| Some(Why::Accepted));
        assert_eq!((seen.comparison.action, seen.comparison.risk), (Action::Keep, Risk::Low));
        assert_eq!(seen.desired, observed);
    }

    #[test]
    fn a_field_aws_does_not_report_is_compared_with_the_record() {
        let recorded = json!({"secret_hash": "abc"});
        let same = compare(FIELDS, &json!({"secret_hash": "abc"}), Some(&recorded), Some(&json!({})));
        let changed = compare(FIELDS, &json!({"secret_hash": "def"}), Some(&recorded), Some(&json!({})));
        assert_eq!((same.action, changed.action), (Action::Keep, Action::Update));
    }
}
