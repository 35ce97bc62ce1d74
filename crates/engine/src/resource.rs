//! The contract of one kind of AWS object: how it is seen, made, changed and removed.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::time::Duration;

use async_trait::async_trait;
use landfall_aws::{Aws, Error, Kind, Result, Tags, Target};
use landfall_plan::{AttributeChange, Field, Quota};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::preflight::Actions;

/// What is looked for when a resource is observed.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Name of the resource in its module.
    pub resource: &'a str,
    /// Physical id, when the journal has one.
    pub id: Option<&'a str>,
    /// Derived name, when the resource has one.
    pub name: Option<&'a str>,
    /// The `landfall:` tags by which it can be found.
    pub tags: &'a Tags,
    /// Properties to look for: the desired ones (tokens may stand in them), or the recorded ones of a resource that
    /// the config no longer has.
    pub properties: &'a Value,
    /// Whether the config no longer has it, so that it is looked at only to be removed.
    pub leaving: bool,
    /// What was applied last, properties and attributes: for resources that share their place with others and know
    /// only from the record what is theirs.
    pub recorded: Option<(&'a Value, &'a Map<String, Value>)>,
}

impl Wanted<'_> {
    /// The id if known, else the derived name: what a resource with a name of its own is looked up by.
    pub fn key(&self) -> Option<&str> {
        self.id.or(self.name)
    }

    /// A property as text, unless it is missing or not known yet.
    pub fn text(&self, property: &str) -> Option<&str> {
        let value = self.properties.get(property)?;
        if landfall_plan::tokens(value).is_empty() { value.as_str() } else { None }
    }
}

/// How far AWS is with a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Usable.
    Ready,
    /// Being made or changed; the text says what AWS calls it.
    Pending(String),
    /// Being removed.
    Deleting,
    /// AWS gave up on it; the text is its reason.
    Failed(String),
}

/// A resource as AWS shows it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Physical id.
    pub id: String,
    /// Properties in the shape of the resource's own struct. Fields that AWS does not report are left out.
    pub properties: Value,
    /// What other resources and outputs may refer to.
    pub attributes: Map<String, Value>,
    /// How far it is.
    pub status: Status,
}

impl Seen {
    /// A usable resource.
    pub fn ready(id: impl Into<String>, properties: Value) -> Self {
        Self { id: id.into(), properties, attributes: Map::new(), status: Status::Ready }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    /// Sets how far it is.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// An attribute as text.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }
}

/// What the engine recorded before it calls [`Resource::create`].
#[derive(Clone, Debug)]
pub struct Intent {
    /// Token for AWS calls that take one; the same for every attempt at the same creation.
    pub client_token: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// What changes in an update.
#[derive(Debug)]
pub struct Changes<'a> {
    /// Every difference.
    pub attributes: &'a [AttributeChange],
    /// The resource as it is now.
    pub seen: &'a Seen,
}

impl Changes<'_> {
    /// The physical id.
    pub fn id(&self) -> &str {
        &self.seen.id
    }

    /// Whether the top-level field `field` or anything inside it changes.
    pub fn touches(&self, field: &str) -> bool {
        self.attributes.iter().any(|change| top(&change.path) == field)
    }

    /// The top-level fields that change.
    pub fn fields(&self) -> BTreeSet<&str> {
        self.attributes.iter().map(|change| top(&change.path)).collect()
    }

    /// Tag keys that are to be removed, given the tags that stay.
    pub fn removed_tags(&self, stay: &Tags) -> Vec<String> {
        let Some(now) = self.seen.properties.get("tags").and_then(Value::as_object) else { return Vec::new() };
        now.keys()
            .filter(|key| {
                !stay.contains_key(*key) && self.attributes.iter().any(|change| change.path == format!("tags.{key}"))
            })
            .cloned()
            .collect()
    }
}

