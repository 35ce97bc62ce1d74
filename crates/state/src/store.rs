//! The store itself: its clients, settings, and the few shapes of call that everything else is made of.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::SCHEMA;
use crate::clock::{Clock, SystemClock};
use crate::error::StateError;
use crate::together::Lanes;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// DynamoDB takes 400 KB per record, names included.
const LARGEST: usize = 390 * 1024;

/// Where the state lies.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the table (`LANDFALL_TABLE`).
    pub table: String,
    /// Name of the config bucket (`LANDFALL_BUCKET`).
    pub bucket: String,
}

impl Settings {
    /// From the environment of a function.
    ///
    /// # Errors
    /// [`StateError::Setting`] when a variable is missing.
    pub fn from_env() -> Result<Self, StateError> {
        let read = |name| std::env::var(name).map_err(|_| StateError::Setting { name });
        Ok(Self { table: read("LANDFALL_TABLE")?, bucket: read("LANDFALL_BUCKET")? })
    }
}

/// The state of an installation. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) ddb: aws_sdk_dynamodb::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) table: Arc<str>,
    pub(crate) bucket: Arc<str>,
    clock: Arc<dyn Clock>,
    lanes: Arc<Lanes>,
}

impl Store {
    /// The state at `settings`.
    pub fn new(config: &SdkConfig, settings: Settings) -> Self {
        Self::with_clock(config, settings, Arc::new(SystemClock))
    }

    /// The state at `settings`, with a clock of the caller's.
    pub fn with_clock(config: &SdkConfig, settings: Settings, clock: Arc<dyn Clock>) -> Self {
        // The path form of bucket addresses works with every endpoint, custom ones included.
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
        Self {
            ddb: aws_sdk_dynamodb::Client::new(config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            table: settings.table.into(),
            bucket: settings.bucket.into(),
            clock,
            lanes: Arc::default(),
        }
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    /// Name of the config bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The current time as the store sees it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads one item consistently.
    pub(crate) async fn get<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Result<Option<T>, StateError> {
        let answer = self
            .ddb
            .get_item()
            .table_name(&*self.table)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StateError::aws("GetItem", error))?;
        answer.item.map(|item| read(item, pk, sk)).transpose()
    }

    /// Reads all items of a partition whose sort key begins with `prefix`, consistently, in order.
    pub(crate) async fn query<T: DeserializeOwned>(&self, pk: &str, prefix: &str) -> Result<Vec<T>, StateError> {
        self.all(pk, "begins_with(sk, :prefix)", &[(":prefix", prefix)]).await
    }

    /// Reads all items of a partition with a sort key from `from` to `to`, both included, consistently, in order.
    pub(crate) async fn range<T: DeserializeOwned>(
        &self,
        pk: &str,
        from: &str,
        to: &str,
    ) -> Result<Vec<T>, StateError> {
        self.all(pk, "sk BETWEEN :from AND :to", &[(":from", from), (":to", to)]).await
    }

    /// Every page of the items of a partition whose sort key fits `condition`. The first value names the place in errors.
    async fn all<T: DeserializeOwned>(
        &self,
        pk: &str,
        condition: &str,
        values: &[(&str, &str)],
    ) -> Result<Vec<T>, StateError> {
        let mut query = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression(format!("pk = :pk AND {condition}"))
            .expression_attribute_values(":pk", text(pk))
            .consistent_read(true);
        for (name, value) in values {
            query = query.expression_attribute_values(*name, text(*value));
        }
        let place = values.first().map(|(_, value)| *value).unwrap_or_default();
        let mut found = Vec::new();
        let mut pages = query.into_paginator().items().send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| StateError::aws("Query", error))?;
            found.push(read(item, pk, place)?);
        }
        Ok(found)
    }

    /// The newest `limit` items of a partition whose sort key begins with `prefix`, newest first.
    pub(crate) async fn newest<T: DeserializeOwned>(
        &self,
        pk: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<T>, StateError> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        // A page ends after 1 MB, however many items were asked for.
        let mut pages = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":prefix", text(prefix))
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .into_paginator()
            .items()
            .send();
        while found.len() < limit
            && let Some(item) = pages.next().await
        {
            let item = item.map_err(|error| StateError::aws("Query", error))?;
            found.push(read(item, pk, prefix)?);
        }
        Ok(found)
    }

    /// Writes everything or nothing. `Ok(Some(index))` names the first write whose condition did not hold.
    ///
    /// # Errors
    /// [`StateError::Corrupt`] when one of the records was written by a newer version of Landfall.
    pub(crate) async fn transact(&self, writes: Vec<Write>) -> Result<Option<usize>, StateError> {
        let names: Vec<String> = writes.iter().map(Write::name_of_record).collect();
        let items = writes.into_iter().map(|write| write.into_item(&self.table)).collect::<Result<Vec<_>, _>>()?;
        for attempt in 0.. {
            let answer = self.ddb.transact_write_items().set_transact_items(Some(items.clone())).send().await;
            let Err(error) = answer else { return Ok(None) };
            let reasons = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                    canceled.cancellation_reasons()
                }
                Some(_) | None => &[],
            };
            let failed = reasons.iter().position(|reason| reason.code() == Some("ConditionalCheckFailed"));
            if let Some(index) = failed {
                if let Some(record) = reasons[index].item() {
                    refuse_newer(record, &names[index])?;
                }
                return Ok(Some(index));
            }
            // Another transaction touched one of the items at the same moment; DynamoDB asks to try again
            // (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html).
            if attempt < CONFLICTS && reasons.iter().any(|reason| reason.code() == Some("TransactionConflict")) {
                tokio::time::sleep(patience(attempt)).await;
                continue;
            }
            // The transaction is only the envelope: what went wrong is said of one of its writes.
            let reason = reasons.iter().find(|reason| reason.code().is_some_and(|code| code != "None"));
            let code = reason.and_then(|reason| reason.code()).map(str::to_owned);
            let error = StateError::aws("TransactWriteItems", error);
            return Err(match code {
                Some(code) => error.with_code(code),
                None => error,
            });
        }
        Ok(None)
    }
}

