//! Looks for drift that begin by themselves, as often as the settings of a layer say.

use jiff::SignedDuration;
use lambda_runtime::Error;
use landfall_control::{Control, LayerSettings};
use landfall_state::{DriftLooks, LayerRecord, LayerStatus, StateError, Timestamp};

/// Who asks for looks that begin by themselves.
const SCHEDULE: &str = "landfall:schedule";
/// Looks that one sweep begins at most: those of many layers that are due together are spread over the minutes.
pub(crate) const AT_ONCE: usize = 5;

/// Begins a look at a layer that is due and at rest. A layer that is changed right now is looked at later.
pub(crate) async fn look_if_due(control: &Control, layer: &LayerRecord) -> Result<Option<String>, Error> {
    // Settings that are not understood are said where they are changed.
    let Some(every) = LayerSettings::read(&layer.settings).ok().and_then(|settings| settings.drift) else {
        return Ok(None);
    };
    let Some(config) = &layer.config else { return Ok(None) };
    if !matches!(layer.status, LayerStatus::Deployed | LayerStatus::Failed) {
        return Ok(None);
    }
    let (every, now) = (SignedDuration::try_from(every)?, control.store.now());
    // Plans, cancelled and refused changes compare nothing: only a deployment from start to end counts as a look.
    if config.compared_at.is_some_and(|compared| now.duration_since(compared) < every) {
        return Ok(None);
    }
    let looks = control.store.drift_looks(&layer.layer).await?;
    if !is_due(&looks, every, now) {
        return Ok(None);
    }
    match control.look_for_drift(layer, SCHEDULE, now.to_string(), None).await {
        Ok(look) => Ok(Some(format!("{}: looks for drift", look.id()))),
        Err(StateError::Conflict { .. } | StateError::OwnedByOtherKey { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A look that failed is tried again when the next one would be due: it was announced.
fn is_due(looks: &DriftLooks, every: SignedDuration, now: Timestamp) -> bool {
    looks.tried_at.max(looks.looked_at).is_none_or(|last| now.duration_since(last) >= every)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_look_is_due_when_none_was_tried_for_so_long() {
        let at = |hour: i8| Timestamp::from_second(i64::from(hour) * 3600).unwrap();
        let every = SignedDuration::from_hours(6);
        let looks = |tried: Option<i8>, looked: Option<i8>| DriftLooks {
            tried_at: tried.map(at),
            looked_at: looked.map(at),
            ..DriftLooks::default()
        };
        for (tried, looked, due) in [
            (None, None, true),
            (Some(6), Some(6), true),
            (Some(7), Some(1), false),
            (Some(1), Some(7), false),
            (Some(6), None, true),
        ] {
            assert_eq!(is_due(&looks(tried, looked), every, at(12)), due, "{tried:?} {looked:?}");
        }
    }
}