fn top(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// How far a call brought a resource.
#[derive(Clone, Debug)]
pub enum Progress {
    /// It is done. After a creation: its id and attributes.
    Done(Recorded),
    /// AWS works on it.
    Pending {
        /// Its id and attributes as far as known.
        recorded: Recorded,
        /// When to look again.
        retry_after: Duration,
        /// What is waited for.
        reason: String,
    },
}

impl Progress {
    /// Done, with the physical id.
    pub fn done(id: impl Into<String>) -> Self {
        Self::Done(Recorded { id: id.into(), attributes: Map::new() })
    }

    /// AWS works on it.
    pub fn pending(id: impl Into<String>, retry_after: Duration, reason: impl Into<String>) -> Self {
        Self::Pending {
            recorded: Recorded { id: id.into(), attributes: Map::new() },
            retry_after,
            reason: reason.into(),
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        match &mut self {
            Self::Done(recorded) | Self::Pending { recorded, .. } => {
                recorded.attributes.insert(name.to_owned(), value.into());
            }
        }
        self
    }
}

/// Id and attributes of a resource after a call.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Physical id.
    pub id: String,
    /// What other resources and outputs may refer to. After an update these replace attributes of the same name.
    pub attributes: Map<String, Value>,
}

/// One kind of AWS object. The type's fields are its desired properties; it is built from JSON after every value
/// that other resources make known has been filled in.
///
/// # Guarantees of the engine
/// Before `create` the intent is journalled; `create` is called again after a crash only if `observe` did not find
/// the resource. `update` and `delete` may run twice. The lease is checked before every writing call.
///
/// # What an implementation owes
/// `observe` only reads and answers in the order of `wanted`. `properties` of what it saw have the same form as the
/// desired ones, so that an unchanged resource compares equal. `delete` of something that is gone is done.
#[async_trait]
pub trait Resource: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// CloudFormation type name, or one in that style.
    const KIND: &'static str;
    /// Rules for fields that are not simply updated in place.
    const FIELDS: &'static [Field] = &[];
    /// What is lost when it is deleted, for example `the messages in the queue`. `None`: nothing.
    const DATA: Option<&'static str> = None;
    /// Whether that is stored in it, so that a rollback leaves it. Not so where AWS refuses to delete what is in use, or
    /// where only an identity is lost.
    const STORES: bool = Self::DATA.is_some();
    /// Whether it has tags. The engine fills the property `tags`.
    const TAGGED: bool = true;
    /// What a reader should know when it is deleted, for example a deletion window.
    const DELETE_NOTE: &'static str = "";
    /// Whether a second `create` of the same name finds the first one. If not, an intent without id is waited out
    /// until describes can be trusted.
    const NAMED: bool = true;
    /// The IAM actions that it needs: checked while planning.
    const ACTIONS: Actions = Actions::NONE;

    /// The ARN of the one of that name, when a name is all it takes: permissions are then checked on it. Not for kinds
    /// whose statements in `policy.json` have conditions that only a real call fills in.
    fn arn(_name: &str, _target: &Target) -> Option<String> {
        None
    }

    /// Small quotas that new ones with these properties (tokens may stand in them) count against, and what is used of
    /// them. Asked for while planning, and only when one is to be made.
    async fn quotas(_aws: &Aws, _new: &[Value]) -> Result<Vec<Quota>> {
        Ok(Vec::new())
    }

    /// The name it is looked up by, when it has one before it exists.
    fn name(properties: &Value) -> Option<String>;

    /// Brings the desired properties, references filled in, to the form in which they are compared: where the order
    /// of a list means nothing it is only known now.
    fn canonical(properties: Value) -> Value {
        properties
    }

    /// Looks at all wanted ones with as few calls as AWS allows.
    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>>;

    /// Makes it.
    async fn create(&self, aws: &Aws, intent: &Intent) -> Result<Progress>;

    /// Changes it in place.
    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress>;

    /// Removes it. `recorded` are the last applied properties.
    async fn delete(aws: &Aws, seen: &Seen, recorded: &Value) -> Result<Progress>;
}

