//! Holds values against types: reports what does not fit and gives back the value as modules receive it.

use landfall_config::{Diagnostic, Report, nearest};
use serde_json::{Map, Value};

use super::placed::{Placed, What};
use crate::check::is_unknown;
use crate::kind::Input;
use crate::ty::{CIDR, Enum, PATH, Support, Type, Versions};

/// The value of an input that fits its type, or None when it does not and was reported.
pub(super) fn fit(placed: &Placed, ty: &Type, field: &str, report: &mut Report<'_>) -> Option<Value> {
    if let What::Text(text) = &placed.value
        && is_unknown(text)
        && !matches!(ty, Type::Links)
    {
        return unknown(placed, ty, text, field, report);
    }
    match ty {
        Type::Any => Some(placed.to_json()),
        Type::Bool => boolean(placed).or_else(|| wrong(placed, ty, field, report)),
        Type::Int { min, max } => match &placed.value {
            What::Int(value) => within(*value, *min, *max, placed, ty, field, report),
            What::Float(value) if is_whole(*value) => within(*value as i64, *min, *max, placed, ty, field, report),
            What::Text(text) if placed.is_substituted && text.parse::<i64>().is_ok() => {
                within(text.parse().ok()?, *min, *max, placed, ty, field, report)
            }
            _ => wrong(placed, ty, field, report),
        },
        Type::IntOrText { min, max } => match &placed.value {
            What::Int(value) => within(*value, *min, *max, placed, ty, field, report),
            What::Float(value) if is_whole(*value) => within(*value as i64, *min, *max, placed, ty, field, report),
            What::Text(text) if is_digits(text) => within(text.parse().ok()?, *min, *max, placed, ty, field, report),
            _ => wrong(placed, ty, field, report),
        },
        Type::Text => text(placed).map(Value::from).or_else(|| wrong(placed, ty, field, report)),
        Type::NonEmpty => {
            let Some(text) = text(placed) else { return wrong(placed, ty, field, report) };
            if !text.is_empty() {
                return Some(Value::from(text));
            }
            push(report, placed, "invalid-value", "the text is empty".to_owned(), field, "give it a value");
            None
        }
        Type::Version(versions) => version(placed, ty, versions, field, report),
        Type::Pattern(pattern) => of_form(placed, ty, pattern.regex, field, report),
        Type::Cidr => of_form(placed, ty, CIDR, field, report),
        Type::Path => {
            let value = of_form(placed, ty, PATH, field, report)?;
            if !value.as_str().is_some_and(|path| path.split('/').any(|part| part == "..")) {
                return Some(value);
            }
            let message = "the path leaves the folder of this file";
            push(
                report,
                placed,
                "invalid-value",
                message.to_owned(),
                field,
                "files travel with the layer file: put them beside it or below it",
            );
            None
        }
        Type::Enum(choice) => word(placed, ty, choice, field, report),
        Type::List { of, min, max, distinct } => {
            let What::List(items) = &placed.value else { return wrong(placed, ty, field, report) };
            list(placed, items, &ListRule { of, min: *min, max: *max, distinct: *distinct }, field, report)
        }
        Type::Map(of) => {
            let What::Map(entries) = &placed.value else { return wrong(placed, ty, field, report) };
            let before = report.errors();
            let map: Map<_, _> = entries
                .iter()
                .filter_map(|(key, _, value)| Some((key.clone(), fit(value, of, &format!("{field}.{key}"), report)?)))
                .collect();
            (report.errors() == before).then_some(Value::Object(map))
        }
        Type::Object(fields) => {
            let What::Map(entries) = &placed.value else { return wrong(placed, ty, field, report) };
            object(placed, entries, fields, field, report)
        }
        Type::Either(types) => either(placed, ty, types, field, report),
        Type::Links => match &placed.value {
            What::List(_) => Some(placed.to_json()),
            _ => wrong(placed, ty, field, report),
        },
    }
}

struct ListRule<'a> {
    of: &'a Type,
    min: usize,
    max: usize,
    distinct: bool,
}

