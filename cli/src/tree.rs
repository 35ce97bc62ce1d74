//! A deployment as a tree of modules: state, elapsed time and the reason of any wait. Pure: a frame is a function of
//! an answer, a moment and the size of the terminal.

use jiff::Timestamp;
use landfall_plan::{Paint, Tone};

use crate::api::{Deployment, Detail, Run, text};
use crate::ui::{counted, duration};

const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// Width of the column of elapsed times: `12h 34m`.
const TIME: usize = 7;

/// How a frame is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours.
    pub paint: Paint,
    /// Columns.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// The moment.
    pub now: Timestamp,
    /// Turns the spinner.
    pub tick: usize,
}

/// The lines of a frame: the deployment, then its modules.
pub fn frame(detail: &Detail, look: &Look) -> Vec<String> {
    let mut branches = branches(detail, look);
    let room = look.height.saturating_sub(2).max(1);
    if branches.len() > room {
        shorten(&mut branches, room);
    }
    let last = branches.len().saturating_sub(1);
    let mut lines = vec![header(detail, look).fitted(look)];
    for (index, branch) in branches.into_iter().enumerate() {
        let mut line = Line::default();
        line.add(Some(Tone::Quiet), if index == last { "└─ " } else { "├─ " });
        line.parts.extend(branch.line.parts);
        lines.push(line.fitted(look));
    }
    lines
}

/// What a running deployment is doing, in words.
pub fn doing(deployment: &Deployment, runs: &[Run]) -> String {
    let message = deployment.message.as_deref().filter(|message| !message.is_empty());
    let because = |words: &str| match message {
        Some(message) => format!("{words}: {message}"),
        None => words.to_owned(),
    };
    match (deployment.status.as_str(), deployment.phase.as_deref()) {
        ("queued", _) => because("waits for its turn"),
        ("running", None) => "starting".to_owned(),
        ("running", Some("admitting")) => because("waits for the layer to be free"),
        ("running", Some("planning")) => "planning".to_owned(),
        ("running", Some("awaiting-approval")) => "waits for an approval".to_owned(),
        ("running", Some("applying")) => {
            let changing = runs.iter().filter(|run| run.status != "unchanged");
            let (mut all, mut ended) = (0, 0);
            for run in changing {
                all += 1;
                ended += usize::from(matches!(run.status.as_str(), "done" | "failed" | "skipped" | "cancelled"));
            }
            let verb = if deployment.action == "destroy" { "destroying" } else { "applying" };
            if all == 0 { verb.to_owned() } else { format!("{verb}: {ended} of {} done", counted(all, "module")) }
        }
        ("running", Some("finishing")) => "finishing".to_owned(),
        ("running", Some(other)) => other.to_owned(),
        (status, _) => status.to_owned(),
    }
}

struct Branch {
    /// Lower ones are left out first where there is no room.
    weight: u8,
    line: Line,
}

fn header(detail: &Detail, look: &Look) -> Line {
    let deployment = &detail.deployment;
    let mut line = Line::default();
    match deployment.status.as_str() {
        "queued" | "running" => line.add(Some(Tone::Remark), spinner(look)),
        "succeeded" => line.add(Some(Tone::Create), "✓"),
        _ => line.add(Some(Tone::Delete), "✗"),
    }
    line.add(None, " ");
    line.add(Some(Tone::Strong), deployment.id());
    line.add(None, format!("  {}", doing(deployment, &detail.runs)));
    if let Some(began) = deployment.started_at.or(deployment.created_at) {
        let end = deployment.finished_at.unwrap_or(look.now);
        line.add(Some(Tone::Quiet), format!("  {}", duration(began, end)));
    }
    line
}

fn branches(detail: &Detail, look: &Look) -> Vec<Branch> {
    let shown: Vec<&Run> = detail.runs.iter().filter(|run| run.status != "unchanged").collect();
    let widest = |width: fn(&Run) -> usize| shown.iter().map(|run| width(run)).max().unwrap_or_default();
    let names = widest(|run| run.module.chars().count());
    let kinds = widest(|run| run.kind.chars().count());
    let mut branches: Vec<Branch> = in_order(&shown)
        .into_iter()
        .map(|run| {
            let mut line = Line::default();
            let (weight, tone, symbol) = symbol(run, look);
            line.add(tone, symbol);
            line.add(None, format!(" {:names$}", run.module));
            line.add(Some(Tone::Quiet), format!("  {:kinds$}  {:>TIME$}", run.kind, elapsed(run, look.now)));
            let (tone, says) = says(run, &detail.runs);
            line.add(tone, format!("  {says}"));
            Branch { weight, line }
        })
        .collect();
    let unchanged = detail.runs.len() - shown.len();
    if unchanged > 0 && !shown.is_empty() {
        branches.push(remark(format!("= {} unchanged", counted(unchanged, "module"))));
    }
    branches
}

