//! The three-way comparison over every combination of desired, recorded and observed.
#![allow(clippy::unwrap_used)]

use landfall_plan::{
    Action, After, AttributeChange, Before, Comparison, Field, OnChange, Risk, canonical, compare, tokens,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const FIELDS: &[Field] = &[
    Field { name: "fixed", on_change: OnChange::Replace },
    Field { name: "class", on_change: OnChange::Disruptive },
    Field { name: "once", on_change: OnChange::Ignore },
];
/// Fields of the resource: one of each rule, one without a rule, a document and the shared tags.
const NAMES: [&str; 6] = ["fixed", "class", "once", "delay", "policy", "tags"];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(false)),
        (0..3).prop_map(|number| json!(number)),
        Just(json!("text")),
        Just(json!("${landfall:key.arn}")),
        Just(json!("${landfall:key.arn}/*")),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map("[abc]", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn tags() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[abcd]", "[xy]", 0..4)
        .prop_map(|tags| tags.into_iter().map(|(key, value)| (key, json!(value))).collect())
}

fn field(name: &'static str) -> BoxedStrategy<Value> {
    match name {
        "tags" => tags().boxed(),
        "policy" => document().boxed(),
        _ => scalar().boxed(),
    }
}

/// Properties of a resource, some of them left out.
fn properties() -> impl Strategy<Value = Value> {
    let fields: Vec<_> = NAMES.into_iter().map(|name| prop::option::of(field(name))).collect();
    fields.prop_map(|values| {
        let present = NAMES.into_iter().zip(values).filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(present.collect())
    })
}

/// Something that AWS can report: nothing in it is unknown.
fn known(value: Value) -> Value {
    landfall_plan::resolve(&value, &|_| Some(json!("arn:known"))).value
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

fn rule(path: &str) -> OnChange {
    let name = path.split('.').next().unwrap();
    FIELDS.iter().find(|field| field.name == name).map_or(OnChange::Update, |field| field.on_change)
}

/// What stands at a path; `None` for nothing and for null.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| value.get(name)).filter(|value| !value.is_null())
}

/// What AWS holds before, as far as the comparison knows it: fields that are not reported are as they were recorded.
fn before(recorded: Option<&Value>, observed: &Value) -> Value {
    let mut fields = recorded.map(object).cloned().unwrap_or_default();
    fields.extend(object(observed).clone());
    Value::Object(fields)
}

fn same(left: Option<&Value>, right: Option<&Value>) -> bool {
    left.map(canonical) == right.map(canonical)
}

/// What a resource is like after exactly these changes were made.
fn changed(before: &Value, changes: &[AttributeChange]) -> Value {
    let mut value = before.clone();
    for change in changes {
        let (parents, name) = change.path.rsplit_once('.').unwrap_or(("", &change.path));
        let parent =
            parents.split('.').filter(|name| !name.is_empty()).fold(&mut value, |value, name| &mut value[name]);
        match &change.after {
            After::Absent => drop(parent.as_object_mut().unwrap().shift_remove(name)),
            After::Value(after) => parent[name] = after.clone(),
            After::KnownAfterApply => parent[name] = json!("known after apply"),
        }
    }
    value
}

