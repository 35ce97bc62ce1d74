//! The files that travelled with the config, as objects of the bucket. One manifest stands for all of them: key and
//! the ETag of the file in the config bucket. Other objects of the bucket are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_s3::types::{Delete, MetadataDirective, ObjectIdentifier, TaggingDirective};
use futures::stream::{self, StreamExt, TryStreamExt};
use landfall_engine::{
    Actions, Aws, Changes, Context, Error, Explain, Field, Intent, Kind, OnChange, Progress, Resource, Result, Seen,
    Wanted, async_trait, tolerate,
};
use landfall_resources::{incomplete, s3};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::content_type::content_type;

/// Bytes of keys in one manifest: it is kept in one item of the state table, which may have 400 KB.
const MANIFEST: usize = 150_000;
/// Files that one call copies, so that a step ends well before its function does.
const PORTION: usize = 400;
/// Copies at a time.
const AT_A_TIME: usize = 16;
/// Objects that one request deletes (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>).
const DELETIONS: usize = 1000;
/// Attribute that holds ETags of copies which S3 computes in another way than those of their sources.
const COPIES: &str = "copies";

/// The files of one folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Files {
    /// Name of the bucket.
    pub bucket: String,
    /// Bucket and prefix that they are copied from.
    pub source: Source,
    /// Key in the bucket → ETag of the file.
    pub objects: BTreeMap<String, String>,
}

/// Where the files lie.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Bucket.
    pub bucket: String,
    /// Prefix of every key, with its last `/`.
    pub prefix: String,
}

impl Files {
    /// The files of `folder`, or the one file of that name.
    ///
    /// # Errors
    /// When there are none, or too many for one manifest.
    pub fn new(bucket: String, folder: &str, cx: &Context) -> Result<Self> {
        let invalid =
            |message: String, hint: &str| Error::new(Kind::Invalid, "build", message).about(&cx.module).hint(hint);
        let folder = folder.trim_start_matches("./").trim_end_matches('/');
        let inside = format!("{folder}/");
        let mut objects = BTreeMap::new();
        let mut prefix = None;
        for file in &cx.files {
            let key = match file.path.strip_prefix(&inside) {
                // A folder that was made in the console is an empty object.
                Some(key) if key.is_empty() || key.ends_with('/') => continue,
                Some(key) => key,
                None if file.path == folder => folder.rsplit('/').next().unwrap_or(folder),
                None => continue,
            };
            prefix.get_or_insert_with(|| file.key.strip_suffix(key).unwrap_or_default().to_owned());
            objects.insert(key.to_owned(), file.etag.clone());
        }
        let Some(prefix) = prefix else {
            return Err(invalid(
                format!("there are no files under {folder}"),
                "upload the folder beside the layer file",
            ));
        };
        if objects.keys().map(String::len).sum::<usize>() + 40 * objects.len() > MANIFEST {
            let message = format!("{folder} has {} files, more than one bucket module uploads", objects.len());
            return Err(invalid(message, "upload so many files with a tool of their own, for example `aws s3 sync`"));
        }
        Ok(Self { bucket, source: Source { bucket: cx.files_bucket.clone(), prefix }, objects })
    }

    /// Copies the first of `keys`; answers the ETags of the copies that differ from those of their sources.
    async fn copy(&self, aws: &Aws, keys: &[&String]) -> Result<BTreeMap<String, Option<String>>> {
        let copies: Vec<_> = keys.iter().take(PORTION).map(|key| self.copy_one(aws, key)).collect();
        stream::iter(copies).buffer_unordered(AT_A_TIME).try_collect().await
    }

    async fn copy_one(&self, aws: &Aws, key: &str) -> Result<(String, Option<String>)> {
        let etag = self.objects.get(key).map(String::as_str).unwrap_or_default();
        let owner = &aws.target().account_id;
        let copied = s3(aws)
            .copy_object()
            .bucket(&self.bucket)
            .expected_bucket_owner(owner)
            .key(key)
            .copy_source(encoded(&format!("{}/{}{key}", self.source.bucket, self.source.prefix)))
            .expected_source_bucket_owner(owner)
            .copy_source_if_match(format!("\"{etag}\""))
            .content_type(content_type(key))
            .metadata_directive(MetadataDirective::Replace)
            .tagging_directive(TaggingDirective::Replace)
            .send()
            .await
            .explain("CopyObject", key);
        let copied = copied.map_err(|error| match error.code.as_deref() {
            Some("PreconditionFailed" | "NoSuchKey") => {
                Error::new(Kind::Conflict, "CopyObject", "the file was changed or removed after the deployment began")
                    .about(key)
                    .hint("deploy again")
            }
            _ => error,
        })?;
        let made = copied.copy_object_result().and_then(|result| result.e_tag()).map(unquoted);
        Ok((key.to_owned(), made.filter(|made| made != etag)))
    }

