//! From what is wanted, recorded and seen to the change of each resource. Pure.

use std::collections::BTreeMap;

use landfall_aws::Error;
use landfall_plan::{
    AcceptedDrift, Action, AttributeChange, Comparison, LeftAlone, ResourceChange, Risk, Token, Why, compare_leaving,
    is_below, resolve,
};
use serde_json::{Map, Value};

use crate::graph::Node;
use crate::journal::{Entry, Journal};
use crate::observe::Leftover;
use crate::resource::{Registered, Seen, Status};

/// Attributes of resources that are known, by resource name.
pub(crate) type Known = BTreeMap<String, Map<String, Value>>;

/// The value of an attribute token, if it is known.
pub(crate) fn lookup(known: &Known, token: &Token) -> Option<Value> {
    match token {
        Token::Attribute { resource, attribute } => known.get(resource)?.get(attribute).cloned(),
        Token::Output { .. } => None,
    }
}

/// What a module leaves alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leave {
    /// Whether it is a rollback, which leaves what stores data.
    pub data: bool,
    /// Attributes that the config says to ignore.
    pub ignored: Vec<String>,
    /// Values that somebody accepted.
    pub accepted: Vec<AcceptedDrift>,
}

/// The change of a resource, and what it leaves alone.
pub(crate) struct Judged {
    /// The change.
    pub change: ResourceChange,
    /// Drift that is left alone.
    pub left: Vec<LeftAlone>,
    /// The desired properties with what is left alone as it is now: what an update writes.
    pub desired: Value,
    /// It stays although it is not as desired, because it stores data.
    pub spared: bool,
}

/// What happens to the graph's resources.
pub(crate) struct Planned {
    /// Their changes, in order.
    pub resources: Vec<ResourceChange>,
    /// Drift that they leave alone.
    pub left: Vec<LeftAlone>,
    /// Whether something is as desired and the journal does not say so.
    pub unrecorded: bool,
}

/// The changes of the graph's resources in order. `known` is filled with the attributes of those that stay.
pub(crate) fn changes(
    nodes: &[Node],
    journal: &Journal,
    seen: &BTreeMap<String, Seen>,
    leave: &Leave,
    known: &mut Known,
) -> Planned {
    let mut planned = Planned { resources: Vec::with_capacity(nodes.len()), left: Vec::new(), unrecorded: false };
    for node in nodes {
        let (entry, seen) = (journal.get(&node.name), seen.get(&node.name));
        if node.kind.0.is_lookup() {
            known.extend(seen.map(|seen| (node.name.clone(), seen.attributes.clone())));
            continue;
        }
        let resolved = resolve(&node.desired, &|token| lookup(known, token));
        let desired = node.kind.0.canonical(resolved.value);
        let Judged { change, left, spared, .. } = judge(node, &desired, entry, seen, leave);
        if matches!(change.action, Action::Keep | Action::Update) {
            known.extend(seen.map(|seen| (node.name.clone(), seen.attributes.clone())));
        }
        planned.unrecorded |=
            change.action == Action::Keep && !spared && !entry.is_some_and(|entry| entry.records(node, &desired));
        planned.resources.push(change);
        planned.left.extend(left);
    }
    planned
}