fn check(desired: &Value, recorded: Option<&Value>, observed: &Value, seen: &Comparison) -> Result<(), TestCaseError> {
    let was = before(recorded, observed);
    let differs = |found: OnChange| seen.attributes.iter().any(|change| rule(&change.path) == found);
    let expected = match (seen.attributes.is_empty(), differs(OnChange::Replace), differs(OnChange::Disruptive)) {
        (true, ..) => (Action::Keep, Risk::Low),
        (false, true, _) => (Action::Replace, Risk::Elevated),
        (false, false, true) => (Action::Update, Risk::Elevated),
        (false, false, false) => (Action::Update, Risk::Low),
    };
    prop_assert_eq!((seen.action, seen.risk), expected);
    for change in &seen.attributes {
        prop_assert!(rule(&change.path) != OnChange::Ignore, "what is never compared is never shown");
        prop_assert_eq!(change.forces_replacement, rule(&change.path) == OnChange::Replace);
        let (old, new) = (at(&was, &change.path), at(desired, &change.path));
        match &change.before {
            Before::Absent => prop_assert!(old.is_none(), "{change:?}"),
            Before::Value(value) => prop_assert!(same(Some(value), old), "{change:?}"),
        }
        match &change.after {
            After::Absent => prop_assert!(new.is_none(), "{change:?}"),
            After::Value(value) => prop_assert!(same(Some(value), new), "{change:?}"),
            After::KnownAfterApply => prop_assert_eq!(new, Some(&json!(tokens(new.unwrap())[0].to_string()))),
        }
        prop_assert!(!same(old, new), "a difference differs: {change:?}");
        if change.drift {
            let last = recorded.and_then(|recorded| at(recorded, &change.path));
            prop_assert!(recorded.is_some() && same(last, new), "drift is what the config did not ask for: {change:?}");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn nothing_observed_creates_all_of_it(desired in properties(), recorded in prop::option::of(properties())) {
        let seen = compare(FIELDS, &desired, recorded.as_ref(), None);
        prop_assert_eq!((seen.action, seen.risk), (Action::Create, Risk::Low));
        let shown: Vec<&str> = seen.attributes.iter().map(|change| change.path.as_str()).collect();
        let wanted: Vec<&str> =
            object(&desired).iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).collect();
        prop_assert_eq!(shown, wanted);
        prop_assert!(seen.attributes.iter().all(|change| change.before == Before::Absent));
        prop_assert!(seen.attributes.iter().all(|change| change.drift == recorded.is_some()));
    }

    #[test]
    fn what_is_observed_as_desired_is_kept_whatever_was_recorded(
        desired in properties(), recorded in prop::option::of(properties()), foreign in "[e-h]",
    ) {
        let desired = known(desired);
        let mut observed = desired.clone();
        if observed.get("tags").is_some() {
            observed["tags"][foreign] = json!("of another tool");
        }
        observed["once"] = json!("whatever");
        observed["reported_only"] = json!(1);
        let seen = compare(FIELDS, &desired, recorded.as_ref(), Some(&observed));
        prop_assert_eq!((seen.action, seen.attributes), (Action::Keep, vec![]));
    }

    #[test]
    fn every_difference_is_shown_as_it_is(
        desired in properties(), recorded in prop::option::of(properties()), observed in properties(),
    ) {
        let (recorded, observed) = (recorded.map(known), known(observed));
        let seen = compare(FIELDS, &desired, recorded.as_ref(), Some(&observed));
        check(&desired, recorded.as_ref(), &observed, &seen)?;
    }

    #[test]
    fn making_the_shown_changes_and_nothing_else_leaves_nothing_to_change(
        desired in properties(), recorded in prop::option::of(properties()), observed in properties(),
    ) {
        let (desired, recorded, observed) = (known(desired), recorded.map(known), known(observed));
        let seen = compare(FIELDS, &desired, recorded.as_ref(), Some(&observed));
        let after = changed(&before(recorded.as_ref(), &observed), &seen.attributes);
        let again = compare(FIELDS, &desired, Some(&desired), Some(&after));
        prop_assert_eq!((again.action, again.attributes), (Action::Keep, vec![]), "after {:?}", seen.attributes);
    }

    #[test]
    fn a_deployment_leaves_an_empty_plan(desired in properties(), foreign in tags()) {
        let desired = known(desired);
        let mut observed = desired.clone();
        if let Some(tags) = observed.get_mut("tags").and_then(Value::as_object_mut) {
            for (key, value) in object(&foreign) {
                tags.entry(format!("aws:{key}")).or_insert(value.clone());
            }
        }
        prop_assert_eq!(compare(FIELDS, &desired, Some(&desired), Some(&observed)).action, Action::Keep);
        // AWS does not report every field.
        let mut partly = observed;
        partly.as_object_mut().unwrap().retain(|name, _| name != "delay" && name != "policy");
        prop_assert_eq!(compare(FIELDS, &desired, Some(&desired), Some(&partly)).action, Action::Keep);
    }

    #[test]
    fn what_somebody_else_changed_is_drift_and_what_the_config_changed_is_not(
        before in properties(), after in properties(),
    ) {
        let (before, after) = (known(before), known(after));
        let theirs = compare(FIELDS, &before, Some(&before), Some(&after));
        prop_assert!(theirs.attributes.iter().all(|change| change.drift), "{:?}", theirs.attributes);
        let ours = compare(FIELDS, &after, Some(&before), Some(&before));
        prop_assert!(ours.attributes.iter().all(|change| !change.drift), "{:?}", ours.attributes);
        let unknown = compare(FIELDS, &after, None, Some(&before));
        prop_assert!(unknown.attributes.iter().all(|change| !change.drift), "without a record nobody knows");
    }

    #[test]
    fn tags_of_others_stay_and_tags_that_were_ours_go(
        wanted in tags(), last in prop::option::of(tags()), now in tags(),
    ) {
        let recorded = last.as_ref().map(|last| json!({ "tags": last }));
        let seen =
            compare(FIELDS, &json!({ "tags": wanted }), recorded.as_ref(), Some(&json!({ "tags": now })));
        let gone: Vec<&str> = seen
            .attributes
            .iter()
            .filter(|change| change.after == After::Absent)
            .map(|change| change.path.strip_prefix("tags.").unwrap())
            .collect();
        let expected: Vec<&str> = object(&now)
            .keys()
            .filter(|key| wanted.get(key).is_none() && last.as_ref().is_some_and(|last| last.get(key).is_some()))
            .map(String::as_str)
            .collect();
        prop_assert_eq!(gone, expected);
    }

    #[test]
    fn the_order_of_keys_means_nothing(
        desired in properties(), recorded in prop::option::of(properties()), observed in properties(),
    ) {
        let straight = compare(FIELDS, &desired, recorded.as_ref(), Some(&observed));
        let sorted = compare(FIELDS, &canonical(&desired), recorded.as_ref().map(canonical).as_ref(), Some(&canonical(&observed)));
        let paths = |seen: &Comparison| {
            let mut paths: Vec<String> = seen.attributes.iter().map(|change| change.path.clone()).collect();
            paths.sort();
            paths
        };
        prop_assert_eq!((straight.action, straight.risk, paths(&straight)), (sorted.action, sorted.risk, paths(&sorted)));
    }
}
