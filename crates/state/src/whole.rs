//! The whole table, for whoever checks what always holds of it.

use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::error::StateError;
use crate::invariants::{ATTRIBUTES, Item};
use crate::keys;
use crate::store::Store;
use crate::write::text;

/// Most items that one look takes in: they are held in memory.
const MOST: usize = 200_000;

/// What was read of the table.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    /// The items, without values and messages.
    pub items: Vec<Item>,
    /// Whether that is all of them.
    pub complete: bool,
}

impl Store {
    /// Every item of the table, as far as the invariants are about it, until `end`.
    pub async fn whole(&self, end: Instant) -> Result<Whole, StateError> {
        let mut whole = Whole::default();
        let mut from = None;
        while Instant::now() < end && whole.items.len() < MOST {
            let mut scan = self.ddb.scan().table_name(&*self.table).consistent_read(true);
            for (place, name) in ATTRIBUTES.iter().enumerate() {
                scan = scan.expression_attribute_names(format!("#{place}"), *name);
            }
            let page = scan.projection_expression(projection()).set_exclusive_start_key(from).send().await;
            let page = page.map_err(|error| StateError::aws("Scan", error))?;
            for item in page.items.unwrap_or_default() {
                whole.items.push(plain(item)?);
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                whole.complete = true;
                break;
            }
        }
        Ok(whole)
    }

    /// The items of some layers, in the same form.
    pub async fn whole_layers(&self, layers: &[String]) -> Result<Vec<Item>, StateError> {
        let mut items = Vec::new();
        for layer in layers {
            let mut query = self
                .ddb
                .query()
                .table_name(&*self.table)
                .key_condition_expression("#0 = :pk")
                .expression_attribute_values(":pk", text(keys::layer(layer)))
                .projection_expression(projection())
                .consistent_read(true);
            for (place, name) in ATTRIBUTES.iter().enumerate() {
                query = query.expression_attribute_names(format!("#{place}"), *name);
            }
            let mut pages = query.into_paginator().items().send();
            while let Some(item) = pages.next().await {
                items.push(plain(item.map_err(|error| StateError::aws("Query", error))?)?);
            }
        }
        Ok(items)
    }
}

fn projection() -> String {
    (0..ATTRIBUTES.len()).map(|place| format!("#{place}")).collect::<Vec<_>>().join(", ")
}

fn plain(item: std::collections::HashMap<String, AttributeValue>) -> Result<Item, StateError> {
    let what = item.get("pk").and_then(|pk| pk.as_s().ok()).cloned().unwrap_or_default();
    serde_dynamo::from_item(item).map_err(|error| StateError::Corrupt { what, source: Box::new(error) })
}
