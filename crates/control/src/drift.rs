//! Drift: looks at what was deployed, what they found for readers, what of it may be accepted, and who hears of it.

use landfall_catalog::is_guarded;
use landfall_plan::{AcceptedDrift, is_below};
use landfall_state::{
    Action, Actor, Deployment, DriftNews, DriftRecord, LayerRecord, NewChange, Scope, Source, StateError,
};
use serde_json::json;

use crate::entry::Control;

/// Names in one announcement.
const TOLD: usize = 10;

/// Why drift is not accepted, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAcceptable {
    /// `MODULE.RESOURCE`, and the attribute.
    pub name: String,
    /// Why: lower case, no full stop.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// What of the drift of a layer is meant: resources with the paths of the attributes that can be accepted, and what
/// cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acceptable {
    /// Records with paths of their attributes.
    pub accepted: Vec<(DriftRecord, Vec<String>)>,
    /// What cannot be accepted.
    pub refused: Vec<NotAcceptable>,
    /// Names that mean nothing.
    pub unknown: Vec<String>,
}

/// Drift that is named by `names` (`MODULE`, `MODULE.RESOURCE` or `MODULE.RESOURCE.ATTRIBUTE`; all when there are
/// none) and neither ignored nor accepted yet.
///
/// A resource that was deleted cannot be accepted, and what holds a promise about security neither
/// ([`landfall_catalog::is_guarded`]).
pub fn acceptable(layer: &str, drift: &[DriftRecord], names: &[String]) -> Acceptable {
    let mut found = Acceptable::default();
    let mut used = vec![false; names.len()];
    let mut meant = |name: &str| {
        let mut any = names.is_empty();
        for (wanted, used) in names.iter().zip(&mut used) {
            let fits = is_below(name, std::slice::from_ref(wanted));
            *used |= fits;
            any |= fits;
        }
        any
    };
    for record in drift {
        let resource = format!("{}.{}", record.module, record.resource);
        if record.deleted.is_some() && meant(&resource) {
            found.refused.push(NotAcceptable {
                name: resource,
                message: "it was deleted outside Landfall".to_owned(),
                hint: format!("take it out of the file, or have it made again: landfall drift {layer} --revert"),
            });
            continue;
        }
        let mut paths = Vec::new();
        for attribute in &record.attributes {
            let name = format!("{resource}.{}", attribute.path);
            if !meant(&name) || !attribute.is_open() {
                continue;
            }
            if is_guarded(&record.kind, &attribute.path) {
                let tag = attribute.path.starts_with("tags.");
                let why = if tag { "by this tag Landfall finds it again" } else { "it holds a promise about security" };
                found.refused.push(NotAcceptable {
                    name,
                    message: why.to_owned(),
                    hint: format!(
                        "set it right: landfall drift {layer} --revert; or change the module's inputs in the file"
                    ),
                });
            } else {
                paths.push(attribute.path.clone());
            }
        }
        if !paths.is_empty() {
            found.accepted.push((record.clone(), paths));
        }
    }
    found.unknown = names.iter().zip(used).filter(|(_, used)| !used).map(|(name, _)| name.clone()).collect();
    found
}

/// Drift that is named by `names` and was accepted.
pub fn withdrawable(drift: &[DriftRecord], names: &[String]) -> Vec<(DriftRecord, Vec<String>)> {
    let found = drift.iter().map(|record| {
        let accepted = record.attributes.iter().filter(|attribute| attribute.accepted.is_some());
        let meant = accepted.filter(|attribute| {
            let name = format!("{}.{}.{}", record.module, record.resource, attribute.path);
            names.is_empty() || is_below(&name, names)
        });
        (record.clone(), meant.map(|attribute| attribute.path.clone()).collect::<Vec<_>>())
    });
    found.filter(|(_, paths)| !paths.is_empty()).collect()
}

/// What was accepted of the drift of one record, as plans know it.
pub fn accepted(record: &DriftRecord) -> impl Iterator<Item = AcceptedDrift> {
    record.attributes.iter().filter(|attribute| attribute.accepted.is_some()).map(|attribute| AcceptedDrift {
        resource: record.resource.clone(),
        path: attribute.path.clone(),
        recorded: attribute.recorded.digest.clone(),
        live: attribute.live.digest.clone(),
    })
}

