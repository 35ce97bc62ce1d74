//! What every EC2 resource of the module shares: how a batch is looked up and matched, tags, and what AWS means by
//! "not found" shortly after a creation.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use landfall_aws::{LAYER_TAG, MODULE_TAG};
use landfall_engine::{Aws, Changes, Error, Explain, Kind, Result, Tags, Wanted};

landfall_aws::client!(pub(crate) ec2: aws_sdk_ec2);

/// Filters under which AWS shows everything that is wanted: by id what has one, the rest by the module's tags. One
/// describe, unless a creation is under way.
pub(crate) fn lookups(id_filter: &str, wanted: &[Wanted<'_>]) -> Vec<Vec<Filter>> {
    let mut lookups = Vec::new();
    let ids: Vec<&str> = wanted.iter().filter_map(|wanted| wanted.id).collect();
    if !ids.is_empty() {
        lookups.push(vec![filter(id_filter, ids)]);
    }
    if let Some(unknown) = wanted.iter().find(|wanted| wanted.id.is_none()) {
        let by_tag = |key: &str| filter(&format!("tag:{key}"), unknown.tags.get(key).map(String::as_str));
        lookups.push(vec![by_tag(LAYER_TAG), by_tag(MODULE_TAG)]);
    }
    lookups
}

pub(crate) fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(str::to_owned).collect())).build()
}

/// The one of `found` that is wanted: by id if the journal has one, else by its three tags.
pub(crate) fn matching<'a, T>(
    wanted: &Wanted<'_>,
    found: &'a [T],
    id: impl Fn(&T) -> Option<&str>,
    tags: impl Fn(&T) -> &[Tag],
) -> Option<&'a T> {
    match wanted.id {
        Some(known) => found.iter().find(|one| id(one) == Some(known)),
        None => found.iter().find(|one| {
            let tags = tags(one);
            wanted.tags.iter().all(|(key, value)| {
                tags.iter().any(|tag| tag.key() == Some(key.as_str()) && tag.value() == Some(value.as_str()))
            })
        }),
    }
}

/// Tags as they are compared. Those of AWS itself are not ours to change.
pub(crate) fn tags_of(tags: &[Tag]) -> Tags {
    tags.iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect()
}

/// Tags that are given with the creation, so that nothing ever exists without them.
pub(crate) fn tagged(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).set_tags(Some(sdk_tags(tags))).build()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Sets all tags of one resource.
pub(crate) async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<()> {
    let sent = ec2(aws).create_tags().resources(id).set_tags(Some(sdk_tags(tags))).send().await;
    settling(sent.explain("CreateTags", id))?;
    Ok(())
}

/// Brings the tags to `tags`, if they are what changes.
pub(crate) async fn retag(aws: &Aws, changes: &Changes<'_>, tags: &Tags) -> Result<()> {
    if !changes.touches("tags") {
        return Ok(());
    }
    let id = changes.id();
    tag(aws, id, tags).await?;
    let removed = changes.removed_tags(tags);
    if !removed.is_empty() {
        let removed = removed.into_iter().map(|key| Tag::builder().key(key).build()).collect();
        ec2(aws).delete_tags().resources(id).set_tags(Some(removed)).send().await.explain("DeleteTags", id)?;
    }
    Ok(())
}

/// Whatever was to be removed and is not found is gone, which is what was asked for.
pub(crate) fn gone<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What was made a moment ago may not be known everywhere yet
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>): "not found" is a wait. If it is
/// gone for good, the next step sees that and makes it again.
pub(crate) fn settling<T>(result: Result<T>) -> Result<T> {
    result.map_err(|mut error| {
        if error.kind == Kind::NotFound {
            error.kind = Kind::NotReady;
        }
        error
    })
}

/// The id that every creation answers.
pub(crate) fn id_of(id: Option<&str>, operation: &str) -> Result<String> {
    id.map(str::to_owned)
        .ok_or_else(|| Error::new(Kind::Unexpected, operation, "AWS did not say the id of what it made"))
}
