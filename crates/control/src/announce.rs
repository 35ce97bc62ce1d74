//! Every status change is announced: an event on the deployment, a message on the topic.

use aws_sdk_sns::types::MessageAttributeValue;
use landfall_state::{Action, Deployment, Event, StateError, Status};
use serde_json::{Value, json};

use crate::entry::Control;

impl Control {
    /// Records an event of a deployment and tells the topic of it.
    pub async fn announce(&self, deployment: &Deployment, kind: &str, message: &str) -> Result<(), StateError> {
        let Some(event) = self.event(deployment, kind, message) else { return Ok(()) };
        let happened = self.store.event(&deployment.layer, deployment.number, &event);
        let (happened, ()) = tokio::join!(happened, self.tell(deployment, kind, message));
        happened
    }

    /// The event of what happens to a deployment now, where that is news: a look for drift that goes well is nothing to
    /// tell, what it found is.
    pub fn event(&self, deployment: &Deployment, kind: &str, message: &str) -> Option<Event> {
        let (kind, message) = (kind.to_owned(), message.to_owned());
        is_news(deployment).then(|| Event { at: self.store.now(), kind, module: None, message })
    }

    /// Tells the topic what happens to a deployment, where that is news. A topic that does not take it is logged: the
    /// status itself is in the table.
    pub(crate) async fn tell(&self, deployment: &Deployment, kind: &str, message: &str) {
        if !is_news(deployment) {
            return;
        }
        let status = serde_json::to_value(deployment.status).unwrap_or_default();
        let body = json!({
            "id": deployment.id().to_string(),
            "layer": deployment.layer,
            "number": deployment.number,
            "event": kind,
            "status": status,
            "phase": deployment.phase,
            "outcome": deployment.outcome,
            "message": message,
            "actor": deployment.actor.0,
            "source": deployment.source.key,
            "at": self.store.now(),
        });
        self.publish(&body, &deployment.layer, status.as_str().unwrap_or_default()).await;
    }

    /// Sends a message to the topic, with the attributes that a subscriber can filter by. A topic that does not take it
    /// is logged; then it is `false`.
    pub(crate) async fn publish(&self, body: &Value, layer: &str, status: &str) -> bool {
        let mut publish = self.sns.publish().topic_arn(&self.settings.topic_arn).message(body.to_string());
        for (name, value) in [("layer", layer), ("status", status)] {
            let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            match attribute {
                Ok(attribute) => publish = publish.message_attributes(name, attribute),
                Err(error) => tracing::warn!(%error, "attribute"),
            }
        }
        let sent = publish.send().await;
        if let Err(error) = &sent {
            tracing::warn!(layer, status, error = ?error, "it was not announced");
        }
        sent.is_ok()
    }
}

fn is_news(deployment: &Deployment) -> bool {
    let well = matches!(deployment.status, Status::Queued | Status::Running | Status::Superseded | Status::Succeeded);
    deployment.action != Action::Drift || !well
}