/// Each module after those that it needs, otherwise in the order of the answer.
fn in_order<'a>(runs: &[&'a Run]) -> Vec<&'a Run> {
    let pairs: Vec<(&str, Vec<&str>)> =
        runs.iter().map(|run| (run.module.as_str(), run.needs.iter().map(String::as_str).collect())).collect();
    match landfall_plan::order(&pairs) {
        Ok(order) => order.iter().filter_map(|name| runs.iter().find(|run| run.module == *name).copied()).collect(),
        Err(_) => runs.to_vec(),
    }
}

fn symbol(run: &Run, look: &Look) -> (u8, Option<Tone>, String) {
    match run.status.as_str() {
        "done" => (1, Some(Tone::Create), "✓".to_owned()),
        "failed" => (4, Some(Tone::Delete), "✗".to_owned()),
        "skipped" | "cancelled" => (2, Some(Tone::Update), "⊘".to_owned()),
        "running" | "pending" => (3, Some(Tone::Remark), spinner(look)),
        _ => (0, Some(Tone::Quiet), "·".to_owned()),
    }
}

fn spinner(look: &Look) -> String {
    SPINNER[look.tick % SPINNER.len()].to_string()
}

fn elapsed(run: &Run, now: Timestamp) -> String {
    run.started_at.map(|began| duration(began, run.finished_at.unwrap_or(now))).unwrap_or_default()
}

/// What there is to say about a module beside its state.
fn says(run: &Run, all: &[Run]) -> (Option<Tone>, String) {
    let reason = run.reason.clone().unwrap_or_default();
    match run.status.as_str() {
        "waiting" => (Some(Tone::Quiet), waits_for(run, all).unwrap_or(reason)),
        "done" => {
            let done = run.counts.done();
            (Some(Tone::Quiet), if done.is_empty() { "nothing to change".to_owned() } else { done })
        }
        "failed" => {
            let error = text(&run.error).unwrap_or_else(|| "no reason was recorded".to_owned());
            (Some(Tone::Delete), error.lines().next().unwrap_or_default().to_owned())
        }
        "cancelled" => (Some(Tone::Update), reason.lines().next().unwrap_or("cancelled").to_owned()),
        "skipped" => (Some(Tone::Update), if reason.is_empty() { "skipped".to_owned() } else { reason }),
        "pending" => (None, if reason.is_empty() { "waits for AWS".to_owned() } else { format!("waits: {reason}") }),
        _ => (None, reason),
    }
}

/// The needs of a waiting module that have not ended.
fn waits_for(run: &Run, all: &[Run]) -> Option<String> {
    let open: Vec<&str> = run
        .needs
        .iter()
        .filter(|need| all.iter().any(|other| other.module == **need && !is_settled(other)))
        .map(String::as_str)
        .collect();
    (!open.is_empty()).then(|| format!("waits for {}", open.join(", ")))
}

fn is_settled(run: &Run) -> bool {
    matches!(run.status.as_str(), "done" | "failed" | "skipped" | "cancelled" | "unchanged")
}

fn remark(text: String) -> Branch {
    let mut line = Line::default();
    line.add(Some(Tone::Quiet), text);
    Branch { weight: 5, line }
}

/// Leaves out what is least interesting until the rest fits, and counts what was left out.
fn shorten(branches: &mut Vec<Branch>, room: usize) {
    let mut left_out = 0;
    for weight in 0..=4 {
        while branches.len() + 1 > room {
            let Some(index) = branches.iter().rposition(|branch| branch.weight == weight) else { break };
            branches.remove(index);
            left_out += 1;
        }
    }
    branches.push(remark(format!("… {} more", counted(left_out, "module"))));
}

/// A line in pieces, so that it can be cut without cutting a colour.
#[derive(Default)]
struct Line {
    parts: Vec<(Option<Tone>, String)>,
}

impl Line {
    fn add(&mut self, tone: Option<Tone>, text: impl Into<String>) {
        self.parts.push((tone, text.into()));
    }

    /// The line, cut to the width: a line that wraps would break the redrawing.
    fn fitted(self, look: &Look) -> String {
        let room = look.width.saturating_sub(1);
        let whole: usize = self.parts.iter().map(|(_, text)| text.chars().count()).sum();
        let mut left = if whole > room { room.saturating_sub(1) } else { room };
        let mut out = String::new();
        for (tone, text) in self.parts {
            let piece: String = text.chars().take(left).collect();
            left -= piece.chars().count();
            match tone {
                Some(tone) => out.push_str(&look.paint.tone(tone, piece)),
                None => out.push_str(&piece),
            }
        }
        if whole > room {
            out.push('…');
        }
        let kept = out.trim_end().len();
        out.truncate(kept);
        out
    }
}

#[cfg(test)]
mod tests;
