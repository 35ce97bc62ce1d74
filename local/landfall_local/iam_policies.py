"""Customer managed policies as IAM authorises them: by their ARN and their tags. MiniStack asks for `*` when one is
created, leaves its tags out of conditions, attaches policies that do not exist, and its tagging service does not know
roles and policies. Simulations find whom they are about also where that one has a path.
"""

from ministack.core import iam_actions
from ministack.services import iam, tagging


def tagged():
    for role in iam._roles.values():
        yield role.get("Arn", ""), role.get("Tags") or []
    for user in iam._users.values():
        yield user.get("Arn", ""), user.get("Tags") or []
    for arn, policy in iam._policies.items():
        yield arn, policy.get("Tags") or []


def naming_new_policies(extract):
    def extract_resource_arn(service, method, path, headers, body, query_params, region, account_id):
        found = extract(service, method, path, headers, body, query_params, region, account_id)
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


def simulate(params):
    source = iam._p(params, "PolicySourceArn")
    kind, *path, name = source.split("/") if "/" in source else ("", source)
    return iam._simulate_principal_policy({**params, "PolicySourceArn": [f"{kind}/{name}"] if path else [source]})


def install() -> None:
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate
    iam._IAM_HANDLERS["AttachRolePolicy"] = attach
    tagging._COLLECTORS["iam"] = tagged
    tagging._RESOURCE_TAG_COLLECTORS["iam"] = tagged
    iam_actions.extract_resource_arn = naming_new_policies(iam_actions.extract_resource_arn)
