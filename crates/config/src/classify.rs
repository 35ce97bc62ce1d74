//! Decides what a file is and reads the envelope of a layer file, collecting everything that is wrong in it.

use crate::diagnostic::{Diagnostic, Diagnostics, Report};
use crate::entries::{environments, input_variables, modules, name_of, spanned_text};
use crate::file::{File, FileScope, LayerFile, Spanned};
use crate::nearest;
use crate::source::{Source, Span};
use crate::yaml::{Map, Node, Yaml, documents};

/// A mapping with one of these declares a layer.
const LAYER_KEYS: [&str; 3] = ["modules", "providers", "environments"];
const TOP_LEVEL: [&str; 7] =
    ["name", "org_name", "providers", "environments", "modules", "input_variables", "landfall"];

/// Reads a file: a layer, or a support file.
///
/// # Errors
/// Everything that is wrong in the envelope, at once.
pub fn classify(source: &Source) -> Result<File, Diagnostics> {
    let mut report = Report::new(source);
    let file = classify_documents(source, &mut report);
    report.finish()?;
    // A file that could not be read at all has been reported.
    Ok(file.unwrap_or(File::Support))
}

/// Reads a file as far as it can be read and reports what is wrong: for callers that have more to say about the same
/// file. A layer may come with errors; then it holds what could be understood.
pub fn classify_documents(source: &Source, report: &mut Report<'_>) -> Option<File> {
    let before = report.errors();
    let documents = documents(source, report);
    if report.errors() > before && documents.is_empty() {
        return None;
    }
    let layer = documents.iter().find(|document| is_layer(document));
    let Some(document) = layer else {
        if documents.iter().all(Node::is_null) {
            let help = "a layer file has a name and modules; delete the file if it is not needed";
            report.push(Diagnostic::at_start(&source.name, "empty", "the file is empty").with_help(help));
            return None;
        }
        return match documents.iter().filter_map(Node::as_map).find(|map| is_meant_as_layer(map)) {
            Some(map) => {
                misspelt(map, report);
                None
            }
            None => Some(File::Support),
        };
    };
    if let Some(second) = documents.get(1) {
        report.push(
            report
                .at(second.span, "several-documents", "a layer file holds one YAML document, this is a second one")
                .with_help("put each layer into a file of its own"),
        );
    }
    read_layer(document, report).map(File::Layer)
}

fn is_layer(document: &Node) -> bool {
    document.as_map().is_some_and(|map| LAYER_KEYS.iter().any(|key| map.entry(key).is_some()))
}

/// Whether a file that declares no layer says enough to be one with a mistake in its keys. Uploaded as a support file it
/// would be left aside without a word. Other YAML often has a `name`, and many tools know an `environment` or a
/// `module`: what stands under the key has to look like a layer's.
fn is_meant_as_layer(map: &Map) -> bool {
    if map.get("name").and_then(Node::as_str).is_none() {
        return false;
    }
    map.entries.iter().any(|entry| meant(&entry.key).is_some_and(|key| looks_like(key, &entry.value)))
        || ["org_name", "landfall"].iter().any(|key| map.entry(key).is_some())
}

/// The key of a layer that was mistyped: one slip is taken for one, in `environments` two. Stricter than for a suggestion,
/// which refuses nothing: `models` is a word of its own.
fn meant(key: &str) -> Option<&'static str> {
    const LETTERS_PER_SLIP: usize = 6;
    let key = key.to_lowercase();
    LAYER_KEYS.into_iter().find(|known| strsim::osa_distance(&key, known) <= known.len() / LETTERS_PER_SLIP)
}

fn looks_like(key: &str, value: &Node) -> bool {
    match key {
        "modules" | "environments" => {
            let wanted = if key == "modules" { "type" } else { "path" };
            let is_entry = |item: &Node| item.as_map().is_some_and(|map| map.get(wanted).is_some());
            value.as_list().is_some_and(|items| items.iter().any(is_entry))
        }
        _ => {
            let aws = value.as_map().and_then(|map| map.get("aws")?.as_map());
            aws.is_some_and(|aws| aws.get("account_id").is_some())
        }
    }
}

/// Reports what keeps the file from being a layer: the keys that it does not know, else what it lacks.
fn misspelt(map: &Map, report: &mut Report<'_>) {
    let before = report.errors();
    unknown_keys(map, report);
    if report.errors() == before {
        scope(map, report);
        missing(first_key(map), "modules", "a layer needs `modules`", "add `modules: []`", report);
    }
}