fn list(placed: &Placed, items: &[Placed], rule: &ListRule<'_>, field: &str, report: &mut Report<'_>) -> Option<Value> {
    let before = report.errors();
    if items.len() < rule.min || items.len() > rule.max {
        let message = format!("the list has {} items", items.len());
        let help = match (rule.min, rule.max) {
            (min, usize::MAX) => format!("give at least {min}"),
            (0, max) => format!("give at most {max}"),
            (min, max) if min == max => format!("give exactly {min}"),
            (min, max) => format!("give {min} to {max}"),
        };
        push(report, placed, "invalid-value", message, field, help);
    }
    let mut values: Vec<Value> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{field}[{index}]");
        let Some(value) = fit(item, rule.of, &path, report) else { continue };
        if rule.distinct && values.contains(&value) {
            push(
                report,
                item,
                "invalid-value",
                "this stands in the list twice".to_owned(),
                &path,
                "remove one of the two",
            );
        }
        values.push(value);
    }
    (report.errors() == before).then_some(Value::Array(values))
}

fn object(
    placed: &Placed,
    entries: &[(String, landfall_config::Span, Placed)],
    fields: &[Input],
    field: &str,
    report: &mut Report<'_>,
) -> Option<Value> {
    let before = report.errors();
    for (key, span, _) in entries.iter().filter(|(key, ..)| !fields.iter().any(|known| known.name == key)) {
        report.push(unknown_field(report, *span, key, field, fields, None));
    }
    let mut map = Map::new();
    for known in fields {
        let path = format!("{field}.{}", known.name);
        let given = entries.iter().find(|(key, ..)| key == known.name).map(|(_, _, value)| value);
        match given.filter(|value| known.required || !matches!(value.value, What::Null)) {
            Some(value) => {
                if let Some(value) = fit(value, &known.ty, &path, report) {
                    map.insert(known.name.to_owned(), value);
                }
            }
            None if known.required => {
                let message = format!("`{}` is missing", known.name);
                push(report, placed, "missing-field", message, &path, format!("add `{}`: {}", known.name, known.doc));
            }
            None => {
                map.insert(known.name.to_owned(), known.default.to_json());
            }
        }
    }
    (report.errors() == before).then_some(Value::Object(map))
}

/// The diagnostic for a key that a mapping does not know.
pub(super) fn unknown_field(
    report: &Report<'_>,
    span: landfall_config::Span,
    key: &str,
    owner: &str,
    known: &[Input],
    instead: Option<&str>,
) -> Diagnostic {
    let names = known.iter().map(|input| input.name);
    let help = match instead {
        Some(instead) => instead.to_owned(),
        None => super::references::suggestion(key, names, "it takes no inputs"),
    };
    report
        .at(span, "unknown-field", format!("unknown field `{key}`"))
        .with_field(format!("{owner}.{key}"))
        .with_help(help)
}

fn either(placed: &Placed, ty: &Type, types: &[Type], field: &str, report: &mut Report<'_>) -> Option<Value> {
    // The alternative of the same shape says best what is wrong.
    for candidate in types {
        let mut attempt = Report::new(report.source());
        if let Some(value) = fit(placed, candidate, field, &mut attempt) {
            attempt.into_items().into_iter().for_each(|item| report.push(item));
            return Some(value);
        }
    }
    let same_shape = types.iter().find(|candidate| {
        matches!(
            (candidate, &placed.value),
            (Type::List { .. }, What::List(_)) | (Type::Map(_) | Type::Object(_), What::Map(_))
        )
    });
    match same_shape {
        Some(candidate) => fit(placed, candidate, field, report),
        None => wrong(placed, ty, field, report),
    }
}

