//! The resources of one module and what refers to what.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use landfall_aws::{Error, Kind, LAYER_TAG, MODULE_TAG, RESOURCE_TAG, Result, Tags};
use landfall_plan::{Token, tokens};
use serde_json::{Value, json};

use crate::context::Context;
use crate::lookup::{Lookup, looked_up};
use crate::resource::{Registered, Resource, registered};

/// The resources of one module. Filled by [`Module::build`](crate::Module::build).
#[derive(Debug)]
pub struct Graph {
    layer: String,
    module: String,
    nodes: Vec<Node>,
    notes: Vec<String>,
    broken: Option<String>,
}

/// One resource of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub name: String,
    pub kind: Registered,
    pub desired: Value,
    pub needs: BTreeSet<String>,
    pub tags: Tags,
}

/// A resource in a graph, for referring to it.
#[derive(Debug)]
pub struct Handle<R> {
    name: String,
    kind: PhantomData<fn() -> R>,
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), kind: PhantomData }
    }
}

impl<R> Handle<R> {
    /// An attribute of it: known after it is applied, and the edge in the graph.
    pub fn attribute(&self, name: &str) -> String {
        Token::attribute(&self.name, name).to_string()
    }

    /// Its physical id.
    pub fn id(&self) -> String {
        self.attribute("id")
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        self.attribute("arn")
    }

    /// Its name in the module.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Graph {
    /// An empty graph for the module of this context.
    pub fn new(cx: &Context) -> Self {
        Self { layer: cx.layer.clone(), module: cx.module.clone(), nodes: Vec::new(), notes: Vec::new(), broken: None }
    }

    /// Adds a resource under a name that is unique in the module and stays the same for ever: it is the identity of
    /// the resource in the journal.
    pub fn add<R: Resource>(&mut self, name: impl Into<String>, resource: R) -> Handle<R> {
        let name = name.into();
        let mut desired = match serde_json::to_value(&resource) {
            Ok(value) => value,
            Err(error) => {
                self.broken.get_or_insert(format!("{name}: {error}"));
                Value::Null
            }
        };
        let tags = self.tags(&name);
        if R::TAGGED
            && let Some(fields) = desired.as_object_mut()
        {
            let mut all = json!(tags);
            if let (Some(Value::Object(own)), Some(all)) = (fields.get("tags"), all.as_object_mut()) {
                all.extend(own.clone());
            }
            fields.insert("tags".into(), all);
        }
        self.push(name, registered::<R>(), desired, tags)
    }

    /// Adds something that exists outside Landfall and is only looked at. Its attributes are known in the plan.
    pub fn look_up<L: Lookup>(&mut self, name: impl Into<String>, lookup: L) -> Handle<L> {
        let name = name.into();
        let desired = match serde_json::to_value(&lookup) {
            Ok(value) => value,
            Err(error) => {
                self.broken.get_or_insert(format!("{name}: {error}"));
                Value::Null
            }
        };
        self.push(name, looked_up::<L>(), desired, Tags::new())
    }

    fn push<R>(&mut self, name: String, kind: Registered, desired: Value, tags: Tags) -> Handle<R> {
        if self.nodes.iter().any(|node| node.name == name) {
            self.broken.get_or_insert(format!("{name}: two resources have this name"));
        }
        let needs = needs_of(&desired);
        self.nodes.push(Node { name: name.clone(), kind, desired, needs, tags });
        Handle { name, kind: PhantomData }
    }

    /// Says that `later` must wait for `earlier` although it does not refer to it.
    pub fn after<A, B>(&mut self, later: &Handle<A>, earlier: &Handle<B>) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.name == later.name) {
            node.needs.insert(earlier.name.clone());
        }
    }

    /// Adds a remark that every plan of the module shows.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// The remarks.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Names and desired properties, for tests and documentation.
    pub fn desired(&self) -> impl Iterator<Item = (&str, &'static str, &Value)> {
        self.nodes.iter().map(|node| (node.name.as_str(), node.kind.kind(), &node.desired))
    }

    pub(crate) fn tags(&self, resource: &str) -> Tags {
        tags(&self.layer, &self.module, resource)
    }

    /// The nodes, each after what it needs.
    pub(crate) fn ordered(self) -> Result<Vec<Node>> {
        if let Some(broken) = self.broken {
            return Err(Error::new(Kind::Corrupt, "build", broken).about(self.module));
        }
        let unknown = self.nodes.iter().find_map(|node| {
            let need = node.needs.iter().find(|need| !self.nodes.iter().any(|other| other.name == **need))?;
            Some(format!("{} needs {need}, which the module does not have", node.name))
        });
        if let Some(unknown) = unknown {
            return Err(Error::new(Kind::Corrupt, "build", unknown).about(self.module));
        }
        let pairs: Vec<(&str, Vec<&str>)> = self
            .nodes
            .iter()
            .map(|node| (node.name.as_str(), node.needs.iter().map(String::as_str).collect()))
            .collect();
        let order: Vec<String> = landfall_plan::order(&pairs)
            .map_err(|cycle| Error::new(Kind::Corrupt, "build", cycle.to_string()).about(&self.module))?
            .into_iter()
            .map(str::to_owned)
            .collect();
        let place: BTreeMap<&str, usize> =
            order.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        let mut nodes = self.nodes;
        nodes.sort_by_key(|node| place.get(node.name.as_str()).copied());
        Ok(nodes)
    }
}

/// The resources that properties refer to.
pub(crate) fn needs_of(properties: &Value) -> BTreeSet<String> {
    let resource = |token| match token {
        Token::Attribute { resource, .. } => Some(resource),
        Token::Output { .. } => None,
    };
    tokens(properties).into_iter().filter_map(resource).collect()
}

pub(crate) fn tags(layer: &str, module: &str, resource: &str) -> Tags {
    Tags::from([
        (LAYER_TAG.to_owned(), layer.to_owned()),
        (MODULE_TAG.to_owned(), module.to_owned()),
        (RESOURCE_TAG.to_owned(), resource.to_owned()),
    ])
}
