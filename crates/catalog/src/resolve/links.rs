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
    let mut found = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let field = entry.field(&format!("links[{index}]"));
        if let Some(link) = link(around, kind, item, &field, report) {
            found.push(link);
        }
    }
    found
}

fn link(around: &Surroundings<'_>, kind: &Kind, item: &Node, field: &str, report: &mut Report<'_>) -> Option<Link> {
    let (target, span, more) = match &item.value {
        Yaml::String(name) => (name.as_str(), item.span, None),
        Yaml::Map(map) if map.entries.len() == 1 => {
            let entry = &map.entries[0];
            (entry.key.as_str(), entry.key_span, Some(&entry.value))
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
    let Some(of) = around.kinds.get(target) else {
        let in_environment = around
            .request
            .environment
            .is_some_and(|environment| environment.modules.iter().any(|module| module.name == target));
        let help = if in_environment {
            "it is in the environment; a link reaches modules of the same file only".to_owned()
        } else {
            suggestion(target, around.kinds.keys().copied(), "there is no other module")
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
        (Holds::Origin(kinds), _) if kinds.contains(&of.name) => {}
        (Holds::Permissions | Holds::PermissionsAndSecrets, Grants::Permissions { words, default }) => {
            link.permissions = permissions(more, words, default, field, report)?;
        }
        (Holds::PermissionsAndSecrets, Grants::Secrets(keys)) => {
            link.secrets = secrets(target, more, keys, field, span, report)?;
        }
        _ => {
            let message = format!("a module of type {} cannot be linked from one of type {}", of.name, kind.name);
            error(report, span, field, &message, "remove the link");
            return None;
        }
    }
    Some(link)
}

fn permissions(
    more: Option<&Node>,
    words: &[&str],
    default: &[&str],
    field: &str,
    report: &mut Report<'_>,
) -> Option<Vec<String>> {
    let default = || Some(default.iter().map(|word| (*word).to_owned()).collect());
    let Some(more) = more.filter(|more| !more.is_null()) else { return default() };
    let Some(items) = more.as_list() else {
        error(report, more.span, field, "permissions are a list", &format!("write [{}]", words.join(", ")));
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
                let help = format!("it grants {}", words.join(", "));
                error(report, item.span, field, &format!("{} is no permission of it", item.describe()), &help);
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
            Some(name) if keys.contains(&entry.key.as_str()) => {
                names.insert(entry.key.clone(), name.to_owned());
            }
            _ => error(
                report,
                entry.key_span,
                field,
                &format!("`{}` is none of its secrets, or has no name", entry.key),
                &help,
            ),
        }
    }
    if names.len() == keys.len() {
        return Some(names);
    }
    error(report, item.span, field, "some of its secrets have no name", &help);
    None
}

fn error(report: &mut Report<'_>, span: Span, field: &str, message: &str, help: &str) {
    report.push(report.at(span, "invalid-link", message).with_field(field).with_help(help));
}
