//! The modules of a layer: their kinds, inputs, wires, links and needs.

use std::collections::{BTreeMap, BTreeSet};

use landfall_config::{FileScope, ModuleEntry, Report, is_secret_name, nearest};
use serde_json::{Map, Value};

use super::Request;
use super::links::links;
use super::names::{check_names, check_unique_names};
use super::order::check_order;
use super::placed::Placed;
use super::references::{References, output_token};
use super::typed::{fit, unknown_field};
use crate::check::Check;
use crate::guard;
use crate::kind::{Kind, Place, Presence, When};
use crate::kinds;
use crate::layer::{Module, Scope};

/// What every module of a file may look at.
pub(super) struct Surroundings<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) variables: &'a BTreeMap<String, Value>,
    /// Kind of each module by name.
    pub(super) kinds: BTreeMap<&'a str, &'static Kind>,
    /// Kind name and module name in the order of the file.
    pub(super) modules: Vec<(&'static str, &'a str)>,
}

impl Surroundings<'_> {
    pub(super) fn scope(&self) -> Scope {
        match self.request.file.scope {
            FileScope::Environment { .. } => Scope::Environment,
            FileScope::Service { .. } => Scope::Service,
        }
    }

    /// Whether the file has such a module, whose type is wrong. That has been reported: what refers to it is right.
    pub(super) fn is_mistyped(&self, module: &str) -> bool {
        !self.kinds.contains_key(module) && self.request.file.modules.iter().any(|entry| entry.name.value == module)
    }

    /// Names of the file's other modules, whatever their types: what a mistyped name may have meant.
    pub(super) fn others(&self, entry: &ModuleEntry) -> impl Iterator<Item = &str> + Clone {
        let own = entry.name.span;
        let others = self.request.file.modules.iter().filter(move |other| other.name.span != own);
        others.map(|other| other.name.value.as_str())
    }

    fn module_of(&self, kind: &str) -> Option<&str> {
        self.modules.iter().find(|(name, _)| *name == kind).map(|(_, module)| *module)
    }
}

/// Resolves every module; what is wrong is reported.
pub(super) fn resolve<'a>(
    request: &'a Request<'a>,
    variables: &'a BTreeMap<String, Value>,
    report: &mut Report<'_>,
) -> Vec<Module> {
    let mut known = Vec::new();
    for entry in &request.file.modules {
        if let Some(kind) = kind_of(request, entry, report) {
            known.push((entry, kind));
        }
    }
    let around = Surroundings {
        request,
        variables,
        kinds: known.iter().map(|(entry, kind)| (entry.name.value.as_str(), *kind)).collect(),
        modules: known.iter().map(|(entry, kind)| (kind.name, entry.name.value.as_str())).collect(),
    };
    unique(&known, report);
    let modules: Vec<Module> = known.iter().map(|(entry, kind)| module(&around, entry, kind, report)).collect();
    check_unique_names(&around, &known, &modules, report);
    check_order(request.file, &modules, report);
    modules
}

fn kind_of(request: &Request<'_>, entry: &ModuleEntry, report: &mut Report<'_>) -> Option<&'static Kind> {
    let ty = entry.ty.value.as_str();
    let Some(kind) = kinds::by_type(ty) else {
        let all = kinds::all().iter().flat_map(|kind| kind.type_names).copied();
        let help = match nearest(ty, all) {
            Some(known) => format!("did you mean `{known}`?"),
            None => {
                let names: Vec<&str> = kinds::all().iter().map(|kind| kind.name).collect();
                format!("types are {}", names.join(", "))
            }
        };
        report.push(
            report
                .at(entry.ty.span, "unknown-module", format!("there is no module type `{ty}`"))
                .with_field(entry.field("type"))
                .with_help(help),
        );
        return None;
    };
    if kind.place == Place::Environment && matches!(request.file.scope, FileScope::Service { .. }) {
        report.push(
            report
                .at(entry.ty.span, "wrong-place", format!("a module of type {ty} belongs into an environment"))
                .with_field(entry.field("type"))
                .with_help("move it to the environment's file"),
        );
    }
    if let Some(supported) = request.supported
        && !supported.contains(kind.name)
    {
        let list: Vec<&str> = supported.iter().map(String::as_str).collect();
        report.push(
            report
                .at(
                    entry.ty.span,
                    "unsupported-module",
                    format!("module type {ty} is not supported by this installation"),
                )
                .with_field(entry.field("type"))
                .with_help(format!("it has: {}; a newer version may have it: `landfall bootstrap`", list.join(", "))),
        );
    }
    Some(kind)
}

