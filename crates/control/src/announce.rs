//! Every status change is announced: an event on the deployment, a message on the topic.

use aws_sdk_sns::types::MessageAttributeValue;
use landfall_state::{Deployment, StateError};
use serde_json::json;

use crate::entry::Control;

impl Control {
    /// Records an event of a deployment and announces it on the topic. A topic that does not take it is logged: the
    /// status itself is in the table.
    pub async fn announce(&self, deployment: &Deployment, kind: &str, message: &str) -> Result<(), StateError> {
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
        let mut publish = self.sns.publish().topic_arn(&self.settings.topic_arn).message(body.to_string());
        for (name, value) in [("layer", deployment.layer.as_str()), ("status", status.as_str().unwrap_or_default())] {
            let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            match attribute {
                Ok(attribute) => publish = publish.message_attributes(name, attribute),
                Err(error) => tracing::warn!(%error, "attribute"),
            }
        }
        let happened = self.store.happened(&deployment.layer, deployment.number, kind, None, message);
        let (happened, published) = tokio::join!(happened, publish.send());
        if let Err(error) = published {
            tracing::warn!(deployment = id, error = ?error, "the status was not announced");
        }
        happened
    }
}
