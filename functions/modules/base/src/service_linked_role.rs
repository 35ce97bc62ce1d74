//! A service-linked role: the account has it once, and it stays when an environment goes, since others use it.

use landfall_engine::{
    Actions, Aws, Changes, Error, Explain, Intent, Kind, Progress, Resource, Result, Seen, Wanted, async_trait,
    tolerate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

landfall_aws::client!(iam: aws_sdk_iam);

/// A service-linked role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceLinkedRole {
    /// Service, such as `autoscaling.amazonaws.com`.
    pub service: String,
    /// The name that the service gives its role.
    pub role: String,
}

#[async_trait]
impl Resource for ServiceLinkedRole {
    const KIND: &'static str = "AWS::IAM::ServiceLinkedRole";
    const TAGGED: bool = false;
    const DELETE_NOTE: &'static str = "the role stays: the account has it once, for everybody";
    const ACTIONS: Actions = Actions { create: &["iam:CreateServiceLinkedRole"], update: &[], delete: &[] };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut seen = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            // Without an id it is made if it is missing, which shows whether it was there.
            let found = match wanted.id {
                Some(name) => exists(aws, name).await?,
                None => false,
            };
            let service = wanted.properties.get("service");
            seen.push(
                wanted.id.filter(|_| found).map(|name| Seen::ready(name, json!({ "service": service, "role": name }))),
            );
        }
        Ok(seen)
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let created = iam(aws).create_service_linked_role().aws_service_name(&self.service).send().await;
        // IAM answers InvalidInput for a role that the account has already.
        let taken = ["InvalidInput", "InvalidInputException", "EntityAlreadyExists"];
        tolerate(created.explain("CreateServiceLinkedRole", &self.role), &taken)?;
        if exists(aws, &self.role).await? {
            return Ok(Progress::done(&self.role));
        }
        Err(Error::new(Kind::NotReady, "CreateServiceLinkedRole", "IAM does not show the role yet").about(&self.role))
    }

    async fn update(&self, _aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        Ok(Progress::done(changes.id()))
    }

    async fn delete(_aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        Ok(Progress::done(&seen.id))
    }
}

async fn exists(aws: &Aws, role: &str) -> Result<bool> {
    let asked = iam(aws).get_role().role_name(role).send().await.explain("GetRole", role);
    // A role that does not exist is an answer.
    Ok(tolerate(asked, &["NoSuchEntity"])?.is_some())
}
