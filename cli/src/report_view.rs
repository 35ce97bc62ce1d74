//! What became of every resource of a deployment that did not succeed, laid out for people.

use landfall_plan::Tone;
use serde::Deserialize;

use crate::ui::{Ui, counted};

/// `GET /layers/{layer}/deployments/{n}/report`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Report {
    /// `layer/12`.
    pub id: String,
    /// Whether `resume` goes on with it.
    pub resumable: bool,
    /// Every resource that was to change.
    pub resources: Vec<ResourceEnd>,
    /// What failed about modules as a whole.
    pub modules: Vec<ModuleEnd>,
}

/// What became of a resource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceEnd {
    /// Module.
    pub module: String,
    /// Name in the module.
    pub resource: String,
    /// Name or id on AWS.
    pub name: Option<String>,
    /// `create`, `update`, `replace`, `delete`.
    pub action: String,
    /// `done`, `failed`, `in-progress`, `unknown`, `left-behind`, `not-started`.
    pub end: String,
    /// Why.
    pub reason: Option<String>,
    /// What AWS said.
    pub failure: Option<ResourceFailure>,
}

/// What became of a module as a whole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ModuleEnd {
    /// Module.
    pub module: String,
    /// What failed.
    pub failure: ResourceFailure,
}

/// What AWS said.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceFailure {
    /// Operation.
    pub operation: String,
    /// What went wrong.
    pub message: String,
    /// Id of the request.
    pub request_id: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// How an end is shown: its word as the API says it, its sign, its tone, and what it is counted as.
const ENDS: [(&str, &str, Tone, &str); 6] = [
    ("failed", "✗", Tone::Delete, "failed"),
    ("unknown", "?", Tone::Update, "unknown"),
    ("in-progress", "…", Tone::Update, "in progress"),
    ("left-behind", "!", Tone::Update, "left behind"),
    ("not-started", "○", Tone::Quiet, "not started"),
    ("done", "✓", Tone::Create, "done"),
];

impl Report {
    /// Lines for the error stream: module by module what is not done, then the counts, then the one command to go on.
    pub fn lines(&self, ui: &Ui) -> Vec<String> {
        let mut lines = Vec::new();
        let mut modules: Vec<&str> = Vec::new();
        let named = self.resources.iter().map(|end| end.module.as_str());
        for module in named.chain(self.modules.iter().map(|end| end.module.as_str())) {
            if !modules.contains(&module) {
                modules.push(module);
            }
        }
        for module in modules {
            lines.extend(self.module(ui, module));
        }
        let counts: Vec<String> = ENDS
            .iter()
            .map(|(word, sign, tone, said)| (self.count(word), sign, tone, said))
            .filter(|(count, ..)| *count > 0)
            .map(|(count, sign, tone, said)| format!("{} {count} {said}", ui.paint_errors.tone(*tone, sign)))
            .collect();
        if !counts.is_empty() {
            lines.push(format!("\n  {}", counts.join("   ")));
        }
        lines
    }

    fn module(&self, ui: &Ui, module: &str) -> Vec<String> {
        let whole = self.modules.iter().filter(|end| end.module == module);
        let of_module = || self.resources.iter().filter(|end| end.module == module);
        let mut lines: Vec<String> = whole.flat_map(|end| failure_lines(ui, None, &end.failure)).collect();
        for (word, sign, tone, _) in &ENDS[..5] {
            let ends: Vec<&ResourceEnd> = of_module().filter(|end| end.end == *word).collect();
            // Many that wait for the same reason are one line.
            if *word == "not-started" && ends.len() > 3 {
                let reason = ends[0].reason.as_deref().unwrap_or("not started");
                let text = format!("{} not started: {reason}", counted(ends.len(), "resource"));
                lines.push(format!("    {} {}", ui.paint_errors.tone(*tone, sign), ui.hanging(6, &text)));
                continue;
            }
            for end in ends {
                match &end.failure {
                    Some(failure) => lines.extend(failure_lines(ui, Some(&end.resource), failure)),
                    None => {
                        let name = end.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
                        let reason = end.reason.as_deref().unwrap_or_default();
                        let text = format!("{}{name}: {reason}", end.resource);
                        lines.push(format!("    {} {}", ui.paint_errors.tone(*tone, sign), ui.hanging(6, &text)));
                    }
                }
            }
        }
        if lines.is_empty() {
            return lines;
        }
        lines.insert(0, format!("\n  {}", ui.paint_errors.tone(Tone::Strong, module)));
        lines
    }

    fn count(&self, word: &str) -> usize {
        let whole = if word == "failed" { self.modules.len() } else { 0 };
        whole + self.resources.iter().filter(|end| end.end == word).count()
    }
}

fn failure_lines(ui: &Ui, resource: Option<&str>, failure: &ResourceFailure) -> Vec<String> {
    let subject = resource.map(|resource| format!("{resource}: ")).unwrap_or_default();
    let operation = if failure.operation.is_empty() { String::new() } else { format!("{}: ", failure.operation) };
    let request = failure.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
    let text = format!("{subject}{operation}{}{request}", failure.message);
    let mut lines = vec![format!("    {} {}", ui.paint_errors.tone(Tone::Delete, "✗"), ui.hanging(6, &text))];
    if let Some(hint) = &failure.hint {
        let label = ui.paint_errors.tone(Tone::Remark, "hint:");
        lines.push(format!("      {label} {}", ui.hanging(8, hint)));
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ui::When;
    use serde_json::json;

    #[test]
    fn a_report_names_what_failed_first_and_counts_the_rest() {
        let end = |module: &str, resource: &str, end: &str, reason: Option<&str>| json!({ "module": module, "resource": resource, "action": "create", "end": end, "reason": reason });
        let mut resources = vec![
            end("orders", "key", "done", None),
            end("orders", "alias", "unknown", Some("a call was begun and its answer was not recorded: it may exist")),
            end("orders", "policy", "not-started", Some("orders failed before")),
        ];
        let mut failed = end("orders", "queue", "failed", Some("no"));
        failed["failure"] = json!({
            "operation": "CreateQueue", "message": "the name is taken (QueueAlreadyExists)", "request_id": "r-1",
            "hint": "choose another name",
        });
        resources.push(failed);
        resources.extend(
            (0..5).map(|n| end("mail", &format!("r{n}"), "not-started", Some("not started because orders failed"))),
        );
        let report: Report =
            serde_json::from_value(json!({ "id": "shop/12", "resumable": true, "resources": resources })).unwrap();
        let ui = Ui { width: 80, ..Ui::new(false, When::Never) };
        let text = report.lines(&ui).join("\n");
        assert_eq!(
            text,
            "\n  orders\n    \
             ✗ queue: CreateQueue: the name is taken (QueueAlreadyExists) (request r-1)\n      \
             hint: choose another name\n    \
             ? alias: a call was begun and its answer was not recorded: it may exist\n    \
             ○ policy: orders failed before\n\
             \n  mail\n    \
             ○ 5 resources not started: not started because orders failed\n\
             \n  ✗ 1 failed   ? 1 unknown   ○ 6 not started   ✓ 1 done"
        );
    }
}
