//! What came to a stop in a layer: looked for by the sweep, which makes it visible and repairs what it can, and by
//! `landfall doctor`, which says what to do.

use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::ExecutionStatus;
use jiff::{SignedDuration, Timestamp};
use landfall_state::{Deployment, LeaseInfo, Phase, Queue, StateError, Status};
use serde::Serialize;

use crate::entry::Control;

/// What waits longer than this has waited too long, unless people hold it up.
pub const LONG_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// What nobody began within this will not begin by itself: the sweep looks once a minute.
const START_PATIENCE: SignedDuration = SignedDuration::from_secs(150);
/// An approval ends with the wait of its execution, which is not to the second.
const APPROVAL_PATIENCE: SignedDuration = SignedDuration::from_mins(2);

/// What kind of stop it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// A deployment runs in the table and its execution does not.
    DeadDeployment,
    /// A layer is held by an execution that does not run.
    DeadLease,
    /// The time of a lease is over, and its holder still runs.
    ExpiredLease,
    /// A plan waits for an approval that can be given no more.
    ApprovalOver,
    /// A deployment waits and nothing is in its way.
    NobodyBegins,
    /// A deployment waits for longer than [`LONG_WAIT`].
    WaitsLong,
}

/// Something that came to a stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What kind of stop it is.
    pub kind: TroubleKind,
    /// Layer.
    pub layer: String,
    /// Deployment, when it is about one.
    pub number: Option<u64>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub todo: String,
    /// The lease that it is about.
    #[serde(skip)]
    pub lease: Option<LeaseInfo>,
}

/// How an execution stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Execution {
    Runs,
    /// It ended so, or is not known any more.
    Over(String),
}

/// A layer as it was seen, for judging it without asking anybody.
struct Seen {
    layer: String,
    now: Timestamp,
    queue: Queue,
    /// What runs, and how its execution stands.
    running: Option<(Deployment, Option<Execution>)>,
    /// What waits, and whether a freeze holds it.
    waiting: Option<(Deployment, bool)>,
    /// Who holds the layer, and how that execution stands.
    lease: Option<(LeaseInfo, Execution)>,
}

impl Control {
    /// What came to a stop in a layer. Something is only named when it is seen twice: between two reads a deployment
    /// may go on.
    ///
    /// # Errors
    /// When the state or Step Functions cannot be asked.
    pub async fn troubles(&self, layer: &str) -> Result<Vec<Trouble>, StateError> {
        let first = self.see(layer).await?.troubles();
        if first.is_empty() {
            return Ok(first);
        }
        let second = self.see(layer).await?.troubles();
        let again = |trouble: &Trouble| {
            first.iter().any(|before| before.kind == trouble.kind && before.number == trouble.number)
        };
        Ok(second.into_iter().filter(again).collect())
    }

    async fn see(&self, layer: &str) -> Result<Seen, StateError> {
        let (queue, holder) = tokio::try_join!(self.store.queue(layer), self.store.holder(layer))?;
        let running = match queue.running {
            None => None,
            Some(number) => {
                let deployment = self.store.deployment(layer, number).await?;
                let execution = match &deployment.execution_arn {
                    Some(arn) => Some(self.execution(arn).await?),
                    None => None,
                };
                Some((deployment, execution))
            }
        };
        let waiting = match queue.waiting {
            None => None,
            Some(number) => {
                let deployment = self.store.deployment(layer, number).await?;
                let frozen = self.store.freeze_before(&deployment).await?.is_some();
                Some((deployment, frozen))
            }
        };
        let lease = match holder {
            None => None,
            Some(lease) => {
                let execution = self.execution(&lease.holder).await?;
                Some((lease, execution))
            }
        };
        Ok(Seen { layer: layer.to_owned(), now: self.store.now(), queue, running, waiting, lease })
    }