fn read_layer(document: &Node, report: &mut Report<'_>) -> Option<LayerFile> {
    let map = document.as_map()?;
    unknown_keys(map, report);
    let name = layer_name(map, document.span, report);
    let scope = scope(map, report);
    let modules = match map.entry("modules") {
        Some(entry) => modules(&entry.value, report),
        None => {
            let message = "a layer needs `modules`";
            report.push(
                report.at(first_key(map), "missing-key", message).with_field("modules").with_help("add `modules: []`"),
            );
            Vec::new()
        }
    };
    let input_variables = map.get("input_variables").map_or_else(Vec::new, |node| input_variables(node, report));
    let settings = map.get("landfall").filter(|node| !node.is_null()).cloned();
    if let Some(node) = settings.as_ref().filter(|node| node.as_map().is_none()) {
        let message = format!("expected a mapping, found {}", node.describe());
        report.push(report.at(node.span, "wrong-type", message).with_field("landfall"));
    }
    Some(LayerFile { name, scope: scope?, modules, input_variables, settings })
}

fn unknown_keys(map: &Map, report: &mut Report<'_>) {
    for entry in map.entries.iter().filter(|entry| !TOP_LEVEL.contains(&entry.key.as_str())) {
        let help = match nearest(&entry.key, TOP_LEVEL) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("a layer file knows {}", listed(&TOP_LEVEL)),
        };
        let message = format!("unknown key `{}`", entry.key);
        report.push(report.at(entry.key_span, "unknown-field", message).with_field(&entry.key).with_help(help));
    }
}

fn layer_name(map: &Map, span: Span, report: &mut Report<'_>) -> Spanned<String> {
    let fallback = Spanned::new(String::new(), Span::new(span.start, span.start));
    let Some(node) = map.get("name") else {
        report.push(
            report
                .at(first_key(map), "missing-key", "a layer needs a `name`")
                .with_field("name")
                .with_help("add `name: my-layer` at the top: letters, digits and dashes"),
        );
        return fallback;
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    name_of(node, "name", allowed, "letters, digits and dashes", report).unwrap_or(fallback)
}

/// Environment or service. None when the file does not say enough to be either.
fn scope(map: &Map, report: &mut Report<'_>) -> Option<FileScope> {
    let (org_name, providers, environments_entry) =
        (map.entry("org_name"), map.entry("providers"), map.entry("environments"));
    match (org_name.or(providers), environments_entry) {
        (Some(other), Some(entry)) => {
            report.push(
                report
                    .at(entry.key_span, "two-kinds", format!("`{}` and `environments` exclude each other", other.key))
                    .with_field("environments")
                    .with_help(
                        "an environment has `org_name` and `providers`, a service has `environments`; \
                         keep those of the kind that this file is",
                    ),
            );
            // Read on as the kind that the file says more about, so that the rest is checked too.
            Some(environment(map, report))
        }
        (Some(_), None) => Some(environment(map, report)),
        (None, Some(entry)) => Some(FileScope::Service { environments: environments(&entry.value, report) }),
        (None, None) => {
            report.push(
                report
                    .at(
                        first_key(map),
                        "no-environment",
                        "the file says neither which account it describes nor which environment it lives in",
                    )
                    .with_help(
                        "an environment needs `org_name` and `providers.aws` (region, account_id); a service needs \
                         `environments`. Files for a cluster of your own without AWS resources are not supported",
                    ),
            );
            Some(FileScope::Service { environments: Vec::new() })
        }
    }
}

fn environment(map: &Map, report: &mut Report<'_>) -> FileScope {
    let nowhere = || Spanned::new(String::new(), first_key(map));
    let org_name = match map.get("org_name") {
        Some(node) => org_name(node, report).unwrap_or_else(nowhere),
        None => {
            missing(first_key(map), "org_name", "an environment needs `org_name`", "add `org_name: my-org`", report);
            nowhere()
        }
    };
    let help = "add\n  providers:\n    aws:\n      region: us-east-1\n      account_id: \"123456789012\"";
    let providers = map.entry("providers");
    let span = providers.map_or_else(|| first_key(map), |entry| entry.key_span);
    let Some(aws) = providers.and_then(|entry| entry.value.as_map()) else {
        let message = match providers {
            None => "an environment needs `providers`".to_owned(),
            Some(entry) => format!("expected a mapping with the key `aws`, found {}", entry.value.describe()),
        };
        missing(span, "providers", &message, help, report);
        return FileScope::Environment { org_name, region: nowhere(), account_id: nowhere() };
    };
    for entry in aws.entries.iter().filter(|entry| entry.key != "aws") {
        let message = format!("the provider `{}` is not supported", entry.key);
        let field = format!("providers.{}", entry.key);
        report.push(
            report
                .at(entry.key_span, "unknown-field", message)
                .with_field(field)
                .with_help("AWS is the only provider: `aws`"),
        );
    }
    let Some(aws) = aws.get("aws").and_then(Node::as_map) else {
        missing(span, "providers.aws", "`providers` needs a mapping `aws`", help, report);
        return FileScope::Environment { org_name, region: nowhere(), account_id: nowhere() };
    };
    for entry in aws.entries.iter().filter(|entry| !["region", "account_id"].contains(&entry.key.as_str())) {
        let message = format!("unknown key `{}`", entry.key);
        let field = format!("providers.aws.{}", entry.key);
        let help = nearest(&entry.key, ["region", "account_id"]).map_or_else(
            || "`aws` knows `region` and `account_id`".to_owned(),
            |known| format!("did you mean `{known}`?"),
        );
        report.push(report.at(entry.key_span, "unknown-field", message).with_field(field).with_help(help));
    }
    let region = match aws.get("region") {
        Some(node) => region(node, report),
        None => {
            missing(
                span,
                "providers.aws.region",
                "`providers.aws` needs a `region`",
                "add `region: us-east-1`",
                report,
            );
            None
        }
    };
    let account_id = match aws.get("account_id") {
        Some(node) => account_id(node, report),
        None => {
            let help = "add `account_id: \"123456789012\"`";
            missing(span, "providers.aws.account_id", "`providers.aws` needs an `account_id`", help, report);
            None
        }
    };
    FileScope::Environment {
        org_name,
        region: region.unwrap_or_else(nowhere),
        account_id: account_id.unwrap_or_else(nowhere),
    }
}

fn org_name(node: &Node, report: &mut Report<'_>) -> Option<Spanned<String>> {
    const LONGEST: usize = 15;
    let text = spanned_text(node, "org_name", report)?;
    let bad = text.value.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '-');
    if bad.is_none() && text.value.len() <= LONGEST {
        return Some(text);
    }
    let message = if bad.is_some() {
        format!("`{}` is not an organisation name: only lower case letters, digits and dashes are allowed", text.value)
    } else {
        format!("`{}` has {} characters, an organisation name has at most {LONGEST}", text.value, text.value.len())
    };
    let diagnostic = report.at(text.span, "invalid-value", message).with_field("org_name");
    report.push(diagnostic.with_help_if(placeholder_help(&text.value)));
    None
}

