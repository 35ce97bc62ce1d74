//! Accepting a change: the file checked as its deployment will see it, and the change put into its layer's queue.
//! Whoever brings a change, an event or a request, does it this way.

use landfall_catalog::settings_of;
use landfall_config::{LayerFile, Source};
use landfall_state::{Enqueued, FreezeWindow, Met, NewChange, StateError};

use crate::entry::Control;
use crate::layer_settings::LayerSettings;
use crate::load::ChosenEnvironment;
use crate::refusal::Refusal;

/// What a change has to carry of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The environment that a service is deployed to.
    pub environment: Option<String>,
    /// Times in which its deployment does not begin.
    pub freeze_windows: Vec<FreezeWindow>,
}

impl Control {
    /// Checks the file at `key` of the config bucket as its deployment will see it.
    ///
    /// # Errors
    /// Every diagnostic of the file, or why the installation cannot take it.
    pub async fn check(
        &self,
        key: &str,
        file: &LayerFile,
        source: &Source,
        choice: Option<&str>,
    ) -> Result<Checked, Refusal> {
        let environment = self.environment_of(key, file, choice).await?;
        // What the service uses of an environment that is being made shows when its turn comes.
        let settings = if environment.as_ref().is_none_or(|environment| environment.deployed) {
            let chosen = environment.as_ref().map(ChosenEnvironment::named);
            self.resolve_layer(file, source, chosen).await?.resolved.layer.settings
        } else {
            settings_of(file, source)?
        };
        let freeze_windows = LayerSettings::read(&settings)?.freeze;
        Ok(Checked { environment: environment.map(|environment| environment.name), freeze_windows })
    }

    /// The layer that a file which cannot be read belongs to: the one its key held, else the file's own name without
    /// what a layer's name may not contain.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn layer_named_by(&self, key: &str) -> Result<String, StateError> {
        if let Some(layer) = self.store.layer_of_key(key).await? {
            return Ok(layer);
        }
        let name = key.rsplit('/').next().unwrap_or_default();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let safe: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        Ok(if safe.is_empty() { "unnamed".to_owned() } else { safe })
    }

    /// Puts a change into its layer's queue, announces what became of it and of the one whose place it took, and starts
    /// it if nothing is in its way. `met` is what it met, if that was read before.
    ///
    /// # Errors
    /// Those of [`landfall_state::Store::enqueue`].
    pub async fn queue(&self, change: NewChange, met: Option<Met>) -> Result<Enqueued, StateError> {
        let layer = change.layer.clone();
        let queued = self.store.enqueue_and_begin(change, met).await?;
        // Who hears of it does not hold up its start.
        let started = async {
            if queued.begun { self.launch(queued.deployment.clone()).await } else { self.start_next(&layer).await }
        };
        let (told, started) = tokio::join!(self.tell_of(&layer, &queued), started);
        told?;
        started?;
        Ok(queued)
    }

    async fn tell_of(&self, layer: &str, queued: &Enqueued) -> Result<(), StateError> {
        // One that begins at once is told of when it has.
        if !queued.duplicate && !queued.begun {
            self.announce(&queued.deployment, "queued", "the change waits for its turn").await?;
        }
        if let Some(superseded) = queued.superseded {
            let superseded = self.store.deployment(layer, superseded).await?;
            let message = format!("superseded by {}", queued.deployment.id());
            self.announce(&superseded, "superseded", &message).await?;
        }
        Ok(())
    }
}
