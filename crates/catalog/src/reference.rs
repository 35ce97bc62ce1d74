//! The reference of all kinds for people, as Markdown, generated like the JSON Schema.

use serde_json::Value;

use crate::kind::{Grants, Holds, Input, Kind, Letters, Place, Presence};
use crate::kinds;
use crate::settings::SETTINGS;
use crate::ty::Type;

const INTRODUCTION: &str = "\
# Modules

Everything that may stand under `modules` of a layer file, and what it takes and gives. This page is generated from the
catalogue; so are the errors of `landfall validate` and the schema for editors (`landfall schema`, also in
[`layer.schema.json`](layer.schema.json)).

Every module also takes `name` (letters and digits, unique in the file; by default the type without dashes) and
`depends_on` (a list of names of modules that come first). An input that is absent, or null, has its default. Defaults
are pinned when a module is first deployed: a later version of Landfall with another default changes nothing.

Every module takes `ignore_drift` as well: a list of paths of attributes, as a plan shows them, that others may change
(`[delay_seconds, tags.CostCenter]`). What AWS has there stays as it is until the config itself says something else.
Attributes whose names promise something about security cannot be listed; for types that make identities only (iam-role,
iam-user, iam-policy, external-ssl-cert) nothing but tags can. Where only the kind of a resource says so, as for a key that
an sqs module makes, and where no resource has such an attribute, an entry has no effect: drift is shown and set right
([what drift is](deployments.md#drift)).

Outputs of modules of the same file are written `${{module.NAME.OUTPUT}}`. A service writes `{parent.OUTPUT}` for those
outputs of its environment that are marked as seen by services.

Every type here can be validated. A deployment is refused, with the place, when the installation lacks the function of a
type; `landfall bootstrap` of a newer version brings it.
";

/// The reference as Markdown.
pub fn reference() -> String {
    let mut out = INTRODUCTION.to_owned();
    out.push_str("\n| Type | What it is |\n|---|---|\n");
    for kind in kinds::all() {
        line(&mut out, &format!("| [{0}](#{0}) | {1} |", kind.name, cell(kind.summary)));
    }
    for kind in kinds::all() {
        write_kind(&mut out, kind);
    }
    out.push_str("\n## Settings\n\nUnder the optional top-level key `landfall`.\n\n");
    inputs(&mut out, SETTINGS);
    out
}

fn write_kind(out: &mut String, kind: &Kind) {
    line(out, &format!("\n## {}\n\n{}.\n", kind.name, kind.summary));
    let types: Vec<_> = kind.type_names.iter().map(|name| format!("`{name}`")).collect();
    let place = match kind.place {
        Place::Anywhere => "environments and services",
        Place::Environment => "environments",
    };
    let number = if kind.unique { "one" } else { "any number" };
    line(out, &format!("Type {}. For {place}, {number} per file.", types.join(", ")));
    for need in kind.needs {
        let place = match need.presence {
            Presence::SameFile => "in the same file",
            Presence::FileOrEnvironment => "in the same file or in the environment",
            Presence::Optional => continue,
        };
        line(out, &format!("Needs a module of type [{0}](#{0}) {place}.", need.kind));
    }
    out.push('\n');
    if kind.inputs.is_empty() {
        line(out, "It has no inputs.");
    } else {
        inputs(out, kind.inputs);
    }
    outputs(out, kind);
    links(out, kind);
    names(out, kind);
}

fn inputs(out: &mut String, inputs: &[Input]) {
    line(out, "| Input | Takes | Default | |\n|---|---|---|---|");
    for input in inputs {
        row(out, input.name, input);
    }
}

/// The row of an input and, below it, rows of its fields.
fn row(out: &mut String, path: &str, input: &Input) {
    let default = match (input.required, input.default.to_json()) {
        (true, _) => "**required**".to_owned(),
        (false, Value::Null) => String::new(),
        (false, value) => format!("`{value}`"),
    };
    let mut doc = cell(input.doc);
    if let Some(instead) = input.deprecated {
        doc.push_str(&format!(". **Deprecated**: {}", cell(instead)));
    }
    line(out, &format!("| `{path}` | {} | {} | {doc} |", cell(&takes(&input.ty)), cell(&default)));
    fields(out, path, &input.ty);
}

fn fields(out: &mut String, path: &str, ty: &Type) {
    match ty {
        Type::Object(fields) => fields.iter().for_each(|field| row(out, &format!("{path}.{}", field.name), field)),
        Type::List { of, .. } => fields(out, &format!("{path}[]"), of),
        Type::Map(of) => fields(out, &format!("{path}.*"), of),
        Type::Either(types) => types.iter().for_each(|ty| fields(out, path, ty)),
        _ => {}
    }
}

/// What a type takes, in a few words.
fn takes(ty: &Type) -> String {
    match ty {
        Type::Any => "anything".to_owned(),
        Type::Bool => "true or false".to_owned(),
        Type::Int { min, max } | Type::IntOrText { min, max } => match (*min, *max) {
            (0, max) if max >= i64::from(i32::MAX) => "integer".to_owned(),
            (min, max) => format!("integer, {min} to {max}"),
        },
        Type::Text | Type::NonEmpty => "text".to_owned(),
        Type::Pattern(pattern) => pattern.what.to_owned(),
        Type::Version(versions) => versions.form.what.to_owned(),
        Type::Enum(choice) => choice.words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Type::Cidr => "an IPv4 range".to_owned(),
        Type::Path => "a path, relative to the file".to_owned(),
        Type::List { of, min, max, .. } => {
            let many = match (*min, *max) {
                (0, _) => String::new(),
                (min, max) if min == max => format!("{min} × "),
                (min, _) => format!("at least {min} × "),
            };
            format!("list: {many}{}", takes(of))
        }
        Type::Map(of) => format!("mapping of names to {}", takes(of)),
        Type::Object(_) => "mapping".to_owned(),
        Type::Either(types) => types.iter().map(takes).collect::<Vec<_>>().join("; or "),
        Type::Links => "list of module names, or of a name with what it grants".to_owned(),
    }
}

fn outputs(out: &mut String, kind: &Kind) {
    if kind.open_outputs {
        line(out, "\nIts outputs depend on its configuration.");
    }
    if kind.outputs.is_empty() {
        return;
    }
    line(out, "\n| Output | Seen by services | |\n|---|---|---|");
    for output in kind.outputs {
        let seen = match (output.exported, output.secret) {
            (_, true) => "by links only",
            (true, _) => "yes",
            (false, _) => "",
        };
        line(out, &format!("| `{}` | {seen} | {} |", output.name, cell(output.doc)));
    }
}

fn links(out: &mut String, kind: &Kind) {
    let list = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match kind.grants {
        Grants::Nothing => {}
        Grants::Permissions { words, default } => {
            line(out, &format!("\nA link to it grants {}; {} when the link says nothing.", list(words), list(default)));
        }
        Grants::Secrets(keys) => {
            line(
                out,
                &format!(
                    "\nA link to it from a k8s-service hands out {} as environment variables, named `MODULE_KEY` or as the \
                     link says.",
                    list(keys)
                ),
            );
        }
    }
    match kind.holds {
        Holds::Nothing => {}
        Holds::Permissions => line(out, "\nIt can be linked to modules that grant permissions."),
        Holds::PermissionsAndSecrets => {
            line(out, "\nIt can be linked to modules that grant permissions or hand out secrets.");
        }
        Holds::Origin(kinds) => line(out, &format!("\nIt can be linked to one module of type {}.", kinds.join(" or "))),
    }
}

fn names(out: &mut String, kind: &Kind) {
    let rules: Vec<String> = kind
        .names
        .iter()
        .map(|rule| {
            let letters = match rule.letters {
                Letters::Any | Letters::Iam => "",
                Letters::Lower | Letters::Identifier | Letters::Bucket => ", lower case",
            };
            format!("{} (at most {} characters{letters})", rule.what, rule.limit)
        })
        .collect();
    if !rules.is_empty() {
        line(out, &format!("\nNames that are checked: {}.", rules.join(", ")));
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// Text inside of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
