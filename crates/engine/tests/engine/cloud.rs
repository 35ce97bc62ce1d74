//! A cloud in memory with one kind of thing, and a module that makes whatever its inputs list. What a thing does —
//! fail, take its time, hide — is scripted by its name.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use landfall_engine::{
    Actions, Aws, Changes, Context, Error, Field, Graph, Intent, Kind, Lookup, Module, OnChange, Outputs, Progress,
    Registered, Resource, Result, Seen, Status, Tags, Token, Wanted, async_trait, registered,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What a thing does when it is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Script {
    /// The creation is refused with this kind of error.
    pub fails: Option<Kind>,
    /// A creation or change is answered so long after it is done.
    pub slow: Duration,
    /// A creation is done so long after it was asked for, whether or not somebody still waits for it.
    pub late: Duration,
    /// It is shown as being made for so many looks.
    pub pending: u32,
    /// AWS gives up on it.
    pub given_up: bool,
    /// It is shown as being removed for so many looks.
    pub leaving: u32,
}

#[derive(Clone, Debug)]
struct Object {
    properties: Value,
    pending: u32,
    leaving: Option<u32>,
}

/// One account's things.
#[derive(Debug, Default)]
pub struct Cloud {
    objects: BTreeMap<String, Object>,
    scripts: BTreeMap<String, Script>,
    /// `create a`, `update a`, `delete a`, in order.
    pub log: Vec<String>,
    working: usize,
    /// Most calls at a time.
    pub most: usize,
}

static CLOUDS: LazyLock<Mutex<BTreeMap<String, Cloud>>> = LazyLock::new(Mutex::default);

/// Looks into or changes the cloud of an account.
pub fn cloud<T>(account: &str, look: impl FnOnce(&mut Cloud) -> T) -> T {
    let mut clouds = CLOUDS.lock().unwrap_or_else(PoisonError::into_inner);
    look(clouds.entry(account.to_owned()).or_default())
}

impl Cloud {
    pub fn script(&mut self, name: &str, script: Script) {
        self.scripts.insert(name.to_owned(), script);
    }

    pub fn names(&self) -> Vec<String> {
        self.objects.keys().cloned().collect()
    }

    pub fn set(&mut self, name: &str, field: &str, value: Value) {
        self.objects.get_mut(name).expect("it exists").properties[field] = value;
    }

    pub fn get(&self, name: &str, field: &str) -> Value {
        self.objects.get(name).expect("it exists").properties[field].clone()
    }

    /// Somebody deletes it.
    pub fn lose(&mut self, name: &str) {
        self.objects.remove(name);
    }

    /// Something that exists without Landfall.
    pub fn foreign(&mut self, name: &str) {
        let properties = json!({ "name": name, "value": 0, "class": 0, "size": 0, "links": [], "tags": {} });
        self.objects.insert(name.to_owned(), Object { properties, pending: 0, leaving: None });
    }

    fn scripted(&self, name: &str) -> Script {
        self.scripts.get(name).copied().unwrap_or_default()
    }
}

/// A thing. Its id is its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Thing {
    name: String,
    value: i64,
    class: i64,
    size: i64,
    links: Vec<String>,
    #[serde(default)]
    tags: Tags,
}

#[async_trait]
impl Resource for Thing {
    const KIND: &'static str = "Test::Thing";
    const FIELDS: &'static [Field] = &[
        Field { name: "class", on_change: OnChange::Disruptive },
        Field { name: "size", on_change: OnChange::Replace },
        Field { name: "links", on_change: OnChange::Replace },
    ];
    const DATA: Option<&'static str> = Some("what is in it");
    /// A second creation of a thing is a second thing.
    const NAMED: bool = false;
    const ACTIONS: Actions = Actions { create: &["test:CreateThing"], update: &[], delete: &[] };

    fn name(properties: &Value) -> Option<String> {
        Some(properties.get("name")?.as_str()?.to_owned())
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        Ok(cloud(&aws.target().account_id, |cloud| {
            wanted.iter().map(|wanted| wanted.key().and_then(|name| look(cloud, name))).collect()
        }))
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let account = &aws.target().account_id;
        let script = cloud(account, |cloud| {
            cloud.working += 1;
            cloud.most = cloud.most.max(cloud.working);
            cloud.scripted(&self.name)
        });
        let _working = Working(account.clone());
        if let Some(kind) = script.fails {
            return Err(Error::new(kind, "CreateThing", "it is scripted to fail").about(&self.name).refused());
        }
        let (owner, name) = (account.clone(), self.name.clone());
        let properties = serde_json::to_value(self).expect("a thing is JSON");
        let done = tokio::spawn(async move {
            tokio::time::sleep(script.late).await;
            cloud(&owner, |cloud| {
                cloud.log.push(format!("create {name}"));
                cloud.objects.insert(name, Object { properties, pending: script.pending, leaving: None });
            });
        });
        done.await.expect("it is done");
        tokio::time::sleep(script.slow).await;
        if script.pending > 0 || script.given_up {
            return Ok(Progress::pending(&self.name, Duration::from_secs(7), "AWS makes it"));
        }
        Ok(Progress::done(&self.name))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        let slow = cloud(&aws.target().account_id, |cloud| {
            cloud.log.push(format!("update {}", changes.id()));
            let object = cloud.objects.get_mut(changes.id()).expect("it exists");
            object.properties = serde_json::to_value(self).expect("a thing is JSON");
            cloud.scripted(changes.id()).slow
        });
        tokio::time::sleep(slow).await;
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        cloud(&aws.target().account_id, |cloud| {
            let used = cloud.objects.values().any(|other| {
                other.leaving.is_none()
                    && other.properties["links"].as_array().is_some_and(|links| links.contains(&json!(seen.id)))
            });
            if used {
                return Err(Error::new(Kind::NotReady, "DeleteThing", "something uses it").about(&seen.id));
            }
            cloud.log.push(format!("delete {}", seen.id));
            let leaving = cloud.scripted(&seen.id).leaving;
            if leaving == 0 {
                cloud.objects.remove(&seen.id);
                return Ok(Progress::done(&seen.id));
            }
            if let Some(object) = cloud.objects.get_mut(&seen.id) {
                object.leaving = Some(leaving);
            }
            Ok(Progress::pending(&seen.id, Duration::from_secs(7), "AWS removes it"))
        })
    }
}

