"""The permission for a path of the API is the permission to do that thing; a function can do its module's work only."""

import contextlib
import json
import urllib.error
import urllib.request

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import ACCOUNT, environment, local, until
from installation import REGION, folders, functions

QUEUE = "modules:\n  - name: orders\n    type: sqs"


def person(landfall, name: str, *allowed: str) -> Credentials:
    """A user who may call these methods and paths of the API, and nothing else."""
    iam = landfall.account.client("iam")
    iam.create_user(UserName=name)
    api = landfall.installation.api.split("//")[1].split(".")[0]
    statement = {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": [f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/$default/{path}" for path in allowed],
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="api", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def role_of(landfall, function: str) -> str:
    """Name of the role of a function. The region belongs to it: IAM is one for all regions."""
    return f"{landfall.installation.stack}-{REGION}-{function}"


def test_a_request_without_a_signature_is_refused(landfall):
    request = urllib.request.Request(local(f"{landfall.installation.api}/layers"))
    request.add_header("host", landfall.installation.api.split("/")[2])
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 403


def test_a_reader_may_look_and_not_touch(landfall):
    layer = landfall.name("watched")
    landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE), layer)
    reader = person(landfall, "reader", "GET/*")
    status, _ = landfall.call("GET", f"/layers/{layer}", credentials=reader)
    assert status == 200
    status, _ = landfall.call("POST", f"/layers/{layer}/deployments", {"action": "destroy"}, credentials=reader)
    assert status == 403
    assert landfall.tagged(layer)


def test_who_may_deploy_one_layer_may_not_approve_and_not_touch_another(landfall):
    mine, other = landfall.name("mine"), landfall.name("other")
    for layer in (mine, other):
        landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE), layer)
    developer = person(landfall, "developer", f"POST/layers/{mine}/deployments", f"GET/layers/{mine}/*")
    status, _ = landfall.call("POST", f"/layers/{other}/deployments", {"action": "destroy"}, credentials=developer)
    assert status == 403
    status, answer = landfall.call("POST", f"/layers/{mine}/deployments", {"action": "destroy"}, credentials=developer)
    assert status == 202, answer
    asks = landfall.ended(mine, answer["number"])
    path = f"/layers/{mine}/deployments/{asks['number']}/approval"
    body = {"decision": "approve", "plan_hash": asks["plan"]["hash"]}
    status, _ = landfall.call("POST", path, body, credentials=developer)
    assert status == 403
    assert landfall.approve(mine, asks)["outcome"] == "destroyed"


def test_a_denied_action_in_the_middle_of_a_module_is_named_with_its_role_and_what_it_left(landfall):
    layer = landfall.name("denied")
    iam = landfall.account.client("iam")
    role = role_of(landfall, "sqs")
    deny = {"Effect": "Deny", "Action": "sqs:CreateQueue", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName=role, PolicyName="taken-away", PolicyDocument=document)
    try:
        asks = landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE), layer)
        assert (asks["phase"], asks["plan"]["risk"]) == ("awaiting-approval", "high"), "the plan knew, and asks first"
        ended = landfall.approve(layer, asks)
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="taken-away")
    assert ended["status"] == "failed", ended
    for fact in ("sqs:CreateQueue", role, f"{layer}-{layer}-orders"):
        assert fact in ended["diagnostics"], ended["diagnostics"]
    # What was made before the refusal is in the journal, and the next deployment goes on from there.
    assert [arn for arn in landfall.tagged(layer) if ":kms:" in arn]
    keys = len([arn for arn in landfall.tagged(layer) if ":kms:" in arn])
    again = landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE) + "# again\n", layer)
    assert again["status"] == "succeeded", again
    assert len([arn for arn in landfall.tagged(layer) if ":kms:" in arn]) == keys == 1


@contextlib.contextmanager
def taken_away(landfall, function: str, *actions: str):
    """A function whose role is denied these actions."""
    iam, role = landfall.account.client("iam"), role_of(landfall, function)
    deny = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName=role, PolicyName="taken-away", PolicyDocument=document)
    try:
        yield role
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="taken-away")


