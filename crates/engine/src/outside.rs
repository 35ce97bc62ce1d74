//! For tests of drift: what somebody outside Landfall could do to a resource of a module.

use std::time::{Duration, Instant};

use landfall_aws::{Mode, Result};
use serde_json::Value;

use crate::module::Module;
use crate::reads::Reads;
use crate::step::{Engine, Request};

impl Engine {
    /// Deletes a resource behind the journal's back. Answers whether it is gone; to be called again until it is.
    ///
    /// # Errors
    /// What looking or deleting failed with.
    pub async fn delete_outside<M: Module>(&self, request: &Request, resource: &str) -> Result<bool> {
        let hour = Instant::now() + Duration::from_secs(3600);
        self.aws().watch().begin(Mode::WriteUntil(hour));
        // As a deployment of its own, to which AWS's word counts.
        let request = Request { number: 0, ..request.clone() };
        let name = request.modules.first().map(String::as_str).unwrap_or_default();
        let subject = self.load::<M>(&Reads::new(&self.store, &request), name, Duration::ZERO).await?;
        let (Some(seen), Some(kind)) = (subject.seen.get(resource), subject.kind_of(resource)) else {
            return Ok(true);
        };
        let nothing = Value::Null;
        let recorded = subject.journal.get(resource).map_or(&nothing, |entry| &entry.properties);
        kind.0.delete(self.aws(), seen, recorded).await?;
        Ok(false)
    }
}
