//! `intake`: an object was written to the config bucket. Decides whether it is a layer, whether it is acceptable, and
//! puts it into its layer's queue. Everything that is not acceptable becomes a visible rejected deployment.

use lambda_runtime::Error;
use landfall_control::{Checked, Control, LoadedFile, Object, Refusal};
use landfall_state::{Action, Actor, Met, NewChange, Source, SourceOutcome, StateError};
use serde::{Deserialize, Serialize};

/// Prefix of Landfall's own documents in the config bucket.
const INTERNAL: &str = ".landfall/";
/// Object metadata that chooses the environment of a service.
const ENVIRONMENT: &str = "landfall-environment";
/// Object metadata that names the git commit.
const COMMIT: &str = "landfall-commit";
/// Object metadata that names who uploaded it; the event itself knows only the account.
const ACTOR: &str = "landfall-actor";

/// Why an older version of a key is left alone.
const OVERTAKEN: &str = "a newer version of this key was seen before";

/// The EventBridge event "Object Created", as far as it is used
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>).
#[derive(Clone, Debug, Deserialize)]
pub struct ObjectCreated {
    detail: Detail,
}

#[derive(Clone, Debug, Deserialize)]
struct Detail {
    object: ObjectDetail,
    #[serde(default)]
    requester: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ObjectDetail {
    key: String,
    #[serde(default)]
    version_id: Option<String>,
    #[serde(default)]
    sequencer: String,
}

/// What became of the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Taken {
    /// It became a deployment.
    Queued {
        /// `layer/number`.
        deployment: String,
        /// Whether the same event came before.
        duplicate: bool,
    },
    /// It became a rejected deployment.
    Rejected {
        /// `layer/number`.
        deployment: String,
        /// Why.
        message: String,
    },
    /// Nothing to do.
    Ignored {
        /// Why.
        reason: String,
    },
}

/// Takes one event.
///
/// # Errors
/// When the state or S3 cannot be reached; the event is delivered again.
pub async fn take(control: Control, event: ObjectCreated) -> Result<Taken, Error> {
    let object = event.detail.object;
    if object.key.starts_with(INTERNAL) {
        return Ok(ignored("one of our own documents"));
    }
    let Some(content) = control.read_object(&object.key, object.version_id.as_deref()).await? else {
        return Ok(ignored("the object is gone; deleting an object never destroys anything"));
    };
    let requester = event.detail.requester.unwrap_or_default();
    let arrival = Arrival { control: &control, content, sequencer: object.sequencer, requester };
    arrival.decide().await
}

fn ignored(reason: &str) -> Taken {
    Taken::Ignored { reason: reason.to_owned() }
}

/// One version of one object on its way into a queue.
struct Arrival<'a> {
    control: &'a Control,
    content: Object,
    sequencer: String,
    requester: String,
}

