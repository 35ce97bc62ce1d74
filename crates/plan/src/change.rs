//! A change of one resource: what differs, what AWS makes of the difference, and how risky it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What would be done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is as the config wants it.
    Keep,
    /// It does not exist yet.
    Create,
    /// It changes in place.
    Update,
    /// It is deleted and made again, because AWS cannot change it in place.
    Replace,
    /// It is deleted.
    Delete,
}

/// How much a reader has to look at a change before approving it. Ordered from harmless to dangerous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Nothing that exists is interrupted or lost.
    Low,
    /// Something that exists is changed in a way that users may notice, or is deleted without holding data.
    Elevated,
    /// Data can be lost or something in use is deleted or replaced: needs an approval.
    High,
}

/// What AWS does when a field of a resource changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnChange {
    /// An update call changes it without interruption.
    Update,
    /// Changed in place, but users may notice: rated [`Risk::Elevated`].
    Disruptive,
    /// Changed in place; a smaller value, or one where there was no limit, loses what is kept for longer now: rated
    /// [`Risk::High`].
    Keeps,
    /// It can only be given at creation: the resource is replaced.
    Replace,
    /// It matters at creation only and is never compared.
    Ignore,
}

/// The rule for one top-level field of a resource's properties. A field without a rule is updated in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name of the top-level field.
    pub name: &'static str,
    /// What a change of it means.
    pub on_change: OnChange,
}

/// The value of an attribute before a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Before {
    /// It did not exist.
    Absent,
    /// It had this value.
    Value(Value),
}

/// The value of an attribute after a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum After {
    /// It will not exist.
    Absent,
    /// It will have this value. Tokens may stand inside it for parts that are known once other resources are applied.
    Value(Value),
    /// All of it is known once other resources are applied.
    KnownAfterApply,
}

/// A difference of one attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Path inside the resource's properties, for example `tags.Name`.
    pub path: String,
    /// Before.
    pub before: Before,
    /// After.
    pub after: After,
    /// Whether this difference makes a replacement necessary.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forces_replacement: bool,
    /// Whether the config still says what was applied last and somebody else changed the resource.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drift: bool,
}

/// The change of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// Name of the resource in its module, for example `queue`.
    pub resource: String,
    /// CloudFormation type name, for example `AWS::SQS::Queue`.
    pub kind: String,
    /// The name that a user would look for in the console: physical id if known, else the derived name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is done.
    pub action: Action,
    /// How risky it is.
    pub risk: Risk,
    /// Why it is that risky, for readers; empty when the risk is low.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What differs. Empty for a deletion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeChange>,
    /// A remark that stays true after the change, for example a deletion window.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}
