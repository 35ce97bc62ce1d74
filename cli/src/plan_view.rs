//! The plan of a deployment: fetched, rendered, and what of it stays for a while after a destruction.

use landfall_plan::{Action, Plan, Weight, render, summary};
use serde_json::{Value, json};

use crate::api::{Counts, PlanRef, read};
use crate::error::Failure;
use crate::ui::Ui;

/// A plan as the API answers it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What an approval names.
    pub hash: String,
    risk: String,
    counts: Counts,
    /// `None` when an installation of another version wrote it in words that are not understood.
    plan: Option<Plan>,
}

impl Planned {
    /// Reads the answer of `GET …/plan`.
    pub fn read(json: &Value) -> Result<Self, Failure> {
        let hash = json["hash"].as_str().unwrap_or_default().to_owned();
        let plan = serde_json::from_value(json["plan"].clone()).ok();
        let risk = json["risk"].as_str().unwrap_or_default().to_owned();
        Ok(Self { hash, risk, counts: read(&json["summary"])?, plan })
    }

    /// As people read it.
    pub fn rendered(&self, ui: &Ui, full: bool) -> String {
        match &self.plan {
            Some(plan) => render(plan, ui.style(full)),
            None => format!(
                "{}\nThis command cannot show the plan in full: it is older or newer than the installed Landfall.\n",
                summary(self.counts.into())
            ),
        }
    }

    /// Whether it is the plan that a deployment refers to.
    pub fn is(&self, plan: &PlanRef) -> bool {
        self.hash == plan.hash && self.risk == plan.risk
    }

    /// What tells it from another one, also from the same changes with something else in their way.
    pub fn identity(&self) -> String {
        format!("{} {}", self.hash, self.risk)
    }

    /// What stands in its way, for programs.
    pub fn preflight(&self) -> Vec<Value> {
        let modules = self.plan.iter().flat_map(|plan| &plan.modules);
        modules
            .flat_map(|module| module.preflight.iter().map(move |obstacle| (module, obstacle)))
            .map(|(module, obstacle)| {
                json!({
                    "module": module.module,
                    "weight": obstacle.weight,
                    "about": obstacle.about,
                    "message": obstacle.message,
                    "hint": obstacle.hint,
                })
            })
            .collect()
    }

    /// The first digits of the hash, enough to name the plan.
    pub fn short_hash(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }

    /// What AWS will refuse, one sentence each.
    pub fn in_the_way(&self) -> Vec<String> {
        let modules = self.plan.iter().flat_map(|plan| &plan.modules);
        modules
            .flat_map(|module| module.preflight.iter().map(move |obstacle| (module, obstacle)))
            .filter(|(_, obstacle)| obstacle.weight == Weight::Blocking)
            .map(|(module, obstacle)| format!("{}: {}", module.module, obstacle.sentence()))
            .collect()
    }

    /// What is still there after a deletion, with the reason, one line each.
    pub fn stays_behind(&self) -> Vec<String> {
        let modules = self.plan.iter().flat_map(|plan| &plan.modules);
        modules
            .flat_map(|module| module.resources.iter().map(move |resource| (module, resource)))
            .filter(|(_, change)| matches!(change.action, Action::Delete | Action::Replace) && !change.note.is_empty())
            .map(|(module, change)| {
                let name = change.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
                format!("{}.{}{name}: {}", module.module, change.resource, change.note)
            })
            .collect()
    }
}
