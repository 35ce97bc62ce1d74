//! The journal: for every resource the intent, the physical id, the last applied properties; how it is read and, under
//! a lease, written.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StateError;
use crate::store::Store;
use crate::write::{Write, attribute};
use crate::writer::Writer;
use crate::{SCHEMA, keys};

/// How far a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryStatus {
    /// A call is about to be made, or was made and its answer is not recorded.
    Intent,
    /// AWS works on it.
    Pending,
    /// It is as `properties` say.
    Applied,
    /// It is being removed.
    Deleting,
}

/// What a call is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntentAction {
    /// Make it.
    Create,
    /// Change it.
    Update,
    /// Remove it.
    Delete,
}

/// A resource in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Module.
    pub module: String,
    /// Name in the module.
    pub resource: String,
    /// CloudFormation type name.
    pub kind: String,
    /// How far it is.
    pub status: EntryStatus,
    /// Physical id, once known.
    #[serde(default)]
    pub id: Option<String>,
    /// What the last call was about to do.
    #[serde(default)]
    pub action: Option<IntentAction>,
    /// How often that was begun.
    #[serde(default)]
    pub attempt: u32,
    /// When it was begun last.
    #[serde(default)]
    pub intent_at: Option<Timestamp>,
    /// AWS refused that attempt, and what became of every one before it is known: nothing was made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// Client token of the creation, the same for every attempt.
    #[serde(default)]
    pub client_token: Option<String>,
    /// Last applied properties; null before.
    #[serde(with = "json_text")]
    pub properties: Value,
    /// Attributes that others refer to.
    #[serde(with = "json_text")]
    pub attributes: Value,
    /// Resources of the module that it needs: removed after it.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Deployment that touched it last.
    pub number: u64,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Schema of the record.
    pub schema: u32,
}

/// What is about to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct NewIntent<'a> {
    /// Deployment.
    pub number: u64,
    /// Module.
    pub module: &'a str,
    /// Name in the module.
    pub resource: &'a str,
    /// CloudFormation type name.
    pub kind: &'a str,
    /// What.
    pub action: IntentAction,
    /// Physical id, if known.
    pub id: Option<&'a str>,
    /// Client token for a creation.
    pub client_token: &'a str,
    /// Resources of the module that it needs.
    pub needs: &'a [String],
}

/// A resource after it was applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied<'a> {
    /// Deployment.
    pub number: u64,
    /// Module.
    pub module: &'a str,
    /// Name in the module.
    pub resource: &'a str,
    /// CloudFormation type name.
    pub kind: &'a str,
    /// Physical id.
    pub id: &'a str,
    /// Properties as applied.
    pub properties: &'a Value,
    /// Attributes that others refer to.
    pub attributes: &'a Value,
    /// Resources of the module that it needs.
    pub needs: &'a [String],
    /// Whether AWS still works on it.
    pub pending: bool,
}

/// JSON documents are kept as text: DynamoDB's own maps drop nothing, but cost more and cannot hold every number.
pub(crate) mod json_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    pub(crate) fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(serde::de::Error::custom)
    }
}

impl Store {
    /// Every resource of a layer.
    pub async fn journal(&self, layer: &str) -> Result<Vec<JournalEntry>, StateError> {
        self.query(&keys::layer(layer), "RES#").await
    }

    /// Every resource of one module.
    pub async fn journal_of(&self, layer: &str, module: &str) -> Result<Vec<JournalEntry>, StateError> {
        self.query(&keys::layer(layer), &keys::resources(module)).await
    }
}