/// The change of one resource whose desired properties are resolved as far as possible. What holds a promise about
/// security is never left alone.
pub(crate) fn judge(node: &Node, desired: &Value, entry: Option<&Entry>, seen: Option<&Seen>, leave: &Leave) -> Judged {
    let kind = node.kind;
    let why = |change: &AttributeChange| {
        if landfall_catalog::is_guarded(kind.kind(), &change.path) {
            return None;
        }
        if is_below(&change.path, &leave.ignored) {
            return Some(Why::Ignored);
        }
        leave.accepted.iter().any(|accepted| accepted.covers(&node.name, change)).then_some(Why::Accepted)
    };
    let recorded = entry.filter(|entry| !entry.is_open_intent()).map(|entry| &entry.properties);
    let recorded = recorded.filter(|properties| !properties.is_null());
    let present = seen.filter(|seen| seen.status != Status::Deleting);
    let leaving = compare_leaving(kind.0.fields(), desired, recorded, present.map(|seen| &seen.properties), &why);
    let Comparison { mut action, attributes, mut risk } = leaving.comparison;
    let mut reason = String::new();
    if let Some(Status::Failed(why)) = present.map(|seen| &seen.status) {
        action = Action::Replace;
        reason = format!("AWS gave up on it: {why}");
    }
    let keeps_less = action == Action::Update && risk == Risk::High;
    let spared = leave.data && (action == Action::Replace || keeps_less) && kind.0.stores();
    let data = kind.0.data().unwrap_or("what is in it");
    if spared {
        let how = if keeps_less { "keeping less of it" } else { "replacing it" };
        reason = format!("a rollback leaves it: {how} loses {data}");
        (action, risk) = (Action::Keep, Risk::Low);
    }
    match action {
        Action::Replace => {
            risk = if kind.0.data().is_some() { Risk::High } else { Risk::Elevated };
            if reason.is_empty() {
                let forcing: Vec<&str> = attributes
                    .iter()
                    .filter(|change| change.forces_replacement)
                    .map(|change| change.path.as_str())
                    .collect();
                reason = format!("{} can only be set at creation", forcing.join(", "));
            }
            if let Some(data) = kind.0.data() {
                reason = format!("{reason}; replacing it loses {data}");
            }
        }
        Action::Update if risk == Risk::High => reason = format!("{data} that are older are lost"),
        Action::Update if risk == Risk::Elevated => reason = "users may notice this change".to_owned(),
        Action::Create if entry.is_some_and(|entry| entry.id.is_some() && entry.applied) => {
            reason = "it was deleted outside Landfall".to_owned();
        }
        Action::Keep | Action::Create | Action::Update | Action::Delete => {}
    }
    let left = leaving.left.into_iter().map(|(change, why)| LeftAlone {
        resource: node.name.clone(),
        kind: kind.kind().to_owned(),
        why,
        change,
    });
    let left = left.collect();
    let change = ResourceChange {
        resource: node.name.clone(),
        kind: kind.kind().to_owned(),
        name: display_name(kind, desired, present),
        action,
        risk,
        reason,
        attributes: if spared { Vec::new() } else { attributes },
        note: String::new(),
    };
    Judged { change, left, desired: leaving.desired, spared }
}

/// The deletion of a resource that the config no longer has; without `seen` that of an interrupted creation, of which
/// something may show itself yet.
pub(crate) fn deletion(left: &Leftover, seen: Option<&Seen>) -> ResourceChange {
    let data = left.kind.0.data();
    ResourceChange {
        resource: left.name.clone(),
        kind: left.kind.kind().to_owned(),
        name: display_name(left.kind, &left.entry.properties, seen),
        action: Action::Delete,
        risk: if data.is_some() { Risk::High } else { Risk::Elevated },
        reason: data.map_or_else(|| "it is deleted".to_owned(), |data| format!("deleting it loses {data}")),
        attributes: Vec::new(),
        note: left.kind.0.delete_note().to_owned(),
    }
}

fn display_name(kind: Registered, properties: &Value, seen: Option<&Seen>) -> Option<String> {
    kind.0.name(properties).filter(|name| !name.contains("${landfall:")).or_else(|| seen.map(|seen| seen.id.clone()))
}

