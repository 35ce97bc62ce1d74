//! Links: which module may use which other one, and how.

use std::collections::BTreeMap;

use landfall_config::{ModuleEntry, Node, Report, Span, Yaml};

use super::modules::Surroundings;
use super::references::suggestion;
use crate::kind::{Grants, Holds, Kind};
use crate::layer::Link;

/// The links of a module; what is wrong is reported.
pub(super) fn links(around: &Surroundings<'_>, entry: &ModuleEntry, kind: &Kind, report: &mut Report<'_>) -> Vec<Link> {
    if matches!(kind.holds, Holds::Nothing) {
        return Vec::new();
    }
    let Some(items) = entry.inputs.get("links").and_then(Node::as_list) else { return Vec::new() };
    let mut found: Vec<Link> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let field = entry.field(&format!("links[{index}]"));
        if matches!(kind.holds, Holds::Origin(_)) && index > 0 {
            let message = format!("a module of type {} has one link", entry.ty.value);
            error(report, item.span, &field, &message, "remove the others");
            continue;
        }
        let Some(link) = link(around, entry, kind, item, &field, report) else { continue };
        for variable in link.secrets.values() {
            let first = found.iter().find(|other| other.secrets.values().any(|known| known == variable));
            if let Some(first) = first {
                let message = format!("`{variable}` is set by the link to `{}` already, which wins", first.target);
                let help = "rename the variables of one of the two";
                report.push(report.at(item.span, "invalid-link", message).with_field(&field).with_help(help).warning());
            }
        }
        found.push(link);
    }
    found
}

fn link(
    around: &Surroundings<'_>,
    entry: &ModuleEntry,
    kind: &Kind,
    item: &Node,
    field: &str,
    report: &mut Report<'_>,
) -> Option<Link> {
    let (target, span, more) = match &item.value {
        Yaml::String(name) => (name.as_str(), item.span, None),
        Yaml::Map(map) if map.entries.len() == 1 => {
            let only = &map.entries[0];
            (only.key.as_str(), only.key_span, Some(&only.value))
        }
        _ => {
            error(
                report,
                item.span,
                field,
                "a link is a module name, or one name with a list",
                "write `- db`, or `- bucket: [read]`",
            );
            return None;
        }
    };
    if around.is_mistyped(target) {
        return None;
    }
    let Some(of) = around.kinds.get(target) else {
        let in_environment = around
            .request
            .environment
            .is_some_and(|environment| environment.modules.iter().any(|module| module.name == target));
        let help = if in_environment {
            "it is in the environment; a link reaches modules of the same file only".to_owned()
        } else {
            suggestion(target, around.others(entry), "there is no other module")
        };
        error(report, span, field, &format!("there is no module `{target}` in this file"), &help);
        return None;
    };
    let mut link = Link {
        target: target.to_owned(),
        target_kind: of.name.to_owned(),
        permissions: Vec::new(),
        secrets: BTreeMap::new(),
    };
    match (kind.holds, of.grants) {
        (Holds::Origin(kinds), _) if kinds.contains(&of.name) => {
            if more.is_some_and(|more| !more.is_null() && more.as_list().is_none_or(|items| !items.is_empty())) {
                error(report, item.span, field, "this link takes no permissions", &format!("write `- {target}`"));
            }
        }
        (Holds::Permissions | Holds::PermissionsAndSecrets, Grants::Permissions { words, default }) => {
            link.permissions = permissions(of, more, words, default, field, report)?;
        }
        (Holds::PermissionsAndSecrets, Grants::Secrets(keys)) => {
            link.secrets = secrets(target, more, keys, field, span, report)?;
        }
        _ if target == entry.name.value => {
            error(report, span, field, &format!("`{target}` is linked to itself"), "remove the link");
            return None;
        }
        (holds, grants) => {
            let message = format!("a module of type {} cannot be linked from one of type {}", of.name, entry.ty.value);
            error(report, span, field, &message, &instead(holds, grants, target, of));
            return None;
        }
    }
    Some(link)
}