impl Writer<'_> {
    /// Records what is about to be done, before it is done. `known` is the entry as the caller has read it. Answers how
    /// often it was begun, from 1.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when the entry is another one by now: somebody else works on the resource.
    pub async fn intend(&self, intent: NewIntent<'_>, known: Option<&JournalEntry>) -> Result<u32, StateError> {
        let (attempt, entry) = self.intent_entry(&intent, known);
        self.put_over(entry, known).await?;
        Ok(attempt)
    }

    /// Records that something is about to be made, with the properties that it will have: by them a creation that was
    /// interrupted is found again.
    ///
    /// # Errors
    /// As [`Writer::intend`].
    pub async fn intend_creation(
        &self,
        intent: NewIntent<'_>,
        properties: &Value,
        known: Option<&JournalEntry>,
    ) -> Result<u32, StateError> {
        let (attempt, mut entry) = self.intent_entry(&intent, known);
        entry.properties = properties.clone();
        self.put_over(entry, known).await?;
        Ok(attempt)
    }

    /// Records that AWS refused a creation, the deployment's `attempt` at it: nothing was made.
    ///
    /// # Errors
    /// [`StateError::Conflict`] when something else was begun since.
    pub async fn refused(&self, number: u64, module: &str, resource: &str, attempt: u32) -> Result<(), StateError> {
        let update = Write::update(self.pk(), keys::resource(module, resource), "SET refused = :refused")
            .when("#number = :number AND #action = :create AND attempt = :attempt")
            .name("#number", "number")
            .name("#action", "action")
            .value(":refused", AttributeValue::Bool(true))
            .value(":number", attribute(&number)?)
            .value(":create", attribute(&IntentAction::Create)?)
            .value(":attempt", attribute(&attempt)?);
        self.write(vec![update], "the journal").await
    }

    async fn put_over(&self, entry: JournalEntry, known: Option<&JournalEntry>) -> Result<(), StateError> {
        let put = Write::put(self.pk(), keys::resource(&entry.module, &entry.resource), &entry)?;
        let put = match known {
            Some(known) => put.when("updated_at = :over").value(":over", attribute(&known.updated_at)?),
            None => put.if_absent(),
        };
        self.begin(vec![put], "the journal").await
    }

    fn intent_entry(&self, intent: &NewIntent<'_>, known: Option<&JournalEntry>) -> (u32, JournalEntry) {
        let again = known.is_some_and(|entry| {
            entry.action == Some(intent.action)
                && entry.number == intent.number
                && matches!(entry.status, EntryStatus::Intent | EntryStatus::Deleting)
        });
        let attempt = if again { known.map_or(1, |entry| entry.attempt + 1) } else { 1 };
        let now = self.store.now();
        let status = if intent.action == IntentAction::Delete { EntryStatus::Deleting } else { EntryStatus::Intent };
        let entry = JournalEntry {
            module: intent.module.to_owned(),
            resource: intent.resource.to_owned(),
            kind: intent.kind.to_owned(),
            status,
            id: intent.id.map(str::to_owned),
            action: Some(intent.action),
            attempt,
            intent_at: Some(now),
            refused: false,
            client_token: Some(intent.client_token.to_owned()),
            properties: known.map_or(Value::Null, |entry| entry.properties.clone()),
            attributes: known.map_or(Value::Null, |entry| entry.attributes.clone()),
            needs: intent.needs.to_vec(),
            number: intent.number,
            updated_at: now,
            schema: SCHEMA,
        };
        (attempt, entry)
    }

    /// Records that a resource is as its properties say, or that AWS still works on it.
    pub async fn applied(&self, applied: Applied<'_>) -> Result<(), StateError> {
        let status = if applied.pending { EntryStatus::Pending } else { EntryStatus::Applied };
        let entry = JournalEntry {
            module: applied.module.to_owned(),
            resource: applied.resource.to_owned(),
            kind: applied.kind.to_owned(),
            status,
            id: Some(applied.id.to_owned()),
            action: None,
            attempt: 0,
            intent_at: None,
            refused: false,
            client_token: None,
            properties: applied.properties.clone(),
            attributes: applied.attributes.clone(),
            needs: applied.needs.to_vec(),
            number: applied.number,
            updated_at: self.store.now(),
            schema: SCHEMA,
        };
        let sk = keys::resource(applied.module, applied.resource);
        self.write(vec![Write::put(self.pk(), sk, &entry)?], "the journal").await
    }

    /// Forgets a resource that is gone.
    pub async fn forgotten(&self, module: &str, resource: &str) -> Result<(), StateError> {
        self.write(vec![Write::delete(self.pk(), keys::resource(module, resource))], "the journal").await
    }
}
