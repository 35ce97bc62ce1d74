//! Loading a layer at exactly one version: object, file, environment, resolved layer. Used by whoever accepts a change
//! and by the planner, so both see the same.

use std::collections::BTreeMap;

use aws_sdk_s3::error::ProvideErrorMetadata;
use landfall_catalog::{EnvironmentContext, EnvironmentModule, Request, Resolved, kind, resolve};
use landfall_config::{EnvironmentRef, File, LayerFile, Limits, Node, Source, Yaml, classify};
use landfall_state::{Deployment, LayerStatus, ModuleRecord, Phase, StateError};

use crate::entry::Control;
use crate::refusal::Refusal;

/// An object of the config bucket.
#[derive(Clone, Debug)]
pub struct Object {
    /// Key.
    pub key: String,
    /// Version.
    pub version_id: Option<String>,
    /// ETag without quotes.
    pub etag: Option<String>,
    /// Bytes; at most the limit of the language plus one, so that a larger one is refused without being read whole.
    pub bytes: Vec<u8>,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
}

/// What an object holds.
#[derive(Debug)]
pub enum LoadedFile {
    /// A layer, and its text.
    Layer(Box<LayerFile>, Source),
    /// Something that layers refer to.
    Support,
}

/// The environment that a service is deployed to.
#[derive(Clone, Debug)]
pub struct ChosenEnvironment {
    /// Name of the environment's layer.
    pub name: String,
    /// The entry of the service's file.
    pub entry: EnvironmentRef,
    /// Whether it is deployed. Otherwise its first deployment is on its way, and the service waits for it.
    pub deployed: bool,
}

impl ChosenEnvironment {
    /// Name and entry, as [`Control::resolve_layer`] takes them.
    pub fn named(&self) -> (&str, &EnvironmentRef) {
        (self.name.as_str(), &self.entry)
    }
}

/// A layer with everything that its deployment needs to know.
#[derive(Debug)]
pub struct Loaded {
    /// The resolved layer and its warnings.
    pub resolved: Resolved,
    /// The environment that a service lives in.
    pub environment: Option<EnvironmentContext>,
}