impl Arrival<'_> {
    async fn decide(self) -> Result<Taken, Error> {
        let (file, source) = match self.control.read_file(&self.content) {
            Ok(LoadedFile::Layer(file, source)) => (file, source),
            Ok(LoadedFile::Support) => return self.support().await,
            Err(refusal) => {
                let layer = self.control.layer_named_by(&self.content.key).await?;
                return self.refuse_unread(&layer, refusal).await;
            }
        };
        let layer = file.name.value.clone();
        let choice = self.content.metadata.get(ENVIRONMENT).map(String::as_str);
        // The check only reads.
        let (met, checked) = tokio::join!(
            self.control.store.met(&layer, &self.content.key),
            self.control.check(&self.content.key, &file, &source, choice),
        );
        match checked {
            Ok(checked) => self.queue(&layer, checked, met?).await,
            Err(Refusal::State(error)) => Err(error.into()),
            Err(refusal) => self.refuse(&layer, refusal).await,
        }
    }

    async fn queue(&self, layer: &str, checked: Checked, met: Met) -> Result<Taken, Error> {
        let queued = match self.control.queue(self.change(layer, checked), Some(met)).await {
            Ok(queued) => queued,
            Err(StateError::Overtaken { .. }) => return Ok(ignored(OVERTAKEN)),
            Err(StateError::OwnedByOtherKey { layer, key }) => return self.belongs_to(&layer, &key).await,
            Err(StateError::KeyOwnsOtherLayer { layer: former, .. }) => return self.held_another(layer, &former).await,
            Err(error) => return Err(error.into()),
        };
        Ok(Taken::Queued { deployment: queued.deployment.id().to_string(), duplicate: queued.duplicate })
    }

    /// A file that is not acceptable is still the newest version of its key, and whose layer it is comes first.
    async fn refuse(&self, layer: &str, refusal: Refusal) -> Result<Taken, Error> {
        match self.control.store.register_source(&self.content.key, layer, &self.sequencer).await? {
            SourceOutcome::Accepted => self.reject(layer, refusal).await,
            SourceOutcome::Stale => Ok(ignored(OVERTAKEN)),
            SourceOutcome::OwnedByOtherKey { key } => self.belongs_to(layer, &key).await,
            SourceOutcome::KeyOwnsOtherLayer { layer: former } => self.held_another(layer, &former).await,
        }
    }

    /// A version of which nobody knows whose layer it is, is the newest of its key all the same: what comes late after
    /// it does not overtake it.
    async fn refuse_unread(&self, layer: &str, refusal: Refusal) -> Result<Taken, Error> {
        let (store, key) = (&self.control.store, &self.content.key);
        if let Some(held) = store.layer_of_key(key).await?
            && store.register_source(key, &held, &self.sequencer).await? == SourceOutcome::Stale
        {
            return Ok(ignored(OVERTAKEN));
        }
        self.reject(layer, refusal).await
    }

    async fn held_another(&self, layer: &str, former: &str) -> Result<Taken, Error> {
        let key = &self.content.key;
        let file = key.rsplit('/').next().unwrap_or_default();
        let refusal = Refusal::new(
            format!("{key} holds layer {former}, which still exists; this version declares {layer}"),
            format!(
                "upload {layer} under another key (`landfall deploy FILE --key {layer}/{file}`), and restore the file of \
                 {former}; a layer cannot be renamed, only destroyed"
            ),
        );
        self.reject(layer, refusal).await
    }

    async fn belongs_to(&self, layer: &str, key: &str) -> Result<Taken, Error> {
        let refusal = Refusal::new(
            format!("layer {layer} belongs to {key}; {} declares the same name", self.content.key),
            format!(
                "give one of the two another name, or destroy the layer (`landfall destroy {layer}`) and upload {} again",
                self.content.key
            ),
        );
        self.reject(layer, refusal).await
    }

    async fn reject(&self, layer: &str, refusal: Refusal) -> Result<Taken, Error> {
        let (message, text) = (refusal.summary(), refusal.rendered());
        let rejected = self.control.store.reject(self.change(layer, Checked::default()), &message, Some(&text)).await?;
        if !rejected.duplicate {
            self.control.announce(&rejected.deployment, "rejected", &text).await?;
        }
        Ok(Taken::Rejected { deployment: rejected.deployment.id().to_string(), message })
    }

    /// YAML that declares no layer is only noted, unless its key held a layer before: then somebody broke it.
    async fn support(&self) -> Result<Taken, Error> {
        let Some(layer) = self.control.store.layer_of_key(&self.content.key).await? else {
            return Ok(ignored("it declares no layer"));
        };
        let refusal = Refusal::new(
            format!("{} held layer {layer}, and this version declares no layer", self.content.key),
            format!("restore the file; to remove the layer use `landfall destroy {layer}`"),
        );
        self.refuse_unread(&layer, refusal).await
    }

    fn change(&self, layer: &str, checked: Checked) -> NewChange {
        let metadata = |name: &str| self.content.metadata.get(name).cloned();
        NewChange {
            layer: layer.to_owned(),
            action: Action::Deploy,
            source: Source {
                key: self.content.key.clone(),
                object: None,
                version_id: self.content.version_id.clone(),
                etag: self.content.etag.clone(),
                sequencer: Some(self.sequencer.clone()),
            },
            environment_choice: checked.environment,
            actor: Actor(metadata(ACTOR).unwrap_or_else(|| self.requester.clone())),
            commit: metadata(COMMIT),
            resumes: None,
            freeze_windows: checked.freeze_windows,
            nonce: String::new(),
            key: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_event_of_s3_is_understood() {
        let event: ObjectCreated = serde_json::from_str(
            r#"{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"Object Created",
            "source":"aws.s3","account":"111122223333","time":"2026-11-12T00:00:00Z","region":"ca-central-1",
            "resources":["arn:aws:s3:::amzn-s3-demo-bucket1"],"detail":{"version":"0","bucket":
            {"name":"amzn-s3-demo-bucket1"},"object":{"key":"env.yaml","size":5,"etag":"b1946ac92492d2347c6235b4d2611184",
            "version-id":"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e","sequencer":"617f08299329d189"},"request-id":"N4N7GDK58NMKJ12R",
            "requester":"123456789012","source-ip-address":"1.2.3.4","reason":"PutObject"}}"#,
        )
        .unwrap();
        assert_eq!(event.detail.object.version_id.as_deref(), Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"));
        assert_eq!(event.detail.object.sequencer, "617f08299329d189");
    }
}
