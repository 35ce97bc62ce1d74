//! What a kind's own rule may look at, and how it says what is wrong.

use landfall_config::{Diagnostic, LayerFile, Map as YamlMap, ModuleEntry, Report, Span};
use serde_json::{Map, Value};

use crate::layer::{EnvironmentContext, Scope};

/// A module whose inputs have the right types, for the rules between them.
#[derive(Debug)]
pub struct Check<'a, 's> {
    /// The module's entry in the file.
    pub entry: &'a ModuleEntry,
    /// Its inputs, complete.
    pub inputs: &'a Map<String, Value>,
    /// Environment or service.
    pub scope: Scope,
    /// Kinds and names of the modules of the file.
    pub modules: &'a [(&'static str, &'a str)],
    /// The environment of a service, where it is known.
    pub environment: Option<&'a EnvironmentContext>,
    pub(crate) file: &'a LayerFile,
    pub(crate) report: &'a mut Report<'s>,
}

impl<'a> Check<'a, '_> {
    /// Whether the user gave the input, even as null.
    pub fn has_key(&self, input: &str) -> bool {
        self.entry.inputs.entry(input).is_some()
    }

    /// Whether the user gave the input a value.
    pub fn is_given(&self, input: &str) -> bool {
        self.entry.inputs.get(input).is_some_and(|node| !node.is_null())
    }

    /// The value of an input.
    pub fn value(&self, input: &str) -> &Value {
        self.inputs.get(input).unwrap_or(&Value::Null)
    }

    /// Whether an input is known to be nothing: null, an empty text, list or mapping. What is known later, or was wrong
    /// and has been reported, may be something.
    pub fn is_empty(&self, input: &str) -> bool {
        match self.value(input) {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Whether the value of an input is not known while the file is checked: an output of another module, or something
    /// wrong that has been reported.
    pub fn is_unknown(&self, input: &str) -> bool {
        self.value(input).as_str().is_some_and(is_unknown)
    }

    /// The text of an input, where it is known already.
    pub fn text(&self, input: &str) -> Option<&str> {
        self.value(input).as_str().filter(|text| !is_unknown(text))
    }

    /// The items of an input that is a list.
    pub fn items(&self, input: &str) -> &[Value] {
        self.value(input).as_array().map_or(&[], Vec::as_slice)
    }

    /// The fields of an input that is a mapping.
    pub fn fields(&self, input: &str) -> Option<&Map<String, Value>> {
        self.value(input).as_object()
    }

    /// Whether a module of this kind is in the file, or in the environment of a service. An environment that is not
    /// known is taken to have it.
    pub fn is_reachable(&self, kind: &str) -> bool {
        self.is_in_file(kind)
            || self.scope == Scope::Service
                && self
                    .environment
                    .is_none_or(|environment| environment.modules.iter().any(|module| module.kind == kind))
    }

    /// Whether a module of this kind is in the file, or one whose type is wrong, which has been reported and may be it.
    pub fn is_in_file(&self, kind: &str) -> bool {
        self.modules.iter().any(|(name, _)| *name == kind) || self.modules.len() < self.file.modules.len()
    }

    /// Whether the file has a module of this name whose type is wrong, which has been reported.
    pub(crate) fn is_mistyped(&self, module: &str) -> bool {
        self.modules.iter().all(|(_, name)| *name != module)
            && self.file.modules.iter().any(|entry| entry.name.value == module)
    }

    /// The entry of the file's module of that kind and name, as it is written.
    pub(crate) fn module_of(&self, kind: &str, name: &str) -> Option<&'a ModuleEntry> {
        let is_of_kind = self.modules.contains(&(kind, name));
        self.file.modules.iter().find(|entry| is_of_kind && entry.name.value == name)
    }

    /// The entry of the file's first module of a kind, as it is written.
    pub(crate) fn entry_of(&self, kind: &str) -> Option<&'a ModuleEntry> {
        let is_of = |entry: &&ModuleEntry| crate::kinds::by_type(&entry.ty.value).is_some_and(|of| of.name == kind);
        self.file.modules.iter().find(is_of)
    }

    /// Reports an error at an input; at the module's type when the input is not given. `path` may go into the input:
    /// `ports[1].name`.
    pub fn error(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let diagnostic = self.diagnostic(path, message).with_help(help);
        self.report.push(diagnostic);
    }

    /// Reports a warning.
    pub fn warn(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let diagnostic = self.diagnostic(path, message).with_help(help).warning();
        self.report.push(diagnostic);
    }

    fn diagnostic(&self, path: &str, message: impl Into<String>) -> Diagnostic {
        let span = place_of(&self.entry.inputs, path).unwrap_or(self.entry.ty.span);
        self.report.at(span, "invalid-module", message).with_field(self.entry.field(path))
    }
}

/// The place of a path such as `ports[1].name`, or of as much of it as exists.
pub(crate) fn place_of(inputs: &YamlMap, path: &str) -> Option<Span> {
    let mut parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty());
    let entry = inputs.entry(parts.next()?)?;
    let mut node = &entry.value;
    for part in parts {
        let next = match part.parse::<usize>() {
            Ok(index) => node.as_list().and_then(|items| items.get(index)),
            Err(_) => node.as_map().and_then(|map| map.get(part)),
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    Some(node.span)
}

/// Whether a text holds something that is known only once other modules are applied.
pub(crate) fn is_unknown(text: &str) -> bool {
    text.contains("${landfall:")
}
