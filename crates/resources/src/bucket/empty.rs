//! Removing a bucket with everything in it: every version and every delete marker, in bounded portions.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use landfall_engine::{Aws, Error, Explain, Kind, Progress, Result, tolerate};
use std::time::Duration;

use super::{incomplete, s3};
use crate::rekind;

const GONE: &[&str] = &["NoSuchBucket"];

/// Pages of 1,000 versions that one call removes, so that a step ends well before its function does.
const PAGES: usize = 20;

/// Empties and deletes a bucket; pending while there is more than one call should remove.
pub(super) async fn delete(aws: &Aws, name: &str) -> Result<Progress> {
    for _ in 0..PAGES {
        match page(aws, name).await? {
            Page::Removed => {}
            Page::Empty => {
                let deleted = s3(aws)
                    .delete_bucket()
                    .bucket(name)
                    .expected_bucket_owner(&aws.target().account_id)
                    .send()
                    .await
                    .explain("DeleteBucket", name);
                return match deleted {
                    Ok(_) => Ok(Progress::done(name)),
                    // Gone already is what was asked for.
                    Err(error) if error.is_code("NoSuchBucket") => Ok(Progress::done(name)),
                    // A log that is still delivered came in between.
                    Err(error) if error.is_code("BucketNotEmpty") => Err(rekind(error, Kind::NotReady)),
                    Err(error) => Err(error),
                };
            }
            Page::NoBucket => return Ok(Progress::done(name)),
        }
    }
    Ok(Progress::pending(name, Duration::ZERO, "its objects are being deleted"))
}

enum Page {
    Removed,
    Empty,
    NoBucket,
}

/// Removes the first page of what is in the bucket.
async fn page(aws: &Aws, name: &str) -> Result<Page> {
    let owner = &aws.target().account_id;
    let listed = s3(aws).list_object_versions().bucket(name).expected_bucket_owner(owner).send().await;
    // Gone already is what was asked for.
    let Some(listed) = tolerate(listed.explain("ListObjectVersions", name), GONE)? else { return Ok(Page::NoBucket) };
    let versions = listed.versions().iter().map(|version| (version.key(), version.version_id()));
    let markers = listed.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
    let mut objects = Vec::new();
    for (key, version) in versions.chain(markers) {
        let object = ObjectIdentifier::builder()
            .key(key.unwrap_or_default())
            .set_version_id(version.map(str::to_owned))
            .build()
            .map_err(incomplete("DeleteObjects"))?;
        objects.push(object);
    }
    if objects.is_empty() {
        return Ok(Page::Empty);
    }
    let delete =
        Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(incomplete("DeleteObjects"))?;
    let deleted = s3(aws)
        .delete_objects()
        .bucket(name)
        .expected_bucket_owner(owner)
        .delete(delete)
        .send()
        .await
        .explain("DeleteObjects", name)?;
    match deleted.errors().first() {
        None => Ok(Page::Removed),
        Some(error) => {
            let text = format!(
                "{} cannot be deleted: {} ({})",
                error.key().unwrap_or("an object"),
                error.message().unwrap_or("AWS gave no message"),
                error.code().unwrap_or("Unknown")
            );
            Err(Error::new(Kind::Conflict, "DeleteObjects", text)
                .about(name)
                .hint("look for a retention, a legal hold or a policy that protects it"))
        }
    }
}
