//! Answers about what is wrong: what came to a stop, what does not hold, what nobody could take.

use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong with the state.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Diagnosis {
    /// Version of the function that answers.
    pub version: String,
    /// Release that was installed.
    pub release: String,
    /// When it was looked.
    #[schema(format = DateTime)]
    pub at: String,
    /// How many layers were looked at.
    pub layers: usize,
    /// How many of them are held.
    pub held: usize,
    /// How many deployments run.
    pub running: usize,
    /// How many deployments wait.
    pub waiting: usize,
    /// What came to a stop.
    pub troubles: Vec<Trouble>,
    /// What does not hold of the whole table, where that was asked for.
    #[schema(required = true)]
    pub deep: Option<DeepDiagnosis>,
}

/// What kind of stop it is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// A deployment runs in the table and its execution does not.
    DeadDeployment,
    /// A layer is held by an execution that does not run.
    DeadLease,
    /// The time of a lease is over, and its holder still runs.
    ExpiredLease,
    /// A plan waits for an approval that can be given no more.
    ApprovalOver,
    /// A deployment waits and nothing is in its way.
    NobodyBegins,
    /// A deployment waits for longer than an hour, and nobody wanted it to.
    WaitsLong,
}

/// Something that came to a stop.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Trouble {
    /// What kind of stop it is.
    pub kind: TroubleKind,
    /// Layer.
    pub layer: String,
    /// Deployment, when it is about one.
    #[schema(required = true)]
    pub number: Option<u64>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub todo: String,
}

/// The whole table held against what always holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeepDiagnosis {
    /// How many items were looked at.
    pub items: usize,
    /// Whether these are all. A table of hundreds of thousands of items is not looked through in one request.
    pub complete: bool,
    /// What does not hold.
    pub broken: Vec<BrokenFact>,
}

/// A fact that does not hold.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BrokenFact {
    /// Layer.
    pub layer: String,
    /// Sort key of the record.
    pub record: String,
    /// What does not hold.
    pub what: String,
}

/// What a dead letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LetterKind {
    /// A file was written to the config bucket.
    Upload,
    /// An execution of a deployment died.
    ExecutionDied,
    /// The clock came to call.
    Schedule,
    /// Nothing that Landfall knows.
    Unknown,
}

/// A message that nobody could take.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeadLetter {
    /// Id of the message.
    pub id: String,
    /// When it came to the dead letters.
    #[schema(format = DateTime)]
    pub sent_at: String,
    /// What it is.
    pub kind: LetterKind,
    /// What it is about: a file and its version, an execution.
    pub about: String,
    /// Why it could not be taken.
    #[schema(required = true)]
    pub error: Option<String>,
}

/// A message that is gone because somebody said so.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DiscardedLetter {
    /// Id of the message.
    pub id: String,
    /// When it came to the dead letters.
    #[schema(format = DateTime)]
    pub sent_at: String,
    /// What it was about.
    pub about: String,
    /// Its beginning, as it lay there.
    pub body: String,
    /// Who discarded it: an ARN.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
}

/// What nobody could take.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeadLetters {
    /// Oldest first; at most 100.
    pub letters: Vec<DeadLetter>,
    /// About how many there are in all.
    pub count: usize,
    /// About how many somebody else is looking at in this moment.
    pub in_flight: usize,
    /// The newest that were discarded, newest first.
    pub discarded: Vec<DiscardedLetter>,
}

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LetterEnd {
    /// It was processed again and is gone.
    Processed,
    /// It was recorded as discarded and is gone.
    Discarded,
    /// It could not be taken this time either, and stays.
    Kept,
}

/// A dead letter and what became of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RedrivenLetter {
    /// Id of the message.
    pub id: String,
    /// What it is about.
    pub about: String,
    /// What became of it.
    pub end: LetterEnd,
    /// The result, or why it stays.
    pub message: String,
    /// The deployment that it became, as `layer/number`.
    #[schema(required = true)]
    pub deployment: Option<String>,
}

/// What became of dead letters.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Redriven {
    /// Oldest first.
    pub letters: Vec<RedrivenLetter>,
    /// Whether the time was over before all were done: ask again.
    pub more: bool,
}
