//! The lists of a layer file: modules, environments and input variables.

use crate::classify::placeholder_help;
use crate::diagnostic::Report;
use crate::file::{EnvironmentRef, InputVariable, ModuleEntry, Spanned, default_module_name};
use crate::mask::is_secret_field;
use crate::nearest;
use crate::source::Span;
use crate::yaml::{Entry, Map, Node, SPACE_AFTER_DASH, Yaml};

/// Reads `modules`.
pub(crate) fn modules(node: &Node, report: &mut Report<'_>) -> Vec<ModuleEntry> {
    let Some(items) = list(node, "modules", "`modules: []` is a layer without modules", report) else {
        return Vec::new();
    };
    let entries: Vec<_> = items.iter().enumerate().filter_map(|(index, item)| module(index, item, report)).collect();
    for (position, entry) in entries.iter().enumerate() {
        let Some(first) = entries[..position].iter().find(|first| first.name.value == entry.name.value) else {
            continue;
        };
        let (line, _) = report.source().position(first.name.span.start);
        let help = if entry.explicit_name {
            "give one of the two another name; a name is the identity of what was deployed"
        } else {
            "give it a name: two modules of one type cannot both go without"
        };
        report.push(
            report
                .at(entry.name.span, "duplicate-module", format!("a second module is named `{}`", entry.name.value))
                .with_field(entry.field("name"))
                .with_label(format!("first on line {line}"))
                .with_help(help),
        );
    }
    entries
}

/// Reads `environments`.
pub(crate) fn environments(node: &Node, report: &mut Report<'_>) -> Vec<EnvironmentRef> {
    let help = "add `- {name: staging, path: environment.yaml}`";
    let Some(items) = list(node, "environments", help, report) else {
        return Vec::new();
    };
    if items.is_empty() {
        report.push(
            report
                .at(node.span, "missing-key", "a service needs at least one environment")
                .with_field("environments")
                .with_help(help),
        );
    }
    let mut entries: Vec<EnvironmentRef> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(entry) = environment(index, item, report) else {
            continue;
        };
        if entries.iter().any(|first| first.name.value == entry.name.value) {
            let message = format!("a second environment is named `{}`", entry.name.value);
            let field = format!("environments[{index}].name");
            report.push(
                report
                    .at(entry.name.span, "duplicate-environment", message)
                    .with_field(field)
                    .with_help("give each entry its own name"),
            );
        }
        entries.push(entry);
    }
    entries
}

/// Reads `input_variables`.
pub(crate) fn input_variables(node: &Node, report: &mut Report<'_>) -> Vec<InputVariable> {
    if node.is_null() {
        return Vec::new();
    }
    let help = "add `- {name: image_size, default: small}`";
    let Some(items) = list(node, "input_variables", help, report) else {
        return Vec::new();
    };
    let mut variables: Vec<InputVariable> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let field = format!("input_variables[{index}]");
        let Some(map) = mapping(item, &field, report) else {
            continue;
        };
        let Some(name) = required_text(item.span, map, &field, "name", report) else {
            continue;
        };
        if variables.iter().any(|first| first.name.value == name.value) {
            let message = format!("a second variable is named `{}`", name.value);
            report.push(
                report
                    .at(name.span, "duplicate-variable", message)
                    .with_field(format!("{field}.name"))
                    .with_help("remove one of the two"),
            );
        }
        let default = map.get("default").filter(|node| !node.is_null()).cloned();
        let description = map.get("description").and_then(Node::as_str).map(str::to_owned);
        variables.push(InputVariable { name, default, description });
    }
    variables
}

