//! Every status change is announced: an event on the deployment, a message on the topic.

use aws_sdk_sns::types::MessageAttributeValue;
use landfall_state::{Action, Deployment, StateError, Status};
use serde_json::{Value, json};

use crate::entry::Control;

impl Control {
    /// Records an event of a deployment and announces it on the topic. A topic that does not take it is logged: the
    /// status itself is in the table. A look for drift that ends well is nothing to tell: what it found is.
    pub async fn announce(&self, deployment: &Deployment, kind: &str, message: &str) -> Result<(), StateError> {
        let well =
            matches!(deployment.status, Status::Queued | Status::Running | Status::Superseded | Status::Succeeded);
        if deployment.action == Action::Drift && well {
            return Ok(());
        }
        let id = deployment.id().to_string();
        let status = serde_json::to_value(deployment.status).unwrap_or_default();
        let body = json!({
            "id": id,
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
        let happened = self.store.happened(&deployment.layer, deployment.number, kind, None, message);
        let published = self.publish(&body, &deployment.layer, status.as_str().unwrap_or_default());
        let (happened, _) = tokio::join!(happened, published);
        happened
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
