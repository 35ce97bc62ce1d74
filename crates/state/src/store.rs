//! The store itself: its clients, settings, and the few shapes of call that everything else is made of.

use std::collections::HashMap;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::{Clock, SystemClock};
use crate::error::StateError;

pub(crate) type Item = HashMap<String, AttributeValue>;

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
        }
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
        let mut found = Vec::new();
        let mut pages = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":prefix", text(prefix))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| StateError::aws("Query", error))?;
            found.push(read(item, pk, prefix)?);
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
        let answer = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":prefix", text(prefix))
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| StateError::aws("Query", error))?;
        answer.items.unwrap_or_default().into_iter().map(|item| read(item, pk, prefix)).collect()
    }

    /// Writes everything or nothing. `Ok(Some(index))` names the first write whose condition did not hold.
    pub(crate) async fn transact(&self, writes: Vec<Write>) -> Result<Option<usize>, StateError> {
        let items = writes.into_iter().map(|write| write.into_item(&self.table)).collect::<Result<Vec<_>, _>>()?;
        let mut attempt = 0u32;
        loop {
            let answer = self.ddb.transact_write_items().set_transact_items(Some(items.clone())).send().await;
            let Err(error) = answer else { return Ok(None) };
            let reasons = error
                .as_service_error()
                .filter(|error| error.is_transaction_canceled_exception())
                .and_then(|error| match error {
                    aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(canceled) => {
                        Some(canceled.cancellation_reasons())
                    }
                    _ => None,
                });
            if let Some(reasons) = reasons {
                if let Some(index) = reasons.iter().position(|reason| reason.code() == Some("ConditionalCheckFailed")) {
                    return Ok(Some(index));
                }
                // Another transaction touched one of the items at the same moment; DynamoDB asks to try again
                // (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html).
                if attempt < 12 && reasons.iter().any(|reason| reason.code() == Some("TransactionConflict")) {
                    attempt += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(10 << attempt.min(6))).await;
                    continue;
                }
            }
            return Err(StateError::aws("TransactWriteItems", error));
        }
    }
}

fn read<T: DeserializeOwned>(item: Item, pk: &str, sk: &str) -> Result<T, StateError> {
    serde_dynamo::from_item(item)
        .map_err(|error| StateError::Corrupt { what: format!("{pk} {sk}"), source: Box::new(error) })
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

enum Kind {
    Put(Item),
    Update(String),
    Delete,
    Check,
}

/// One conditional write of a transaction.
pub(crate) struct Write {
    kind: Kind,
    pk: String,
    sk: String,
    condition: Option<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Write {
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

    /// Names an attribute of the expressions (for words that DynamoDB reserves).
    pub(crate) fn name(mut self, name: &str, attribute: &str) -> Self {
        self.names.insert(name.to_owned(), attribute.to_owned());
        self
    }

    fn into_item(self, table: &str) -> Result<TransactWriteItem, StateError> {
        let names = (!self.names.is_empty()).then_some(self.names);
        let values = (!self.values.is_empty()).then_some(self.values);
        let key = HashMap::from([("pk".to_owned(), text(self.pk)), ("sk".to_owned(), text(self.sk))]);
        let builder = TransactWriteItem::builder();
        let broken = |error: aws_sdk_dynamodb::error::BuildError| StateError::Corrupt {
            what: "transaction".to_owned(),
            source: Box::new(error),
        };
        let item = match self.kind {
            Kind::Put(mut item) => {
                item.extend(key);
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(item))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()
                    .map_err(broken)?;
                builder.put(put)
            }
            Kind::Update(expression) => {
                let update = Update::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .update_expression(expression)
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()
                    .map_err(broken)?;
                builder.update(update)
            }
            Kind::Delete => {
                let delete = Delete::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()
                    .map_err(broken)?;
                builder.delete(delete)
            }
            Kind::Check => {
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .condition_expression(self.condition.unwrap_or_else(|| "attribute_exists(pk)".to_owned()))
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()
                    .map_err(broken)?;
                builder.condition_check(check)
            }
        };
        Ok(item.build())
    }
}