    async fn execution(&self, arn: &str) -> Result<Execution, StateError> {
        let ours = self.settings.deploy_machine_arn.replace(":stateMachine:", ":execution:");
        if !arn.starts_with(&ours) {
            return Ok(Execution::Over("unknown".to_owned()));
        }
        match self.sfn.describe_execution().execution_arn(arn).send().await {
            Ok(described) => Ok(match described.status {
                ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Execution::Runs,
                status => Execution::Over(status.as_str().to_owned()),
            }),
            // Executions are forgotten 90 days after their end.
            Err(error) if matches!(error.code(), Some("ExecutionDoesNotExist" | "InvalidArn")) => {
                Ok(Execution::Over("unknown".to_owned()))
            }
            Err(error) => Err(StateError::Aws {
                operation: "DescribeExecution",
                code: error.code().unwrap_or("Unknown").to_owned(),
                message: error.message().unwrap_or("no answer").to_owned(),
                source: Box::new(error),
            }),
        }
    }
}

impl Seen {
    fn troubles(&self) -> Vec<Trouble> {
        let mut found = Vec::new();
        found.extend(self.dead_deployment());
        found.extend(self.lease_trouble());
        found.extend(self.approval_over());
        found.extend(self.waits());
        found
    }

    fn trouble(&self, kind: TroubleKind, number: Option<u64>, message: String, todo: String) -> Trouble {
        Trouble { kind, layer: self.layer.clone(), number, message, todo, lease: None }
    }

    fn dead_deployment(&self) -> Option<Trouble> {
        let (deployment, execution) = self.running.as_ref()?;
        let (id, number) = (deployment.id(), Some(deployment.number));
        let todo = format!(
            "the sweep repairs it within a minute; if it does not: landfall cancel {id}, then landfall unlock {}",
            self.layer
        );
        match execution {
            Some(Execution::Over(status)) if deployment.status == Status::Running => {
                let message = format!("{id} runs in the table, and its execution does not: it is {status}");
                Some(self.trouble(TroubleKind::DeadDeployment, number, message, todo))
            }
            None if self.age(deployment) > START_PATIENCE => {
                let message = format!("{id} runs in the table, and no execution was started for it");
                Some(self.trouble(TroubleKind::DeadDeployment, number, message, todo))
            }
            Some(Execution::Over(_) | Execution::Runs) | None => None,
        }
    }

    fn lease_trouble(&self) -> Option<Trouble> {
        let (lease, execution) = self.lease.as_ref()?;
        let number = self.queue.running;
        let over = lease.expires_at <= self.now;
        let since = lease.since.strftime("%Y-%m-%d %H:%M UTC");
        let trouble = match execution {
            Execution::Over(status) => self.trouble(
                TroubleKind::DeadLease,
                number,
                format!("{} is held since {since} by an execution that is {status}: {}", self.layer, lease.doing),
                format!("landfall unlock {}", self.layer),
            ),
            Execution::Runs if over => self.trouble(
                TroubleKind::ExpiredLease,
                number,
                format!(
                    "the lease of {} ended at {} and its holder, which still runs, can write nothing any more: {}",
                    self.layer,
                    lease.expires_at.strftime("%H:%M:%S UTC"),
                    lease.doing
                ),
                format!("it ends as failed by itself; go on with: landfall resume {}", self.layer),
            ),
            Execution::Runs => return None,
        };
        Some(Trouble { lease: Some(lease.clone()), ..trouble })
    }

    fn approval_over(&self) -> Option<Trouble> {
        let (deployment, _) = self.running.as_ref()?;
        if deployment.phase != Some(Phase::AwaitingApproval) {
            return None;
        }
        let expired = deployment.approval.as_ref()?.expires_at?;
        (self.now.duration_since(expired) > APPROVAL_PATIENCE).then(|| {
            let id = deployment.id();
            let at = expired.strftime("%Y-%m-%d %H:%M UTC");
            self.trouble(
                TroubleKind::ApprovalOver,
                Some(deployment.number),
                format!("{id} waits for an approval that could be given until {at}"),
                format!("landfall cancel {id}, then deploy again"),
            )
        })
    }

