//! What of a layer is not as it was deployed, laid out for people.

use jiff::Timestamp;
use landfall_plan::{After, AttributeChange, Before, Tone, differences};
use serde::Deserialize;
use serde_json::Value;

use crate::tables::short_actor;
use crate::ui::{Ui, ago, counted};

/// `GET /layers/{layer}/drift`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Drift {
    /// Layer.
    pub layer: String,
    /// When it was looked at last.
    pub looked_at: Option<Timestamp>,
    /// The deployment with whose config it was compared.
    pub compared_with: Option<u64>,
    /// Since when something drifted that is neither ignored nor accepted.
    pub since: Option<Timestamp>,
    /// What differs.
    pub resources: Vec<Resource>,
}

/// A resource that is not as it was deployed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resource {
    /// Module.
    pub module: String,
    /// Name in the module.
    pub resource: String,
    /// CloudFormation type name.
    pub kind: String,
    /// The name to look for in the console.
    pub name: Option<String>,
    /// Since when it is known to be deleted.
    pub deleted_since: Option<Timestamp>,
    /// What differs.
    pub attributes: Vec<Attribute>,
}

/// An attribute that is not as it was deployed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Attribute {
    /// Path.
    pub path: String,
    /// As it was applied last.
    pub recorded: Value,
    /// As it is.
    pub live: Value,
    /// When it was seen first.
    pub first_seen: Option<Timestamp>,
    /// Whether the config ignores it.
    pub ignored: bool,
    /// That somebody accepted it.
    pub accepted: Option<Acceptance>,
}

/// That somebody accepted drift.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Acceptance {
    /// Who.
    pub by: String,
    /// When.
    pub at: Option<Timestamp>,
}

impl Attribute {
    fn is_open(&self) -> bool {
        !self.ignored && self.accepted.is_none()
    }
}

impl Drift {
    /// Whether something drifted that is neither ignored nor accepted.
    pub fn is_open(&self) -> bool {
        self.since.is_some()
    }

    /// Lines for a reader: what differs, since when, and what to do about it.
    pub fn lines(&self, ui: &Ui, now: Timestamp) -> Vec<String> {
        let mut lines = vec![self.head(ui, now)];
        let seen = self.looked_at.map(|at| format!("looked at {}", ago(at, now)));
        let with = self.compared_with.map(|number| format!("compared with {}/{number}", self.layer));
        lines.extend(self.what().map(|what| format!("  {what}")));
        let facts: Vec<String> = seen.into_iter().chain(with).collect();
        if !facts.is_empty() {
            lines.push(format!("  {}", ui.tone(Tone::Quiet, facts.join(" · "))));
        }
        for resource in &self.resources {
            lines.push(String::new());
            lines.extend(resource.lines(ui, now));
        }
        if self.is_open() {
            let layer = &self.layer;
            lines.push(String::new());
            lines.push(format!("  set it right:  landfall drift {layer} --revert"));
            if self.resources.iter().any(Resource::can_be_accepted) {
                lines.push(format!("  keep it so:    landfall drift {layer} --accept [NAME]"));
            }
        }
        lines
    }

    fn head(&self, ui: &Ui, now: Timestamp) -> String {
        let name = ui.tone(Tone::Strong, &self.layer);
        let Some(since) = self.since else {
            let left = self.resources.iter().map(|resource| resource.attributes.len()).sum::<usize>();
            let rest = match (self.looked_at, left) {
                (None, _) => "was not looked at yet".to_owned(),
                (Some(_), 0) => "is as it was deployed: no drift".to_owned(),
                (Some(_), 1) => "has no drift; 1 attribute is left as it is".to_owned(),
                (Some(_), left) => format!("has no drift; {left} attributes are left as they are"),
            };
            let sign =
                if self.looked_at.is_some() { ui.tone(Tone::Create, "✓") } else { ui.tone(Tone::Quiet, "○") };
            return format!("{sign} {name} {rest}");
        };
        let what = ui.tone(Tone::Update, format!("drifted, first seen {}", ago(since, now)));
        format!("{} {name} {what}", ui.tone(Tone::Update, "~"))
    }

    /// How much differs.
    fn what(&self) -> Option<String> {
        let open = self.resources.iter().flat_map(|resource| &resource.attributes).filter(|one| one.is_open()).count();
        let gone = self.resources.iter().filter(|resource| resource.deleted_since.is_some()).count();
        let mut parts = Vec::new();
        if open > 0 {
            parts.push(format!("{} changed", attributes(open)));
        }
        if gone > 0 {
            parts.push(format!("{} deleted", counted(gone, "resource")));
        }
        (!parts.is_empty()).then(|| format!("{} outside Landfall", parts.join(", ")))
    }
}

fn attributes(number: usize) -> String {
    counted(number, "attribute")
}

impl Resource {
    fn can_be_accepted(&self) -> bool {
        let mut open = self.attributes.iter().filter(|attribute| attribute.is_open());
        open.any(|attribute| !landfall_catalog::is_guarded(&self.kind, &attribute.path))
    }

    fn lines(&self, ui: &Ui, now: Timestamp) -> Vec<String> {
        let sign = match (self.deleted_since, self.attributes.iter().any(Attribute::is_open)) {
            (Some(_), _) => ui.tone(Tone::Delete, "-"),
            (None, true) => ui.tone(Tone::Update, "~"),
            (None, false) => " ".to_owned(),
        };
        let full = format!("{}.{}", self.module, self.resource);
        let name = self.name.as_deref().unwrap_or_default();
        let kind =
            if full.chars().count() + self.kind.len() + name.chars().count() + 8 > ui.width { "" } else { &self.kind };
        let mut head = format!("  {sign} {}", ui.tone(Tone::Strong, full));
        for part in [ui.tone(Tone::Quiet, kind), name.to_owned()].iter().filter(|part| !part.is_empty()) {
            head.push_str("  ");
            head.push_str(part);
        }
        let mut lines = vec![head];
        if let Some(since) = self.deleted_since {
            let text = ui.tone(Tone::Delete, "deleted outside Landfall");
            lines.push(format!("      {text}  {}", ui.tone(Tone::Quiet, format!("seen {}", ago(since, now)))));
        }
        // From what was applied to what is there: what a plan would do is the other way round.
        let changes: Vec<(AttributeChange, String)> =
            self.attributes.iter().map(|attribute| (attribute.change(), attribute.note(now))).collect();
        lines.extend(differences(&changes, ui.style(false)).lines().map(str::to_owned));
        lines
    }
}

impl Attribute {
    fn change(&self) -> AttributeChange {
        let before = if self.recorded.is_null() { Before::Absent } else { Before::Value(self.recorded.clone()) };
        let after = if self.live.is_null() { After::Absent } else { After::Value(self.live.clone()) };
        AttributeChange { path: self.path.clone(), before, after, forces_replacement: false, drift: false }
    }

    fn note(&self, now: Timestamp) -> String {
        let seen = |at: Option<Timestamp>| at.map(|at| ago(at, now)).unwrap_or_default();
        match &self.accepted {
            Some(accepted) => {
                format!("accepted by {} {}", short_actor(&accepted.by), seen(accepted.at))
            }
            None if self.ignored => "ignored by its file".to_owned(),
            None => format!("seen {}", seen(self.first_seen)),
        }
    }
}
