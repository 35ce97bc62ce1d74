//! Things that a module only looks up: they exist outside Landfall and are never made, changed or removed.

use std::marker::PhantomData;

use async_trait::async_trait;
use landfall_aws::{Aws, Error, Kind, Result};
use landfall_plan::Field;
use serde::Serialize;
use serde_json::Value;

use crate::resource::{Changes, Erased, Intent, Progress, Registered, Seen, Wanted};

/// One kind of AWS object that a module only reads, such as an existing VPC. Its attributes are known when the plan is
/// made. What does not exist fails the plan.
#[async_trait]
pub trait Lookup: Serialize + Send + Sync + 'static {
    /// CloudFormation type name, or one in that style.
    const KIND: &'static str;

    /// Looks at all wanted ones with as few calls as AWS allows, in their order.
    async fn find(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>>;
}

struct Looked<L>(PhantomData<fn() -> L>);

/// A look-up as the engine handles it.
pub(crate) fn looked_up<L: Lookup>() -> Registered {
    Registered(&Looked::<L>(PhantomData) as &'static dyn Erased)
}

fn read_only(kind: &str) -> Error {
    Error::new(Kind::Corrupt, "apply", "it is only looked up, never changed").about(kind)
}

#[async_trait]
impl<L: Lookup> Erased for Looked<L> {
    fn kind(&self) -> &'static str {
        L::KIND
    }
    fn fields(&self) -> &'static [Field] {
        &[]
    }
    fn data(&self) -> Option<&'static str> {
        None
    }
    fn stores(&self) -> bool {
        false
    }
    fn tagged(&self) -> bool {
        false
    }
    fn delete_note(&self) -> &'static str {
        ""
    }
    fn named(&self) -> bool {
        true
    }
    fn is_lookup(&self) -> bool {
        true
    }
    fn name(&self, _properties: &Value) -> Option<String> {
        None
    }
    fn canonical(&self, properties: Value) -> Value {
        properties
    }
    async fn observe(&self, aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let seen = L::find(aws, wanted).await?;
        if seen.len() == wanted.len() {
            return Ok(seen);
        }
        Err(Error::new(Kind::Corrupt, "look up", format!("{} were asked for, {} answered", wanted.len(), seen.len()))
            .about(L::KIND))
    }
    async fn create(&self, _properties: Value, _aws: &Aws, _intent: &Intent) -> Result<Progress> {
        Err(read_only(L::KIND))
    }
    async fn update(&self, _properties: Value, _aws: &Aws, _changes: &Changes<'_>) -> Result<Progress> {
        Err(read_only(L::KIND))
    }
    async fn delete(&self, _aws: &Aws, _seen: &Seen, _recorded: &Value) -> Result<Progress> {
        Err(read_only(L::KIND))
    }
}