/// Counts a call that goes on, also when it is dropped.
struct Working(String);

impl Drop for Working {
    fn drop(&mut self) {
        cloud(&self.0, |cloud| cloud.working -= 1);
    }
}

fn look(cloud: &mut Cloud, name: &str) -> Option<Seen> {
    let script = cloud.scripted(name);
    let object = cloud.objects.get_mut(name)?;
    let seen = Seen::ready(name, object.properties.clone());
    if let Some(looks) = object.leaving {
        if looks == 0 {
            cloud.objects.remove(name);
            return None;
        }
        object.leaving = Some(looks - 1);
        return Some(seen.status(Status::Deleting));
    }
    if script.given_up {
        return Some(seen.status(Status::Failed("there is no room".to_owned())));
    }
    if object.pending > 0 {
        object.pending -= 1;
        return Some(seen.status(Status::Pending("creating".to_owned())));
    }
    Some(seen)
}

/// Something that exists outside.
#[derive(Debug, Serialize)]
struct Existing {
    name: String,
}

#[async_trait]
impl Lookup for Existing {
    const KIND: &'static str = "Test::Existing";

    async fn find(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        Ok(cloud(&aws.target().account_id, |cloud| {
            let found = |wanted: &Wanted<'_>| look(cloud, wanted.text("name")?).map(|seen| seen.with("colour", "blue"));
            wanted.iter().map(found).collect()
        }))
    }
}

/// The module.
#[derive(Debug)]
pub struct Things;

/// One thing of the inputs.
#[derive(Clone, Debug, Deserialize)]
pub struct Spec {
    /// Resource name.
    resource: String,
    /// Name in the cloud; the resource name unless given.
    name: Option<String>,
    #[serde(default)]
    value: i64,
    #[serde(default)]
    class: i64,
    #[serde(default)]
    size: i64,
    /// Resources that it links to.
    #[serde(default)]
    links: Vec<String>,
}

/// Inputs.
#[derive(Clone, Debug, Deserialize)]
pub struct Inputs {
    things: Vec<Spec>,
    #[serde(default)]
    existing: Option<String>,
}

impl Module for Things {
    const KIND: &'static str = "things";
    type Inputs = Inputs;

    fn resources() -> Vec<Registered> {
        vec![registered::<Thing>()]
    }

    fn build(inputs: Inputs, _cx: &Context, graph: &mut Graph) -> Result<Outputs> {
        let mut outputs = Outputs::new();
        if let Some(name) = inputs.existing {
            outputs = outputs.with("colour", graph.look_up("existing", Existing { name }).attribute("colour"));
        }
        for spec in inputs.things {
            let links = spec.links.iter().map(|link| Token::attribute(link, "id").to_string()).collect();
            let name = spec.name.unwrap_or_else(|| spec.resource.clone());
            let (value, class, size) = (spec.value, spec.class, spec.size);
            let thing = Thing { name, value, class, size, links, tags: Tags::new() };
            let handle = graph.add(&spec.resource, thing);
            outputs = outputs.with(&spec.resource, handle.id());
        }
        Ok(outputs)
    }
}

/// Inputs with these things.
pub fn things(things: Value) -> Map<String, Value> {
    Map::from_iter([("things".to_owned(), things)])
}
