//! The IAM actions that a resource kind needs, by what is done to it.

use landfall_plan::{Action, ResourceChange};

/// The IAM actions without which AWS refuses a change. Listed as in the Service Authorization Reference
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>);
/// each stands in the `policy.json` of the modules that have the kind.
#[derive(Clone, Copy, Debug)]
pub struct Actions {
    /// To make one.
    pub create: &'static [&'static str],
    /// To change one: the field that changes and the action for it. The field `*` is every one but `tags`.
    pub update: &'static [(&'static str, &'static str)],
    /// To remove one.
    pub delete: &'static [&'static str],
}

impl Actions {
    /// Of a kind that does not say what it needs: it is not checked.
    pub const NONE: Self = Self { create: &[], update: &[], delete: &[] };

    /// Every action.
    pub fn all(&self) -> impl Iterator<Item = &'static str> {
        let update = self.update.iter().map(|(_, action)| *action);
        self.create.iter().copied().chain(update).chain(self.delete.iter().copied())
    }

    /// What a change needs.
    pub(super) fn needed(&self, change: &ResourceChange) -> Vec<&'static str> {
        match change.action {
            Action::Keep => Vec::new(),
            Action::Create => self.create.to_vec(),
            Action::Update => {
                self.update.iter().filter(|(field, _)| touches(change, field)).map(|(_, of)| *of).collect()
            }
            Action::Replace => [self.delete, self.create].concat(),
            Action::Delete => self.delete.to_vec(),
        }
    }
}

fn touches(change: &ResourceChange, field: &str) -> bool {
    change.attributes.iter().any(|attribute| {
        let top = attribute.path.split('.').next().unwrap_or_default();
        top == field || (field == "*" && top != "tags")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use landfall_plan::{After, AttributeChange, Before, Risk};

    const QUEUE: Actions = Actions {
        create: &["sqs:CreateQueue"],
        update: &[("tags", "sqs:TagQueue"), ("*", "sqs:SetQueueAttributes")],
        delete: &["sqs:DeleteQueue"],
    };

    fn change(action: Action, paths: &[&str]) -> ResourceChange {
        let attribute = |path: &&str| AttributeChange {
            path: (*path).to_owned(),
            before: Before::Absent,
            after: After::Absent,
            forces_replacement: false,
            drift: false,
        };
        ResourceChange {
            resource: "queue".into(),
            kind: "AWS::SQS::Queue".into(),
            name: None,
            action,
            risk: Risk::Low,
            reason: String::new(),
            attributes: paths.iter().map(attribute).collect(),
            note: String::new(),
        }
    }

    #[test]
    fn a_change_needs_what_it_does_and_no_more() {
        let needed = |action, paths: &[&str]| QUEUE.needed(&change(action, paths));
        assert!(needed(Action::Keep, &[]).is_empty());
        assert_eq!(needed(Action::Create, &["tags.a", "policy"]), ["sqs:CreateQueue"]);
        assert_eq!(needed(Action::Update, &["tags.a"]), ["sqs:TagQueue"]);
        assert_eq!(needed(Action::Update, &["policy.Statement"]), ["sqs:SetQueueAttributes"]);
        assert_eq!(needed(Action::Replace, &["name"]), ["sqs:DeleteQueue", "sqs:CreateQueue"]);
        assert_eq!(needed(Action::Delete, &[]), ["sqs:DeleteQueue"]);
    }
}
