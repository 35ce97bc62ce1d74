//! Looking at everything a module owns: the graph's resources and those that only the journal remembers, one batch
//! per resource kind, all kinds at once.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use landfall_aws::{Aws, Error, Kind, LAYER_TAG, MODULE_TAG, RESOURCE_TAG, Result, Tags};
use serde_json::Value;

use crate::graph::{Node, tags};
use crate::resource::{Registered, Seen, Wanted};
use crate::step::{Entry, Journal};

/// A resource that only the journal remembers.
#[derive(Clone, Debug)]
pub(crate) struct Leftover {
    pub name: String,
    pub kind: Registered,
    pub entry: Entry,
}

/// Journal entries that the graph does not have.
pub(crate) fn leftovers(nodes: &[Node], journal: &Journal, kinds: &[Registered]) -> Result<Vec<Leftover>> {
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

/// What AWS shows of each resource, by its name in the module.
pub(crate) async fn observe(
    aws: &Aws,
    layer: &str,
    module: &str,
    nodes: &[Node],
    leftovers: &[Leftover],
    journal: &Journal,
) -> Result<BTreeMap<String, Seen>> {
    let mut questions: Vec<Question<'_>> = Vec::new();
    for node in nodes {
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
            tags: tags(layer, module, &left.name),
            properties: &left.entry.properties,
            leaving: true,
            kind: left.kind,
        });
    }
    let mut batches: BTreeMap<&'static str, Vec<&Question<'_>>> = BTreeMap::new();
    for question in &questions {
        batches.entry(question.kind.kind()).or_default().push(question);
    }
    let answers = try_join_all(batches.into_values().map(|batch| async move {
        let wanted: Vec<Wanted<'_>> = batch
            .iter()
            .map(|question| Wanted {
                resource: question.resource,
                id: question.id,
                name: question.name.as_deref(),
                tags: &question.tags,
                properties: question.properties,
                leaving: question.leaving,
                recorded: journal.get(question.resource).map(|entry| (&entry.properties, &entry.attributes)),
            })
            .collect();
        let kind = batch.first().map(|question| question.kind);
        let seen = match kind {
            Some(kind) => kind.0.observe(aws, &wanted).await?,
            None => Vec::new(),
        };
        Ok::<_, Error>(batch.into_iter().zip(seen).collect::<Vec<_>>())
    }))
    .await?;

    let mut seen = BTreeMap::new();
    for (question, answer) in answers.into_iter().flatten() {
        let Some(mut answer) = answer else { continue };
        refuse_foreign(question, &answer)?;
        // The id is an attribute like any other, and what AWS does not report again is taken from the journal.
        if let Some(entry) = journal.get(question.resource) {
            for (name, value) in &entry.attributes {
                answer.attributes.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        answer.attributes.insert("id".into(), Value::String(answer.id.clone()));
        seen.insert(question.resource.to_owned(), answer);
    }
    Ok(seen)
}

/// A resource that was found by its name alone must carry our tags; otherwise it is somebody else's.
fn refuse_foreign(question: &Question<'_>, seen: &Seen) -> Result<()> {
    if question.id.is_some() || !question.kind.0.tagged() {
        return Ok(());
    }
    let found = seen.properties.get("tags");
    let tag = |key: &str| found.and_then(|tags| tags.get(key)).and_then(Value::as_str);
    let ours =
        [LAYER_TAG, MODULE_TAG, RESOURCE_TAG].iter().all(|key| tag(key) == question.tags.get(*key).map(String::as_str));
    if ours {
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