/// Text that holds something known only after apply fits wherever text of some form is wanted.
fn unknown(placed: &Placed, ty: &Type, text: &str, field: &str, report: &mut Report<'_>) -> Option<Value> {
    // What was not found has been reported; what is missing offline is no mistake.
    if text.contains("${landfall:unresolved.") || text.contains("${landfall:offline.") {
        return Some(Value::from(text));
    }
    if takes_outputs(ty) {
        return Some(Value::from(text));
    }
    let message = "an output of a module is known only once that module is deployed and cannot be used here";
    let help = format!("give {}", ty.describe());
    push(report, placed, "known-after-apply", message.to_owned(), field, help);
    None
}

/// Whether an output of another module may stand for a value of the type.
fn takes_outputs(ty: &Type) -> bool {
    match ty {
        Type::Any
        | Type::Text
        | Type::NonEmpty
        | Type::Pattern(_)
        | Type::List { .. }
        | Type::Map(_)
        | Type::Object(_) => true,
        Type::Either(types) => types.iter().any(takes_outputs),
        Type::Bool
        | Type::Int { .. }
        | Type::IntOrText { .. }
        | Type::Enum(_)
        | Type::Version(_)
        | Type::Cidr
        | Type::Path
        | Type::Links => false,
    }
}

fn boolean(placed: &Placed) -> Option<Value> {
    match &placed.value {
        What::Bool(value) => Some(Value::Bool(*value)),
        What::Text(text) if placed.is_substituted => text.parse::<bool>().ok().map(Value::Bool),
        _ => None,
    }
}

/// Text; out of a reference also a number or a boolean.
fn text(placed: &Placed) -> Option<String> {
    match &placed.value {
        What::Text(text) => Some(text.clone()),
        What::Int(value) if placed.is_substituted => Some(value.to_string()),
        What::Float(value) if placed.is_substituted => Some(value.to_string()),
        What::Bool(value) if placed.is_substituted => Some(value.to_string()),
        _ => None,
    }
}

fn word(placed: &Placed, ty: &Type, choice: &Enum, field: &str, report: &mut Report<'_>) -> Option<Value> {
    let Some(text) = text(placed) else { return wrong(placed, ty, field, report) };
    if choice.words.contains(&text.as_str()) {
        return Some(Value::from(text));
    }
    if let Some((_, now)) = choice.former.iter().find(|(former, _)| *former == text) {
        let warning = report
            .at(
                placed.span,
                "former-value",
                format!("{} is no longer offered by AWS and is read as `{now}`", placed.named(&text)),
            )
            .with_field(field)
            .with_help(format!("write `{now}`"));
        report.push(warning.warning());
        return Some(Value::from(*now));
    }
    let near = nearest(&text, choice.words.iter().copied()).filter(|_| !placed.is_secret);
    let help = match near {
        Some(known) => format!("did you mean `{known}`? Known are {}", crate::ty::one_of(choice.words)),
        None => format!("use {}", crate::ty::one_of(choice.words)),
    };
    push(report, placed, "invalid-value", format!("{} is not one of the values", placed.named(&text)), field, help);
    None
}

fn version(placed: &Placed, ty: &Type, versions: &Versions, field: &str, report: &mut Report<'_>) -> Option<Value> {
    if let Some(text) = text(placed)
        && let Some((_, now)) = versions.former.iter().find(|(former, _)| *former == text)
    {
        let warning = report
            .at(
                placed.span,
                "former-value",
                format!("{} is a notation of former times and is read as `{now}`", placed.named(&text)),
            )
            .with_field(field)
            .with_help(format!("write \"{now}\""));
        report.push(warning.warning());
        return Some(Value::from(*now));
    }
    let value = of_form(placed, ty, versions.form.regex, field, report)?;
    let written = value.as_str().unwrap_or_default();
    let shown = if placed.is_secret { "the version" } else { written };
    match (versions.support)(written) {
        Support::Offered => {}
        Support::Fading(why) => {
            let warning = report
                .at(placed.span, "fading-version", format!("{shown} {why}"))
                .with_field(field)
                .with_help(versions.instead);
            report.push(warning.warning());
        }
        Support::Gone(why) => {
            push(report, placed, "gone-version", format!("{shown} {why}"), field, versions.instead);
            return None;
        }
    }
    Some(value)
}