/// Whether the approved plan allows a change that was computed again with everything known. `approved` is `None`
/// when the plan did not name the resource.
///
/// | computed | allowed when the plan said |
/// |---|---|
/// | keep | anything |
/// | create | create or replace; anything, when the deployment itself has already removed or begun it |
/// | update | create or replace; anything else, unless it is riskier than what was approved |
/// | replace | replace |
/// | delete | delete or replace |
pub(crate) fn allowed(computed: &ResourceChange, approved: Option<&ResourceChange>, begun: bool) -> Result<(), Error> {
    let said = approved.map_or(Action::Keep, |change| change.action);
    let fits = match computed.action {
        Action::Keep => true,
        Action::Create => begun || matches!(said, Action::Create | Action::Replace),
        Action::Update => {
            matches!(said, Action::Create | Action::Replace)
                || computed.risk <= approved.map_or(Risk::Low, |change| change.risk)
        }
        Action::Replace => said == Action::Replace,
        Action::Delete => matches!(said, Action::Delete | Action::Replace),
    };
    if fits {
        return Ok(());
    }
    let noticed = if computed.action == Action::Update { " in a way that users may notice" } else { "" };
    Err(Error::new(
        landfall_aws::Kind::Conflict,
        "apply",
        format!(
            "it would now be {}{noticed}, but the plan that was approved said {}",
            verb(computed.action),
            verb(said)
        ),
    )
    .about(&computed.resource)
    .hint("something changed since the plan was made: deploy again to see the new plan"))
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Keep => "kept",
        Action::Create => "created",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use landfall_aws::{Aws, Result, Tags};
    use landfall_plan::{After, Field, OnChange};
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use crate::graph::needs_of;
    use crate::resource::{Changes, Intent, Progress, Resource, Wanted, registered};

    #[derive(Serialize, Deserialize)]
    struct Disk {
        name: String,
    }

    #[async_trait::async_trait]
    impl Resource for Disk {
        const KIND: &'static str = "Test::Disk";
        const FIELDS: &'static [Field] = &[
            Field { name: "zone", on_change: OnChange::Replace },
            Field { name: "class", on_change: OnChange::Disruptive },
        ];
        const DATA: Option<&'static str> = Some("what is on the disk");

        fn name(properties: &Value) -> Option<String> {
            Some(properties.get("name")?.as_str()?.to_owned())
        }
        async fn observe(_aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
            Ok(vec![None; wanted.len()])
        }
        async fn create(&self, _aws: &Aws, _intent: &Intent) -> Result<Progress> {
            Ok(Progress::done(&self.name))
        }
        async fn update(&self, _aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
            Ok(Progress::done(changes.id()))
        }
        async fn delete(_aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
            Ok(Progress::done(&seen.id))
        }
    }

    fn change(node: &Node, desired: &Value, entry: Option<&Entry>, seen: Option<&Seen>) -> ResourceChange {
        judge(node, desired, entry, seen, &Leave::default()).change
    }

    fn disk(properties: &Value) -> Node {
        let needs = needs_of(properties);
        Node {
            name: "disk".to_owned(),
            kind: registered::<Disk>(),
            desired: properties.clone(),
            needs,
            tags: Tags::new(),
        }
    }

    fn properties(zone: &str, class: &str, size: u32) -> Value {
        json!({ "name": "d", "zone": zone, "class": class, "size": size })
    }

    /// What the config wants × what was applied last × what is there.
    #[test]
    fn the_truth_table_of_a_change() {
        let wanted = properties("a", "slow", 1);
        let same = wanted.clone();
        let (grown, faster, moved) =
            (properties("a", "slow", 9), properties("a", "fast", 1), properties("b", "slow", 1));
        let ready = |properties: &Value| Some(Seen::ready("d-1", properties.clone()));
        let going = |properties: &Value| ready(properties).map(|seen| seen.status(Status::Deleting));
        let broken = |properties: &Value| ready(properties).map(|seen| seen.status(Status::Failed("no room".into())));
        type Row<'a> = (&'a str, Option<&'a Value>, Option<Seen>, Action, Risk, bool);
        let rows: [Row<'_>; 10] = [
            ("new", None, None, Action::Create, Risk::Low, false),
            ("deleted outside", Some(&same), None, Action::Create, Risk::Low, true),
            ("as wanted", Some(&same), ready(&same), Action::Keep, Risk::Low, false),
            ("adopted", None, ready(&same), Action::Keep, Risk::Low, false),
            ("config changed", Some(&grown), ready(&grown), Action::Update, Risk::Low, false),
            ("changed outside", Some(&same), ready(&grown), Action::Update, Risk::Low, true),
            ("noticed", Some(&faster), ready(&faster), Action::Update, Risk::Elevated, false),
            ("only at creation", Some(&moved), ready(&moved), Action::Replace, Risk::High, false),
            ("being removed", Some(&same), going(&same), Action::Create, Risk::Low, true),
            ("given up", Some(&same), broken(&same), Action::Replace, Risk::High, false),
        ];
        let node = disk(&wanted);
        for (case, recorded, seen, action, risk, drift) in rows {
            let entry = recorded.map(|properties| Entry::of(&node, &Seen::ready("d-1", properties.clone())));
            let change = change(&node, &wanted, entry.as_ref(), seen.as_ref());
            assert_eq!((change.action, change.risk), (action, risk), "{case}: {change:?}");
            assert_eq!(change.attributes.iter().any(|attribute| attribute.drift), drift, "{case}: {change:?}");
            let plain = risk == Risk::Low && (action != Action::Create || recorded.is_none());
            assert_eq!(change.reason.is_empty(), plain, "{case}: a risk and a loss have a reason: {change:?}");
        }
    }

    #[test]
    fn a_replacement_says_what_forces_it_and_what_is_lost() {
        let node = disk(&properties("a", "slow", 1));
        let seen = Seen::ready("d-1", properties("b", "slow", 1));
        let change = change(&node, &node.desired, None, Some(&seen));
        assert_eq!(change.reason, "zone can only be set at creation; replacing it loses what is on the disk");
    }

    #[test]
    fn what_refers_to_a_new_resource_is_known_after_apply_and_to_a_kept_one_at_once() {
        let wanted = json!({ "name": "d", "zone": "${landfall:other.zone}" });
        let nodes = [Node { name: "other".to_owned(), ..disk(&json!({ "name": "o" })) }, disk(&wanted)];
        let there = Seen::ready("d-1", json!({ "name": "d", "zone": "b" }));
        let mut seen = BTreeMap::from([("disk".to_owned(), there)]);
        let planned = changes(&nodes, &Journal::new(), &seen, &Leave::default(), &mut Known::new());
        assert_eq!(planned.resources[1].action, Action::Replace);
        assert_eq!(planned.resources[1].attributes[0].after, After::KnownAfterApply);
        seen.insert("other".to_owned(), Seen::ready("o-1", json!({ "name": "o" })).with("zone", "b"));
        let planned = changes(&nodes, &Journal::new(), &seen, &Leave::default(), &mut Known::new());
        assert_eq!(planned.resources[1].action, Action::Keep);
        assert!(planned.unrecorded, "the journal knows neither");
    }

    fn of(action: Action, risk: Risk) -> ResourceChange {
        ResourceChange {
            resource: "disk".to_owned(),
            kind: "Test::Disk".to_owned(),
            name: None,
            action,
            risk,
            reason: String::new(),
            attributes: Vec::new(),
            note: String::new(),
        }
    }

    /// Computed × approved (rows and columns: keep, create, update, update that users notice, replace, delete, not in
    /// the plan); `x` is allowed, `b` only when this deployment began it.
    #[test]
    fn the_table_of_what_an_approval_allows() {
        let kinds = [
            Some(of(Action::Keep, Risk::Low)),
            Some(of(Action::Create, Risk::Low)),
            Some(of(Action::Update, Risk::Low)),
            Some(of(Action::Update, Risk::Elevated)),
            Some(of(Action::Replace, Risk::High)),
            Some(of(Action::Delete, Risk::High)),
            None,
        ];
        let table = ["xxxxxxx", "bxbbxbb", "xxxxxxx", ".x.xxx.", "....x..", "....xx."];
        for (computed, row) in kinds.iter().flatten().zip(table) {
            for (approved, cell) in kinds.iter().zip(row.chars()) {
                let seen = (
                    allowed(computed, approved.as_ref(), false).is_ok(),
                    allowed(computed, approved.as_ref(), true).is_ok(),
                );
                let expected = match cell {
                    'x' => (true, true),
                    'b' => (false, true),
                    _ => (false, false),
                };
                assert_eq!(seen, expected, "{computed:?} under {approved:?}");
            }
        }
    }
}
