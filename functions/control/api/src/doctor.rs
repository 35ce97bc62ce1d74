//! What is wrong with the state: leases, deployments and approvals that came to a stop, and on demand the whole table
//! held against what always holds.
//!
//! These checks are here and not in the command, because whoever may ask for them then needs no right on the table or
//! on executions. The installation itself (stack, functions, rules, alarms) is checked by the command with its caller's
//! credentials: that works when this function is what is broken, and keeps the right to read all of it away from here.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use landfall_control::{Control, Trouble};
use landfall_state::{Broken, StateError, broken};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use utoipa::IntoParams;

use crate::answer::ApiError;
use crate::extract::Query;
use crate::schema;

/// How long the whole table is read at most: API Gateway gives a request 30 seconds.
const READING: Duration = Duration::from_secs(18);
/// Layers that are looked at together.
const TOGETHER: usize = 16;

/// Query of a diagnosis.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiagnosisQuery {
    /// Also hold the whole table against what always holds.
    #[serde(default)]
    deep: bool,
}

/// What came to a stop, and what does not hold.
#[utoipa::path(
    get,
    path = "/doctor",
    operation_id = "diagnose",
    tag = "layers",
    params(DiagnosisQuery),
    responses(
        (status = 200, description = "What is wrong; all is well when nothing is named", body = schema::Diagnosis),
        (status = 400, description = "The query is wrong", body = schema::ErrorAnswer),
    )
)]
pub(crate) async fn diagnose(
    State(control): State<Control>,
    Query(query): Query<DiagnosisQuery>,
) -> Result<Json<Value>, ApiError> {
    let begun = Instant::now();
    let mut looked = Looked::default();
    let layers: Vec<String> = control.store.layers().await?.into_iter().map(|record| record.layer).collect();
    for layers in layers.chunks(TOGETHER) {
        let mut looks = JoinSet::new();
        for layer in layers {
            let (control, layer) = (control.clone(), layer.clone());
            looks.spawn(async move { look(&control, &layer).await });
        }
        while let Some(look) = looks.join_next().await {
            looked.add(look.map_err(|error| ApiError::internal(format!("a look broke off: {error}")))??);
        }
    }
    looked.troubles.sort_by(|a, b| (&a.layer, a.number).cmp(&(&b.layer, b.number)));
    let deep = if query.deep { Some(whole(&control, begun + READING).await?) } else { None };
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "release": control.settings.release,
        "at": control.store.now(),
        "layers": layers.len(),
        "held": looked.held,
        "running": looked.running,
        "waiting": looked.waiting,
        "troubles": looked.troubles,
        "deep": deep,
    })))
}

#[derive(Debug, Default)]
struct Looked {
    held: usize,
    running: usize,
    waiting: usize,
    troubles: Vec<Trouble>,
}

impl Looked {
    fn add(&mut self, other: Self) {
        self.held += other.held;
        self.running += other.running;
        self.waiting += other.waiting;
        self.troubles.extend(other.troubles);
    }
}

async fn look(control: &Control, layer: &str) -> Result<Looked, StateError> {
    let (queue, lease, troubles) =
        tokio::try_join!(control.store.queue(layer), control.store.lease(layer), control.troubles(layer))?;
    Ok(Looked {
        held: usize::from(lease.is_some()),
        running: usize::from(queue.running.is_some()),
        waiting: usize::from(queue.waiting.is_some()),
        troubles,
    })
}

/// Holds the whole table against what always holds. A table is not read in one moment: what does not hold is looked at
/// again, with the layers that it may hang on, and counts when it is still so.
async fn whole(control: &Control, end: Instant) -> Result<schema::DeepDiagnosis, ApiError> {
    let whole = control.store.whole(end).await?;
    let found = broken(&whole.items);
    let mut again: Vec<String> = found.iter().map(|broken| broken.layer.clone()).collect();
    // A shared lease hangs on its service.
    again.extend(found.iter().filter_map(|broken| broken.record.strip_prefix("SHARED#").map(str::to_owned)));
    again.sort();
    again.dedup();
    let second = broken(&control.store.whole_layers(&again).await?);
    let broken = found.into_iter().filter(|fact| second.contains(fact));
    let shown = |Broken { layer, record, what }| schema::BrokenFact { layer, record, what };
    Ok(schema::DeepDiagnosis {
        items: whole.items.len(),
        complete: whole.complete,
        broken: broken.map(shown).collect(),
    })
}