    /// What waits in the queue, or runs and waits to be admitted.
    fn waits(&self) -> Option<Trouble> {
        if let Some((running, _)) = &self.running {
            // While people think about a plan nobody counts the hours.
            if running.phase == Some(Phase::AwaitingApproval) {
                return None;
            }
            if running.phase == Some(Phase::Admitting) && self.age(running) > LONG_WAIT {
                let why = running.message.as_deref().unwrap_or("waits to be admitted");
                let message = format!("{} runs for {} and did nothing yet: {why}", running.id(), self.hours(running));
                let todo = format!("see what it waits for: landfall status {}", running.id());
                return Some(self.trouble(TroubleKind::WaitsLong, Some(running.number), message, todo));
            }
        }
        let (waiting, frozen) = self.waiting.as_ref()?;
        if *frozen {
            return None;
        }
        let (id, number) = (waiting.id(), Some(waiting.number));
        match &self.running {
            None if self.age(waiting) > START_PATIENCE => Some(self.trouble(
                TroubleKind::NobodyBegins,
                number,
                format!("{id} waits for {}, and nothing is in its way", self.hours(waiting)),
                "the sweep begins it within a minute; if it does not, look at the log of the coordinator".to_owned(),
            )),
            Some((running, _)) if self.age(waiting) > LONG_WAIT => Some(self.trouble(
                TroubleKind::WaitsLong,
                number,
                format!("{id} waits for {} because {} still runs", self.hours(waiting), running.id()),
                format!("landfall status {0}; to stop that one: landfall cancel {0}", running.id()),
            )),
            Some(_) | None => None,
        }
    }

    fn age(&self, deployment: &Deployment) -> SignedDuration {
        self.now.duration_since(deployment.at_it_since())
    }