    async fn bring(&self, aws: &Aws, seen: Option<&Seen>) -> Result<Progress> {
        let now: BTreeMap<String, String> = seen.map(|seen| property(&seen.properties, "objects")).unwrap_or_default();
        let to_copy: Vec<&String> =
            self.objects.iter().filter(|(key, etag)| now.get(*key) != Some(etag)).map(|(key, _)| key).collect();
        let made = self.copy(aws, &to_copy).await?;
        let mut copies: BTreeMap<String, String> =
            seen.and_then(|seen| seen.attributes.get(COPIES)).map(parsed).unwrap_or_default();
        copies.retain(|key, _| self.objects.contains_key(key) && !made.contains_key(key));
        copies.extend(made.into_iter().filter_map(|(key, etag)| Some((key, etag?))));
        let gone: Vec<&String> = now.keys().filter(|key| !self.objects.contains_key(*key)).collect();
        remove(aws, &self.bucket, &gone).await?;
        let left = to_copy.len().saturating_sub(PORTION);
        let progress = if left == 0 {
            Progress::done(&self.bucket)
        } else {
            Progress::pending(&self.bucket, Duration::ZERO, format!("{left} files are still to be uploaded"))
        };
        Ok(progress.with(COPIES, json!(copies)))
    }
}

#[async_trait]
impl Resource for Files {
    const KIND: &'static str = "Landfall::S3::Files";
    const FIELDS: &'static [Field] = &[
        Field { name: "bucket", on_change: OnChange::Replace },
        Field { name: "source", on_change: OnChange::Ignore },
    ];
    const TAGGED: bool = false;
    const ACTIONS: Actions =
        Actions { create: &["s3:PutObject"], update: &[("*", "s3:PutObject")], delete: &["s3:DeleteObject"] };

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("bucket")?.as_str()?.to_owned())
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut seen = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            seen.push(match wanted.key() {
                Some(bucket) => observe_one(aws, bucket, wanted).await?,
                None => None,
            });
        }
        Ok(seen)
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        self.bring(aws, None).await
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        self.bring(aws, Some(changes.seen)).await
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        let now: BTreeMap<String, String> = property(&seen.properties, "objects");
        remove(aws, &seen.id, &now.keys().collect::<Vec<_>>()).await?;
        Ok(Progress::done(&seen.id))
    }
}

/// Looks for the files that are wanted and those that were uploaded before.
async fn observe_one(aws: &Aws, bucket: &str, wanted: &Wanted<'_>) -> Result<Option<Seen>> {
    let desired: BTreeMap<String, String> = property(wanted.properties, "objects");
    let nothing = (&Value::Null, &Map::new());
    let (recorded, attributes) = wanted.recorded.unwrap_or(nothing);
    let recorded: BTreeMap<String, String> = property(recorded, "objects");
    let copies: BTreeMap<String, String> = attributes.get(COPIES).map(parsed).unwrap_or_default();
    let keys: BTreeSet<&String> = desired.keys().chain(recorded.keys()).collect();
    let Some(found) = list(aws, bucket, &keys).await? else { return Ok(None) };
    // There is always a file that is wanted: without any there is nothing.
    if found.is_empty() {
        return Ok(None);
    }
    let objects = by_source(found, &recorded, &copies);
    Ok(Some(Seen::ready(bucket, json!({ "bucket": bucket, "objects": objects }))))
}

/// ETags of sources for ETags of copies. They are the same, unless the source was uploaded in parts or is encrypted
/// in another way (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>): then both were noted.
fn by_source(
    found: BTreeMap<String, String>,
    recorded: &BTreeMap<String, String>,
    copies: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let source = |key: &String, etag: String| {
        let noted = recorded.get(key).filter(|_| copies.get(key) == Some(&etag));
        noted.cloned().unwrap_or(etag)
    };
    found.into_iter().map(|(key, etag)| (key.clone(), source(&key, etag))).collect()
}

