//! The plan as a person reads it in a terminal: what changes, from what to what, how risky it is, and how much in all.

mod attribute;
mod brief;
mod left;
mod paint;
mod value;

pub use paint::{Paint, Tone};

use crate::change::{Action, AttributeChange, ResourceChange, Risk};
use crate::module::{ModuleChange, ModulePlan};
use crate::plan::{Counts, Plan, PlanRequest};
use crate::preflight::{Obstacle, Weight};
use crate::render::attribute::{attributes, width};
use crate::render::brief::Brief;
use crate::render::left::left;

/// What stands for a value that AWS decides on.
const UNKNOWN: &str = "(known after apply)";
/// Text without a terminal is wrapped to this width.
const DEFAULT_WIDTH: usize = 100;
/// Narrower than this, wrapping makes text unreadable.
const NARROWEST: usize = 40;

/// How a plan is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colours.
    pub paint: Paint,
    /// Columns to write in. Long values go beyond them rather than being cut: what is approved must be seen.
    pub width: usize,
    /// Also shows the attributes of the new resources of a module that makes many, documents to their end, and the tags
    /// by which Landfall finds things again.
    pub full: bool,
}

impl From<Paint> for Style {
    fn from(paint: Paint) -> Self {
        Self { paint, width: DEFAULT_WIDTH, full: false }
    }
}

/// Renders a plan. Ends with a line break.
pub fn render(plan: &Plan, style: impl Into<Style>) -> String {
    let style = style.into();
    let style = Style { width: style.width.max(NARROWEST), ..style };
    let mut page = Page { style, out: String::new(), hides: false };
    if plan.modules.iter().all(|module| !is_shown(module)) {
        nothing(&mut page, plan);
        left(&mut page, plan);
        warnings(&mut page, plan);
        return page.out;
    }
    header(&mut page, plan);
    for module in plan.modules.iter().filter(|module| is_shown(module)) {
        render_module(&mut page, plan, module);
    }
    footer(&mut page, plan);
    left(&mut page, plan);
    warnings(&mut page, plan);
    page.out
}

/// Renders differences as a plan does, each with a note that a reader may skip. Ends with a line break.
pub fn differences(changes: &[(AttributeChange, String)], style: impl Into<Style>) -> String {
    let style = style.into();
    let style = Style { width: style.width.max(NARROWEST), ..style };
    let mut page = Page { style, out: String::new(), hides: false };
    attribute::noted(&mut page, changes);
    page.out
}

/// `4 to create, 1 to update`; `nothing to change` when there is nothing.
pub fn summary(counts: Counts) -> String {
    let parts: Vec<String> =
        [(counts.create, "create"), (counts.update, "update"), (counts.replace, "replace"), (counts.delete, "delete")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, verb)| format!("{count} to {verb}"))
            .collect();
    if parts.is_empty() { "nothing to change".to_owned() } else { parts.join(", ") }
}

/// The text under construction.
struct Page {
    style: Style,
    out: String,
    /// Whether something was left out that `full` shows.
    hides: bool,
}

impl Page {
    fn tone(&self, tone: Tone, text: impl AsRef<str>) -> String {
        self.style.paint.tone(tone, text)
    }

    fn line(&mut self, indent: usize, text: &str) {
        if !text.is_empty() {
            self.out.extend(std::iter::repeat_n(' ', indent));
            self.out.push_str(text);
        }
        self.out.push('\n');
    }

    /// A sentence that is wrapped, with a label before its first line.
    fn sentence(&mut self, indent: usize, label: &str, tone: Tone, text: &str) {
        let lines = wrapped(&format!("{label}{text}"), self.style.width.saturating_sub(indent), width(label));
        for line in lines {
            let line = self.tone(tone, line);
            self.line(indent, &line);
        }
    }
}