fn module(index: usize, node: &Node, report: &mut Report<'_>) -> Option<ModuleEntry> {
    let field = format!("modules[{index}]");
    let map = mapping(node, &field, report)?;
    let ty = match map.get("type") {
        Some(value) => spanned_text(value, &format!("{field}.type"), report)?,
        None => {
            report.push(
                report
                    .at(start_of(node.span), "missing-key", "a module needs a `type`")
                    .with_field(format!("{field}.type"))
                    .with_help("add for example `type: sqs`"),
            );
            return None;
        }
    };
    let explicit = map.get("name").filter(|node| !node.is_null());
    let allowed = |c: char| c.is_ascii_alphanumeric();
    let name = match explicit {
        Some(value) => name_of(value, &format!("{field}.name"), allowed, "letters and digits", report)
            .unwrap_or_else(|| Spanned::new(value.as_str().unwrap_or_default().to_owned(), value.span)),
        None => Spanned::new(default_module_name(&ty.value), ty.span),
    };
    let mut texts = |key: &str, help: &str| {
        map.get(key).map_or_else(Vec::new, |value| texts(value, &format!("{field}.{key}"), help, report))
    };
    let depends_on = texts("depends_on", "name the modules that come first: `depends_on: [db]`");
    let ignore_drift = texts("ignore_drift", "name the attributes: `ignore_drift: [tags.CostCenter]`");
    let own = ["type", "name", "depends_on", "ignore_drift"];
    let inputs = map.entries.iter().filter(|entry| !own.contains(&entry.key.as_str())).cloned().collect();
    Some(ModuleEntry {
        index,
        ty,
        name,
        explicit_name: explicit.is_some(),
        depends_on,
        ignore_drift,
        inputs: Map { entries: inputs },
        span: node.span,
    })
}

/// A list of texts, each with its place; nothing is an empty one.
fn texts(node: &Node, field: &str, help: &str, report: &mut Report<'_>) -> Vec<Spanned<String>> {
    if node.is_null() {
        return Vec::new();
    }
    let Some(items) = list(node, field, help, report) else {
        return Vec::new();
    };
    items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| spanned_text(item, &format!("{field}[{index}]"), report))
        .collect()
}

fn environment(index: usize, node: &Node, report: &mut Report<'_>) -> Option<EnvironmentRef> {
    const KNOWN: [&str; 4] = ["name", "path", "variables", "vars"];
    let field = format!("environments[{index}]");
    let map = mapping(node, &field, report)?;
    for entry in map.entries.iter().filter(|entry| !KNOWN.contains(&entry.key.as_str())) {
        let help = nearest(&entry.key, KNOWN).map_or_else(
            || "an environment entry knows `name`, `path`, `variables`, `vars`".to_owned(),
            |known| format!("did you mean `{known}`?"),
        );
        let message = format!("unknown key `{}`", entry.key);
        report.push(
            report
                .at(entry.key_span, "unknown-field", message)
                .with_field(format!("{field}.{}", entry.key))
                .with_help(help),
        );
    }
    let name = required_text(node.span, map, &field, "name", report);
    let path = required_text(node.span, map, &field, "path", report);
    let variables = merged_variables(map, &field, report);
    Some(EnvironmentRef { name: name?, path: path?, variables, span: node.span })
}

/// `variables` and `vars` mean the same; a variable may stand in both with one value.
fn merged_variables(map: &Map, field: &str, report: &mut Report<'_>) -> Map {
    let mut merged: Vec<Entry> = Vec::new();
    for key in ["variables", "vars"] {
        let Some(node) = map.get(key).filter(|node| !node.is_null()) else {
            continue;
        };
        let Some(values) = mapping(node, &format!("{field}.{key}"), report) else {
            continue;
        };
        for entry in &values.entries {
            if matches!(entry.value.value, Yaml::List(_) | Yaml::Map(_)) {
                let path = format!("{field}.{key}.{}", entry.key);
                let message = format!("expected text, a number or a boolean, found {}", entry.value.describe_at(&path));
                let diagnostic = report.at(entry.value.span, "wrong-type", message).with_field(path);
                report.push(diagnostic.with_help("a variable holds one value; write lists into the module itself"));
                continue;
            }
            match merged.iter().find(|first| first.key == entry.key) {
                None => merged.push(entry.clone()),
                Some(first) if first.value.to_json() == entry.value.to_json() => {}
                Some(_) => report.push(
                    report
                        .at(
                            entry.key_span,
                            "conflicting-variable",
                            format!("`{}` has another value in `variables`", entry.key),
                        )
                        .with_field(format!("{field}.{key}.{}", entry.key))
                        .with_help("`vars` and `variables` mean the same: keep one of the two"),
                ),
            }
        }
    }
    Map { entries: merged }
}