impl Control {
    /// Asks for a look at what a layer was deployed as last.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when a deployment of the layer runs or waits.
    pub async fn look_for_drift(
        &self,
        record: &LayerRecord,
        actor: &str,
        nonce: String,
        key: Option<String>,
    ) -> Result<Deployment, StateError> {
        let source = Source {
            key: record.key.clone().unwrap_or_default(),
            version_id: record.config.as_ref().and_then(|config| config.version_id.clone()),
            ..Source::default()
        };
        let service = record.scope == Some(Scope::Service);
        let change = NewChange {
            environment_choice: record.environment.clone().filter(|_| service),
            nonce,
            key,
            ..NewChange::new(&record.layer, Action::Drift, source, Actor(actor.to_owned()))
        };
        Ok(self.queue(change, None).await?.deployment)
    }

    /// Announces drift that was found or is no more, and notes that it was: until then it is news, whoever dies in
    /// between.
    pub async fn tell_of_drift(&self, layer: &str, number: u64, news: &DriftNews) {
        let mut all = true;
        let told = [
            ("drift-found", &news.found, "drifted", format!("; look at it: landfall drift {layer}")),
            ("drift-ended", &news.ended, "is as it was deployed again", String::new()),
        ];
        for (event, names, what, advice) in told {
            if names.is_empty() {
                continue;
            }
            let more = names.len().saturating_sub(TOLD);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let listed: Vec<&str> = names.iter().take(TOLD).map(String::as_str).collect();
            let body = json!({
                "layer": layer,
                "number": number,
                "event": event,
                "drift": names,
                "message": format!("{layer} {what}: {}{more}{advice}", listed.join(", ")),
                "at": self.store.now(),
            });
            all &= self.publish(&body, layer, event).await;
        }
        if !all {
            return;
        }
        if let Err(error) = self.store.drift_told(layer, news).await {
            tracing::warn!(layer, %error, "it is not noted that the drift was announced: the next look announces it again");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn record(kind: &str, deleted: bool, attributes: &[(&str, bool)]) -> DriftRecord {
        let at = "2026-11-25T10:00:00Z";
        let value = json!({ "digest": "d", "text": "1" });
        let attributes: Vec<_> = attributes
            .iter()
            .map(|(path, ignored)| {
                json!({
                    "path": path, "recorded": value, "live": value, "first_seen": at, "last_seen": at,
                    "ignored": ignored,
                })
            })
            .collect();
        serde_json::from_value(json!({
            "module": "orders", "resource": "queue", "kind": kind, "deleted": deleted.then_some(at),
            "attributes": attributes, "last_seen": at, "version": 1,
        }))
        .unwrap()
    }

    fn judged(drift: &[DriftRecord], names: &[&str]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = acceptable("shop", drift, &names);
        let accepted = found.accepted.into_iter().flat_map(|(_, paths)| paths).collect();
        (accepted, found.refused.into_iter().map(|refused| refused.name).collect(), found.unknown)
    }

    #[test]
    fn settings_can_be_accepted_and_promises_and_deletions_cannot() {
        let attributes = [("delay_seconds", false), ("kms_key", false), ("retention", true), ("tags.a", false)];
        let queue = [record("AWS::SQS::Queue", false, &attributes)];
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let promise = strings(&["orders.queue.kms_key"]);
        assert_eq!(judged(&queue, &[]), (strings(&["delay_seconds", "tags.a"]), promise.clone(), vec![]));
        assert_eq!(judged(&queue, &["orders.queue.tags"]), (strings(&["tags.a"]), vec![], vec![]));
        assert_eq!(judged(&queue, &["orders.queue.kms_key"]), (vec![], promise, vec![]));
        assert_eq!(judged(&queue, &["orders.queue.delay"]).2, ["orders.queue.delay"], "half a name names nothing");
        let role = [record("AWS::IAM::Role", false, &[("description", false)])];
        assert_eq!(judged(&role, &["orders"]).1, ["orders.queue.description"]);
        let gone = [record("AWS::SQS::Queue", true, &[])];
        assert_eq!(judged(&gone, &["orders.queue"]), (vec![], strings(&["orders.queue"]), vec![]));
    }
}