fn header(page: &mut Page, plan: &Plan) {
    let title = match plan.request {
        PlanRequest::Deploy => format!("Plan to deploy {}", page.tone(Tone::Strong, &plan.layer)),
        PlanRequest::Rollback => format!("Plan to roll back {}", page.tone(Tone::Strong, &plan.layer)),
        PlanRequest::Destroy => {
            format!("Plan to {} {}", page.tone(Tone::Delete, "destroy"), page.tone(Tone::Strong, &plan.layer))
        }
    };
    page.line(0, &title);
    place(page, plan);
    let counts = plan.counts();
    let legend: Vec<String> = [
        (counts.create, Action::Create, "create"),
        (counts.update, Action::Update, "update in place"),
        (counts.replace, Action::Replace, "replace"),
        (counts.delete, Action::Delete, "delete"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(_, action, words)| format!("{} {words}", symbol(page, action)))
    .collect();
    if !legend.is_empty() {
        page.line(0, &legend.join("   "));
    }
}

fn place(page: &mut Page, plan: &Plan) {
    // Of a layer that was never deployed nobody knows where it would be.
    if plan.account_id.is_empty() {
        return;
    }
    let text = format!("environment {} · account {} · region {}", plan.environment, plan.account_id, plan.region);
    let text = page.tone(Tone::Quiet, text);
    page.line(0, &text);
}

fn nothing(page: &mut Page, plan: &Plan) {
    let strong = page.tone(Tone::Strong, "No changes.");
    let rest = match plan.request {
        PlanRequest::Deploy => "is as the config says.",
        PlanRequest::Rollback => "has nothing to roll back.",
        PlanRequest::Destroy => "has nothing to destroy.",
    };
    page.line(0, &format!("{strong} {} {rest}", plan.layer));
    place(page, plan);
    let keep = plan.counts().keep;
    if keep > 0 {
        let text = page.tone(Tone::Quiet, format!("{} unchanged", counted(keep, "resource")));
        page.line(0, &text);
    }
}

/// Modules that stay as they are are only counted.
fn is_shown(module: &ModulePlan) -> bool {
    module.change != ModuleChange::Unchanged || module.changes()
}

fn render_module(page: &mut Page, plan: &Plan, module: &ModulePlan) {
    page.line(0, "");
    let mut heading = format!("{}  {}", page.tone(Tone::Strong, &module.module), page.tone(Tone::Quiet, &module.kind));
    let gone = match plan.request {
        PlanRequest::Deploy => Some("destroyed: no longer in the config"),
        PlanRequest::Rollback => Some("removed: not in what was deployed last"),
        PlanRequest::Destroy => None,
    };
    if let Some(gone) = gone.filter(|_| module.change == ModuleChange::Destroy) {
        heading.push_str("  ");
        heading.push_str(&page.tone(Tone::Delete, gone));
    }
    page.line(0, &heading);
    for note in &module.notes {
        page.sentence(2, "", Tone::Remark, note);
    }
    for obstacle in &module.preflight {
        render_obstacle(page, obstacle);
    }
    let brief = Brief::of(page, module);
    for resource in module.resources.iter().filter(|resource| resource.action != Action::Keep) {
        render_resource(page, resource, brief);
    }
    if !module.changes() {
        let text = if module.needs.is_empty() {
            "nothing to change is known yet".to_owned()
        } else {
            format!("nothing to change is known yet: looked at again once {} applied", listed(&module.needs))
        };
        page.sentence(2, "", Tone::Quiet, &text);
    }
    let keep = module.resources.iter().filter(|resource| resource.action == Action::Keep).count();
    if keep > 0 && module.changes() {
        let text = page.tone(Tone::Quiet, format!("{} unchanged", counted(keep, "resource")));
        page.line(2, &text);
    }
}

/// What stands in the way, the more visible the more it weighs.
fn render_obstacle(page: &mut Page, obstacle: &Obstacle) {
    let (label, tone) = match obstacle.weight {
        Weight::Blocking => ("! will fail: ", Tone::Delete),
        Weight::Doubtful => ("! may fail: ", Tone::Update),
        Weight::Near => ("note: ", Tone::Remark),
        Weight::Unchecked => ("not checked: ", Tone::Quiet),
    };
    page.sentence(2, label, tone, &obstacle.sentence());
}

fn render_resource(page: &mut Page, resource: &ResourceChange, brief: Option<Brief>) {
    let brief = brief.filter(|_| resource.action == Action::Create);
    let head = match brief {
        Some(brief) => brief.head(page, resource),
        None => head(page, resource),
    };
    let mut line = format!("{} {head}", symbol(page, resource.action));
    let gone = resource.action == Action::Create
        && !resource.attributes.is_empty()
        && resource.attributes.iter().all(|change| change.drift);
    if gone {
        line.push_str("  ");
        line.push_str(&page.tone(Tone::Remark, "# deleted outside Landfall"));
    }
    page.line(2, &line);
    if let Some(name) = resource.name.as_deref().filter(|_| is_name_below(page, resource)) {
        page.line(6, name);
    }
    match brief {
        Some(_) => page.hides = true,
        None => attributes(page, &resource.attributes, resource.action == Action::Create),
    }
    match (resource.risk, resource.reason.as_str()) {
        (Risk::Low, "") => {}
        (Risk::Low, reason) => page.sentence(6, "", Tone::Quiet, reason),
        // The symbol has said it.
        (Risk::Elevated, "it is deleted") if resource.action == Action::Delete => {}
        (Risk::Elevated, "") => page.sentence(6, "! ", Tone::Update, "elevated risk"),
        (Risk::Elevated, reason) => page.sentence(6, "! elevated risk: ", Tone::Update, reason),
        (Risk::High, "") => page.sentence(6, "! ", Tone::Delete, "high risk"),
        (Risk::High, reason) => page.sentence(6, "! high risk: ", Tone::Delete, reason),
    }
    if !resource.note.is_empty() {
        page.sentence(6, "note: ", Tone::Remark, &resource.note);
    }
}

/// Whether the name that a user looks for has no room behind the kind: broken, it could not be copied.
fn is_name_below(page: &Page, resource: &ResourceChange) -> bool {
    let name = resource.name.as_deref().map_or(0, width);
    name > 0 && 4 + width(&resource.resource) + 2 + width(&resource.kind) + 2 + name > page.style.width
}

/// Name, kind and the name that a user looks for.
fn head(page: &Page, resource: &ResourceChange) -> String {
    let mut head =
        format!("{}  {}", page.tone(Tone::Strong, &resource.resource), page.tone(Tone::Quiet, &resource.kind));
    if let Some(name) = resource.name.as_ref().filter(|_| !is_name_below(page, resource)) {
        head.push_str("  ");
        head.push_str(name);
    }
    head
}

fn symbol(page: &Page, action: Action) -> String {
    match action {
        Action::Keep => " ".to_owned(),
        Action::Create => page.tone(Tone::Create, "+"),
        Action::Update => page.tone(Tone::Update, "~"),
        Action::Replace => page.tone(Tone::Replace, "±"),
        Action::Delete => page.tone(Tone::Delete, "-"),
    }
}

fn footer(page: &mut Page, plan: &Plan) {
    let counts = plan.counts();
    page.line(0, "");
    let total = page.tone(Tone::Strong, summary(counts));
    let keep = if counts.keep > 0 { format!("; {} unchanged", counts.keep) } else { String::new() };
    page.line(0, &format!("{total}{keep}"));
    if page.hides {
        let text = page.tone(Tone::Quiet, "Not everything is shown here: --full shows every attribute.");
        page.line(0, &text);
    }
    let risky: Vec<String> = plan
        .modules
        .iter()
        .flat_map(|module| module.resources.iter().map(move |resource| (module, resource)))
        .filter(|(_, resource)| resource.risk == Risk::High)
        .map(|(module, resource)| format!("{}.{}", module.module, resource.resource))
        .collect();
    if !risky.is_empty() {
        page.sentence(0, "At high risk: ", Tone::Delete, &risky.join(", "));
    }
    let blocked: Vec<String> = plan
        .modules
        .iter()
        .flat_map(|module| module.preflight.iter().map(move |obstacle| (module, obstacle)))
        .filter(|(_, obstacle)| obstacle.weight == Weight::Blocking)
        .map(|(module, obstacle)| format!("{} ({})", module.module, obstacle.about))
        .collect();
    if !blocked.is_empty() {
        page.sentence(0, "AWS will refuse: ", Tone::Delete, &blocked.join(", "));
    }
}

fn warnings(page: &mut Page, plan: &Plan) {
    for warning in &plan.warnings {
        page.line(0, "");
        if warning.contains('\n') {
            // Rendered diagnostics are already laid out.
            page.line(0, warning.trim_end());
        } else {
            page.sentence(0, "warning: ", Tone::Update, warning);
        }
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("{one} is"),
        [rest @ .., last] => format!("{} and {last} are", rest.join(", ")),
    }
}

fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// Wraps at spaces; the lines after the first begin under the text that follows the label.
fn wrapped(text: &str, columns: usize, hanging: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.trim().is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::replace(&mut line, " ".repeat(hanging)));
            line.push_str(word);
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.push(line);
    lines
}
