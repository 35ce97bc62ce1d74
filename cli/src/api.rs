//! The answers of Landfall's HTTP API, as far as the command reads them. Fields that are missing take their defaults
//! and words that are not known are kept, so that a command and an installation of different versions understand each
//! other; `--json` prints the answers as they came.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// `GET /installation`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Installation {
    /// Version of the installed functions.
    pub version: String,
    /// Bucket that layer files are uploaded to.
    pub config_bucket: String,
    /// Region.
    pub region: String,
    /// Account.
    pub account_id: String,
    /// Kinds whose function is installed.
    pub kinds: Vec<String>,
}

/// Counts of resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Created.
    pub create: usize,
    /// Updated in place.
    pub update: usize,
    /// Replaced.
    pub replace: usize,
    /// Deleted.
    pub delete: usize,
    /// Left as they are.
    pub keep: usize,
}

impl Counts {
    /// `2 created, 1 updated`; empty when nothing changed.
    pub fn done(self) -> String {
        let parts =
            [(self.create, "created"), (self.update, "updated"), (self.replace, "replaced"), (self.delete, "deleted")];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        parts.join(", ")
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            create: self.create + other.create,
            update: self.update + other.update,
            replace: self.replace + other.replace,
            delete: self.delete + other.delete,
            keep: self.keep + other.keep,
        }
    }
}

impl From<Counts> for landfall_plan::Counts {
    fn from(counts: Counts) -> Self {
        let Counts { create, update, replace, delete, keep } = counts;
        Self { create, update, replace, delete, keep }
    }
}

/// The plan of a deployment, in short.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PlanRef {
    /// What an approval names.
    pub hash: String,
    /// Counts.
    pub summary: Counts,
    /// Highest risk.
    pub risk: String,
}

/// An approval that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Approval {
    /// The plan it is about.
    pub plan_hash: String,
    /// `approve`, `reject`, or nothing yet.
    pub decision: Option<String>,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Where a change came from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Key in the config bucket.
    pub key: String,
    /// Version of the object.
    pub version_id: Option<String>,
}

/// A deployment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Deployment {
    /// Layer.
    pub layer: String,
    /// Number.
    pub number: u64,
    /// `deploy`, `plan`, `destroy`.
    pub action: String,
    /// `queued`, `running`, `succeeded`, `failed`, `rejected`, `superseded`, `cancelled`.
    pub status: String,
    /// What it is doing while it runs.
    pub phase: Option<String>,
    /// What it did.
    pub outcome: Option<String>,
    /// Where it came from.
    pub source: Source,
    /// Who asked.
    pub actor: Value,
    /// The chosen environment of a service.
    pub environment_choice: Option<String>,
    /// Git commit.
    pub commit: Option<String>,
    /// Its plan.
    pub plan: Option<PlanRef>,
    /// Its approval.
    pub approval: Option<Approval>,
    /// The deployment that took its place.
    pub superseded_by: Option<u64>,
    /// What a reader should know.
    pub message: Option<String>,
    /// Rendered diagnostics.
    pub diagnostics: Option<String>,
    /// When the change was seen.
    pub created_at: Option<Timestamp>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Deployment {
    /// `layer/12`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.layer, self.number)
    }

    /// Whether it cannot change any more. Words of a newer installation count as final, so nothing waits for ever.
    pub fn is_final(&self) -> bool {
        !matches!(self.status.as_str(), "queued" | "running")
    }

    /// Whether its plan waits for a decision.
    pub fn awaits_approval(&self) -> bool {
        self.status == "running"
            && self.phase.as_deref() == Some("awaiting-approval")
            && self.approval.as_ref().is_none_or(|approval| approval.decision.is_none())
    }
}

