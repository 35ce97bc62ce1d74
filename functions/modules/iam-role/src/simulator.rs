//! What lets the role ask IAM what it may do
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html#permissions-required_policy-simulator>).

use landfall_aws::Statement;

const API: [&str; 4] = [
    "iam:GetContextKeysForCustomPolicy",
    "iam:GetContextKeysForPrincipalPolicy",
    "iam:SimulateCustomPolicy",
    "iam:SimulatePrincipalPolicy",
];

const CONSOLE: [&str; 18] = [
    "iam:GetGroup",
    "iam:GetGroupPolicy",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:GetUser",
    "iam:GetUserPolicy",
    "iam:ListAttachedGroupPolicies",
    "iam:ListAttachedRolePolicies",
    "iam:ListAttachedUserPolicies",
    "iam:ListGroupPolicies",
    "iam:ListGroups",
    "iam:ListGroupsForUser",
    "iam:ListRolePolicies",
    "iam:ListRoles",
    "iam:ListUserPolicies",
    "iam:ListUsers",
];

/// The two statements that every role of the module has.
pub(crate) fn statements() -> Vec<Statement> {
    vec![
        Statement::allow(API).sid("PolicySimulatorAPI").on(["*"]),
        Statement::allow(CONSOLE).sid("PolicySimulatorConsole").on(["*"]),
    ]
}
