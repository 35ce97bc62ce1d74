//! Follows a deployment until it ends: a live tree in a terminal, one line per event elsewhere. Shows the plan and asks
//! for the approval that it may need.

mod report;
mod view;

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::{Deployment, Detail, Layer, read};
use crate::client::{Client, layer_path};
use crate::error::{Exit, Failure};
use crate::plan_view::Planned;
use crate::ui::Ui;
use view::View;
pub use view::event_line;

/// A deployment that cannot be read for longer than this is given up; it goes on without us.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who decides on a plan that asks for an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// The person at the terminal; without one the command ends.
    Person,
    /// The person at the terminal, by typing the layer's name.
    PersonByName,
    /// `--yes`.
    Given,
    /// Somebody else.
    Others,
}

/// What is followed, and how.
#[derive(Clone, Copy)]
pub struct Follow<'a> {
    /// Where to write.
    pub ui: &'a Ui,
    /// The installation.
    pub client: &'a Client,
    /// Layer.
    pub layer: &'a str,
    /// Number.
    pub number: u64,
    /// Who decides.
    pub decider: Decider,
    /// Whether the plan was seen already.
    pub plan_seen: bool,
    /// Show every attribute of new resources.
    pub full: bool,
}

/// Why following ended.
enum End {
    /// The deployment ended.
    Final,
    /// It waits for an approval that nobody here can give.
    NeedsApproval,
    /// The person did not want to decide now.
    Later,
    /// Ctrl-C.
    Interrupted,
}

/// What is known when following ended.
struct Ended {
    why: End,
    json: Value,
    detail: Detail,
    planned: Option<Planned>,
}

type Interrupt<'a> = Pin<&'a mut (dyn Future<Output = std::io::Result<()>> + Send)>;

