//! From what is wanted, recorded and seen to the change of each resource. Pure.

use std::collections::BTreeMap;

use landfall_aws::Error;
use landfall_plan::{Action, Comparison, ResourceChange, Risk, Token, compare, resolve};
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

/// What happens to the graph's resources.
pub(crate) struct Planned {
    /// Their changes, in order.
    pub resources: Vec<ResourceChange>,
    /// Whether something is as desired and the journal does not say so.
    pub unrecorded: bool,
}

/// The changes of the graph's resources in order. `known` is filled with the attributes of those that stay.
pub(crate) fn changes(nodes: &[Node], journal: &Journal, seen: &BTreeMap<String, Seen>, known: &mut Known) -> Planned {
    let mut planned = Planned { resources: Vec::with_capacity(nodes.len()), unrecorded: false };
    for node in nodes {
        let (entry, seen) = (journal.get(&node.name), seen.get(&node.name));
        if node.kind.0.is_lookup() {
            known.extend(seen.map(|seen| (node.name.clone(), seen.attributes.clone())));
            continue;
        }
        let resolved = resolve(&node.desired, &|token| lookup(known, token));
        let desired = node.kind.0.canonical(resolved.value);
        let change = change(node, &desired, entry, seen);
        if matches!(change.action, Action::Keep | Action::Update) {
            known.extend(seen.map(|seen| (node.name.clone(), seen.attributes.clone())));
        }
        planned.unrecorded |=
            change.action == Action::Keep && !entry.is_some_and(|entry| entry.records(node, &desired));
        planned.resources.push(change);
    }
    planned
}

/// The change of one resource whose desired properties are resolved as far as possible.
pub(crate) fn change(node: &Node, desired: &Value, entry: Option<&Entry>, seen: Option<&Seen>) -> ResourceChange {
    let kind = node.kind;
    let recorded = entry.filter(|entry| !entry.is_open_intent()).map(|entry| &entry.properties);
    let recorded = recorded.filter(|properties| !properties.is_null());
    let present = seen.filter(|seen| seen.status != Status::Deleting);
    let Comparison { mut action, attributes, mut risk } =
        compare(kind.0.fields(), desired, recorded, present.map(|seen| &seen.properties));
    let mut reason = String::new();
    if let Some(Status::Failed(why)) = present.map(|seen| &seen.status) {
        action = Action::Replace;
        reason = format!("AWS gave up on it: {why}");
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
        Action::Update if risk == Risk::Elevated => reason = "users may notice this change".to_owned(),
        Action::Create if entry.is_some_and(|entry| entry.id.is_some() && entry.applied) => {
            reason = "it was deleted outside Landfall".to_owned();
        }
        Action::Keep | Action::Create | Action::Update | Action::Delete => {}
    }
    ResourceChange {
        resource: node.name.clone(),
        kind: kind.kind().to_owned(),
        name: display_name(kind, desired, present),
        action,
        risk,
        reason,
        attributes,
        note: String::new(),
    }
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
    Err(Error::new(
        landfall_aws::Kind::Conflict,
        "apply",
        format!("it would now be {}, but the plan that was approved said {}", verb(computed.action), verb(said)),
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