/// How often a transaction is tried again that met another one.
const CONFLICTS: u32 = 12;

/// A random part of a time that doubles: modules that end together check the same lease, and must not meet again.
fn patience(attempt: u32) -> Duration {
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let most = 10u64 << attempt.min(6);
    Duration::from_millis(1 + random % most)
}

/// A record of a newer schema may mean something else than this version takes it for.
fn refuse_newer(item: &Item, what: &str) -> Result<(), StateError> {
    let schema = item.get("schema").and_then(|schema| schema.as_n().ok()).and_then(|schema| schema.parse::<u32>().ok());
    match schema {
        Some(schema) if schema > SCHEMA => Err(StateError::Corrupt {
            what: what.to_owned(),
            source: format!(
                "it has schema {schema} and this version of Landfall knows schemas up to {SCHEMA}; install the newer \
                 version again"
            )
            .into(),
        }),
        Some(_) | None => Ok(()),
    }
}

pub(crate) fn read<T: DeserializeOwned>(item: Item, pk: &str, sk: &str) -> Result<T, StateError> {
    // A query names its records by their common prefix only.
    let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).map_or(sk, String::as_str);
    let what = format!("{pk} {sk}");
    refuse_newer(&item, &what)?;
    serde_dynamo::from_item(item).map_err(|error| StateError::Corrupt { what, source: Box::new(error) })
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A value as an attribute.
pub(crate) fn attribute(value: &impl Serialize) -> Result<AttributeValue, StateError> {
    serde_dynamo::to_attribute_value(value)
        .map_err(|error| StateError::Corrupt { what: "attribute".to_owned(), source: Box::new(error) })
}

#[derive(Clone, Debug)]
enum Kind {
    Put(Item),
    Update(String),
    Delete,
    Check,
}

