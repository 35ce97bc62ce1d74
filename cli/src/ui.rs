//! The terminal: what is a terminal, colours, width, tables, times, questions.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use landfall_plan::{Paint, Style, Tone};
use serde::Serialize;

use crate::error::{Exit, Failure};

/// Text without a terminal is laid out for this width.
const DEFAULT_WIDTH: usize = 100;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    /// In a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    /// Answers are JSON for programs.
    pub json: bool,
    /// Colours of standard output.
    pub paint: Paint,
    /// Colours of standard error.
    pub paint_errors: Paint,
    /// Standard output is a terminal: what is longer than a line is wrapped. Programs get one line for one thing.
    pub is_terminal: bool,
    /// Somebody can see progress.
    pub live: bool,
    /// Somebody can answer questions too.
    pub interactive: bool,
    /// Columns.
    pub width: usize,
}

impl Ui {
    /// Finds out about the terminal.
    pub fn new(json: bool, color: When) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let paint = |is_terminal: bool| match color {
            When::Always => Paint::Color,
            When::Auto if is_terminal && !no_color && !dumb => Paint::Color,
            When::Auto | When::Never => Paint::Plain,
        };
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        let width = columns.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)));
        let live = !json && out && err && !dumb;
        Self {
            json,
            paint: paint(out),
            paint_errors: paint(err),
            is_terminal: out,
            live,
            interactive: live && std::io::stdin().is_terminal(),
            width: width.unwrap_or(DEFAULT_WIDTH).clamp(40, 140),
        }
    }

    /// The style of a rendered plan.
    pub fn style(&self, full: bool) -> Style {
        Style { paint: self.paint, width: self.width, full }
    }

    /// Text in a tone.
    pub fn tone(&self, tone: Tone, text: impl AsRef<str>) -> String {
        self.paint.tone(tone, text)
    }

    /// Writes a line, or several, to standard output.
    pub fn line(&self, text: impl AsRef<str>) {
        write_to(&mut std::io::stdout().lock(), text.as_ref());
    }

    /// Writes a line about what goes on to standard error, which a program that reads the answer does not see.
    pub fn note(&self, text: impl AsRef<str>) {
        write_to(&mut std::io::stderr().lock(), text.as_ref());
    }

    /// Writes the answer for programs.
    pub fn answer(&self, value: &impl Serialize) {
        self.line(serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// Writes a failure to standard error.
    pub fn failure(&self, failure: &Failure) {
        if self.json {
            let error = serde_json::json!({
                "error": { "message": failure.message, "hint": failure.hint, "exit_code": failure.exit as u8 }
            });
            self.note(serde_json::to_string_pretty(&error).unwrap_or_default());
            return;
        }
        let message = failure.message.trim_end();
        let message = if is_laid_out(message) { message.to_owned() } else { self.hanging(7, message) };
        self.note(format!("{} {message}", self.paint_errors.tone(Tone::Delete, "error:")));
        for line in failure.hint.iter().flat_map(|hint| hint.lines()) {
            self.note(format!("{} {}", self.paint_errors.tone(Tone::Remark, "  hint:"), self.hanging(8, line)));
        }
    }

    /// Asks a question and reads a line.
    pub fn ask(&self, question: &str) -> Result<String, Failure> {
        let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("cannot read an answer: {error}"));
        // Not locked while the answer is awaited: Ctrl-C has something to say meanwhile.
        let mut err = std::io::stderr();
        write!(err, "{question} ").and_then(|()| err.flush()).map_err(failed)?;
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
        Ok(line.trim().to_owned())
    }

    /// Sentences under one another, wrapped to the width and indented.
    pub fn wrapped(&self, indent: usize, text: &str) -> String {
        let room = self.width.saturating_sub(indent).max(20);
        let mut lines = Vec::new();
        for line in text.lines() {
            // What is laid out already keeps its layout.
            let own = line.len() - line.trim_start().len();
            let mut current = " ".repeat(own);
            for word in line.split_whitespace() {
                if !current.trim().is_empty() && current.chars().count() + 1 + word.chars().count() > room {
                    lines.push(std::mem::replace(&mut current, " ".repeat(own)));
                }
                if !current.trim().is_empty() {
                    current.push(' ');
                }
                current.push_str(word);
            }
            lines.push(current);
        }
        lines
            .iter()
            .map(|line| format!("{}{line}", " ".repeat(indent)).trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// What an installation says: sentences are wrapped, rendered diagnostics keep their layout.
    pub fn readable(&self, indent: usize, text: &str) -> String {
        let text = text.trim_end();
        if is_laid_out(text) { text.to_owned() } else { self.wrapped(indent, text) }
    }

    /// Text that begins behind a label: the lines after the first begin under it.
    pub fn hanging(&self, indent: usize, text: &str) -> String {
        self.wrapped(indent, text).trim_start().to_owned()
    }

    /// A table without lines.
    pub fn table(&self, head: &[&str], rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(self.width).unwrap_or(u16::MAX));
        table.set_header(head.iter().map(|cell| self.tone(Tone::Quiet, cell)));
        for row in rows {
            table.add_row(row);
        }
        table
            .lines()
            .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Rendered diagnostics show lines of a file, which are not to be broken.
pub fn is_laid_out(text: &str) -> bool {
    text.contains("╭─")
}

fn write_to(out: &mut dyn std::io::Write, text: &str) {
    // A reader that went away (`landfall history x | head`) wants no more: that is not a failure of the command.
    if writeln!(out, "{}", text.trim_end_matches('\n')).is_err() {
        std::process::exit(0);
    }
}

/// `42s`, `3m 07s`, `1h 12m`.
pub fn duration(from: Timestamp, to: Timestamp) -> String {
    seconds(to.as_second().saturating_sub(from.as_second()))
}

/// Like [`duration`], with tenths where seconds are few.
pub fn precise(from: Timestamp, to: Timestamp) -> String {
    let tenths = to.as_millisecond().saturating_sub(from.as_millisecond()).max(0) / 100;
    if tenths < 100 { format!("{}.{}s", tenths / 10, tenths % 10) } else { duration(from, to) }
}

fn seconds(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `12s ago`, `5 min ago`, `3 h ago`, a date for what is older.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds}s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => at.strftime("%Y-%m-%d %H:%M").to_string(),
    }
}

/// `1 layer`, `2 layers`.
pub fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}