impl Follow<'_> {
    /// Follows to the end and tells how it ended.
    pub async fn run(&self) -> Result<Exit, Failure> {
        let mut interrupt = pin!(tokio::signal::ctrl_c());
        let mut view = View::new(self.ui);
        let ended = self.watch(&mut view, interrupt.as_mut()).await;
        match &ended {
            Ok(Ended { why: End::Final, .. }) => view.end(),
            _ => view.clear(),
        }
        let ended = ended.map_err(|failure| failure.with_hint_if_none(self.how_to_return()))?;
        report::tell(self, ended).await
    }

    async fn watch(&self, view: &mut View, mut interrupt: Interrupt<'_>) -> Result<Ended, Failure> {
        let begun = Instant::now();
        let mut answered: Option<Instant> = None;
        let mut ended = Ended { why: End::Interrupted, json: Value::Null, detail: self.unknown(), planned: None };
        // The plan that was decided on here: its decision may take a moment to be seen.
        let mut decided = String::new();
        loop {
            let Some(answer) = alive(view, &mut interrupt, self.client.detail_json(self.layer, self.number)).await
            else {
                return Ok(ended);
            };
            match (answer, answered) {
                (Ok(json), _) => {
                    ended.detail = read(&json)?;
                    ended.json = json;
                    answered = Some(Instant::now());
                }
                (Err(_), Some(at)) if at.elapsed() < PATIENCE => {}
                (Err(failure), _) => return Err(failure),
            }
            if ended.detail.deployment.status == "queued" {
                let why = self.why_queued(&ended.detail.deployment).await;
                ended.detail.deployment.message = ended.detail.deployment.message.take().or(why);
            }
            if !self.ui.json && !self.ui.live {
                // Events that cannot be read now are read the next time; how it ends is told all the same.
                if let Ok(events) = self.client.events(self.layer, self.number, view.newest()).await {
                    view.events(self.ui, &events);
                }
                view.waits(self.ui, &ended.detail.deployment);
            }
            view.show(&ended.detail);
            if alive(view, &mut interrupt, self.plan(&mut ended)).await.transpose()?.is_none() {
                return Ok(ended);
            }
            self.show_plan(view, &mut ended);
            if ended.detail.deployment.is_final() {
                ended.why = End::Final;
                return Ok(ended);
            }
            if ended.detail.deployment.awaits_approval() && decided != question(&ended.detail) {
                view.clear();
                if let Some(why) = self.decide(&ended, &mut interrupt).await? {
                    ended.why = why;
                    return Ok(ended);
                }
                decided = question(&ended.detail);
            }
            if alive(view, &mut interrupt, tokio::time::sleep(pause(begun.elapsed()))).await.is_none() {
                return Ok(ended);
            }
        }
    }

    /// What a queued deployment waits for: the one of its layer that runs, or one of its environment. Who may not look
    /// at them waits without knowing.
    async fn why_queued(&self, deployment: &Deployment) -> Option<String> {
        for layer in std::iter::once(self.layer).chain(deployment.environment_choice.as_deref()) {
            let record: Layer = read(&self.client.get(&layer_path(layer)).await.ok()?).ok()?;
            let Some(number) = record.running.filter(|number| layer != self.layer || *number != self.number) else {
                continue;
            };
            let detail: Detail = read(&self.client.detail_json(layer, number).await.ok()?).ok()?;
            let what = crate::tree::doing(&detail.deployment, &detail.runs);
            return Some(format!("{layer}/{number} comes first ({what})"));
        }
        None
    }

    /// Fetches the plan once there is one, and again when it is another.
    async fn plan(&self, ended: &mut Ended) -> Result<(), Failure> {
        let Some(plan) = &ended.detail.deployment.plan else { return Ok(()) };
        let known = ended.planned.as_ref().is_some_and(|planned| planned.is(plan));
        if !known {
            ended.planned = Some(Planned::read(&self.client.plan(self.layer, self.number).await?)?);
        }
        Ok(())
    }

    fn show_plan(&self, view: &mut View, ended: &mut Ended) {
        let Some(planned) = &ended.planned else { return };
        if self.ui.json || !view.is_news(&planned.identity(), self.plan_seen) {
            return;
        }
        view.clear();
        self.ui.line(planned.rendered(self.ui, self.full));
        self.ui.line("");
    }

    /// Decides on the plan; `Some` when following ends here.
    async fn decide(&self, ended: &Ended, interrupt: &mut Interrupt<'_>) -> Result<Option<End>, Failure> {
        let hash = asked(&ended.detail);
        let question = match self.decider {
            Decider::Others => return Ok(None),
            Decider::Given => {
                self.settle(hash, "approve", "approved with --yes").await?;
                return Ok(None);
            }
            Decider::Person | Decider::PersonByName if !self.ui.interactive => return Ok(Some(End::NeedsApproval)),
            Decider::Person => "Approve this plan? yes approves, no rejects, anything else decides later:".to_owned(),
            Decider::PersonByName => {
                format!("Type the name of the layer, {}, to destroy it; anything else keeps it:", self.layer)
            }
        };
        let ui = *self.ui;
        let asking = tokio::task::spawn_blocking(move || ui.ask(&question));
        let answer = tokio::select! {
            _ = interrupt => {
                self.ui.note("");
                return Ok(Some(End::Interrupted));
            }
            answer = asking => answer.map_err(|error| Failure::new(Exit::Failed, error.to_string()))??,
        };
        self.ui.note("");
        let word = answer.to_lowercase();
        match self.decider {
            Decider::PersonByName if answer == self.layer => self.settle(hash, "approve", "").await?,
            Decider::PersonByName => self.settle(hash, "reject", "the name was not typed").await?,
            _ if matches!(word.as_str(), "y" | "yes") => self.settle(hash, "approve", "").await?,
            _ if matches!(word.as_str(), "n" | "no") => self.settle(hash, "reject", "rejected at the terminal").await?,
            _ => return Ok(Some(End::Later)),
        }
        Ok(None)
    }

    /// Sends a decision. That somebody else decided meanwhile is seen by following on.
    async fn settle(&self, hash: &str, decision: &str, reason: &str) -> Result<(), Failure> {
        match self.client.decide((self.layer, self.number), hash, decision, reason).await {
            Err(failure) if failure.exit == Exit::InTheWay => {
                self.ui.note(format!("not decided here: {failure}"));
                Ok(())
            }
            result => result.map(drop),
        }
    }

    fn unknown(&self) -> Detail {
        let mut detail = Detail::default();
        self.layer.clone_into(&mut detail.deployment.layer);
        detail.deployment.number = self.number;
        "running".clone_into(&mut detail.deployment.status);
        detail
    }

    fn how_to_return(&self) -> String {
        format!("the deployment goes on; come back with: landfall status {}/{} --follow", self.layer, self.number)
    }
}

/// The plan that an approval is asked for.
fn asked(detail: &Detail) -> &str {
    detail.deployment.approval.as_ref().map(|approval| approval.plan_hash.as_str()).unwrap_or_default()
}

/// What tells a question from the one before it. The same changes are asked about again when AWS would refuse now what it
/// would not have refused before: then they are riskier.
fn question(detail: &Detail) -> String {
    let risk = detail.deployment.plan.as_ref().map(|plan| plan.risk.as_str()).unwrap_or_default();
    format!("{} {risk}", asked(detail))
}

/// Awaits something while the view moves; `None` when Ctrl-C came first.
async fn alive<T>(view: &mut View, interrupt: &mut Interrupt<'_>, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            _ = interrupt.as_mut() => return None,
            value = &mut future => return Some(value),
            _ = ticks.tick() => view.tick(),
        }
    }
}

/// Short deployments are looked at often, long ones less so.
fn pause(elapsed: Duration) -> Duration {
    match elapsed.as_secs() {
        0..20 => Duration::from_millis(300),
        20..120 => Duration::from_secs(1),
        _ => Duration::from_secs(3),
    }
}