fn unique(known: &[(&ModuleEntry, &'static Kind)], report: &mut Report<'_>) {
    for (position, (entry, kind)) in known.iter().enumerate() {
        let first = known[..position].iter().find(|(_, other)| other.name == kind.name);
        let Some((first, _)) = first.filter(|_| kind.unique) else { continue };
        let (line, _) = report.source().position(first.ty.span.start);
        report.push(
            report
                .at(
                    entry.ty.span,
                    "second-module",
                    format!("a file may hold one module of type {} only", entry.ty.value),
                )
                .with_field(entry.field("type"))
                .with_label(format!("the first is on line {line}"))
                .with_help("remove one of the two"),
        );
    }
}

fn module(around: &Surroundings<'_>, entry: &ModuleEntry, kind: &'static Kind, report: &mut Report<'_>) -> Module {
    let name = entry.name.value.as_str();
    let owner = format!("modules[{}]", entry.index);
    for pair in &entry.inputs.entries {
        if kind.input(&pair.key).is_none() {
            let missed = kind.missed.iter().find(|(field, _)| *field == pair.key).map(|(_, instead)| *instead);
            report.push(unknown_field(report, pair.key_span, &pair.key, &owner, kind.inputs, missed));
        }
    }
    let mut references = References {
        file: around.request.file,
        kinds: &around.kinds,
        environment: around.request.environment,
        config_bucket: around.request.config_bucket,
        variables: around.variables,
        module: name,
        used: BTreeSet::new(),
    };
    let mut inputs = Map::new();
    let mut defaults = BTreeMap::new();
    let mut hidden = Vec::new();
    let pinned = around.request.pinned.get(name);
    for input in kind.inputs {
        let field = entry.field(input.name);
        let given = entry.inputs.get(input.name).filter(|node| !node.is_null());
        if let (Some(node), Some(instead)) = (given, input.deprecated) {
            let message = format!("`{}` should not be used any more", input.name);
            let warning = report.at(node.span, "deprecated", message).with_field(&field).with_help(instead);
            report.push(warning.warning());
        }
        // A variable without a value is like an input that is not given.
        let given =
            given.map(|node| Placed::of(node, &field, &mut references, report)).filter(|placed| !placed.is_null());
        match given {
            Some(placed) => {
                // What does not fit has been reported; the rules of the kind then see something unknown.
                let value = fit(&placed, &input.ty, &field, report).unwrap_or_else(References::unresolved);
                inputs.insert(input.name.to_owned(), value);
                if placed.holds_secret() && !is_secret_name(input.name) {
                    let shown = fit(&placed.without_secrets(), &input.ty, &field, &mut Report::new(report.source()));
                    hidden.push((input.name, shown.unwrap_or_else(References::unresolved)));
                }
            }
            None if input.required => {
                report.push(
                    report
                        .at(entry.ty.span, "missing-field", format!("`{}` is missing", input.name))
                        .with_field(field)
                        .with_help(format!("add `{}`: {}", input.name, input.doc)),
                );
                inputs.insert(input.name.to_owned(), References::unresolved());
            }
            None => {
                let value = pinned
                    .and_then(|pinned| pinned.get(input.name).cloned())
                    .unwrap_or_else(|| input.default.to_json());
                defaults.insert(input.name.to_owned(), value.clone());
                inputs.insert(input.name.to_owned(), value);
            }
        }
    }
    let mut needs = references.used;
    wires(around, kind, entry, &mut inputs, &mut needs);
    let links = links(around, entry, kind, report);
    needs.extend(links.iter().map(|link| link.target.clone()));
    depends_on(around, entry, &mut needs, report);
    kind_needs(around, kind, entry, &mut needs, report);
    // What the rules see they may tell. A rule for an input that is named like a secret knows that.
    let mut seen = inputs.clone();
    seen.extend(hidden.into_iter().map(|(name, value)| (name.to_owned(), value)));
    if let Some(rule) = kind.check {
        rule(&mut Check {
            entry,
            inputs: &seen,
            scope: around.scope(),
            modules: &around.modules,
            environment: around.request.environment,
            file: around.request.file,
            report,
        });
    }
    check_names(around, entry, kind, &seen, report);
    let (line, _) = report.source().position(entry.span.start);
    Module {
        name: name.to_owned(),
        kind: kind.name.to_owned(),
        inputs,
        defaults,
        needs: needs.into_iter().collect(),
        links,
        ignore_drift: ignore_drift(entry, kind, report),
        line,
    }
}

/// Inputs that come from other modules. One that the user gives is left alone.
fn wires(
    around: &Surroundings<'_>,
    kind: &Kind,
    entry: &ModuleEntry,
    inputs: &mut Map<String, Value>,
    needs: &mut BTreeSet<String>,
) {
    for wire in kind.wires {
        if entry.inputs.get(wire.name).is_some_and(|node| !node.is_null()) {
            continue;
        }
        let connected = match wire.when {
            When::Anywhere | When::SameFile => true,
            When::DomainIsFree | When::DomainIsOurs => domain_is_ours(around, entry, wire.when),
        };
        let here = around.module_of(wire.kind).filter(|_| connected);
        let value = match here {
            Some(module) => {
                needs.insert(module.to_owned());
                output_token(module, wire.output)
            }
            None if wire.when == When::Anywhere => {
                let outputs = around.request.environment.map(|environment| &environment.outputs);
                outputs.and_then(|outputs| outputs.get(wire.output).cloned()).unwrap_or(Value::Null)
            }
            None => Value::Null,
        };
        let unset = inputs.get(wire.name).is_none_or(|now| now.is_null() || now == "");
        if unset {
            inputs.insert(wire.name.to_owned(), value);
        }
    }
}

/// Whether the file's dns module gives its domain to this module.
fn domain_is_ours(around: &Surroundings<'_>, entry: &ModuleEntry, when: When) -> bool {
    let dns = around
        .request
        .file
        .modules
        .iter()
        .find(|module| kinds::by_type(&module.ty.value).is_some_and(|kind| kind.name == "dns"));
    let linked = dns.and_then(|dns| dns.inputs.get("linked_module")).and_then(landfall_config::Node::as_str);
    match linked.filter(|linked| !linked.is_empty()) {
        Some(linked) => {
            let of = |ty: &str| kinds::by_type(ty).map(|kind| kind.name);
            linked == entry.name.value || (of(linked).is_some() && of(linked) == of(&entry.ty.value))
        }
        None => when == When::DomainIsFree,
    }
}

fn depends_on(around: &Surroundings<'_>, entry: &ModuleEntry, needs: &mut BTreeSet<String>, report: &mut Report<'_>) {
    for wanted in &entry.depends_on {
        let name = wanted.value.strip_prefix("module.").unwrap_or(&wanted.value);
        if around.kinds.contains_key(name) && name != entry.name.value {
            needs.insert(name.to_owned());
            continue;
        }
        if around.is_mistyped(name) {
            continue;
        }
        let (message, help) = if name == entry.name.value {
            (format!("`{name}` cannot come before itself"), "remove it".to_owned())
        } else {
            let help = super::references::suggestion(name, around.others(entry), "there is no other module");
            (format!("there is no module `{name}` in this file"), help)
        };
        report.push(
            report.at(wanted.span, "unknown-dependency", message).with_field(entry.field("depends_on")).with_help(help),
        );
    }
}

/// Paths of attributes that others may change. What a module promises about security is none of them.
fn ignore_drift(entry: &ModuleEntry, kind: &Kind, report: &mut Report<'_>) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for wanted in &entry.ignore_drift {
        let path = wanted.value.as_str();
        let (message, help) = if path.contains('*') {
            let help = "a path means everything that lies in it: `tags` are all tags";
            (format!("`{path}` is not the path of an attribute"), help)
        } else if path.split('.').any(str::is_empty)
            || path.contains(char::is_whitespace)
            || !path.starts_with(|first: char| first.is_ascii_alphabetic())
        {
            let help = "for example `delay_seconds` or `tags.CostCenter`, as a plan shows it";
            (format!("`{path}` is not the path of an attribute"), help)
        } else if guard::is_guarded_in_module(kind.name, path) {
            let help = "take it out: drift of it is shown, and a deployment sets it right";
            let whose = if guard::is_guarded("", path) {
                String::new()
            } else {
                format!(" of a module of type {}", entry.ty.value)
            };
            (format!("`{path}`{whose} holds a promise about security, so its drift cannot be ignored"), help)
        } else if paths.iter().any(|known| known == path) {
            (format!("`{path}` stands in it twice"), "remove one of the two")
        } else {
            paths.push(path.to_owned());
            continue;
        };
        let diagnostic = report.at(wanted.span, "invalid-value", message).with_field(entry.field("ignore_drift"));
        report.push(diagnostic.with_help(help));
    }
    paths
}

fn kind_needs(
    around: &Surroundings<'_>,
    kind: &Kind,
    entry: &ModuleEntry,
    needs: &mut BTreeSet<String>,
    report: &mut Report<'_>,
) {
    for need in kind.needs {
        if let Some(module) = around.module_of(need.kind) {
            if module != entry.name.value {
                needs.insert(module.to_owned());
            }
            continue;
        }
        let in_environment = around
            .request
            .environment
            .is_none_or(|environment| environment.modules.iter().any(|module| module.kind == need.kind));
        // A module whose type is wrong may be the one that is needed.
        let may_be_mistyped = around.kinds.len() < around.request.file.modules.len();
        let met = match need.presence {
            _ if may_be_mistyped => true,
            Presence::Optional => true,
            Presence::SameFile => false,
            Presence::FileOrEnvironment => around.scope() == Scope::Service && in_environment,
        };
        if met {
            continue;
        }
        let place = match need.presence {
            Presence::SameFile => "this file",
            Presence::Optional | Presence::FileOrEnvironment => "the environment",
        };
        let message = format!("a module of type {} needs one of type {}", entry.ty.value, need.kind);
        report.push(
            report
                .at(entry.ty.span, "missing-module", message)
                .with_field(entry.field("type"))
                .with_help(format!("add `- type: {}` to {place}", need.kind)),
        );
    }
}