/// What to do in place of a link that is not possible.
fn instead(holds: Holds, grants: Grants, target: &str, of: &Kind) -> String {
    match (holds, grants) {
        (Holds::Origin(kinds), _) => format!("link a module of type {}", kinds.join(" or ")),
        (_, Grants::Secrets(_)) => "its secrets reach a module of type k8s-service only".to_owned(),
        _ => match of.outputs.iter().find(|output| !output.secret) {
            Some(output) => format!("remove it; for an output write ${{{{module.{target}.{}}}}}", output.name),
            None => "remove the link".to_owned(),
        },
    }
}

fn permissions(
    of: &Kind,
    more: Option<&Node>,
    words: &[&str],
    default: &[&str],
    field: &str,
    report: &mut Report<'_>,
) -> Option<Vec<String>> {
    let default = || Some(default.iter().map(|word| (*word).to_owned()).collect());
    let Some(more) = more.filter(|more| !more.is_null()) else { return default() };
    let Some(items) = more.as_list() else {
        // All words would grant more than the one that was meant.
        let help = match more.as_str().and_then(|word| words.iter().find(|known| **known == word)) {
            Some(word) => format!("write [{word}]"),
            None => format!("list what is needed of what a module of type {} grants: {}", of.name, words.join(", ")),
        };
        error(report, more.span, field, "permissions are a list", &help);
        return None;
    };
    if items.is_empty() {
        return default();
    }
    let mut found: Vec<String> = Vec::new();
    for item in items {
        match item.as_str() {
            Some(word) if words.contains(&word) => {
                if !found.iter().any(|known| known == word) {
                    found.push(word.to_owned());
                }
            }
            _ => {
                let wrong = item.as_str().map_or_else(|| item.describe(), |word| format!("`{word}`"));
                let help = format!("a module of type {} grants {}", of.name, words.join(" and "));
                error(report, item.span, field, &format!("{wrong} is no permission"), &help);
            }
        }
    }
    Some(found)
}

fn secrets(
    target: &str,
    more: Option<&Node>,
    keys: &[&str],
    field: &str,
    span: Span,
    report: &mut Report<'_>,
) -> Option<BTreeMap<String, String>> {
    let default = || keys.iter().map(|key| ((*key).to_owned(), format!("{target}_{key}"))).collect();
    let Some(items) = more.and_then(Node::as_list).filter(|items| !items.is_empty()) else {
        if more.is_none_or(|more| more.is_null() || more.as_list().is_some()) {
            return Some(default());
        }
        error(
            report,
            span,
            field,
            "the names of the variables are a list with one mapping",
            "remove them for default names",
        );
        return None;
    };
    let help = format!("give every one of {}", keys.join(", "));
    let [item] = items else {
        error(report, span, field, "one mapping renames all variables", &help);
        return None;
    };
    let Some(map) = item.as_map() else {
        error(report, item.span, field, "a database is linked with names of variables, not with permissions", &help);
        return None;
    };
    let mut names = BTreeMap::new();
    for entry in &map.entries {
        match entry.value.as_str() {
            Some(name) if keys.contains(&entry.key.as_str()) && !name.is_empty() => {
                names.insert(entry.key.clone(), name.to_owned());
            }
            _ if keys.contains(&entry.key.as_str()) => {
                let message = format!(
                    "the variable for `{}` is a name, found {}",
                    entry.key,
                    entry.value.describe_at(&entry.key)
                );
                error(report, entry.value.span, field, &message, "give it a name in quotes");
            }
            _ => error(report, entry.key_span, field, &format!("`{}` is none of its secrets", entry.key), &help),
        }
    }
    let missing: Vec<&str> = keys.iter().copied().filter(|key| map.get(key).is_none()).collect();
    if !missing.is_empty() {
        error(report, item.span, field, &format!("there is no name for {}", missing.join(", ")), &help);
    }
    (names.len() == keys.len()).then_some(names)
}

fn error(report: &mut Report<'_>, span: Span, field: &str, message: &str, help: &str) {
    report.push(report.at(span, "invalid-link", message).with_field(field).with_help(help));
}
