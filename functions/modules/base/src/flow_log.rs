//! The flow log of the VPC: every connection, accepted or rejected, to a log group.

use aws_sdk_ec2::operation::create_flow_logs::CreateFlowLogsOutput;
use aws_sdk_ec2::types::{FlowLogsResourceType, LogDestinationType, ResourceType, TrafficType};
use landfall_engine::{
    Actions, Aws, Changes, Error, Explain, Field, Intent, Kind, OnChange, Progress, Resource, Result, Seen, Tags,
    Wanted, async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::{ec2, gone, id_of, lookups, matching, retag, settling, tagged, tags_of};

/// How often a flow log is tried that AWS refuses: for five minutes.
const ATTEMPTS: u32 = 60;

/// A flow log of a VPC. Nothing of it can be changed in place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FlowLog {
    /// VPC.
    pub vpc_id: String,
    /// Which traffic: `ALL`.
    pub traffic: String,
    /// Name of the log group.
    pub log_group: String,
    /// ARN of the role that writes.
    pub role: String,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

#[async_trait]
impl Resource for FlowLog {
    const KIND: &'static str = "AWS::EC2::FlowLog";
    const FIELDS: &'static [Field] = &[
        Field { name: "vpc_id", on_change: OnChange::Replace },
        Field { name: "traffic", on_change: OnChange::Replace },
        Field { name: "log_group", on_change: OnChange::Replace },
        Field { name: "role", on_change: OnChange::Replace },
    ];
    const NAMED: bool = false;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateFlowLogs", "ec2:CreateTags", "iam:PassRole"],
        update: &[("tags", "ec2:CreateTags")],
        delete: &["ec2:DeleteFlowLogs"],
    };

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut found = Vec::new();
        for filters in lookups("flow-log-id", wanted) {
            let pages = ec2(aws).describe_flow_logs().set_filter(Some(filters)).into_paginator().items().send();
            found.extend(pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeFlowLogs", "flow log")?);
        }
        let one = |wanted: &Wanted<'_>| {
            let log = matching(wanted, &found, |log| log.flow_log_id(), |log| log.tags())?;
            let mut properties = json!({
                "vpc_id": log.resource_id(),
                "traffic": log.traffic_type().map(TrafficType::as_str),
                "tags": tags_of(log.tags()),
            });
            if let Some(group) = log.log_group_name().or(log.log_destination()) {
                properties["log_group"] = json!(group_name(group));
            }
            if let Some(role) = log.deliver_logs_permission_arn() {
                properties["role"] = json!(role);
            }
            Some(Seen::ready(log.flow_log_id()?, properties))
        };
        Ok(wanted.iter().map(one).collect())
    }

    async fn create(&self, aws: &Aws, intent: &Intent) -> Result<Progress> {
        let created = ec2(aws)
            .create_flow_logs()
            .resource_type(FlowLogsResourceType::Vpc)
            .resource_ids(&self.vpc_id)
            .traffic_type(TrafficType::from(self.traffic.as_str()))
            .log_destination_type(LogDestinationType::CloudWatchLogs)
            .log_group_name(&self.log_group)
            .deliver_logs_permission_arn(&self.role)
            .client_token(&intent.client_token)
            .tag_specifications(tagged(ResourceType::VpcFlowLog, &self.tags))
            .send()
            .await;
        let created = settling(created.explain("CreateFlowLogs", &self.vpc_id))?;
        if let Some(refused) = refusal(&created, intent.attempt) {
            return Err(refused.about(&self.vpc_id));
        }
        Ok(Progress::done(id_of(created.flow_log_ids().first().map(String::as_str), "CreateFlowLogs")?))
    }

    async fn update(&self, aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        retag(aws, changes, &self.tags).await?;
        Ok(Progress::done(changes.id()))
    }

    async fn delete(aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        gone(ec2(aws).delete_flow_logs().flow_log_ids(&seen.id).send().await.explain("DeleteFlowLogs", &seen.id))?;
        Ok(Progress::done(&seen.id))
    }
}

/// A refusal that AWS answers as a success with the reason inside
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>). A role or log group that was made a
/// moment ago may not be known to the flow log service yet, so that it is tried again; what is refused for longer is
/// refused.
fn refusal(created: &CreateFlowLogsOutput, attempt: u32) -> Option<Error> {
    let refused = created.unsuccessful().first()?.error()?;
    let message = refused.message().unwrap_or("AWS gave no reason").trim_end_matches('.');
    let code = refused.code().unwrap_or("Unknown");
    let kind = if attempt < ATTEMPTS { Kind::NotReady } else { Kind::Conflict };
    Some(Error::new(kind, "CreateFlowLogs", format!("{message} ({code})")).refused())
}

/// The name of a log group that AWS answers by name or by ARN.
fn group_name(group: &str) -> &str {
    group.split_once(":log-group:").map_or(group, |(_, name)| name.trim_end_matches(":*"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{UnsuccessfulItem, UnsuccessfulItemError};

    use super::*;

    #[test]
    fn a_refusal_is_tried_again_for_a_while_and_then_said() {
        let error = UnsuccessfulItemError::builder().code("400").message("Access Denied for LogDestination.").build();
        let item = UnsuccessfulItem::builder().resource_id("vpc-1").error(error).build();
        let answer = CreateFlowLogsOutput::builder().unsuccessful(item).build();
        let kinds = [1, ATTEMPTS - 1, ATTEMPTS].map(|attempt| refusal(&answer, attempt).expect("it is refused").kind);
        assert_eq!(kinds, [Kind::NotReady, Kind::NotReady, Kind::Conflict]);
        let said = refusal(&answer, ATTEMPTS).expect("it is refused");
        assert_eq!(said.to_string(), "CreateFlowLogs: Access Denied for LogDestination (400)");
        assert!(said.is_refusal(), "nothing was made");
        assert!(refusal(&CreateFlowLogsOutput::builder().flow_log_ids("fl-1").build(), 1).is_none());
    }

    #[test]
    fn a_log_group_has_one_name() {
        assert_eq!(group_name("arn:aws:logs:eu-west-1:1:log-group:lf-prod-vpc-flow:*"), "lf-prod-vpc-flow");
        assert_eq!(group_name("lf-prod-vpc-flow"), "lf-prod-vpc-flow");
    }
}
