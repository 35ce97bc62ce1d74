//! The CloudFormation stack: compared, brought up to date by a change set, followed resource by resource.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{
    Capability, Change, ChangeAction, ChangeSetStatus, ChangeSetType, OnStackFailure, Parameter, StackStatus,
};

use crate::install::{Progress, ResourceEvent, ResourceState, told};

/// The stack as it is.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) status: String,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) outputs: BTreeMap<String, String>,
    /// Text of its template.
    pub(crate) template: String,
}

/// What the stack is to be.
pub(crate) struct Wanted<'a> {
    pub(crate) template: &'a str,
    pub(crate) template_url: String,
    pub(crate) parameters: BTreeMap<String, String>,
}

pub(crate) struct Stack<'a> {
    cloudformation: aws_sdk_cloudformation::Client,
    name: &'a str,
}

impl<'a> Stack<'a> {
    pub(crate) fn new(config: &SdkConfig, name: &'a str) -> Self {
        Self { cloudformation: aws_sdk_cloudformation::Client::new(config), name }
    }

    /// The stack as it is; `None` when there is none, or only a change set that was never executed.
    pub(crate) async fn current(&self) -> Result<Option<Current>> {
        let answer = match self.cloudformation.describe_stacks().stack_name(self.name).send().await {
            Ok(answer) => answer,
            Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => return Ok(None),
            Err(error) => bail!("the stack {} cannot be read: {}", self.name, told(&error)),
        };
        let Some(stack) = answer.stacks().first() else { return Ok(None) };
        let status = stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default();
        if status == StackStatus::ReviewInProgress.as_str() {
            return Ok(None);
        }
        let template = self.cloudformation.get_template().stack_name(self.name).send().await;
        let template = template.map_err(|error| anyhow::anyhow!("its template cannot be read: {}", told(&error)))?;
        let parameters = stack.parameters().iter();
        let outputs = stack.outputs().iter();
        Ok(Some(Current {
            status,
            parameters: parameters
                .filter_map(|one| Some((one.parameter_key()?.to_owned(), one.parameter_value()?.to_owned())))
                .collect(),
            outputs: outputs
                .filter_map(|one| Some((one.output_key()?.to_owned(), one.output_value()?.to_owned())))
                .collect(),
            template: template.template_body.unwrap_or_default(),
        }))
    }

    /// Creates or updates; `false` when there was nothing to change.
    pub(crate) async fn bring(
        &self,
        current: Option<&Current>,
        wanted: &Wanted<'_>,
        progress: &dyn Progress,
    ) -> Result<bool> {
        if let Some(current) = current {
            if is_busy(&current.status) {
                bail!("the stack {} is being changed by somebody else ({}); wait for it", self.name, current.status);
            }
            if is_dead(&current.status) {
                bail!(
                    "the stack {} could not be created earlier ({}); delete it and try again: aws cloudformation delete-stack --stack-name {}",
                    self.name,
                    current.status,
                    self.name
                );
            }
            if is_equal(current, wanted) {
                return Ok(false);
            }
        }
        let name = format!("landfall-{}", std::process::id());
        self.create_change_set(&name, current.is_some(), wanted).await?;
        let Some(changes) = self.change_set_is_ready(&name).await? else { return Ok(false) };
        let kept: Vec<&str> = changes.iter().filter_map(taken_over).collect();
        if !kept.is_empty() {
            progress.step(&format!("taking over what an earlier installation left: {}", kept.join(", ")));
        }
        progress.begins(if current.is_some() { "updating the stack" } else { "creating the stack" }, changes.len());
        let mut seen = BTreeSet::new();
        self.fresh_events(&mut seen).await;
        let begun = Instant::now();
        self.cloudformation
            .execute_change_set()
            .stack_name(self.name)
            .change_set_name(&name)
            .send()
            .await
            .map_err(|error| anyhow::anyhow!("the change set cannot be executed: {}", told(&error)))?;
        self.follow(begun, &mut seen, progress).await?;
        Ok(true)
    }

    async fn create_change_set(&self, name: &str, exists: bool, wanted: &Wanted<'_>) -> Result<()> {
        let parameters = wanted
            .parameters
            .iter()
            .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
            .collect();
        let mut create = self
            .cloudformation
            .create_change_set()
            .stack_name(self.name)
            .change_set_name(name)
            .change_set_type(if exists { ChangeSetType::Update } else { ChangeSetType::Create })
            .template_url(&wanted.template_url)
            .set_parameters(Some(parameters))
            .capabilities(Capability::CapabilityNamedIam);
        if !exists {
            // A config bucket and a table that an earlier stack of this name left are taken over with what is in them.
            create = create.on_stack_failure(OnStackFailure::Rollback).import_existing_resources(true);
        }
        create.send().await.map_err(|error| anyhow::anyhow!("the change set cannot be made: {}", told(&error)))?;
        Ok(())
    }

    /// Waits until the change set is made and answers its changes; `None` when it holds none.
    async fn change_set_is_ready(&self, name: &str) -> Result<Option<Vec<Change>>> {
        loop {
            let set = self
                .cloudformation
                .describe_change_set()
                .stack_name(self.name)
                .change_set_name(name)
                .send()
                .await
                .map_err(|error| anyhow::anyhow!("the change set cannot be read: {}", told(&error)))?;
            match set.status() {
                Some(ChangeSetStatus::CreateComplete) => return self.changes(name).await.map(Some),
                Some(ChangeSetStatus::Failed) => {
                    let reason = set.status_reason().unwrap_or("no reason was given").to_owned();
                    // AWS says so in one of two sentences, depending on why there is nothing.
                    let nothing =
                        reason.contains("didn't contain changes") || reason.contains("No updates are to be performed");
                    let delete = self.cloudformation.delete_change_set().stack_name(self.name).change_set_name(name);
                    delete.send().await.map_err(|error| anyhow::anyhow!("{}", told(&error)))?;
                    if nothing {
                        return Ok(None);
                    }
                    bail!("the change set cannot be made: {reason}");
                }
                _ => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }

    /// Every change of a change set; it shows them in pages.
    async fn changes(&self, name: &str) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let mut next = None;
        loop {
            let page = self
                .cloudformation
                .describe_change_set()
                .stack_name(self.name)
                .change_set_name(name)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| anyhow::anyhow!("the change set cannot be read: {}", told(&error)))?;
            changes.extend_from_slice(page.changes());
            next = page.next_token;
            if next.is_none() {
                return Ok(changes);
            }
        }
    }

