//! Looking at everything a module owns: the graph's resources and those that only the journal remembers, one batch
//! per resource kind, all kinds at once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use landfall_aws::{Aws, Error, Kind, LAYER_TAG, MODULE_TAG, RESOURCE_TAG, Result, Tags, denials_together};
use landfall_state::Timestamp;
use serde_json::Value;

use crate::graph::{Node, tags};
use crate::journal::{Entry, Journal};
use crate::resource::{Registered, Seen, Wanted};

/// A resource that only the journal remembers.
#[derive(Clone, Debug)]
pub(crate) struct Leftover {
    pub name: String,
    pub kind: Registered,
    pub entry: Entry,
}

/// Journal entries that the graph does not have.
pub(crate) fn leftovers(nodes: &[Node], journal: &Journal, kinds: &[Registered]) -> Result<Vec<Leftover>> {
    let changed = nodes.iter().find_map(|node| {
        let entry = journal.get(&node.name).filter(|entry| entry.kind != node.kind.kind())?;
        let message = format!("it was a {} and would become a {}", entry.kind, node.kind.kind());
        Some(Error::new(Kind::Corrupt, "observe", message).about(&node.name))
    });
    if let Some(error) = changed {
        return Err(error.hint("this is a fault of the module: a resource of another kind needs another name"));
    }
    journal
        .iter()
        .filter(|(name, _)| !nodes.iter().any(|node| node.name == **name))
        .map(|(name, entry)| {
            let kind = kinds.iter().find(|kind| kind.kind() == entry.kind).copied().ok_or_else(|| {
                Error::new(
                    Kind::Unsupported,
                    "observe",
                    format!("this version does not know the resource kind {}", entry.kind),
                )
                .about(name)
                .hint("install the version of Landfall that made it, or a newer one")
            })?;
            Ok(Leftover { name: name.clone(), kind, entry: entry.clone() })
        })
        .collect()
}

struct Question<'a> {
    resource: &'a str,
    id: Option<&'a str>,
    name: Option<String>,
    tags: Tags,
    properties: &'a Value,
    leaving: bool,
    kind: Registered,
}

/// Whose resources are looked at.
pub(crate) struct Owner<'a> {
    pub layer: &'a str,
    pub module: &'a str,
    /// Deployment that looks.
    pub number: u64,
    /// How long the journal is believed more than a describe that shows nothing.
    pub settle: Duration,
    /// When the look began.
    pub looked_at: Timestamp,
}