/// ETags of these keys, as far as they exist; `None` when there is no bucket. Lists page after page and jumps over
/// what lies between the keys.
async fn list(aws: &Aws, bucket: &str, keys: &BTreeSet<&String>) -> Result<Option<BTreeMap<String, String>>> {
    let mut found = BTreeMap::new();
    let mut after: Option<String> = None;
    let mut ahead = keys.iter().peekable();
    while ahead.peek().is_some() {
        let listed = s3(aws)
            .list_objects_v2()
            .bucket(bucket)
            .expected_bucket_owner(&aws.target().account_id)
            .set_start_after(after.clone())
            .send()
            .await
            .explain("ListObjectsV2", bucket);
        // A bucket that is gone has no files.
        let Some(listed) = tolerate(listed, &["NoSuchBucket"])? else { return Ok(None) };
        let mut last = None;
        for object in listed.contents() {
            let Some(key) = object.key() else { continue };
            last = Some(key.to_owned());
            if keys.contains(&key.to_owned()) {
                found.insert(key.to_owned(), unquoted(object.e_tag().unwrap_or_default()));
            }
        }
        let Some(last) = last.filter(|_| listed.is_truncated() == Some(true)) else { break };
        while ahead.next_if(|key| **key <= &last).is_some() {}
        let Some(next) = ahead.peek() else { break };
        after = Some(just_before(next).map_or(last.clone(), |before| before.max(last)));
    }
    Ok(Some(found))
}

/// A text that sorts before `key`, and near to it.
fn just_before(key: &str) -> Option<String> {
    let (end, _) = key.char_indices().next_back()?;
    (end > 0).then(|| key[..end].to_owned())
}

/// Removes objects; a versioned bucket keeps them as former versions.
async fn remove(aws: &Aws, bucket: &str, keys: &[&String]) -> Result<()> {
    for portion in keys.chunks(DELETIONS) {
        let objects = portion
            .iter()
            .map(|key| ObjectIdentifier::builder().key(*key).build().map_err(incomplete("DeleteObjects")))
            .collect::<Result<Vec<_>>>()?;
        let delete =
            Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(incomplete("DeleteObjects"))?;
        let deleted = s3(aws)
            .delete_objects()
            .bucket(bucket)
            .expected_bucket_owner(&aws.target().account_id)
            .delete(delete)
            .send()
            .await
            .explain("DeleteObjects", bucket);
        // A bucket that is gone has no files.
        let Some(deleted) = tolerate(deleted, &["NoSuchBucket"])? else { return Ok(()) };
        if let Some(error) = deleted.errors().first() {
            let text = format!("{} ({})", error.message().unwrap_or_default(), error.code().unwrap_or_default());
            return Err(Error::new(Kind::Unexpected, "DeleteObjects", text).about(error.key().unwrap_or(bucket)));
        }
    }
    Ok(())
}

fn property<T: serde::de::DeserializeOwned + Default>(properties: &Value, name: &str) -> T {
    properties.get(name).map(parsed).unwrap_or_default()
}

fn parsed<T: serde::de::DeserializeOwned + Default>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// Percent-encoded as `x-amz-copy-source` wants it; `/` stays.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_for_a_copy() {
        assert_eq!(encoded("config/prod/a b+ü.html"), "config/prod/a%20b%2B%C3%BC.html");
    }

    #[test]
    fn a_copy_stands_for_its_source_until_somebody_changes_it() {
        let map = |key: &str, etag: &str| BTreeMap::from([(key.to_owned(), etag.to_owned())]);
        let (recorded, copies) = (map("film", "parts-2"), map("film", "whole"));
        assert_eq!(by_source(map("film", "whole"), &recorded, &copies), map("film", "parts-2"));
        assert_eq!(by_source(map("film", "changed"), &recorded, &copies), map("film", "changed"));
        assert_eq!(by_source(map("page", "same"), &recorded, &copies), map("page", "same"));
    }

    #[test]
    fn a_listing_jumps_to_just_before_the_next_key() {
        assert_eq!(just_before("site/a.html").as_deref(), Some("site/a.htm"));
        assert_eq!(just_before("a"), None);
    }
}
