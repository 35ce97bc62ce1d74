//! What references stand for: variables, the environment's outputs, outputs of modules of the file, names.

use std::collections::{BTreeMap, BTreeSet};

use landfall_config::{Diagnostic, FileScope, LayerFile, Reference, Report, Span, nearest};
use serde_json::Value;

use crate::kind::Kind;
use crate::kinds;
use crate::layer::EnvironmentContext;

/// Where references look things up.
pub(super) struct References<'a> {
    pub(super) file: &'a LayerFile,
    pub(super) kinds: &'a BTreeMap<&'a str, &'static Kind>,
    pub(super) environment: Option<&'a EnvironmentContext>,
    pub(super) config_bucket: Option<&'a str>,
    /// Variables with their values; null when a declared variable has none.
    pub(super) variables: &'a BTreeMap<String, Value>,
    /// Name of the module whose inputs are resolved.
    pub(super) module: &'a str,
    /// Modules that were referred to.
    pub(super) used: BTreeSet<String>,
}

impl References<'_> {
    /// Stands for what could not be resolved and was reported.
    pub(super) const UNRESOLVED: &'static str = "${landfall:unresolved.reference}";

    /// Stands for a value that is missing or wrong and was reported.
    pub(super) fn unresolved() -> Value {
        Value::from(Self::UNRESOLVED)
    }

    /// The value of a reference. What refers to nothing is reported.
    pub(super) fn value(&mut self, reference: &Reference, span: Span, field: &str, report: &mut Report<'_>) -> Value {
        let found = match reference {
            Reference::Parent(output) => self.parent(output),
            Reference::Variable(name) => self.variable(name),
            Reference::Module { name, output } => self.module_output(name, output, span, field, report),
            Reference::Env => Ok(self.environment_name()),
            Reference::LayerName => Ok(self.file.name.value.clone().into()),
            Reference::ParentName => Ok(match self.file.scope {
                FileScope::Environment { .. } => "nil".into(),
                FileScope::Service { .. } => self.environment_name(),
            }),
            Reference::Region => Ok(self.region()),
            Reference::AccountId => Ok(self.account_id()),
            Reference::StateStorage => Ok(self.config_bucket.map_or_else(|| offline("state_storage"), Value::from)),
            Reference::Kubeconfig => Ok("~/.kube/config".into()),
            Reference::K8sAccessToken => Ok("".into()),
        };
        found.unwrap_or_else(|(message, help)| {
            report.push(report.at(span, "unknown-reference", message).with_field(field).with_help(help));
            Self::unresolved()
        })
    }

    fn parent(&self, output: &str) -> Result<Value, (String, String)> {
        if let FileScope::Environment { .. } = self.file.scope {
            let message = format!("`{{parent.{output}}}`: an environment has no parent");
            let owner = self.kinds.iter().find(|(_, kind)| kind.output(output).is_some());
            let help = match owner {
                Some((name, _)) => {
                    format!("for an output of a module of this file write ${{{{module.{name}.{output}}}}}")
                }
                None => "only a service has an environment to refer to".to_owned(),
            };
            return Err((message, help));
        }
        let Some(environment) = self.environment else {
            let known = exported_outputs();
            return if known.contains(output) {
                Ok(offline(&format!("parent.{output}")))
            } else {
                let help = suggestion(output, known.iter().copied(), "no module kind exports it");
                Err((format!("no environment has the output `{output}`"), help))
            };
        };
        if let Some(value) = environment.outputs.get(output) {
            return Ok(value.clone());
        }
        if let Some(modules) = environment.ambiguous.get(output) {
            return Err((
                format!(
                    "several modules of the environment `{}` give `{output}`: {}",
                    environment.name,
                    modules.join(", ")
                ),
                "pass the one that is meant as a variable of the `environments` entry".to_owned(),
            ));
        }
        let exporter = kinds::all().iter().find(|kind| kind.output(output).is_some_and(|output| output.exported));
        let known: Vec<_> = environment.outputs.keys().map(String::as_str).collect();
        let help = match exporter {
            Some(kind) if environment.modules.iter().any(|module| module.kind == kind.name) => {
                format!(
                    "its module of type {} is not deployed yet: deploy `{}` first",
                    kind.type_names[0], environment.name
                )
            }
            Some(kind) => format!(
                "a module of type {} gives it: add one to the environment `{}`",
                kind.type_names[0], environment.name
            ),
            None => suggestion(output, known.iter().copied(), "see its outputs with `landfall outputs`"),
        };
        Err((format!("the environment `{}` has no output `{output}`", environment.name), help))
    }

    fn variable(&self, name: &str) -> Result<Value, (String, String)> {
        if let Some(value) = self.variables.get(name) {
            return Ok(value.clone());
        }
        // Known in every service: what is being deployed, nothing outside of a deployment of an image.
        if matches!(name, "image_tag" | "image_digest") {
            return Ok(Value::Null);
        }
        let help = match nearest(name, self.variables.keys().map(String::as_str)) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("declare it:\ninput_variables:\n  - name: {name}"),
        };
        Err((format!("the variable `{name}` is not declared"), help))
    }

    fn module_output(
        &mut self,
        name: &str,
        output: &str,
        span: Span,
        field: &str,
        report: &mut Report<'_>,
    ) -> Result<Value, (String, String)> {
        if name == self.module {
            let help = "a module cannot use its own outputs as inputs".to_owned();
            return Err((format!("`{name}` refers to itself"), help));
        }
        let Some(kind) = self.kinds.get(name) else {
            // A module whose type is wrong has been reported.
            let is_mistyped = self.file.modules.iter().any(|entry| entry.name.value == name);
            return if is_mistyped { Ok(Self::unresolved()) } else { Err(self.no_module(name, output)) };
        };
        match kind.output(output) {
            Some(output) if output.secret => {
                let warning = report
                    .at(span, "secret-reference", format!("`{}` of `{name}` is a secret", output.name))
                    .with_field(field)
                    .with_help(format!("secrets reach an app by a link: `links: [{name}]`; a reference gives the ARN under which it is kept"));
                report.push(Diagnostic::warning(warning));
            }
            Some(_) => {}
            None if kind.open_outputs => {}
            None => {
                let help = suggestion(output, kind.outputs.iter().map(|output| output.name), "it has no outputs");
                return Err((format!("a module of type {} has no output `{output}`", kind.type_names[0]), help));
            }
        }
        self.used.insert(name.to_owned());
        Ok(output_token(name, output))
    }

    fn no_module(&self, name: &str, output: &str) -> (String, String) {
        let message = format!("there is no module `{name}` in this file");
        let in_environment =
            self.environment.and_then(|environment| environment.modules.iter().find(|module| module.name == name));
        let help = if in_environment.is_some() {
            format!("it is in the environment: write {{parent.{output}}}")
        } else {
            let names = self.file.modules.iter().map(|entry| entry.name.value.as_str());
            let others = names.filter(|other| *other != self.module);
            suggestion(name, others, "a reference names a module of the same file")
        };
        (message, help)
    }

    fn environment_name(&self) -> Value {
        match (&self.file.scope, self.environment) {
            (FileScope::Environment { .. }, _) => self.file.name.value.clone().into(),
            (FileScope::Service { .. }, Some(environment)) => environment.name.clone().into(),
            (FileScope::Service { .. }, None) => offline("env"),
        }
    }

    fn region(&self) -> Value {
        match (&self.file.scope, self.environment) {
            (FileScope::Environment { region, .. }, _) => region.value.clone().into(),
            (FileScope::Service { .. }, Some(environment)) => environment.region.clone().into(),
            (FileScope::Service { .. }, None) => offline("region"),
        }
    }

    fn account_id(&self) -> Value {
        match (&self.file.scope, self.environment) {
            (FileScope::Environment { account_id, .. }, _) => account_id.value.clone().into(),
            (FileScope::Service { .. }, Some(environment)) => environment.account_id.clone().into(),
            (FileScope::Service { .. }, None) => offline("account_id"),
        }
    }
}

/// The token of an output that is known once the module is applied.
pub(super) fn output_token(module: &str, output: &str) -> Value {
    Value::from(format!("${{landfall:module.{module}.{output}}}"))
}

/// Stands for what only a deployment knows, when a file is checked without its environment.
pub(super) fn offline(what: &str) -> Value {
    Value::from(format!("${{landfall:offline.{what}}}"))
}

fn exported_outputs() -> BTreeSet<&'static str> {
    kinds::all()
        .iter()
        .flat_map(|kind| kind.outputs)
        .filter(|output| output.exported)
        .map(|output| output.name)
        .collect()
}

/// The nearest known word, else all of them, else a fallback.
pub(super) fn suggestion<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone, none: &str) -> String {
    if let Some(known) = nearest(word, known.clone()) {
        return format!("did you mean `{known}`?");
    }
    let all: Vec<_> = known.take(12).map(|word| format!("`{word}`")).collect();
    match all.as_slice() {
        [] => none.to_owned(),
        [only] => format!("there is only {only}"),
        all => format!("known are {}", all.join(", ")),
    }
}
