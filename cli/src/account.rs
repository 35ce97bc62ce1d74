//! The account the command works in: credentials, where Landfall's API is, the upload to the config bucket.

use std::collections::BTreeSet;
use std::path::PathBuf;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::args::Place;
use crate::error::{Exit, Failure, chain};
use crate::http::{no_answer, no_credentials, refused_credentials, sdk_transport};

/// The account, region and installation that a command talks to.
pub struct Account {
    /// Configuration of SDK clients.
    pub config: SdkConfig,
    /// Region.
    pub region: String,
    place: Place,
}

/// An object to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Key.
    pub key: String,
    /// Content.
    pub bytes: Vec<u8>,
    /// Value of the metadata entry `landfall-environment`.
    pub environment: Option<String>,
    /// Value of the metadata entry `landfall-actor`: the event of S3 names only the account.
    pub actor: Option<String>,
}

impl Account {
    /// Finds region and credentials the way every AWS tool does.
    pub async fn open(place: &Place) -> Result<Self, Failure> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(sdk_transport());
        if let Some(profile) = &place.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &place.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let config = loader.load().await;
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(Failure::new(Exit::Invalid, "no AWS region is set")
                .with_hint("set AWS_REGION, or give --region\nfor the local AWS: eval \"$(landfall local env)\""));
        };
        Ok(Self { config, region, place: place.clone() })
    }

    /// The local AWS: a 12-digit access key is the root of that account.
    pub async fn local(endpoint: &str, region: &str, account: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(sdk_transport())
            .endpoint_url(endpoint)
            .region(Region::new(region.to_owned()))
            .credentials_provider(Credentials::from_keys(account, "test", None))
            .load()
            .await;
        let place = Place { stack: "landfall".to_owned(), ..Place::default() };
        Self { config, region: region.to_owned(), place }
    }

    /// Where the API is: given, remembered, or the output `ApiUrl` of the stack.
    pub async fn api_url(&self) -> Result<String, Failure> {
        if let Some(url) = &self.place.api {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(Failure::new(Exit::Invalid, format!("`{url}` is no address of an API"))
                    .with_hint("--api and LANDFALL_API take the stack's output ApiUrl: https://…"));
            }
            return Ok(url.trim_end_matches('/').to_owned());
        }
        let key = self.remembered_as().await?;
        if let Some(url) = remembered(&key) {
            return Ok(url);
        }
        let url = self.stack_output("ApiUrl").await?;
        remember(&key, Some(&url));
        Ok(url)
    }

    /// Forgets where the API was, after it did not answer there.
    pub async fn forget_api(&self) {
        if let Ok(key) = self.remembered_as().await {
            remember(&key, None);
        }
    }

    /// Whether the address was given by the user rather than found.
    pub fn is_api_given(&self) -> bool {
        self.place.api.is_some()
    }

    /// An output of Landfall's stack.
    pub async fn stack_output(&self, name: &str) -> Result<String, Failure> {
        let stack = &self.place.stack;
        let client = aws_sdk_cloudformation::Client::new(&self.config);
        let answer = client.describe_stacks().stack_name(stack).send().await.map_err(|error| {
            let text = error.message().map_or_else(|| chain(&error), str::to_owned);
            if let Some(failure) = refused_credentials(&text) {
                return failure;
            }
            if error.code().is_none() {
                let place = self.config.endpoint_url().map_or_else(|| self.region.clone(), str::to_owned);
                return no_answer("CloudFormation", &place, &text);
            }
            match error.code() {
                Some("ValidationError") => Failure::new(
                    Exit::NotFound,
                    format!("Landfall is not installed: no stack {stack} in {}", self.region),
                )
                .with_hint("install it: landfall bootstrap\nor say where it is: --stack, --region, --api"),
                Some("AccessDenied" | "AccessDeniedException") => {
                    Failure::new(Exit::Unreachable, format!("the stack {stack} cannot be read: {text}")).with_hint(
                        "allow cloudformation:DescribeStacks on it, or give the address: --api or LANDFALL_API",
                    )
                }
                _ => Failure::new(Exit::Unreachable, format!("the stack {stack} cannot be read: {text}")),
            }
        })?;
        let outputs = answer.stacks().iter().flat_map(|stack| stack.outputs());
        outputs
            .filter(|output| output.output_key() == Some(name))
            .find_map(|output| output.output_value())
            .map(|url| url.trim_end_matches('/').to_owned())
            .ok_or_else(|| {
                Failure::new(Exit::NotFound, format!("the stack {stack} has no output {name} yet"))
                    .with_hint("its creation may still run, or have failed: landfall bootstrap says which")
            })
    }

    /// Uploads an object and returns its version.
    pub async fn upload(&self, bucket: &str, upload: &Upload) -> Result<Option<String>, Failure> {
        let client = aws_sdk_s3::Client::new(&self.config);
        let metadata = [("landfall-environment", &upload.environment), ("landfall-actor", &upload.actor)]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
            .collect();
        let request = client
            .put_object()
            .bucket(bucket)
            .key(&upload.key)
            .set_metadata(Some(metadata))
            .body(ByteStream::from(upload.bytes.clone()));
        let answer = request.send().await.map_err(|error| {
            let text = error.message().map_or_else(|| chain(&error), str::to_owned);
            let what = format!("cannot upload s3://{bucket}/{}: {text}", upload.key);
            let failure = Failure::new(Exit::Unreachable, what);
            if matches!(error.code(), Some("AccessDenied")) {
                return failure.with_hint("the caller needs s3:PutObject on this key of the config bucket");
            }
            failure
        })?;
        Ok(answer.version_id().map(str::to_owned))
    }

    /// Removes what lies under a prefix and is not to be kept; answers how many objects went. The bucket keeps versions,
    /// so they can be brought back.
    pub async fn prune(&self, bucket: &str, prefix: &str, keep: &BTreeSet<&str>) -> Result<usize, Failure> {
        let client = aws_sdk_s3::Client::new(&self.config);
        let refused = |doing: &str, key: &str, code: Option<&str>, text: String| {
            let failure = Failure::new(Exit::Unreachable, format!("cannot {doing} s3://{bucket}/{key}: {text}"));
            if code == Some("AccessDenied") {
                return failure.with_hint(format!(
                    "files that are gone here would stay deployed: the caller needs s3:ListBucket on the config bucket \
                     and s3:DeleteObject below {prefix}"
                ));
            }
            failure
        };
        let mut gone = 0;
        let mut pages = client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                let text = error.message().map_or_else(|| chain(&error), str::to_owned);
                refused("list", prefix, error.code(), text)
            })?;
            for key in page.contents().iter().filter_map(|object| object.key()).filter(|key| !keep.contains(key)) {
                client.delete_object().bucket(bucket).key(key).send().await.map_err(|error| {
                    let text = error.message().map_or_else(|| chain(&error), str::to_owned);
                    refused("remove", key, error.code(), text)
                })?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// The access key stands for the account without a call: it belongs to exactly one.
    async fn remembered_as(&self) -> Result<String, Failure> {
        let profile = self.place.profile.as_deref();
        let Some(provider) = self.config.credentials_provider() else {
            return Err(no_credentials(&std::io::Error::other("no source of credentials is configured"), profile));
        };
        let credentials = provider.provide_credentials().await.map_err(|error| no_credentials(&error, profile))?;
        let endpoint = self.config.endpoint_url().unwrap_or_default();
        let identity = [credentials.access_key_id(), &self.region, &self.place.stack, endpoint].join("|");
        Ok(hex::encode(Sha256::digest(identity))[..32].to_owned())
    }
}

fn memory() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
    Some(cache.join("landfall").join("api.json"))
}

fn remembered_all() -> Map<String, Value> {
    let text = memory().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn remembered(key: &str) -> Option<String> {
    remembered_all().get(key)?.as_str().map(str::to_owned)
}

/// A memory that cannot be written costs a call next time, nothing else.
fn remember(key: &str, url: Option<&str>) {
    let Some(path) = memory() else { return };
    let mut all = remembered_all();
    match url {
        Some(url) => all.insert(key.to_owned(), Value::String(url.to_owned())),
        None => all.remove(key),
    };
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&path, Value::Object(all).to_string()));
    drop(written);
}