fn region(node: &Node, report: &mut Report<'_>) -> Option<Spanned<String>> {
    let text = spanned_text(node, "providers.aws.region", report)?;
    let parts: Vec<&str> = text.value.split('-').collect();
    let is_region = parts.len() >= 3
        && parts[0].len() == 2
        && parts[..parts.len() - 1].iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase()))
        && (1..=2).contains(&parts[parts.len() - 1].len())
        && parts[parts.len() - 1].chars().all(|c| c.is_ascii_digit());
    if is_region {
        return Some(text);
    }
    let message = format!("`{}` is not an AWS region", text.value);
    let help =
        placeholder_help(&text.value).unwrap_or_else(|| "regions look like `us-east-1` or `eu-central-1`".to_owned());
    report.push(report.at(text.span, "invalid-value", message).with_field("providers.aws.region").with_help(help));
    None
}

fn account_id(node: &Node, report: &mut Report<'_>) -> Option<Spanned<String>> {
    const DIGITS: usize = 12;
    let field = "providers.aws.account_id";
    let written = match &node.value {
        Yaml::Int { raw, .. } => raw.replace('_', ""),
        Yaml::String(text) => text.clone(),
        Yaml::Float { value, .. } if value.fract() == 0.0 && *value >= 0.0 => format!("{value:.0}"),
        _ => {
            let message = format!("expected an account id, found {}", node.describe());
            report.push(
                report.at(node.span, "wrong-type", message).with_field(field).with_help("account ids have 12 digits"),
            );
            return None;
        }
    };
    let is_number = !written.is_empty() && written.chars().all(|c| c.is_ascii_digit());
    if is_number && written.len() <= DIGITS {
        return Some(Spanned::new(format!("{written:0>DIGITS$}"), node.span));
    }
    let message = format!("`{written}` is not an account id");
    let help = placeholder_help(&written).unwrap_or_else(|| "account ids have 12 digits: \"123456789012\"".to_owned());
    report.push(report.at(node.span, "invalid-value", message).with_field(field).with_help(help));
    None
}

fn missing(span: Span, field: &str, message: &str, help: &str, report: &mut Report<'_>) {
    report.push(report.at(span, "missing-key", message).with_field(field).with_help(help));
}

/// Where to point when something is missing in the file as a whole.
fn first_key(map: &Map) -> Span {
    map.entries.first().map_or_else(Span::default, |entry| entry.key_span)
}

/// Published templates hold `<<name::kind::text>>` where the user has to put a value.
pub(crate) fn placeholder_help(text: &str) -> Option<String> {
    let is_placeholder = text.starts_with("<<") && text.ends_with(">>");
    is_placeholder.then(|| "this is a placeholder of a template: replace it by your value".to_owned())
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