fn of_form(placed: &Placed, ty: &Type, regex: &str, field: &str, report: &mut Report<'_>) -> Option<Value> {
    let Some(text) = text(placed) else { return wrong(placed, ty, field, report) };
    // The expressions are constants, tested to be valid.
    if regex_lite::Regex::new(regex).is_ok_and(|regex| regex.is_match(&text)) {
        return Some(Value::from(text));
    }
    let shown: String = text.chars().take(60).collect();
    let (what, help) = match ty {
        Type::Pattern(pattern) => (pattern.what, format!("for example `{}`", pattern.example)),
        Type::Version(versions) => (versions.form.what, format!("for example \"{}\"", versions.form.example)),
        Type::Path => {
            ("a path relative to this file", "files travel with the layer file, beside it or below it".to_owned())
        }
        _ => ("an IPv4 range", "for example `10.0.0.0/16`".to_owned()),
    };
    push(report, placed, "invalid-value", format!("{} is not {what}", placed.named(&shown)), field, help);
    None
}

fn within(
    value: i64,
    min: i64,
    max: i64,
    placed: &Placed,
    ty: &Type,
    field: &str,
    report: &mut Report<'_>,
) -> Option<Value> {
    if (min..=max).contains(&value) {
        return Some(Value::from(value));
    }
    let shown = if placed.is_secret { "the value".to_owned() } else { value.to_string() };
    let message = format!("{shown} is out of range");
    push(report, placed, "invalid-value", message, field, format!("give {}", ty.describe()));
    None
}

fn wrong(placed: &Placed, ty: &Type, field: &str, report: &mut Report<'_>) -> Option<Value> {
    let source = report.source();
    let written = source.slice(source.first_line_of(placed.span));
    let wants_text = matches!(
        ty,
        Type::Text | Type::NonEmpty | Type::Pattern(_) | Type::Version(_) | Type::Enum(_) | Type::Cidr | Type::Path
    );
    let help = match &placed.value {
        _ if placed.is_secret => None,
        What::Int(_) | What::Float(_) | What::Bool(_) if wants_text => Some(format!("put it in quotes: \"{written}\"")),
        What::Map(entries)
            if written.starts_with('{') && entries.len() == 1 && matches!(entries[0].2.value, What::Null) =>
        {
            Some(format!("text with braces has to stand in quotes: \"{written}\""))
        }
        What::Text(_) | What::Int(_) | What::Float(_) | What::Bool(_)
            if matches!(ty, Type::List { .. } | Type::Links) && !placed.is_substituted =>
        {
            Some(format!("write a list: [{written}]"))
        }
        What::Text(text) if matches!(ty, Type::Int { .. }) && is_digits(text) => {
            Some(format!("remove the quotes: {text}"))
        }
        What::Text(text) if matches!(ty, Type::Bool) => {
            let yes = matches!(text.to_lowercase().as_str(), "yes" | "on" | "true" | "y");
            let no = matches!(text.to_lowercase().as_str(), "no" | "off" | "false" | "n");
            (yes || no).then(|| format!("write {yes}"))
        }
        _ => None,
    };
    let message = format!("expected {}, found {}", ty.describe(), placed.describe(source));
    report.push(report.at(placed.span, "wrong-type", message).with_field(field).with_help_if(help));
    None
}

fn push(
    report: &mut Report<'_>,
    placed: &Placed,
    code: &'static str,
    message: String,
    field: &str,
    help: impl Into<String>,
) {
    report.push(report.at(placed.span, code, message).with_field(field).with_help(help));
}

/// `3.0` is the integer 3, as in JSON Schema.
fn is_whole(value: f64) -> bool {
    value.fract() == 0.0 && value.abs() < 9e15
}

fn is_digits(text: &str) -> bool {
    // Eighteen digits fit into 64 bits.
    !text.is_empty() && text.trim_start_matches('0').len() <= 18 && text.chars().all(|c| c.is_ascii_digit())
}