/// A resource kind without its Rust type, as the engine handles it.
#[async_trait]
pub(crate) trait Erased: Send + Sync {
    fn kind(&self) -> &'static str;
    fn fields(&self) -> &'static [Field];
    fn data(&self) -> Option<&'static str>;
    fn stores(&self) -> bool;
    fn tagged(&self) -> bool;
    fn delete_note(&self) -> &'static str;
    fn named(&self) -> bool;
    fn is_lookup(&self) -> bool;
    fn actions(&self) -> Actions {
        Actions::NONE
    }
    fn arn(&self, _name: &str, _target: &Target) -> Option<String> {
        None
    }
    async fn quotas(&self, _aws: &Aws, _new: &[Value]) -> Result<Vec<Quota>> {
        Ok(Vec::new())
    }
    fn name(&self, properties: &Value) -> Option<String>;
    fn canonical(&self, properties: Value) -> Value;
    async fn observe(&self, aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>>;
    async fn create(&self, properties: Value, aws: &Aws, intent: &Intent) -> Result<Progress>;
    async fn update(&self, properties: Value, aws: &Aws, changes: &Changes<'_>) -> Result<Progress>;
    async fn delete(&self, aws: &Aws, seen: &Seen, recorded: &Value) -> Result<Progress>;
}

struct Typed<R>(PhantomData<fn() -> R>);

#[async_trait]
impl<R: Resource> Erased for Typed<R> {
    fn kind(&self) -> &'static str {
        R::KIND
    }
    fn fields(&self) -> &'static [Field] {
        R::FIELDS
    }
    fn data(&self) -> Option<&'static str> {
        R::DATA
    }
    fn stores(&self) -> bool {
        R::STORES
    }
    fn tagged(&self) -> bool {
        R::TAGGED
    }
    fn delete_note(&self) -> &'static str {
        R::DELETE_NOTE
    }
    fn named(&self) -> bool {
        R::NAMED
    }
    fn is_lookup(&self) -> bool {
        false
    }
    fn actions(&self) -> Actions {
        R::ACTIONS
    }
    fn arn(&self, name: &str, target: &Target) -> Option<String> {
        R::arn(name, target)
    }
    async fn quotas(&self, aws: &Aws, new: &[Value]) -> Result<Vec<Quota>> {
        R::quotas(aws, new).await
    }
    fn name(&self, properties: &Value) -> Option<String> {
        R::name(properties)
    }
    fn canonical(&self, properties: Value) -> Value {
        R::canonical(properties)
    }
    async fn observe(&self, aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let seen = R::observe(aws, wanted).await?;
        if seen.len() == wanted.len() {
            return Ok(seen);
        }
        Err(Error::new(Kind::Corrupt, "observe", format!("{} were looked for, {} answered", wanted.len(), seen.len()))
            .about(R::KIND))
    }
    async fn create(&self, properties: Value, aws: &Aws, intent: &Intent) -> Result<Progress> {
        typed::<R>(properties)?.create(aws, intent).await
    }
    async fn update(&self, properties: Value, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        typed::<R>(properties)?.update(aws, changes).await
    }
    async fn delete(&self, aws: &Aws, seen: &Seen, recorded: &Value) -> Result<Progress> {
        R::delete(aws, seen, recorded).await
    }
}

fn typed<R: Resource>(properties: Value) -> Result<R> {
    serde_json::from_value(properties).map_err(|error| {
        Error::new(Kind::Corrupt, "build", "the properties do not have the resource's shape")
            .about(R::KIND)
            .caused_by(error)
    })
}

/// A resource kind in a module's list.
#[derive(Clone, Copy)]
pub struct Registered(pub(crate) &'static dyn Erased);

impl Registered {
    /// CloudFormation type name.
    pub fn kind(&self) -> &'static str {
        self.0.kind()
    }

    /// The IAM actions that it needs.
    pub fn actions(&self) -> Actions {
        self.0.actions()
    }

    /// Whether a creation that failed with this made nothing: AWS refused the call that makes it, the first of its
    /// actions.
    pub(crate) fn makes_nothing(&self, error: &Error) -> bool {
        let action = self.0.actions().create.first().and_then(|action| action.split(':').nth(1));
        error.is_refusal() && action == Some(&*error.operation)
    }
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

/// The entry of a resource kind in a module's list.
pub fn registered<R: Resource>() -> Registered {
    Registered(&Typed::<R>(PhantomData) as &'static dyn Erased)
}
