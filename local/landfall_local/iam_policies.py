"""Customer managed policies as IAM authorises them: by their ARN and their tags. MiniStack asks for `*` when one is
created, leaves its tags out of conditions, attaches policies that do not exist, and its tagging service does not know
roles and policies. Simulations find whom they are about also where that one has a path, take what is said of the call,
and tell of the permissions boundary and of the policy that denies.
"""

import itertools
from xml.sax.saxutils import escape

from ministack.core import iam_actions
from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, tagging

DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny"}


def tagged():
    for role in iam._roles.values():
        yield role.get("Arn", ""), role.get("Tags") or []
    for user in iam._users.values():
        yield user.get("Arn", ""), user.get("Tags") or []
    for arn, policy in iam._policies.items():
        yield arn, policy.get("Tags") or []


def naming_policies(extract):
    def extract_resource_arn(service, method, path, headers, body, query_params, region, account_id):
        found = extract(service, method, path, headers, body, query_params, region, account_id)
        if service == "iam" and iam._p(query_params, "PolicySourceArn"):
            return iam._p(query_params, "PolicySourceArn")
        name = iam._p(query_params, "PolicyName") if service == "iam" and found == "*" else None
        if not name:
            return found
        return f"arn:aws:iam::{account_id}:policy{iam._p(query_params, 'Path') or '/'}{name}"

    return extract_resource_arn


def attach(params):
    arn = iam._p(params, "PolicyArn")
    if not iam._policy_exists(arn):
        return iam._error(404, "NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", ns="iam")
    return iam._attach_role_policy(params)


def whose(source: str):
    """Own policies by name and the limits of a role or user, also where it has a path."""
    kind, name = source.split(":")[-1].split("/")[0], source.split("/")[-1]
    store = iam._roles if kind == "role" else iam._users
    inline = store.get(name, {}).get("InlinePolicies") if kind == "role" else iam._user_inline_policies.get(name)
    gather = evaluator._gather_role_policies if kind == "role" else evaluator._gather_user_policies
    account = get_account_id()
    return gather(name, account), evaluator._permissions_boundary(store, name, account), inline or {}


def context_entries(params) -> dict[str, str]:
    found = {}
    for number in itertools.count(1):
        entry = f"ContextEntries.member.{number}"
        key = iam._p(params, f"{entry}.ContextKeyName")
        if not key:
            return found
        found[key.lower()] = iam._p(params, f"{entry}.ContextKeyValues.member.1")


def simulate(params):
    source, given = iam._p(params, "PolicySourceArn"), context_entries(params)
    policies, limits, inline = whose(source)
    actions, resource = iam._extract_simulate_params(params)
    members = ""
    for action in actions:
        context = evaluator.EvalContext(
            principal_arn=source,
            principal_type="User",
            principal_account=get_account_id(),
            action=action,
            resource_arn=resource,
            region=get_region(),
            secure_transport=given.get("aws:securetransport") == "true",
            service_context=given,
        )
        decision = DECISIONS.get(evaluator.evaluate(context, policies, *limits).decision, "implicitDeny")
        documents = {name: evaluator.parse_policy_document(text) for name, text in inline.items()}
        denying = [name for name, one in documents.items() if evaluator.evaluate(context, [one]).decision == "Deny"]
        matched = "".join(f"<member><SourcePolicyId>{escape(name)}</SourcePolicyId></member>" for name in denying)
        bounded = ""
        if limits:
            allowed = all(evaluator.evaluate(context, limit).decision == "Allow" for limit in limits)
            bounded = f"<AllowedByPermissionsBoundary>{str(allowed).lower()}</AllowedByPermissionsBoundary>"
            bounded = f"<PermissionsBoundaryDecisionDetail>{bounded}</PermissionsBoundaryDecisionDetail>"
        members += (
            f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
            f"<EvalDecision>{decision}</EvalDecision><MatchedStatements>{matched}</MatchedStatements>"
            f"<MissingContextValues></MissingContextValues>{bounded}</member>"
        )
    result = f"<EvaluationResults>{members}</EvaluationResults><IsTruncated>false</IsTruncated>"
    result = f"<SimulatePrincipalPolicyResult>{result}</SimulatePrincipalPolicyResult>"
    return iam._xml(200, "SimulatePrincipalPolicyResponse", result, ns="iam")


def install() -> None:
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate
    iam._IAM_HANDLERS["AttachRolePolicy"] = attach
    tagging._COLLECTORS["iam"] = tagged
    tagging._RESOURCE_TAG_COLLECTORS["iam"] = tagged
    iam_actions.extract_resource_arn = naming_policies(iam_actions.extract_resource_arn)
