"""What came to a stop or was changed by hand is named with what to do; what nobody could take becomes a deployment."""

import json
import subprocess
import time

import harms
import invariants
import pytest
from conftest import ACCOUNT, behind_proxy, environment, until
from proxied import rule

# Of its own, because it is broken in every way.
PATIENT = "000000000777"
QUEUE = "modules:\n  - name: orders\n    type: sqs\n    delay_seconds: {delay}"


@pytest.fixture(scope="module")
def patient(local_aws):
    """An installation whose functions reach AWS through the fault proxy, and of which nothing else runs."""
    with behind_proxy(local_aws, PATIENT) as landfall:
        yield landfall


@pytest.fixture(autouse=True)
def well_again(request):
    """Each test sets right what it broke: whatever it leaves would be found by the next one."""
    yield
    if "patient" in request.fixturenames:
        landfall = request.getfixturevalue("patient")
        landfall.proxy.reset()
        found = doctor(landfall, "--deep")
        assert found["well"], named(found) + named(found, "unknown")


def config(layer: str, modules: str) -> str:
    return environment(layer, modules).replace(ACCOUNT, PATIENT)


def doctor(landfall, *arguments: str) -> dict:
    ran = landfall.installation.landfall("doctor", *arguments, "--json", check=False)
    assert ran.returncode in (0, 4, 7), ran.stdout + ran.stderr
    answer = json.loads(ran.stdout)
    states = {finding["state"] for finding in answer["findings"]}
    expected = 7 if "wrong" in states else 4 if "unknown" in states else 0
    assert ran.returncode == expected, (ran.returncode, states)
    return answer


def named(found: dict, state: str = "wrong") -> list[str]:
    """What is in a state: check, what, what to do, in one text each."""
    return [f"{one['check']}: {one['what']} → {one['todo']}" for one in found["findings"] if one["state"] == state]


def names(found: dict, *words: str) -> bool:
    return any(all(word in text for word in words) for text in named(found))


def sweep(landfall) -> None:
    """What the schedule does on its own, without waiting a minute for it."""
    landfall.account.client("lambda").invoke(
        FunctionName=f"{landfall.installation.stack}-coordinator:live", Payload=b'{"op":"sweep"}'
    )


def test_a_sound_installation_is_well_line_by_line(patient, monkeypatch):
    layer = patient.name("sound")
    assert patient.deploy(f"{layer}.yaml", config(layer, QUEUE.format(delay=0)), layer)["status"] == "succeeded"
    found = doctor(patient, "--deep")
    assert found["well"] and {one["state"] for one in found["findings"]} == {"ok"}, found
    checks = {one["check"] for one in found["findings"]}
    for check in ("credentials", "clock", "permissions", "stack", "version", "versions", "roles", "failed calls", "rules"):
        assert check in checks, checks
    assert {"config bucket", "state table", "alarms", "dead letters", "deployments", "invariants"} <= checks
    monkeypatch.setenv("COLUMNS", "80")
    text = patient.installation.landfall("doctor", "--deep").stdout
    assert "All is well." in text
    assert max(len(line) for line in text.splitlines()) <= 80, text
    assert len([line for line in text.splitlines() if line.startswith("  ✓")]) == len(found["findings"])


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (harms.broken_rule, ("the rule is off", "aws events enable-rule --name")),
        (harms.broken_target, ("does not call", "landfall bootstrap")),
        (harms.broken_versioning, ("keeps no versions", "put-bucket-versioning")),
        (harms.broken_privacy, ("may be made public", "put-public-access-block")),
        (harms.broken_notification, ("does not tell EventBridge", "put-bucket-notification-configuration")),
        (harms.broken_backups, ("no point-in-time recovery", "update-continuous-backups")),
        (harms.broken_protection, ("not protected from deletion", "--deletion-protection-enabled")),
        (harms.broken_alias, ("live points at version $LATEST", "update-alias")),
        (harms.broken_destination, ("intake fails at is not kept", "put-function-event-invoke-config")),
        (harms.broken_role, ("something else than the release says", "All", "landfall bootstrap")),
        (harms.broken_logging, ("its log is OFF", "level ALL")),
        (harms.lost_alarm, ("the alarm is gone", "waits for more than an hour", "landfall bootstrap")),
        (harms.unheard_alarm, ("nobody hears when", "enable-alarm-actions")),
        (harms.raised_alarm, ("raised: a deployment waits for more than an hour", "landfall cancel")),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_was_changed_by_hand_is_named_with_what_to_do(patient, broken, words):
    repair = broken(patient)
    try:
        found = doctor(patient)
    finally:
        repair()
    assert names(found, *words), named(found)
    assert len(named(found)) == 1, named(found)


