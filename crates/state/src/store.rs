//! The store itself: its clients, settings, and the few shapes of call that everything else is made of.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::SCHEMA;
use crate::clock::{Clock, SystemClock};
use crate::error::StateError;
use crate::together::Lanes;
use crate::write::{Write, text};

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