    fn hours(&self, deployment: &Deployment) -> String {
        let minutes = self.age(deployment).as_mins();
        match minutes {
            0..60 => format!("{minutes} min"),
            60..2880 => format!("{} h {:02} min", minutes / 60, minutes % 60),
            _ => format!("{} days", minutes / 1440),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    const EXECUTION: &str = "arn:aws:states:eu-west-1:1:execution:landfall-deploy:shop-3";

    fn now() -> Timestamp {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }

    fn deployment(number: u64, more: &Value) -> Deployment {
        let mut record = json!({
            "layer": "shop", "number": number, "change": "c", "action": "deploy", "status": "queued",
            "source": { "key": "shop.yaml" }, "actor": "ana", "created_at": "2026-11-25T10:00:00Z", "schema": 1,
        });
        for (name, value) in more.as_object().unwrap() {
            record[name] = value.clone();
        }
        serde_json::from_value(record).unwrap()
    }

    fn running(more: &Value) -> Deployment {
        let mut all = json!({
            "status": "running", "phase": "applying", "started_at": "2026-11-25T11:58:00Z", "execution_arn": EXECUTION,
        });
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        deployment(3, &all)
    }

    fn lease(expires: &str) -> LeaseInfo {
        serde_json::from_value(json!({
            "layer": "shop", "holder": EXECUTION, "token": 3, "since": "2026-11-25T11:58:00Z", "expires_at": expires,
            "doing": "applying orders",
        }))
        .unwrap()
    }

    fn seen(running: Option<(Deployment, Option<Execution>)>, waiting: Option<(Deployment, bool)>) -> Seen {
        let queue = Queue {
            running: running.as_ref().map(|(running, _)| running.number),
            waiting: waiting.as_ref().map(|(waiting, _)| waiting.number),
        };
        Seen { layer: "shop".into(), now: now(), queue, running, waiting, lease: None }
    }

    fn kinds(seen: &Seen) -> Vec<TroubleKind> {
        seen.troubles().iter().map(|trouble| trouble.kind).collect()
    }

    fn over() -> Execution {
        Execution::Over("ABORTED".to_owned())
    }

    #[test]
    fn what_works_is_no_trouble() {
        let mut well = seen(Some((running(&json!({})), Some(Execution::Runs))), None);
        well.lease = Some((lease("2026-11-25T12:01:00Z"), Execution::Runs));
        assert_eq!(kinds(&well), []);
        let fresh = running(&json!({ "execution_arn": null, "started_at": "2026-11-25T11:59:50Z" }));
        assert_eq!(kinds(&seen(Some((fresh, None)), None)), []);
    }

    #[test]
    fn a_deployment_without_a_running_execution_is_dead() {
        let dead = seen(Some((running(&json!({})), Some(over()))), None);
        assert_eq!(kinds(&dead), [TroubleKind::DeadDeployment]);
        assert!(
            dead.troubles()[0].message.contains("shop/3 runs in the table, and its execution does not: it is ABORTED")
        );
        let never = running(&json!({ "execution_arn": null }));
        let never = Deployment { started_at: Some("2026-11-25T11:00:00Z".parse().unwrap()), ..never };
        assert_eq!(kinds(&seen(Some((never, None)), None)), [TroubleKind::DeadDeployment]);
    }

    #[test]
    fn a_lease_is_dead_with_its_holder_and_expires_with_its_time() {
        let mut idle = seen(None, None);
        idle.lease = Some((lease("2026-11-25T12:01:00Z"), over()));
        assert_eq!(kinds(&idle), [TroubleKind::DeadLease]);
        assert_eq!(idle.troubles()[0].todo, "landfall unlock shop");
        idle.lease = Some((lease("2026-11-25T11:59:00Z"), Execution::Runs));
        assert_eq!(kinds(&idle), [TroubleKind::ExpiredLease]);
        idle.lease = Some((lease("2026-11-25T12:01:00Z"), Execution::Runs));
        assert_eq!(kinds(&idle), []);
    }

    #[test]
    fn an_approval_that_can_be_given_no_more_is_named() {
        let asks = |expires: &str| {
            let approval = json!({ "plan_hash": "h", "requested_at": "2026-11-25T10:00:00Z", "expires_at": expires });
            running(&json!({ "phase": "awaiting-approval", "approval": approval }))
        };
        let late = seen(Some((asks("2026-11-25T11:00:00Z"), Some(Execution::Runs))), None);
        assert_eq!(kinds(&late), [TroubleKind::ApprovalOver]);
        let open = seen(Some((asks("2026-11-26T11:00:00Z"), Some(Execution::Runs))), None);
        assert_eq!(kinds(&open), []);
    }

    #[test]
    fn waiting_is_trouble_when_it_is_long_and_nobody_wanted_it() {
        let runs = |more: Value| Some((running(&more), Some(Execution::Runs)));
        let waits = |frozen| Some((deployment(4, &json!({})), frozen));
        let fresh = Some((deployment(4, &json!({ "created_at": "2026-11-25T11:50:00Z" })), false));
        assert_eq!(kinds(&seen(runs(json!({})), waits(false))), [TroubleKind::WaitsLong]);
        assert_eq!(kinds(&seen(runs(json!({})), fresh)), []);
        assert_eq!(kinds(&seen(runs(json!({})), waits(true))), []);
        assert_eq!(kinds(&seen(None, waits(false))), [TroubleKind::NobodyBegins]);
        assert_eq!(kinds(&seen(None, waits(true))), []);
        assert_eq!(kinds(&seen(runs(json!({ "phase": "awaiting-approval" })), waits(false))), []);
        let admitting =
            json!({ "phase": "admitting", "started_at": "2026-11-25T10:00:00Z", "message": "waits for prod" });
        let found = seen(runs(admitting), None).troubles();
        assert_eq!(found[0].message, "shop/3 runs for 2 h 00 min and did nothing yet: waits for prod");
        // It waited for people until a moment ago, and for its turn since.
        let approval = json!({ "plan_hash": "h", "requested_at": "2026-11-22T10:00:00Z", "decision": "approve",
            "decided_at": "2026-11-25T11:59:00Z" });
        let approved = json!({ "phase": "admitting", "started_at": "2026-11-22T10:00:00Z", "approval": approval });
        assert_eq!(kinds(&seen(runs(approved), None)), []);
    }
}