/// One conditional write of a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    kind: Kind,
    pk: String,
    sk: String,
    condition: Option<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Write {
    /// The record that it touches.
    pub(crate) fn name_of_record(&self) -> String {
        format!("{} {}", self.pk, self.sk)
    }

    fn new(kind: Kind, pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { kind, pk: pk.into(), sk: sk.into(), condition: None, names: HashMap::new(), values: HashMap::new() }
    }

    /// Puts a whole record.
    pub(crate) fn put(
        pk: impl Into<String>,
        sk: impl Into<String>,
        record: &impl Serialize,
    ) -> Result<Self, StateError> {
        let (pk, sk) = (pk.into(), sk.into());
        let item: Item = serde_dynamo::to_item(record)
            .map_err(|error| StateError::Corrupt { what: format!("{pk} {sk}"), source: Box::new(error) })?;
        Ok(Self::new(Kind::Put(item), pk, sk))
    }

    /// Updates attributes by an update expression.
    pub(crate) fn update(pk: impl Into<String>, sk: impl Into<String>, expression: impl Into<String>) -> Self {
        Self::new(Kind::Update(expression.into()), pk, sk)
    }

    /// Deletes a record.
    pub(crate) fn delete(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self::new(Kind::Delete, pk, sk)
    }

    /// Only checks a condition.
    pub(crate) fn check(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self::new(Kind::Check, pk, sk)
    }

    /// The condition under which it is done.
    pub(crate) fn when(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// Only if the record does not exist.
    pub(crate) fn if_absent(self) -> Self {
        self.when("attribute_not_exists(pk)")
    }

    /// Names a value of the expressions.
    pub(crate) fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// Forgets a value that another condition needed.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.values.remove(name);
        self
    }

    /// Names an attribute of the expressions (for words that DynamoDB reserves).
    pub(crate) fn name(mut self, name: &str, attribute: &str) -> Self {
        self.names.insert(name.to_owned(), attribute.to_owned());
        self
    }

    /// Every record gets the schema's version, and none of a newer schema is touched.
    fn versioned(mut self) -> Self {
        match &mut self.kind {
            Kind::Put(item) => {
                item.insert("schema".to_owned(), number(SCHEMA));
            }
            Kind::Update(expression) => {
                *expression = match expression.strip_prefix("SET ") {
                    Some(rest) => format!("SET #schema = :schema, {rest}"),
                    None => format!("SET #schema = :schema {expression}"),
                };
            }
            Kind::Delete => {}
            Kind::Check => return self,
        }
        let known = "attribute_not_exists(#schema) OR #schema <= :schema";
        self.condition = Some(match self.condition {
            Some(condition) => format!("({condition}) AND ({known})"),
            None => known.to_owned(),
        });
        self.name("#schema", "schema").value(":schema", number(SCHEMA))
    }

    /// About how many bytes of a record it writes.
    pub(crate) fn size(&self) -> usize {
        match &self.kind {
            Kind::Put(item) => item.iter().map(|(name, value)| name.len() + bytes(value)).sum(),
            Kind::Update(_) => self.values.values().map(bytes).sum(),
            Kind::Delete | Kind::Check => 0,
        }
    }

    fn into_item(self, table: &str) -> Result<TransactWriteItem, StateError> {
        let this = self.versioned();
        let size = this.size();
        if size > LARGEST {
            return Err(StateError::TooLarge { what: this.name_of_record(), kilobytes: size / 1024 });
        }
        let names = (!this.names.is_empty()).then_some(this.names);
        let values = (!this.values.is_empty()).then_some(this.values);
        let key = HashMap::from([("pk".to_owned(), text(this.pk)), ("sk".to_owned(), text(this.sk))]);
        let builder = TransactWriteItem::builder();
        let broken = |error: aws_sdk_dynamodb::error::BuildError| StateError::Corrupt {
            what: "transaction".to_owned(),
            source: Box::new(error),
        };
        let item = match this.kind {
            Kind::Put(mut item) => {
                item.extend(key);
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(item))
                    .set_condition_expression(this.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(AllOld)
                    .build()
                    .map_err(broken)?;
                builder.put(put)
            }
            Kind::Update(expression) => {
                let update = Update::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .update_expression(expression)
                    .set_condition_expression(this.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(AllOld)
                    .build()
                    .map_err(broken)?;
                builder.update(update)
            }
            Kind::Delete => {
                let delete = Delete::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .set_condition_expression(this.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(AllOld)
                    .build()
                    .map_err(broken)?;
                builder.delete(delete)
            }
            Kind::Check => {
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .condition_expression(this.condition.unwrap_or_else(|| "attribute_exists(pk)".to_owned()))
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(AllOld)
                    .build()
                    .map_err(broken)?;
                builder.condition_check(check)
            }
        };
        Ok(item.build())
    }
}

/// About how many bytes DynamoDB counts for a value.
fn bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::L(items) => items.iter().map(|item| 1 + bytes(item)).sum(),
        AttributeValue::M(fields) => fields.iter().map(|(name, value)| 1 + name.len() + bytes(value)).sum(),
        _ => 1,
    }
}