/// The run of a module.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Module.
    pub module: String,
    /// Kind.
    pub kind: String,
    /// `waiting`, `running`, `pending`, `done`, `failed`, `skipped`, `unchanged`.
    pub status: String,
    /// Modules that come first.
    pub needs: Vec<String>,
    /// Why it waits.
    pub reason: Option<String>,
    /// Why it failed: text, or the error with its parts.
    pub error: Value,
    /// What it changed.
    pub counts: Counts,
    /// When its first step began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// `GET /layers/{layer}/deployments/{n}`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// The deployment.
    pub deployment: Deployment,
    /// Its modules.
    pub runs: Vec<Run>,
}

/// Who holds a layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Execution.
    pub holder: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Until when, unless renewed.
    pub expires_at: Option<Timestamp>,
    /// What it is doing.
    pub doing: String,
}

/// A freeze of a layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Freeze {
    /// Until when.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

/// Drift of a layer in short.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DriftSince {
    /// When the first of it was seen.
    pub since: Option<Timestamp>,
    /// Of how many resources.
    pub resources: usize,
}

/// A deployed module.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Module {
    /// Name.
    #[serde(alias = "name")]
    pub module: String,
    /// Kind.
    pub kind: String,
    /// Deployment that brought it here.
    pub number: u64,
    /// Whether all of it exists.
    pub complete: bool,
}

/// `GET /layers/{layer}`, and the entries of `GET /layers`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Layer {
    /// Name.
    pub layer: String,
    /// What exists.
    pub status: String,
    /// Environment or service.
    pub scope: Option<String>,
    /// Environment it is or lives in.
    pub environment: Option<String>,
    /// Key that owns the name.
    pub key: Option<String>,
    /// The deployment that ended last.
    pub last_deployment: Option<u64>,
    /// Number that runs.
    pub running: Option<u64>,
    /// Number that waits.
    pub waiting: Option<u64>,
    /// The freeze that somebody set.
    pub freeze: Option<Freeze>,
    /// What drifted.
    pub drift: Option<DriftSince>,
    /// The config it was last brought to.
    pub config: Value,
    /// Who holds it.
    pub lease: Option<Lease>,
    /// Its modules.
    pub modules: Vec<Module>,
    /// Services that live in it.
    pub services: Vec<String>,
    /// When the record changed last.
    pub updated_at: Option<Timestamp>,
    /// Whether the deployment that runs waits for a person; not part of the answer.
    #[serde(skip)]
    pub awaits_approval: bool,
}

impl Layer {
    /// Whether it exists or is about to, so that its name belongs to its key and its key to it.
    pub fn is_alive(&self) -> bool {
        !matches!(self.status.as_str(), "new" | "destroyed") || self.running.is_some() || self.waiting.is_some()
    }

    /// Whether this key is its.
    pub fn holds(&self, key: &str) -> bool {
        self.is_alive() && self.key.as_deref() == Some(key)
    }
}

/// An event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    /// When.
    pub at: Option<Timestamp>,
    /// What kind.
    pub kind: String,
    /// Module.
    pub module: Option<String>,
    /// For readers.
    pub message: String,
}

/// `POST /layers/{layer}/deployments`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Accepted {
    /// Number.
    pub number: u64,
    /// Whether the same change was asked for before.
    pub duplicate: bool,
}

/// Reads an answer.
pub fn read<T: for<'a> Deserialize<'a>>(value: &Value) -> Result<T, crate::error::Failure> {
    T::deserialize(value).map_err(|error| {
        crate::error::Failure::new(crate::error::Exit::Failed, format!("the answer is not understood: {error}"))
            .with_hint("this command and the installed Landfall may be of versions too far apart")
    })
}

/// The entries of a list that may stand alone or under a name.
pub fn entries<T: for<'a> Deserialize<'a>>(value: &Value, name: &str) -> Result<Vec<T>, crate::error::Failure> {
    read(value.get(name).unwrap_or(value))
}

/// Text of a value that may be text or an object with a message.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        other => other.get("message").and_then(Value::as_str).map(str::to_owned).or_else(|| Some(other.to_string())),
    }
}
