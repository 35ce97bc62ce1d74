//! Modules that one invocation of their function works on: they are of one kind and begin at the same moment. A layer of
//! many small modules costs as many invocations and executions as it has kinds, not as it has modules.

use landfall_plan::RunModule;
use serde::Serialize;

/// Modules that a function works on at a time: about as many as keep AWS busy and stay below its request rates.
const AT_ONCE: usize = 24;

/// Modules of one function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Batch {
    /// Name, for people who look for its execution: that of its first module, and how many others there are.
    pub name: String,
    /// ARN of the version of the function.
    pub function: String,
    /// Names of the modules.
    pub modules: Vec<String>,
}

/// Puts modules of one function whose `needs` are the same into batches, in the order of the first module of each. When
/// the modules come after what they need, so do the batches; and no module needs another one of its batch, because it
/// would have to need itself.
pub(crate) fn batches<'a, N: PartialEq>(modules: impl Iterator<Item = (&'a RunModule, N)>) -> Vec<Batch> {
    let mut open: Vec<(N, Batch)> = Vec::new();
    for (module, needs) in modules {
        let fits = |(others, batch): &&mut (N, Batch)| {
            *others == needs && batch.function == module.function && batch.modules.len() < AT_ONCE
        };
        match open.iter_mut().find(fits) {
            Some((_, batch)) => batch.modules.push(module.name.clone()),
            None => {
                let (name, function) = (module.name.clone(), module.function.clone());
                open.push((needs, Batch { name, function, modules: vec![module.name.clone()] }));
            }
        }
    }
    open.into_iter().map(|(_, batch)| batch.named()).collect()
}

impl Batch {
    fn named(mut self) -> Self {
        if self.modules.len() > 1 {
            self.name = format!("{}-and-{}-more", self.name, self.modules.len() - 1);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use landfall_plan::ModuleChange;

    fn module(name: &str, kind: &str) -> RunModule {
        RunModule {
            name: name.into(),
            kind: kind.into(),
            change: ModuleChange::Apply,
            function: kind.into(),
            needs: Vec::new(),
        }
    }

    #[test]
    fn modules_of_one_kind_that_begin_together_are_one_batch_and_order_is_kept() {
        let modules = [
            (module("key", "kms"), vec![]),
            (module("a", "sqs"), vec!["key"]),
            (module("b", "sqs"), vec![]),
            (module("topic", "sns"), vec!["a"]),
            (module("c", "sqs"), vec!["key"]),
            (module("d", "sqs"), vec!["key", "c"]),
        ];
        let found = batches(modules.iter().map(|(module, needs)| (module, needs)));
        let named: Vec<(&str, Vec<&str>)> = found
            .iter()
            .map(|batch| (batch.name.as_str(), batch.modules.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(
            named,
            [
                ("key", vec!["key"]),
                ("a-and-1-more", vec!["a", "c"]),
                ("b", vec!["b"]),
                ("topic", vec!["topic"]),
                ("d", vec!["d"]),
            ]
        );
    }

    #[test]
    fn no_batch_is_larger_than_one_function_works_on() {
        let modules: Vec<RunModule> = (0..60).map(|number| module(&format!("m{number}"), "sqs")).collect();
        let found = batches(modules.iter().map(|module| (module, ())));
        assert_eq!(found.iter().map(|batch| batch.modules.len()).collect::<Vec<_>>(), [24, 24, 12]);
    }
}
