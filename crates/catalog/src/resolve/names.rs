//! Names that AWS and Kubernetes would refuse, found before anything is made.

use std::collections::BTreeMap;

use landfall_config::{ModuleEntry, Report, Span};
use serde_json::{Map, Value};

use super::modules::Surroundings;
use crate::kind::{Kind, Letters, NameParts, NameRule, Place};
use crate::layer::{Module, Scope};

/// Reports names that are too long or have letters that are not allowed.
pub(super) fn check_names(
    around: &Surroundings<'_>,
    entry: &ModuleEntry,
    kind: &'static Kind,
    inputs: &Map<String, Value>,
    report: &mut Report<'_>,
) {
    let layer = around.request.file.name.value.as_str();
    let mut reported = Vec::new();
    for (rule, name) in names(around, entry, kind, inputs) {
        let (span, field) = place(entry, rule);
        let (span, field) = if rule.input.is_none() && letters(layer, rule.letters).is_some() {
            (around.request.file.name.span, "name".to_owned())
        } else {
            (span, field)
        };
        let what = rule.what;
        let length = name.chars().count();
        let problem = if length > rule.limit {
            let over = length - rule.limit;
            let shorten = if rule.input.is_some() {
                format!("shorten it by {over}")
            } else {
                format!("shorten the name of the module or of the layer by {over}")
            };
            Some((
                format!("the {what} would be named `{name}`: {length} characters, {} are allowed", rule.limit),
                shorten,
            ))
        } else {
            letters(&name, rule.letters)
                .map(|why| (format!("the {what} would be named `{name}`: {why}"), "choose another name".to_owned()))
        };
        // One bad letter spoils several names; the first of them says it.
        if let Some((message, help)) = problem
            && !reported.contains(&span)
        {
            reported.push(span);
            report.push(report.at(span, "invalid-name", message).with_field(field).with_help(help));
        }
    }
}

/// Reports names that two modules give to the same sort of thing, at the second of them.
pub(super) fn check_unique_names(
    around: &Surroundings<'_>,
    known: &[(&ModuleEntry, &'static Kind)],
    modules: &[Module],
    report: &mut Report<'_>,
) {
    let mut taken: BTreeMap<(&str, String), (&ModuleEntry, &Kind)> = BTreeMap::new();
    for ((entry, kind), module) in known.iter().zip(modules) {
        let mut reported = Vec::new();
        for (rule, name) in names(around, entry, kind, &module.inputs) {
            let (key, why) = match rule.letters {
                Letters::Bucket => (("bucket", name.clone()), "a name belongs to one bucket"),
                Letters::Iam => ((rule.what, name.to_lowercase()), "IAM does not tell upper from lower case"),
                // Others follow from the names of modules, which differ, or get an end of their own.
                Letters::Any | Letters::Lower | Letters::Identifier => continue,
            };
            let (first, of) = *taken.entry(key).or_insert((entry, kind));
            let (span, field) = place(entry, rule);
            // Modules of one name, and a second one of a kind that there is once, have been reported. One name may be
            // that of several things.
            let is_reported = first.name.value == entry.name.value || (kind.unique && of.name == kind.name);
            if is_reported || reported.contains(&span) {
                continue;
            }
            reported.push(span);
            let (line, _) = report.source().position(place(first, rule).0.start);
            report.push(
                report
                    .at(span, "duplicate-name", format!("a second {} would be named `{name}`", rule.what))
                    .with_field(field)
                    .with_label(format!("first on line {line}"))
                    .with_help(format!("choose another name: {why}")),
            );
        }
    }
}

/// The names of a module's resources that are known.
fn names<'a>(
    around: &'a Surroundings<'_>,
    entry: &'a ModuleEntry,
    kind: &'static Kind,
    inputs: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'static NameRule, String)> + use<'a> {
    let layer = around.request.file.name.value.as_str();
    let environment = match (around.request.environment, around.scope()) {
        (Some(environment), _) => environment.name.as_str(),
        (None, Scope::Environment) => layer,
        // Some name of at least one character, when a service is checked without its environment.
        (None, Scope::Service) => "…",
    };
    let is_misplaced = kind.place == Place::Environment && around.scope() == Scope::Service;
    let rules = if is_misplaced { &[] } else { kind.names };
    let parts = NameParts { environment, layer, module: &entry.name.value, inputs };
    rules.iter().filter_map(move |rule| Some((rule, (rule.name)(&parts)?)))
}

/// Where a name comes from: the input that the user gives it with, else the name of the module.
fn place(entry: &ModuleEntry, rule: &NameRule) -> (Span, String) {
    match rule.input.and_then(|input| Some((entry.inputs.get(input)?.span, input))) {
        Some((span, input)) => (span, entry.field(input)),
        None => (entry.name.span, entry.field("name")),
    }
}

fn letters(name: &str, letters: Letters) -> Option<&'static str> {
    let lower = |extra: &str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || extra.contains(c));
    let trimmed = name.trim_matches(['-', '.']) == name;
    match letters {
        Letters::Any | Letters::Iam => None,
        Letters::Lower if !lower("-") => Some("only lower case letters, digits and dashes are allowed"),
        Letters::Identifier if !lower("-") => Some("only lower case letters, digits and dashes are allowed"),
        Letters::Identifier if name.contains("--") => Some("two dashes in a row are not allowed"),
        Letters::Identifier if !name.starts_with(|c: char| c.is_ascii_lowercase()) => {
            Some("it has to begin with a letter")
        }
        Letters::Bucket if name.len() < 3 => Some("a bucket's name has at least 3 characters"),
        Letters::Bucket if !lower("-.") => Some("only lower case letters, digits, dashes and dots are allowed"),
        Letters::Bucket if name.contains("..") => Some("two dots in a row are not allowed"),
        Letters::Bucket if is_address(name) => Some("a bucket's name may not look like an IP address"),
        Letters::Lower | Letters::Identifier | Letters::Bucket if !trimmed => {
            Some("it may not begin or end with a dash or dot")
        }
        Letters::Bucket => reserved(name),
        Letters::Lower | Letters::Identifier => None,
    }
}

/// Whether a name has the form of an IPv4 address, whatever its numbers.
fn is_address(name: &str) -> bool {
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    name.split('.').count() == 4 && name.split('.').all(is_number)
}

/// Begins and ends of names that S3 keeps for itself
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
fn reserved(bucket: &str) -> Option<&'static str> {
    const BEGINS: [(&str, &str); 3] = [
        ("xn--", "S3 allows no name that begins with `xn--`"),
        ("sthree-", "S3 allows no name that begins with `sthree-`"),
        ("amzn-s3-demo-", "S3 allows no name that begins with `amzn-s3-demo-`"),
    ];
    const ENDS: [(&str, &str); 5] = [
        ("-s3alias", "names that end with `-s3alias` are those of access points"),
        ("--ol-s3", "names that end with `--ol-s3` are those of Object Lambda access points"),
        (".mrap", "names that end with `.mrap` are those of Multi-Region access points"),
        ("--x-s3", "names that end with `--x-s3` are those of directory buckets"),
        ("--table-s3", "names that end with `--table-s3` are those of table buckets"),
    ];
    let begin = BEGINS.iter().find(|(begin, _)| bucket.starts_with(begin));
    begin.or_else(|| ENDS.iter().find(|(end, _)| bucket.ends_with(end))).map(|(_, why)| *why)
}