    async fn follow(&self, begun: Instant, seen: &mut BTreeSet<String>, progress: &dyn Progress) -> Result<()> {
        let mut failures: Vec<String> = Vec::new();
        loop {
            let status = self.status().await?;
            for event in self.fresh_events(seen).await {
                if event.state == ResourceState::Failed && !event.reason.contains("cancelled") {
                    failures.push(format!("  {} ({}): {}", event.name, event.kind, event.reason));
                }
                progress.resource(&event);
            }
            if !is_busy(&status) {
                if status.contains("ROLLBACK") || status.ends_with("_FAILED") {
                    bail!("the stack ended as {status}:\n{}", failures.join("\n"));
                }
                progress.step(&format!("the stack is ready after {} s", begun.elapsed().as_secs()));
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1000)).await;
        }
    }

    /// Events of resources that were not seen before, oldest first. Progress is all they are for: when they cannot be
    /// read, the status of the stack still says how it ends.
    async fn fresh_events(&self, seen: &mut BTreeSet<String>) -> Vec<ResourceEvent> {
        let mut fresh = Vec::new();
        let mut pages = self.cloudformation.describe_stack_events().stack_name(self.name).into_paginator().send();
        'pages: while let Some(Ok(page)) = pages.next().await {
            for event in page.stack_events() {
                if !seen.insert(event.event_id().unwrap_or_default().to_owned()) {
                    break 'pages;
                }
                fresh.push(event.clone());
            }
        }
        fresh.reverse();
        fresh
            .iter()
            // Of the stack itself only what failed before any resource was touched.
            .filter(|event| {
                let failed = event.resource_status().is_some_and(|status| status.as_str().ends_with("_FAILED"));
                event.resource_type() != Some("AWS::CloudFormation::Stack") || failed
            })
            .map(|event| {
                let status = event.resource_status().map(|status| status.as_str()).unwrap_or_default();
                ResourceEvent {
                    name: event.logical_resource_id().unwrap_or_default().to_owned(),
                    kind: event.resource_type().unwrap_or_default().to_owned(),
                    state: match status {
                        _ if status.ends_with("_FAILED") => ResourceState::Failed,
                        _ if status.ends_with("_COMPLETE") => ResourceState::Done,
                        _ => ResourceState::Begun,
                    },
                    status: status.to_lowercase().replace('_', " "),
                    reason: event.resource_status_reason().unwrap_or_default().to_owned(),
                }
            })
            .collect()
    }

    async fn status(&self) -> Result<String> {
        let answer = self.cloudformation.describe_stacks().stack_name(self.name).send().await;
        let answer = answer.map_err(|error| anyhow::anyhow!("the stack cannot be read: {}", told(&error)))?;
        let status = answer.stacks().first().and_then(|stack| stack.stack_status().cloned());
        Ok(status.context("the stack is gone")?.as_str().to_owned())
    }
}

/// Name of a resource that was there before the stack.
fn taken_over(change: &Change) -> Option<&str> {
    let change = change.resource_change()?;
    (change.action() == Some(&ChangeAction::Import)).then(|| change.physical_resource_id())?
}

/// Whether CloudFormation works on it. A clean-up after a success is not waited for: everything works already.
fn is_busy(status: &str) -> bool {
    status.ends_with("_IN_PROGRESS") && status != "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
}

/// Whether nothing but a deletion is possible.
fn is_dead(status: &str) -> bool {
    matches!(status, "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED")
}

/// Whether template and parameters are as wanted, so that not even a change set is needed.
fn is_equal(current: &Current, wanted: &Wanted<'_>) -> bool {
    let is_well = matches!(current.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE");
    is_well
        && current.template.trim() == wanted.template.trim()
        && wanted.parameters.iter().all(|(name, value)| current.parameters.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current(status: &str) -> Current {
        Current {
            status: status.to_owned(),
            parameters: BTreeMap::from([("ArtifactBucket".to_owned(), "a".to_owned())]),
            outputs: BTreeMap::new(),
            template: "Resources: {}\n".to_owned(),
        }
    }

    fn wanted(bucket: &str) -> Wanted<'static> {
        Wanted {
            template: "Resources: {}",
            template_url: String::new(),
            parameters: BTreeMap::from([("ArtifactBucket".to_owned(), bucket.to_owned())]),
        }
    }

    #[test]
    fn a_stack_is_left_alone_only_when_it_is_well_and_nothing_differs() {
        assert!(is_equal(&current("UPDATE_COMPLETE"), &wanted("a")));
        assert!(!is_equal(&current("UPDATE_COMPLETE"), &wanted("b")));
        assert!(!is_equal(&current("UPDATE_ROLLBACK_COMPLETE"), &wanted("a")));
    }

    #[test]
    fn a_clean_up_after_a_success_is_not_waited_for() {
        assert!(is_busy("UPDATE_IN_PROGRESS"));
        assert!(is_busy("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"));
        assert!(!is_busy("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"));
    }
}
