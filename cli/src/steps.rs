//! Progress of long steps on this machine: a spinner or a bar in a terminal, lines elsewhere, nothing for programs.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use landfall_bootstrap::{Progress, ResourceEvent, ResourceState};
use landfall_plan::Tone;

use crate::ui::Ui;

/// Steps that are told one after the other.
pub struct Steps<'a> {
    ui: &'a Ui,
    /// Outside of a terminal too, parts of a step are not told.
    is_brief: bool,
    bar: Mutex<Option<Bar>>,
}

struct Bar {
    bar: ProgressBar,
    begun: Instant,
    /// Resources that are worked on.
    working: Vec<String>,
}

impl<'a> Steps<'a> {
    /// Nothing is told yet.
    pub fn new(ui: &'a Ui) -> Self {
        Self { ui, is_brief: false, bar: Mutex::new(None) }
    }

    /// Steps whose parts interest nobody once they are done.
    pub fn brief(ui: &'a Ui) -> Self {
        Self { ui, is_brief: true, bar: Mutex::new(None) }
    }

    /// A step that takes a while begins. `of` is about how many parts it has, where that is known.
    pub fn begin(&self, message: &str, of: Option<u64>) {
        self.end();
        if self.ui.json {
            return;
        }
        if !self.ui.live {
            self.ui.note(format!("{message}…"));
            return;
        }
        let bar = of.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = match of {
            Some(_) => "{spinner:.cyan} {prefix}  {bar:24.cyan/dim} {pos}/{len}  {elapsed:.dim}  {wide_msg:.dim}",
            None => "{spinner:.cyan} {prefix}  {elapsed:.dim}  {wide_msg:.dim}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ").progress_chars("━━╌"));
        bar.set_prefix(message.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        self.with(|slot| *slot = Some(Bar { bar, begun: Instant::now(), working: Vec::new() }));
    }

    /// What the step is doing right now.
    pub fn now(&self, message: &str) {
        self.with(|slot| {
            if let Some(bar) = slot {
                bar.bar.set_message(message.to_owned());
            }
        });
    }

    /// Part of the step is done.
    pub fn advance(&self) {
        self.with(|slot| {
            if let Some(bar) = slot {
                bar.bar.inc(1);
                // The number of parts was an estimate.
                if bar.bar.position() >= bar.bar.length().unwrap_or(u64::MAX) {
                    bar.bar.inc_length(1);
                }
            }
        });
    }

    /// The step has ended, well or not.
    pub fn end(&self) {
        self.with(|slot| {
            if let Some(bar) = slot.take() {
                bar.bar.finish_and_clear();
            }
        });
    }

    /// The step has ended well.
    pub fn done(&self, message: &str) {
        let took = self.with(|slot| slot.as_ref().map(|bar| bar.begun.elapsed().as_secs()));
        self.end();
        if !self.ui.json {
            let took = took.filter(|seconds| *seconds > 2).map(|seconds| format!(" ({seconds} s)")).unwrap_or_default();
            let took = self.ui.paint_errors.tone(Tone::Quiet, took);
            self.ui.note(format!("{} {message}{took}", self.ui.paint_errors.tone(Tone::Create, "✓")));
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<Bar>) -> T) -> T {
        // A thread that panicked while it drew leaves nothing that could be wrong.
        act(&mut self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A line above the bar.
    fn print(&self, line: String) {
        if self.ui.json {
            return;
        }
        let bar = self.with(|slot| slot.as_ref().map(|bar| bar.bar.clone()));
        match bar {
            Some(bar) => bar.suspend(|| self.ui.note(line)),
            None => self.ui.note(line),
        }
    }
}

impl Drop for Steps<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

impl Progress for Steps<'_> {
    fn step(&self, message: &str) {
        if self.ui.live {
            self.now(message);
        } else if !self.is_brief {
            self.print(format!("{} {message}", self.ui.paint_errors.tone(Tone::Quiet, "·")));
        }
    }

    fn begins(&self, message: &str, resources: usize) {
        self.begin(message, u64::try_from(resources).ok().filter(|count| *count > 0));
    }

    fn resource(&self, event: &ResourceEvent) {
        match event.state {
            ResourceState::Failed => {
                let cross = self.ui.paint_errors.tone(Tone::Delete, "✗");
                self.print(format!("{cross} {}  {}: {}", event.name, event.kind, event.reason));
            }
            ResourceState::Done if !self.ui.live && !self.is_brief => {
                self.print(format!("{}  {}  {}", event.name, event.kind, event.status));
            }
            ResourceState::Begun | ResourceState::Done => {}
        }
        let is_done = event.state == ResourceState::Done;
        self.with(|slot| {
            let Some(bar) = slot else { return };
            bar.working.retain(|name| *name != event.name);
            if event.state == ResourceState::Begun {
                bar.working.push(event.name.clone());
            }
            bar.bar.set_message(bar.working.join(", "));
        });
        if is_done {
            self.advance();
        }
    }
}