/// What AWS shows of each resource, by its name in the module. What is `trusted` is not asked about.
///
/// # Errors
/// All kinds are asked, whatever one of them answers: the error names every one that failed. A resource that belongs
/// to somebody else is an error, and so is something to look up that does not exist.
pub(crate) async fn observe(
    aws: &Aws,
    owner: &Owner<'_>,
    nodes: &[Node],
    leftovers: &[Leftover],
    journal: &Journal,
    trusted: &BTreeMap<String, Seen>,
) -> Result<BTreeMap<String, Seen>> {
    let mut questions: Vec<Question<'_>> = Vec::new();
    for node in nodes.iter().filter(|node| !trusted.contains_key(&node.name)) {
        questions.push(Question {
            resource: &node.name,
            id: journal.get(&node.name).and_then(|entry| entry.id.as_deref()),
            name: node.kind.0.name(&node.desired).filter(|name| !name.contains("${landfall:")),
            tags: node.tags.clone(),
            properties: &node.desired,
            leaving: false,
            kind: node.kind,
        });
    }
    for left in leftovers {
        questions.push(Question {
            resource: &left.name,
            id: left.entry.id.as_deref(),
            name: left.kind.0.name(&left.entry.properties),
            tags: tags(owner.layer, owner.module, &left.name),
            properties: &left.entry.properties,
            leaving: true,
            kind: left.kind,
        });
    }
    let mut batches: BTreeMap<&'static str, Vec<&Question<'_>>> = BTreeMap::new();
    for question in &questions {
        batches.entry(question.kind.kind()).or_default().push(question);
    }
    let answers = join_all(batches.into_values().map(|batch| ask(aws, batch, journal))).await;
    let (answers, errors): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    if let Some(error) = all_of(errors.into_iter().filter_map(Result::err).collect()) {
        return Err(error);
    }
    let mut seen = BTreeMap::new();
    for (question, answer) in answers.into_iter().filter_map(Result::ok).flatten() {
        let entry = journal.get(question.resource);
        let shown = answer.filter(|answer| !aws.watch().hides(&format!("{} {}", question.resource, answer.id)));
        if let Some(shown) = &shown {
            refuse_foreign(question, shown, leftovers)?;
        }
        let remembered = || entry?.remembered(owner.settle, owner.number, owner.looked_at);
        let Some(mut answer) = shown.or_else(remembered) else {
            refuse_missing(question)?;
            continue;
        };
        // The id is an attribute like any other, and what AWS does not report again is taken from the journal.
        if let Some(entry) = entry {
            for (name, value) in &entry.attributes {
                answer.attributes.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        answer.attributes.insert("id".into(), Value::String(answer.id.clone()));
        seen.insert(question.resource.to_owned(), answer);
    }
    Ok(seen)
}

/// Asks for all resources of one kind at once.
async fn ask<'a>(
    aws: &Aws,
    batch: Vec<&'a Question<'a>>,
    journal: &Journal,
) -> Result<Vec<(&'a Question<'a>, Option<Seen>)>> {
    let wanted: Vec<Wanted<'_>> = batch
        .iter()
        .map(|question| Wanted {
            resource: question.resource,
            recorded: journal.get(question.resource).map(|entry| (&entry.properties, &entry.attributes)),
            id: question.id,
            name: question.name.as_deref(),
            tags: &question.tags,
            properties: question.properties,
            leaving: question.leaving,
        })
        .collect();
    let seen = match batch.first() {
        Some(question) => question.kind.0.observe(aws, &wanted).await?,
        None => Vec::new(),
    };
    Ok(batch.into_iter().zip(seen).collect())
}

/// One error for all: an error that waiting does not help comes first, and the others are named in its message.
fn all_of(errors: Vec<Error>) -> Option<Error> {
    let mut errors = denials_together(errors);
    errors.sort_by_key(|error| matches!(error.kind, Kind::NotReady | Kind::Throttled));
    let mut errors = errors.into_iter();
    let mut first = errors.next()?;
    for error in errors {
        first.message.push_str(&format!("; also {error}"));
        if let Some(hint) = error.hint
            && first.hint.as_ref() != Some(&hint)
        {
            first.hint = Some(first.hint.take().map_or(hint.clone(), |already| format!("{already}; {hint}")));
        }
    }
    Some(first)
}

/// What is only looked up has to exist, unless where to look is not known yet.
fn refuse_missing(question: &Question<'_>) -> Result<()> {
    if !question.kind.0.is_lookup() || !landfall_plan::tokens(question.properties).is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Kind::NotFound,
        "look up",
        format!("there is no {} as {}", question.kind.kind(), question.properties),
    )
    .about(question.resource)
    .hint("correct the config, or make it first; it is not Landfall's to make"))
}

/// A resource that was found by its name alone must carry our tags; otherwise it is somebody else's.
/// One of our module under another resource name is ours too, when the journal remembers it under that name: the
/// resource was renamed in the module.
fn refuse_foreign(question: &Question<'_>, seen: &Seen, leftovers: &[Leftover]) -> Result<()> {
    if question.id.is_some() || !question.kind.0.tagged() {
        return Ok(());
    }
    let found = seen.properties.get("tags");
    let tag = |key: &str| found.and_then(|tags| tags.get(key)).and_then(Value::as_str);
    let ours =
        [LAYER_TAG, MODULE_TAG, RESOURCE_TAG].iter().all(|key| tag(key) == question.tags.get(*key).map(String::as_str));
    let renamed = [LAYER_TAG, MODULE_TAG].iter().all(|key| tag(key) == question.tags.get(*key).map(String::as_str))
        && leftovers
            .iter()
            .any(|left| left.kind.kind() == question.kind.kind() && left.entry.id.as_deref() == Some(seen.id.as_str()));
    if ours || renamed {
        return Ok(());
    }
    let owner = match (tag(LAYER_TAG), tag(MODULE_TAG)) {
        (Some(layer), Some(module)) => format!("it belongs to module {module} of layer {layer}"),
        (Some(layer), None) => format!("it belongs to layer {layer}"),
        (None, _) => "it was not made by Landfall".to_owned(),
    };
    Err(Error::new(Kind::Conflict, "observe", format!("{} {} exists already: {owner}", question.kind.kind(), seen.id))
        .about(question.resource)
        .hint("choose another name in the config, or delete the existing one"))
}