def test_an_action_that_is_denied_to_a_function_is_a_line_of_the_plan_before_anything_is_made(landfall, tmp_path):
    layer = landfall.name("hindered")
    file = tmp_path / f"{layer}.yaml"
    file.write_text(environment(layer, QUEUE))

    def planned(*arguments: str) -> str:
        return landfall.installation.landfall("plan", str(file), *arguments).stdout

    with taken_away(landfall, "sqs", "sqs:CreateQueue", "sqs:DeleteQueue") as role:
        text = planned()
        line = " ".join(text.split("! will fail: ")[1].split("  + ")[0].split())
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{layer}-{layer}-orders"
        assert line == (
            f"policy taken-away denies sqs:CreateQueue on {queue} to role {role}: take that statement out of it"
        ), text
        assert "AWS will refuse: orders (sqs:CreateQueue)" in text and "DeleteQueue" not in text, text
        told = json.loads(planned("--json"))["preflight"]
        assert [(one["module"], one["about"]) for one in told] == [("orders", "sqs:CreateQueue")], told
        number = landfall.deployments(layer)[0]["number"]
        [module] = landfall.get(f"/layers/{layer}/deployments/{number}/plan")["plan"]["modules"]
        assert [(one["weight"], one["about"]) for one in module["preflight"]] == [("blocking", "sqs:CreateQueue")]
        status = landfall.installation.landfall("status", f"{layer}/{number}").stdout
        assert "in the way" in status and "sqs:CreateQueue" in status, status
        assert landfall.tagged(layer) == [], "nothing was made"
    text = planned()
    assert "will fail" not in text and "not checked" not in text, text


@contextlib.contextmanager
def buckets_allowed(landfall, count: int):
    """The account may have so many buckets."""
    quotas, bucket = landfall.account.client("service-quotas"), {"ServiceCode": "s3", "QuotaCode": "L-DC2B2D3D"}
    before = quotas.get_service_quota(**bucket)["Quota"]["Value"]
    quotas.request_service_quota_increase(**bucket, DesiredValue=count)
    try:
        yield
    finally:
        quotas.request_service_quota_increase(**bucket, DesiredValue=before)


def test_modules_of_two_functions_do_not_both_get_the_last_place(landfall, tmp_path):
    layer, there = landfall.name("crowded"), len(landfall.s3.list_buckets()["Buckets"])
    file, site = tmp_path / f"{layer}.yaml", f"  - name: site\n    type: s3\n    bucket_name: {landfall.name('site')}\n"

    def planned(modules: str) -> str:
        file.write_text(environment(layer, f"modules:\n{modules}"))
        return " ".join(landfall.installation.landfall("plan", str(file)).stdout.split())

    with buckets_allowed(landfall, there + 1):
        alone = planned(site)
        assert f"note: {there + 1} of {there + 1} general purpose buckets ({there} there, 1 to be made)" in alone, alone
        assert "will fail" not in alone, alone
        # The other one is that for the logs of the network.
        both = planned("  - type: base\n" + site)
        page = "https://us-east-1.console.aws.amazon.com/servicequotas/home/services/s3/quotas/L-DC2B2D3D"
        told = f"{there + 2} of {there + 1} general purpose buckets ({there} there, 2 to be made by 2 modules)"
        assert f"! will fail: {told}: ask for more: {page}" in both, both
        assert "AWS will refuse: site (general purpose buckets)" in both, both
    assert "general purpose buckets" not in planned(site)


def test_what_was_set_right_while_people_thought_is_applied_without_asking_again(landfall):
    layer = landfall.name("mended")
    with taken_away(landfall, "sqs", "sqs:CreateQueue"):
        asks = landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE), layer)
    assert (asks["phase"], asks["plan"]["risk"]) == ("awaiting-approval", "high")
    ended = landfall.approve(layer, asks)
    assert (ended["status"], ended["plan"]["risk"]) == ("succeeded", "low"), ended


# A plan that is harmless, and one that loses data already: the approval is about neither AWS's refusal.
WORSENED = [("careful", None, "landfall: { approval: { when: always } }\n" + QUEUE, "low")]
WORSENED += [("replaced", QUEUE, QUEUE + "\n    fifo: true", "high")]