/// A non-empty name of allowed characters.
pub(crate) fn name_of(
    node: &Node,
    field: &str,
    allowed: impl Fn(char) -> bool,
    allowed_words: &str,
    report: &mut Report<'_>,
) -> Option<Spanned<String>> {
    let text = spanned_text(node, field, report)?;
    if text.value.is_empty() {
        report.push(report.at(text.span, "invalid-name", "the name is empty").with_field(field));
        return None;
    }
    let Some(bad) = text.value.chars().find(|c| !allowed(*c)) else {
        return Some(text);
    };
    let shown = if bad == ' ' { "a space".to_owned() } else { format!("`{bad}`") };
    let suggestion: String = text.value.chars().filter(|c| allowed(*c)).collect();
    let help = placeholder_help(&text.value)
        .or_else(|| (!suggestion.is_empty()).then(|| format!("for example `{suggestion}`")));
    let message = format!("`{}` is not a name: {shown} is not allowed, only {allowed_words} are", text.value);
    report.push(report.at(text.span, "invalid-name", message).with_field(field).with_help_if(help));
    None
}

/// The text of a node that has to be a string.
pub(crate) fn spanned_text(node: &Node, field: &str, report: &mut Report<'_>) -> Option<Spanned<String>> {
    if let Some(text) = node.as_str() {
        return Some(Spanned::new(text.to_owned(), node.span));
    }
    let help = match (&node.value, node.unquoted_reference(report.source())) {
        _ if is_secret_field(field) => None,
        (_, Some(text)) => Some(format!("text with braces has to stand in quotes: \"{text}\"")),
        (Yaml::Int { raw, .. } | Yaml::Float { raw, .. }, _) => Some(format!("put it in quotes: \"{raw}\"")),
        (Yaml::Bool(value), _) => Some(format!("put it in quotes: \"{value}\"")),
        _ => None,
    };
    let message = format!("expected a string, found {}", node.describe_at(field));
    report.push(report.at(node.span, "wrong-type", message).with_field(field).with_help_if(help));
    None
}

fn required_text(owner: Span, map: &Map, field: &str, key: &str, report: &mut Report<'_>) -> Option<Spanned<String>> {
    let path = format!("{field}.{key}");
    let Some(node) = map.get(key) else {
        let message = format!("`{key}` is missing");
        report.push(
            report.at(start_of(owner), "missing-key", message).with_field(path).with_help(format!("add `{key}: …`")),
        );
        return None;
    };
    let text = spanned_text(node, &path, report)?;
    if text.value.is_empty() {
        report.push(report.at(text.span, "invalid-value", format!("`{key}` is empty")).with_field(path));
        return None;
    }
    Some(text)
}

fn mapping<'n>(node: &'n Node, field: &str, report: &mut Report<'_>) -> Option<&'n Map> {
    let map = node.as_map();
    if map.is_none() {
        let message = format!("expected a mapping, found {}", node.describe_at(field));
        report
            .push(report.at(node.span, "wrong-type", message).with_field(field).with_help("write `key: value` pairs"));
    }
    map
}

fn list<'n>(node: &'n Node, field: &str, help: &str, report: &mut Report<'_>) -> Option<&'n [Node]> {
    let items = node.as_list();
    if items.is_none() {
        let first = node.as_map().and_then(|map| map.entries.first());
        let help = if first.is_some_and(|first| first.key.starts_with('-')) { SPACE_AFTER_DASH } else { help };
        let message = format!("expected a list, found {}", node.describe_at(field));
        report.push(report.at(node.span, "wrong-type", message).with_field(field).with_help(help));
    }
    items
}

/// The first character of a place: to point at an entry without underlining all of it.
fn start_of(span: Span) -> Span {
    Span::new(span.start, span.start + 1)
}
