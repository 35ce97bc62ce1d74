//! The environment variables of the control functions, declared once.

use std::collections::{BTreeMap, BTreeSet};

use landfall_state::StateError;

/// Settings of a control function. Module functions read only `LANDFALL_TABLE` and `LANDFALL_BUCKET`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `LANDFALL_STACK`: name of the stack, prefix of every function and state machine.
    pub stack: String,
    /// `LANDFALL_TOPIC_ARN`: topic that announces status changes.
    pub topic_arn: String,
    /// `LANDFALL_DEPLOY_MACHINE_ARN`: state machine of a deployment.
    pub deploy_machine_arn: String,
    /// `LANDFALL_MODULE_MACHINE_ARN`: state machine of a module.
    pub module_machine_arn: String,
    /// `LANDFALL_KINDS`: JSON list of the module kinds whose function is installed.
    pub kinds: BTreeSet<String>,
    /// `LANDFALL_VERSIONS`: JSON map from the functions that a deployment stays on, by kind or name, to their versions.
    /// Only the planner has it. Not the ARNs: Lambda allows 4 KB of environment.
    pub versions: BTreeMap<String, String>,
    /// `LANDFALL_RELEASE`: version of the installation.
    pub release: String,
}

impl Settings {
    /// From the environment.
    ///
    /// # Errors
    /// [`StateError::Setting`] naming the variable that is missing or cannot be read.
    pub fn from_env() -> Result<Self, StateError> {
        let read = |name| std::env::var(name).map_err(|_| StateError::Setting { name });
        let json = |name| -> Result<Option<serde_json::Value>, StateError> {
            match std::env::var(name) {
                Ok(text) => serde_json::from_str(&text).map(Some).map_err(|_| StateError::Setting { name }),
                Err(_) => Ok(None),
            }
        };
        let kinds = json("LANDFALL_KINDS")?.unwrap_or_default();
        let versions = json("LANDFALL_VERSIONS")?.unwrap_or_default();
        Ok(Self {
            stack: read("LANDFALL_STACK")?,
            topic_arn: read("LANDFALL_TOPIC_ARN")?,
            deploy_machine_arn: read("LANDFALL_DEPLOY_MACHINE_ARN")?,
            module_machine_arn: read("LANDFALL_MODULE_MACHINE_ARN")?,
            kinds: serde_json::from_value(kinds).unwrap_or_default(),
            versions: serde_json::from_value(versions).unwrap_or_default(),
            release: read("LANDFALL_RELEASE")?,
        })
    }

    /// ARN of the alias `live` of one of the installation's functions.
    pub fn function_alias(&self, name: &str) -> String {
        self.function(name, "live")
    }

    /// ARN of the version of the function of a module kind; `None` when this installation has none.
    pub fn module_function(&self, kind: &str) -> Option<String> {
        self.versions.get(kind).map(|version| self.function(kind, version))
    }

    /// ARN of the version of a control function that deployments stay on which begin now.
    pub fn pinned(&self, name: &str) -> String {
        self.versions.get(name).map_or_else(|| self.function_alias(name), |version| self.function(name, version))
    }

    fn function(&self, name: &str, qualifier: &str) -> String {
        // arn:PARTITION:states:REGION:ACCOUNT:stateMachine:NAME names everything that the function's ARN needs.
        let mut parts = self.deploy_machine_arn.split(':');
        let partition = parts.nth(1).unwrap_or("aws");
        let region = parts.nth(1).unwrap_or_default();
        let account = parts.next().unwrap_or_default();
        format!("arn:{partition}:lambda:{region}:{account}:function:{}-{name}:{qualifier}", self.stack)
    }

    /// Account of the installation.
    pub fn account_id(&self) -> &str {
        self.deploy_machine_arn.split(':').nth(4).unwrap_or_default()
    }

    /// Region of the installation.
    pub fn region(&self) -> &str {
        self.deploy_machine_arn.split(':').nth(3).unwrap_or_default()
    }

    /// Partition of the installation.
    pub fn partition(&self) -> &str {
        self.deploy_machine_arn.split(':').nth(1).unwrap_or("aws")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_aliases_follow_from_the_machines_arn() {
        let settings = Settings {
            stack: "landfall".into(),
            topic_arn: String::new(),
            deploy_machine_arn: "arn:aws:states:eu-west-1:123456789012:stateMachine:landfall-deploy".into(),
            module_machine_arn: String::new(),
            kinds: BTreeSet::new(),
            versions: BTreeMap::from([("sqs".into(), "17".into())]),
            release: "1".into(),
        };
        assert_eq!(
            settings.function_alias("planner"),
            "arn:aws:lambda:eu-west-1:123456789012:function:landfall-planner:live"
        );
        let sqs = "arn:aws:lambda:eu-west-1:123456789012:function:landfall-sqs:17";
        assert_eq!((settings.module_function("sqs").as_deref(), settings.module_function("dns")), (Some(sqs), None));
        assert_eq!((settings.account_id(), settings.region()), ("123456789012", "eu-west-1"));
    }
}