impl Control {
    /// Reads an object of the config bucket. `None` when it is gone.
    ///
    /// # Errors
    /// When S3 refuses or fails.
    pub async fn read_object(&self, key: &str, version_id: Option<&str>) -> Result<Option<Object>, StateError> {
        let limit = Limits::default().bytes;
        let answer = self
            .s3
            .get_object()
            .bucket(self.store.bucket())
            .key(key)
            .set_version_id(version_id.map(str::to_owned))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "NoSuchVersion")) => return Ok(None),
            Err(error) => {
                return Err(StateError::Aws {
                    operation: "GetObject",
                    code: error.code().unwrap_or("Unknown").to_owned(),
                    message: format!("{key}: {}", error.message().unwrap_or("no answer")),
                    source: Box::new(error),
                });
            }
        };
        let mut bytes = Vec::new();
        let mut body = answer.body;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| StateError::Corrupt { what: key.to_owned(), source: Box::new(error) })?;
            bytes.extend_from_slice(&chunk);
            if bytes.len() > limit {
                break;
            }
        }
        Ok(Some(Object {
            key: key.to_owned(),
            version_id: answer.version_id.filter(|version| version != "null"),
            etag: answer.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
            bytes,
            metadata: answer.metadata.unwrap_or_default().into_iter().collect(),
        }))
    }

    /// Reads what an object holds.
    ///
    /// # Errors
    /// Every diagnostic of the file.
    pub fn read_file(&self, object: &Object) -> Result<LoadedFile, Refusal> {
        let source = Source::from_bytes(&object.key, &object.bytes, &Limits::default())?;
        Ok(match classify(&source)? {
            File::Layer(file) => LoadedFile::Layer(Box::new(file), source),
            File::Support => LoadedFile::Support,
        })
    }

    /// The environment that a service of the file at `key` is deployed to: the chosen entry, or the only one.
    ///
    /// An entry names the environment's file relative to the service's file, so the layer is the one that this key of
    /// the bucket owns. An entry whose path is not in the bucket is taken by its label.
    ///
    /// # Errors
    /// Several entries without a choice, an unknown choice, an environment that is neither deployed nor about to be.
    pub async fn environment_of(
        &self,
        key: &str,
        file: &LayerFile,
        choice: Option<&str>,
    ) -> Result<Option<ChosenEnvironment>, Refusal> {
        let entries = file.environments();
        if entries.is_empty() {
            return Ok(None);
        }
        let labels: Vec<&str> = entries.iter().map(|entry| entry.name.value.as_str()).collect();
        let mut chosen = None;
        for entry in entries {
            let layer = self.environment_layer(key, entry).await?;
            let matches = match choice {
                Some(choice) => entry.name.value == choice || layer.as_deref() == Some(choice),
                None => entries.len() == 1,
            };
            if matches {
                chosen = Some((layer, entry));
                break;
            }
        }
        let Some((layer, entry)) = chosen else {
            let list = labels.join(", ");
            return Err(match choice {
                Some(choice) => Refusal::new(
                    format!("service {} has no environment {choice}", file.name.value),
                    format!("choose one of: {list}"),
                ),
                None => Refusal::new(
                    format!(
                        "service {} can be deployed to several environments and none was chosen: {list}",
                        file.name.value
                    ),
                    "upload it with the metadata `landfall-environment=NAME`, or use `landfall deploy --env NAME`",
                ),
            });
        };
        let label = entry.name.value.as_str();
        if let Some(owner) = layer.as_deref().filter(|owner| *owner != label) {
            self.refuse_another(owner, label, entry).await?;
        }
        let name = layer.unwrap_or_else(|| entry.name.value.clone());
        let deployed = self.is_deployed(&name).await?;
        if !deployed && self.busy_with(&name).await?.is_none() {
            return Err(Refusal::new(
                format!("environment {name} of service {} is not deployed", file.name.value),
                format!("deploy {} first, then this file again", entry.path.value),
            ));
        }
        Ok(Some(ChosenEnvironment { name, entry: entry.clone(), deployed }))
    }

    /// The label of an entry is free, and its path decides. But where the label is the name of one environment and the
    /// path leads to another one, nobody knows which is meant, and the wrong one would be changed.
    async fn refuse_another(&self, owner: &str, label: &str, entry: &EnvironmentRef) -> Result<(), Refusal> {
        let named = self.store.layer(label).await?;
        let exists = named.is_some_and(|named| {
            named.scope == Some(landfall_state::Scope::Environment) && named.status != LayerStatus::Destroyed
        });
        if !exists {
            return Ok(());
        }
        Err(Refusal::new(
            format!("the entry {label} leads to {}, which is environment {owner}, not {label}", entry.path.value),
            format!(
                "correct the path of the entry, or give it a label that is not the name of another environment; \
                     what belongs to {label} is shown by: landfall status {label}"
            ),
        ))
    }

    async fn is_deployed(&self, layer: &str) -> Result<bool, StateError> {
        let record = self.store.layer(layer).await?;
        Ok(record.is_some_and(|record| matches!(record.status, LayerStatus::Deployed | LayerStatus::Failed)))
    }

    /// The deployment of a layer that runs or is next, unless it waits for people or for the end of a freeze: for that
    /// nobody is held up who needs no more than what is there.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn busy_with(&self, layer: &str) -> Result<Option<Deployment>, StateError> {
        let queue = self.store.queue(layer).await?;
        let Some(number) = queue.running.or(queue.waiting) else { return Ok(None) };
        let deployment = self.store.deployment(layer, number).await?;
        if deployment.phase == Some(Phase::AwaitingApproval) {
            return Ok(None);
        }
        let frozen = queue.running.is_none() && self.store.freeze_before(&deployment).await?.is_some();
        Ok(if frozen && self.is_deployed(layer).await? { None } else { Some(deployment) })
    }

    async fn environment_layer(&self, key: &str, entry: &EnvironmentRef) -> Result<Option<String>, StateError> {
        let path = entry.path.value.as_str();
        let wanted = join(key, path);
        let twin = wanted
            .strip_suffix(".yaml")
            .map(|stem| format!("{stem}.yml"))
            .or_else(|| wanted.strip_suffix(".yml").map(|stem| format!("{stem}.yaml")));
        for candidate in [Some(wanted), twin].into_iter().flatten() {
            if let Some(layer) = self.store.layer_of_key(&candidate).await? {
                return Ok(Some(layer));
            }
        }
        Ok(None)
    }

    /// What a service may use of its environment.
    ///
    /// # Errors
    /// When the environment's record is not there.
    pub async fn environment_context(&self, name: &str) -> Result<EnvironmentContext, StateError> {
        let record = self
            .store
            .layer(name)
            .await?
            .ok_or_else(|| StateError::NotFound { what: format!("environment {name}") })?;
        let modules = self.store.modules(name).await?;
        let mut context = EnvironmentContext {
            name: name.to_owned(),
            org_name: record.org_name.unwrap_or_default(),
            region: record.region.unwrap_or_default(),
            account_id: record.account_id.unwrap_or_default(),
            ..EnvironmentContext::default()
        };
        let complete: Vec<_> = modules.values().filter(|module| module.complete).collect();
        for module in &complete {
            context.modules.push(EnvironmentModule { name: module.module.clone(), kind: module.kind.clone() });
        }
        let exported = |module: &ModuleRecord, output: &str| {
            kind(&module.kind).and_then(|kind| kind.output(output)).is_some_and(|output| output.exported)
        };
        context.export(complete.iter().flat_map(|module| {
            let outputs = module.outputs.as_object().into_iter().flatten();
            outputs
                .filter(|(output, _)| exported(module, output))
                .map(|(output, value)| (module.module.as_str(), output.as_str(), value))
        }));
        Ok(context)
    }

    /// Resolves a layer file as its deployment would see it now.
    ///
    /// # Errors
    /// Every diagnostic of the file.
    pub async fn resolve_layer(
        &self,
        file: &LayerFile,
        source: &Source,
        environment: Option<(&str, &EnvironmentRef)>,
    ) -> Result<Loaded, Refusal> {
        let records = self.store.modules(&file.name.value).await?;
        self.resolve_known(file, source, environment, &records).await
    }

    /// [`Control::resolve_layer`] for whoever knows already which modules of the layer are deployed.
    ///
    /// # Errors
    /// Every diagnostic of the file.
    pub async fn resolve_known(
        &self,
        file: &LayerFile,
        source: &Source,
        environment: Option<(&str, &EnvironmentRef)>,
        records: &BTreeMap<String, ModuleRecord>,
    ) -> Result<Loaded, Refusal> {
        let mut variables = BTreeMap::new();
        let context = match environment {
            Some((name, entry)) => {
                for variable in &entry.variables.entries {
                    if let Some(text) = scalar(&variable.value) {
                        variables.insert(variable.key.clone(), text);
                    }
                }
                Some(self.environment_context(name).await?)
            }
            None => None,
        };
        let pinned = records.iter().map(|(name, record)| (name.clone(), record.pinned())).collect();
        let resolved = resolve(Request {
            file,
            source,
            environment: context.as_ref(),
            variables: &variables,
            pinned: &pinned,
            supported: Some(&self.settings.kinds),
            account_id: Some(self.settings.account_id()),
            zones: None,
            config_bucket: Some(self.store.bucket()),
        })?;
        Ok(Loaded { resolved, environment: context })
    }
}

/// A variable's value as text; lists and mappings are no variables.
fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Bool(value) => Some(value.to_string()),
        Yaml::Int { raw, .. } | Yaml::Float { raw, .. } => Some(raw.clone()),
        Yaml::Null | Yaml::List(_) | Yaml::Map(_) => None,
    }
}

/// A path relative to the folder of `key`, as a key.
fn join(key: &str, path: &str) -> String {
    if let Some(absolute) = path.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut parts: Vec<&str> = key.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_folder_of_the_file() {
        assert_eq!(join("env.yaml", "./base.yaml"), "base.yaml");
        assert_eq!(join("apps/shop/app.yaml", "../../env/prod.yaml"), "env/prod.yaml");
        assert_eq!(join("apps/app.yaml", "/env.yaml"), "env.yaml");
    }
}