@pytest.fixture
def asleep(patient):
    """Nothing repairs anything by itself."""
    events = patient.account.client("events")
    for name in harms.rules(patient):
        if "ConfigChanged" not in name:
            events.disable_rule(Name=name)
    yield patient
    for name in harms.rules(patient):
        events.enable_rule(Name=name)
    sweep(patient)


def test_a_deployment_whose_execution_was_stopped_is_named_until_it_is_ended(asleep):
    layer = asleep.name("stopped")
    key = f"{layer}.yaml"
    asleep.deploy(key, config(layer, QUEUE.format(delay=0)), layer)
    asks = asleep.deploy(key, config(layer, "modules: []"), layer)
    asleep.account.client("stepfunctions").stop_execution(executionArn=asks["execution_arn"], cause="by hand")
    found = doctor(asleep)
    assert names(found, f"{layer}/{asks['number']} runs in the table", "ABORTED", "landfall cancel"), named(found)
    assert names(found, "the rule is off", "enable-rule"), named(found)
    sweep(asleep)
    assert not names(doctor(asleep), layer)
    counted = [line for line in logged(asleep, "coordinator") if '"ExecutionsDied":1' in line]
    assert counted and json.loads(counted[-1])["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Landfall"


def test_a_lease_that_outlived_its_holder_is_named_and_freed_once_nothing_is_to_be_ended_under_it(asleep):
    layer = asleep.name("stale")
    ended = asleep.deploy(f"{layer}.yaml", config(layer, QUEUE.format(delay=0)), layer)
    hold(asleep, layer, ended["execution_arn"], time.time() + 300)
    found = doctor(asleep, "--deep")
    assert names(found, f"{layer} is held since", "SUCCEEDED", f"landfall unlock {layer}"), named(found)
    assert names(found, layer, "its lease is held by", "which runs no deployment"), named(found)
    sweep(asleep)
    assert not names(doctor(asleep), layer), "its deployment is over, whatever time the lease has left"
    # Of a holder that no deployment names nobody knows what is to be ended: its lease has its time.
    unknown = ended["execution_arn"] + "-unknown"
    hold(asleep, layer, unknown, time.time() + 300)
    sweep(asleep)
    assert names(doctor(asleep), f"landfall unlock {layer}")
    hold(asleep, layer, unknown, time.time() - 1)
    sweep(asleep)
    assert not names(doctor(asleep), layer)
    events = asleep.get(f"/layers/{layer}/deployments/{ended['number']}/events")["events"]
    assert [one for one in events if one["kind"] == "lease-expired" and "is free again" in one["message"]], events
    assert any('"LeasesExpired":1' in line for line in logged(asleep, "coordinator"))


def hold(landfall, layer: str, holder: str, until_: float) -> None:
    landfall.account.client("dynamodb").update_item(
        TableName=landfall.installation.table,
        Key={"pk": {"S": f"LAYER#{layer}"}, "sk": {"S": "LEASE"}},
        UpdateExpression="SET holder = :h, expires_ms = :e, since = :s, doing = :d",
        ExpressionAttributeValues={
            ":h": {"S": holder},
            ":e": {"N": str(int(until_ * 1000))},
            ":s": {"N": str(int(time.time() * 1000) - 600_000)},
            ":d": {"S": "deploying it"},
        },
    )


def test_a_change_that_waits_too_long_says_so_and_is_announced_once(asleep):
    layer = asleep.name("long")
    key = f"{layer}.yaml"
    asleep.proxy.set(rule("delay", times=None, operation="CreateQueue", with_={"milliseconds": 8000}))
    runs = asleep.deployment_of(layer, asleep.upload(key, config(layer, QUEUE.format(delay=0))))
    until(lambda: asleep.proxy.calls(operation="CreateQueue"), "the first one works")
    waits = asleep.deployment_of(layer, asleep.upload(key, config(layer, QUEUE.format(delay=3))))
    asleep.account.client("dynamodb").update_item(
        TableName=asleep.installation.table,
        Key={"pk": {"S": f"LAYER#{layer}"}, "sk": {"S": f"DEPLOYMENT#{waits['number']:010}"}},
        UpdateExpression="SET created_at = :c",
        ExpressionAttributeValues={":c": {"S": "2026-01-01T00:00:00Z"}},
    )
    sweep(asleep)
    sweep(asleep)
    why = f"because {layer}/{runs['number']} still runs"
    assert names(doctor(asleep), f"{layer}/{waits['number']} waits", why, f"landfall cancel {layer}/{runs['number']}")
    one = asleep.get(f"/layers/{layer}/deployments/{waits['number']}")["deployment"]
    assert one["status"] == "queued" and why in one["message"], one
    asleep.proxy.reset()
    assert asleep.ended(layer, waits["number"])["status"] == "succeeded"
    events = asleep.get(f"/layers/{layer}/deployments/{waits['number']}/events")["events"]
    assert len([event for event in events if event["kind"] == "waits-too-long"]) == 1, events
    assert any('"ChangesWaitingTooLong":1' in line for line in logged(asleep, "coordinator"))


def logged(landfall, function: str) -> list[str]:
    pages = landfall.account.client("logs").get_paginator("filter_log_events")
    group = f"/aws/lambda/{landfall.installation.stack}-{function}"
    events = [event["message"] for page in pages.paginate(logGroupName=group) for event in page["events"]]
    return [line for message in events for line in message.splitlines()]


def lost_upload(landfall, layer: str) -> str:
    """An upload that the intake could not take: its event lies with the dead letters."""
    broken = rule("error", times=None, function="intake", service="dynamodb", with_={"status": 400, "code": "Broken"})
    landfall.proxy.set(broken)
    version = landfall.upload(f"{layer}.yaml", config(layer, QUEUE.format(delay=0)))
    until(lambda: f"{layer}.yaml" in landfall.installation.landfall("redrive", "--list").stdout, "the event is kept")
    landfall.proxy.reset()
    assert landfall.deployments(layer) == []
    return version


def test_an_upload_that_nobody_could_take_is_redriven_into_its_deployment_once(patient):
    layer = patient.name("lost")
    version = lost_upload(patient, layer)
    found = doctor(patient)
    assert names(found, "dead letters: 1 event waits", f"{layer}.yaml", "landfall redrive"), named(found)
    listed = patient.installation.landfall("redrive", "--list").stdout
    # On AWS with its version, which the event has there (local/README.md).
    assert f"{layer}.yaml" in listed and "Broken" in listed, listed
    assert patient.deployments(layer) == [], "a list does nothing"
    # While the fault lasts it stays, and the command says so.
    broken = rule("error", times=None, function="intake", service="dynamodb", with_={"status": 400, "code": "Broken"})
    patient.proxy.set(broken)
    still = patient.installation.landfall("redrive", "--yes", check=False)
    assert still.returncode == 1 and "could not be taken and stays" in still.stdout, still.stdout + still.stderr
    patient.proxy.reset()
    redriven = patient.installation.landfall("redrive").stdout
    assert f"became {layer}/1" in redriven, redriven
    one = patient.deployment_of(layer, version)
    assert patient.ended(layer, one["number"])["status"] == "succeeded"
    assert "No dead letters" in patient.installation.landfall("redrive").stdout
    assert len(patient.deployments(layer)) == 1


def test_a_letter_that_was_processed_and_not_deleted_does_nothing_twice(patient):
    layer = patient.name("again")
    version = lost_upload(patient, layer)
    # The answer of the deletion is lost, which is a crash right before it as far as the queue is concerned.
    patient.proxy.set(rule("error", function="api", operation="DeleteMessage", with_={"status": 400, "code": "Broken"}))
    broken_off = patient.installation.landfall("redrive", "--yes", check=False)
    assert broken_off.returncode == 1 and f"became {layer}/1; it could not be removed" in broken_off.stdout, broken_off
    one = patient.deployment_of(layer, version)
    patient.ended(layer, one["number"])
    patient.proxy.reset()
    redriven = patient.installation.landfall("redrive").stdout
    assert f"had become {layer}/1 before" in redriven or "a newer version of this key" in redriven, redriven
    assert len(patient.deployments(layer)) == 1


def test_what_cannot_be_taken_stays_until_it_is_discarded_with_a_reason_that_is_kept(patient):
    layer = patient.name("gone")
    version = lost_upload(patient, layer)
    sqs = patient.account.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{patient.installation.stack}-dead-letters")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="nobody knows what this is")
    refused = patient.installation.landfall("redrive", "--discard", check=False)
    assert refused.returncode == 2 and "--reason" in refused.stderr
    discarded = patient.installation.landfall("redrive", "--discard", "--reason", "tests of last week").stdout
    assert discarded.count("tests of last week") == 2, discarded
    one = patient.deployment_of(layer, version)
    assert one["status"] == "rejected" and "tests of last week" in one["message"], one
    listed = patient.installation.landfall("redrive", "--list").stdout
    assert "No dead letters" in listed and "Discarded before" in listed and f"{layer}.yaml" in listed, listed
    # The same file can be deployed all the same: as another change.
    assert patient.deploy(f"{layer}.yaml", config(layer, QUEUE.format(delay=1)), layer)["status"] == "succeeded"


def test_a_table_that_was_changed_by_hand_is_found_by_both_checkers(patient):
    layer = patient.name("deep")
    patient.deploy(f"{layer}.yaml", config(layer, QUEUE.format(delay=0)), layer)
    table = patient.account.client("dynamodb")
    name = patient.installation.table

    def change(sk: str, attribute: str, value: dict) -> dict:
        key = {"pk": {"S": f"LAYER#{layer}"}, "sk": {"S": sk}}
        before = table.get_item(TableName=name, Key=key, ConsistentRead=True).get("Item")
        table.update_item(
            TableName=name,
            Key=key,
            UpdateExpression="SET #a = :v",
            ExpressionAttributeNames={"#a": attribute},
            ExpressionAttributeValues={":v": value},
        )
        return before

    def restore(sk: str, before: dict | None) -> None:
        if before:
            table.put_item(TableName=name, Item=before)
        else:
            table.delete_item(TableName=name, Key={"pk": {"S": f"LAYER#{layer}"}, "sk": {"S": sk}})

    resource = next(
        one["sk"] for one in invariants.items(table, name) if one["pk"] == f"LAYER#{layer}" and one["sk"].startswith("RES#")
    )
    for sk, attribute, value, what in [
        (resource, "status", {"S": "intent"}, "is intent"),
        ("QUEUE", "waiting", {"N": "1"}, "1 is still waiting"),
        ("LAYER", "counter", {"N": "7"}, "it counts 7 deployments and has 1"),
        ("SHARED#ghost", "holder", {"S": "nobody"}, "SHARED#ghost is left"),
        ("APPROVAL#0000000001", "task_token", {"S": "t"}, "still waits"),
        ("DEPLOYMENT#0000000001", "status", {"S": "running"}, "deployment 1 is running"),
    ]:
        before = change(sk, attribute, value)
        try:
            oracle = invariants.broken(invariants.items(table, name), {layer})
            found = doctor(patient, "--deep")["deep"]["broken"]
        finally:
            restore(sk, before)
        ours = [broken["what"] for broken in found if broken["layer"] == layer]
        assert any(what in one for one in ours), (what, ours)
        assert any(what in one for one in oracle), (what, oracle)


def doctor_of(landfall, name: str, *statements: dict) -> subprocess.CompletedProcess:
    """What the doctor says to a user who may do this much."""
    iam = landfall.account.client("iam")
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_user_policy(UserName=name, PolicyName="look", PolicyDocument=document)
    return doctor_with(landfall, iam.create_access_key(UserName=name)["AccessKey"])


def doctor_with(landfall, key: dict) -> subprocess.CompletedProcess:
    credentials = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    credentials |= {"AWS_SESSION_TOKEN": key["SessionToken"]} if "SessionToken" in key else {}
    installation = landfall.installation
    return subprocess.run(
        [str(installation.binaries / "landfall"), "doctor", "--json"],
        env=landfall.account.environment() | credentials | {"LANDFALL_API": installation.api},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_look_that_is_refused_names_the_permission_and_breaks_nothing(patient):
    allowed = {"Effect": "Allow", "Action": ["sts:GetCallerIdentity", "cloudformation:*"], "Resource": "*"}
    ran = doctor_of(patient, "visitor", allowed)
    assert ran.returncode == 4, ran.stdout + ran.stderr
    unknown = " ".join(named(json.loads(ran.stdout), "unknown"))
    for action in (
        "lambda:GetAlias",
        "iam:GetRolePolicy",
        "states:DescribeStateMachine",
        "s3:GetBucketVersioning",
        "dynamodb:DescribeTable",
        "events:DescribeRule",
        "cloudwatch:DescribeAlarms",
        "execute-api:Invoke",
    ):
        assert action in unknown, (action, unknown)
    assert unknown.count("events:DescribeRule →") == 1, "what is missing is said once"


def test_what_the_caller_may_not_do_is_noted_and_nothing_is_wrong_with_it(patient):
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denied = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}
    ran = doctor_of(patient, "reader", everything, denied)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    noted = named(json.loads(ran.stdout), "warning")
    assert len(noted) == 1 and "the caller may not upload" in noted[0] and "allow s3:PutObject on" in noted[0], noted


def test_a_session_may_do_what_its_role_may_wherever_that_lies(patient):
    iam = patient.account.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{PATIENT}:root"}, "Action": "sts:AssumeRole"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    trust, everything = ({"Version": "2012-10-17", "Statement": [one]} for one in (trust, everything))
    # As single sign-on makes them: with a path, which a session does not tell.
    made = iam.create_role(RoleName="operator", Path="/team/", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    iam.put_role_policy(RoleName="operator", PolicyName="all", PolicyDocument=json.dumps(everything))
    iam.create_user(UserName="ada")
    iam.put_user_policy(UserName="ada", PolicyName="all", PolicyDocument=json.dumps(everything))
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    ada = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    sts = patient.account.client("sts", **ada)
    session = sts.assume_role(RoleArn=made["Arn"], RoleSessionName="ada")["Credentials"]
    ran = doctor_with(patient, session)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = {one["check"]: one for one in json.loads(ran.stdout)["findings"]}
    assert "assumed-role/operator/ada" in said["credentials"]["what"]
    assert (said["permissions"]["state"], said["permissions"]["what"][:14]) == ("ok", "the caller may")
