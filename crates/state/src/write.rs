//! One conditional write of a transaction, and the values in its expressions.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use serde::Serialize;

use crate::SCHEMA;
use crate::error::StateError;
use crate::store::Item;

/// DynamoDB takes 400 KB per record, names included.
const LARGEST: usize = 390 * 1024;

/// Text as an attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number as an attribute.
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

    /// An update that sets one attribute more.
    pub(crate) fn also(mut self, set: &str) -> Self {
        if let Kind::Update(expression) = &mut self.kind {
            *expression = setting(set, expression);
        }
        self
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
                *expression = setting("#schema = :schema", expression);
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

    /// As the SDK takes it.
    pub(crate) fn into_item(self, table: &str) -> Result<TransactWriteItem, StateError> {
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

/// An update expression that begins with setting this.
fn setting(set: &str, expression: &str) -> String {
    match expression.strip_prefix("SET ") {
        Some(rest) => format!("SET {set}, {rest}"),
        None => format!("SET {set} {expression}"),
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