@pytest.mark.parametrize(("stem", "before", "after", "risk"), WORSENED, ids=[one[0] for one in WORSENED])
def test_what_aws_would_refuse_since_the_approval_is_asked_about_again(landfall, stem, before, after, risk):
    layer = landfall.name(stem)
    if before:
        assert landfall.deploy(f"{layer}.yaml", environment(layer, before), layer)["status"] == "succeeded"
    there = landfall.tagged(layer)
    asks = landfall.deploy(f"{layer}.yaml", environment(layer, after), layer)
    assert (asks["phase"], asks["plan"]["risk"], asks["plan"]["blocked"]) == ("awaiting-approval", risk, False)
    with taken_away(landfall, "sqs", "sqs:CreateQueue"):
        body = {"decision": "approve", "plan_hash": asks["plan"]["hash"]}
        status, answer = landfall.call("POST", f"/layers/{layer}/deployments/{asks['number']}/approval", body)
        assert status == 200, answer

        def asked_again():
            one = landfall.get(f"/layers/{layer}/deployments/{asks['number']}")["deployment"]
            assert one["status"] in ("queued", "running"), one
            return one if one["plan"]["blocked"] and one.get("phase") == "awaiting-approval" else None

        again = until(asked_again, "it asks again")
        assert landfall.tagged(layer) == there, "nothing was made, and nothing removed"
    assert landfall.approve(layer, again)["status"] == "succeeded"


def test_every_function_may_ask_what_its_own_role_permits_and_nobody_elses(landfall):
    iam, modules = landfall.account.client("iam"), [folder.name for folder in folders("modules")]
    for name in functions():
        role = role_of(landfall, name)
        document = iam.get_role_policy(RoleName=role, PolicyName="function")["PolicyDocument"]
        asks = [one for one in document["Statement"] if "iam:SimulatePrincipalPolicy" in one["Action"]]
        own = [f"arn:aws:iam::{ACCOUNT}:role/{role}"]
        assert [one["Resource"] for one in asks] == (own if name in modules else []), (name, asks)


def test_a_function_that_makes_keys_may_not_touch_those_of_somebody_else(landfall):
    kms, iam = landfall.account.client("kms"), landfall.account.client("iam")
    tags = [{"TagKey": f"landfall:{name}", "TagValue": "mine"} for name in ("layer", "module")]
    own = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    foreign = kms.create_key(Tags=[{"TagKey": "team", "TagValue": "billing"}])["KeyMetadata"]["KeyId"]
    for function in ("base", "sns", "sqs"):
        # Somebody who may do what the function may.
        document = iam.get_role_policy(RoleName=role_of(landfall, function), PolicyName="function")["PolicyDocument"]
        name = f"like-{function}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="function", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        acting = landfall.account.client(
            "kms", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
        )
        for refused in (
            lambda: acting.untag_resource(KeyId=foreign, TagKeys=["team"]),
            lambda: acting.tag_resource(KeyId=foreign, Tags=[{"TagKey": "team", "TagValue": "ours"}]),
            lambda: acting.schedule_key_deletion(KeyId=foreign, PendingWindowInDays=7),
            lambda: acting.create_key(),
        ):
            with pytest.raises(ClientError, match="AccessDenied"):
                refused()
        acting.tag_resource(KeyId=own, Tags=[{"TagKey": "note", "TagValue": "kept"}])
        acting.untag_resource(KeyId=own, TagKeys=["note"])
        acting.create_key(Tags=tags)


def test_no_function_may_do_everything_or_hand_out_keys(landfall):
    iam = landfall.account.client("iam")
    for name in functions():
        document = iam.get_role_policy(RoleName=role_of(landfall, name), PolicyName="function")
        for statement in document["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not any(action.endswith(":*") or action == "*" for action in actions), (name, statement)
            assert "iam:CreateAccessKey" not in actions, (name, statement)


def test_the_policies_of_a_role_fit_into_what_iam_allows(landfall):
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 10,240 characters, without white space.
    iam = landfall.account.client("iam")
    for name in functions():
        role = role_of(landfall, name)
        total = 0
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            total += len("".join(json.dumps(document, separators=(",", ":")).split()))
        assert total <= 10_240, (name, total)


def test_nobody_but_lambda_takes_the_role_of_a_function(landfall):
    role = landfall.account.client("iam").get_role(RoleName=role_of(landfall, "sqs"))["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}
    stranger = person(landfall, "stranger", "GET/*")
    sts = landfall.account.client(
        "sts", aws_access_key_id=stranger.access_key, aws_secret_access_key=stranger.secret_key
    )
    with pytest.raises(ClientError):
        sts.assume_role(RoleArn=role["Arn"], RoleSessionName="stranger")
