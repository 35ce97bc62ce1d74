//! What is seen while a deployment runs.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use landfall_plan::{Paint, Tone};

use crate::api::{Deployment, Detail, Event};
use crate::live::Screen;
use crate::tree::{Look, frame};
use crate::ui::Ui;

/// Events are asked for again from this long before the newest one: several may come within a moment.
const OVERLAP: SignedDuration = SignedDuration::from_secs(2);

/// What is seen while a deployment runs.
pub struct View {
    screen: Option<Screen>,
    paint: Paint,
    detail: Option<Detail>,
    ticks: usize,
    told: HashSet<(Option<Timestamp>, String, Option<String>, String)>,
    newest: Option<Timestamp>,
    plan: String,
    waits: Option<String>,
}

impl View {
    /// A tree in a terminal, lines elsewhere, nothing for programs.
    pub fn new(ui: &Ui) -> Self {
        Self {
            screen: ui.live.then(Screen::default),
            paint: ui.paint_errors,
            detail: None,
            ticks: 0,
            told: HashSet::new(),
            newest: None,
            plan: String::new(),
            waits: None,
        }
    }

    /// Takes the newest state.
    pub fn show(&mut self, detail: &Detail) {
        self.detail = Some(detail.clone());
        self.draw();
    }

    /// Moves what moves.
    pub fn tick(&mut self) {
        self.ticks += 1;
        self.draw();
    }

    /// Removes the tree, so that something else can be written.
    pub fn clear(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.clear();
        }
    }

    /// Leaves the modules as they ended.
    pub fn end(&mut self) {
        self.clear();
        let lines = self.lines();
        let has_worked = self
            .detail
            .as_ref()
            .is_some_and(|detail| matches!(detail.deployment.status.as_str(), "succeeded" | "failed"));
        if let Some(screen) = &mut self.screen
            && has_worked
            && lines.len() > 1
        {
            // How the deployment ended is told below, in more words.
            screen.draw(&lines[1..]);
            screen.leave();
        }
    }

    /// Whether a plan was not shown before; remembers it.
    pub fn is_news(&mut self, hash: &str, seen: bool) -> bool {
        let first = self.plan.is_empty();
        let news = self.plan != hash && !(first && seen);
        hash.clone_into(&mut self.plan);
        news
    }

    /// From when on events are asked for.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest.and_then(|at| at.checked_sub(OVERLAP).ok())
    }

    /// Writes the events that were not written before.
    pub fn events(&mut self, ui: &Ui, events: &[Event]) {
        for event in events {
            self.newest = self.newest.max(event.at);
            let identity = (event.at, event.kind.clone(), event.module.clone(), event.message.clone());
            if self.told.insert(identity) {
                ui.line(event_line(ui, event));
            }
        }
    }

    /// Writes what a queued deployment waits for, whenever that changes.
    pub fn waits(&mut self, ui: &Ui, deployment: &Deployment) {
        let Some(why) = deployment.message.as_ref().filter(|_| deployment.status == "queued") else { return };
        if self.waits.as_ref() != Some(why) {
            let event =
                Event { at: Some(Timestamp::now()), kind: "waits".to_owned(), module: None, message: why.clone() };
            ui.line(event_line(ui, &event));
            self.waits = Some(why.clone());
        }
    }

    fn draw(&mut self) {
        let lines = self.lines();
        if let Some(screen) = &mut self.screen {
            screen.draw(&lines);
        }
    }

    fn lines(&self) -> Vec<String> {
        let (Some(_), Some(detail)) = (&self.screen, &self.detail) else { return Vec::new() };
        let (width, height) = terminal_size::terminal_size_of(std::io::stderr())
            .map_or((80, 24), |(width, height)| (usize::from(width.0), usize::from(height.0)));
        let look = Look { paint: self.paint, width, height, now: Timestamp::now(), tick: self.ticks };
        frame(detail, &look)
    }
}

/// Columns before the words of an event: `10:01:33Z  module-done         `.
const BEFORE_WORDS: usize = 31;

/// One event: `10:01:33Z  module-done         orders  2 created`, in a terminal wrapped under itself.
pub fn event_line(ui: &Ui, event: &Event) -> String {
    let time = event.at.map(|at| at.strftime("%H:%M:%SZ").to_string()).unwrap_or_default();
    let message = event.message.lines().next().unwrap_or_default();
    let module = event.module.as_deref().unwrap_or_default();
    let words = if module.is_empty() { message.to_owned() } else { format!("{module}  {message}") };
    let words = if ui.is_terminal { ui.hanging(BEFORE_WORDS, &words) } else { words };
    let words = match words.strip_prefix(module) {
        Some(rest) if !module.is_empty() => {
            format!("{}  {}", ui.tone(Tone::Strong, module), rest.trim_start())
        }
        _ => words,
    };
    let tone = match event.kind.as_str() {
        "module-failed" | "failed" | "rejected" => Tone::Delete,
        "module-skipped" | "superseded" | "cancelled" | "approval-requested" => Tone::Update,
        "module-done" | "succeeded" => Tone::Create,
        _ => Tone::Remark,
    };
    format!("{}  {}  {words}", ui.tone(Tone::Quiet, time), ui.tone(tone, format!("{:<18}", event.kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::When;

    #[test]
    fn in_a_terminal_a_long_event_is_wrapped_under_itself_and_elsewhere_it_is_one_line() {
        let event = Event {
            at: "2026-05-01T10:01:33Z".parse().ok(),
            kind: "module-pending".to_owned(),
            module: Some("orders".to_owned()),
            message: "the key is still being made; it is looked at again".to_owned(),
        };
        let ui = Ui { is_terminal: true, width: 70, ..Ui::new(false, When::Never) };
        assert_eq!(
            event_line(&ui, &event).lines().collect::<Vec<_>>(),
            [
                "10:01:33Z  module-pending      orders  the key is still being made; it",
                "                               is looked at again",
            ]
        );
        assert_eq!(event_line(&Ui { is_terminal: false, ..ui }, &event).lines().count(), 1);
    }
}
