"""What others change in AWS: found, told once, ignored, accepted, set right."""

import json
import time

import installation as installing
import invariants
import pytest
from conftest import Listener, environment, until

TWO = """modules:
  - name: orders
    type: sqs
    delay_seconds: 5
  - name: mails
    type: sqs
"""
IGNORING = TWO.replace("delay_seconds: 5", "delay_seconds: 5\n    ignore_drift: [delay_seconds]")
DRIFTED = 8


@pytest.fixture(scope="module")
def topic(landfall):
    return Listener(landfall, "drift-told")


class Layer:
    """A layer with two queues that somebody else has access to."""

    def __init__(self, landfall, stem: str, modules: str = TWO):
        self.landfall, self.name = landfall, landfall.name(stem)
        self.sqs = landfall.account.client("sqs")
        assert self.deploy(modules)["status"] == "succeeded"

    def deploy(self, modules: str) -> dict:
        return self.landfall.deploy(f"{self.name}.yaml", environment(self.name, modules), self.name)

    def url(self, module: str) -> str:
        return self.sqs.list_queues(QueueNamePrefix=f"{self.name}-{self.name}-{module}")["QueueUrls"][0]

    def set(self, module: str, **attributes):
        texts = {name: str(value) for name, value in attributes.items()}
        self.sqs.set_queue_attributes(QueueUrl=self.url(module), Attributes=texts)

    def attribute(self, module: str, name: str) -> str:
        return self.sqs.get_queue_attributes(QueueUrl=self.url(module), AttributeNames=["All"])["Attributes"][name]

    def run(self, *arguments: str):
        return self.landfall.installation.landfall("drift", self.name, *arguments, check=False)

    def look(self) -> tuple[int, dict]:
        """The exit code of a look and what it saw, by name."""
        done = self.run("--json")
        assert done.returncode in (0, DRIFTED), done.stderr
        return done.returncode, self.seen(json.loads(done.stdout))

    @staticmethod
    def seen(answer: dict) -> dict:
        seen = {}
        for one in answer["resources"]:
            name = f"{one['module']}.{one['resource']}"
            seen |= {f"{name}.{attribute['path']}": attribute for attribute in one["attributes"]}
            if one["deleted_since"]:
                seen[name] = one
        return seen


def test_drift_is_found_with_both_values_and_told_once(landfall, topic):
    layer = Layer(landfall, "drifts")
    assert layer.look() == (0, {})
    assert "no drift" in layer.run().stdout
    layer.set("orders", DelaySeconds=7)
    layer.sqs.tag_queue(QueueUrl=layer.url("mails"), Tags={"landfall:module": "stolen", "CostCenter": "42"})
    code, first = layer.look()
    assert code == DRIFTED
    assert set(first) == {"orders.queue.delay_seconds", "mails.queue.tags.landfall:module"}
    delay = first["orders.queue.delay_seconds"]
    assert (delay["recorded"], delay["live"]) == (5, 7)
    found = ("drift-found", ["mails.queue.tags.landfall:module", "orders.queue.delay_seconds"])
    until(lambda: topic.drift(layer.name) == [found], "it is told")

    time.sleep(1.1)
    _, second = layer.look()
    again = second["orders.queue.delay_seconds"]
    assert again["first_seen"] == delay["first_seen"] and again["last_seen"] > delay["last_seen"]
    assert topic.drift(layer.name) == [found], "it is told once"
    shown = layer.run().stdout
    assert "delay_seconds" in shown and "5 → 7" in shown and "--revert" in shown
    assert "drifted" in landfall.installation.landfall("status").stdout
    assert f"see: landfall drift {layer.name}" in landfall.installation.landfall("status", layer.name).stdout
    assert [one["action"] for one in landfall.deployments(layer.name)] == ["deploy"], "looks are no part of the history"

    reverted = layer.run("--revert", "--yes")
    assert reverted.returncode == 0 and "succeeded" in reverted.stdout, reverted.stdout + reverted.stderr
    assert layer.attribute("orders", "DelaySeconds") == "5"
    assert layer.sqs.list_queue_tags(QueueUrl=layer.url("mails"))["Tags"]["landfall:module"] == "mails"
    until(lambda: topic.drift(layer.name) == [found, ("drift-ended", found[1])], "that it ended is told")
    assert layer.look() == (0, {})
    assert topic.drift(layer.name) == [found, ("drift-ended", found[1])]
    assert "drifted" not in landfall.installation.landfall("status", layer.name).stdout
    table = invariants.items(landfall.account.client("dynamodb"), landfall.installation.table)
    assert invariants.broken(table, {layer.name}) == []


def test_what_the_config_ignores_is_left_alone_until_the_config_changes(landfall, topic):
    layer = Layer(landfall, "ignores", IGNORING)
    layer.set("orders", DelaySeconds=7)
    code, seen = layer.look()
    assert code == 0 and seen["orders.queue.delay_seconds"]["ignored"]
    assert layer.deploy(IGNORING)["outcome"] == "no-changes"
    changed = IGNORING.replace("type: sqs\n    delay", "type: sqs\n    receive_wait_time_seconds: 3\n    delay")
    assert layer.deploy(changed)["outcome"] == "changed"
    assert layer.attribute("orders", "ReceiveMessageWaitTimeSeconds") == "3"
    assert layer.attribute("orders", "DelaySeconds") == "7", "an update of the same queue leaves it alone"
    assert layer.deploy(changed.replace("delay_seconds: 5", "delay_seconds: 6"))["outcome"] == "changed"
    assert layer.attribute("orders", "DelaySeconds") == "6"
    assert topic.drift(layer.name) == []


def test_what_was_accepted_stays_until_somebody_changes_it_again(landfall, topic):
    layer = Layer(landfall, "accepts")
    layer.set("orders", DelaySeconds=7, MessageRetentionPeriod=600)
    layer.set("mails", KmsMasterKeyId="")
    assert layer.look()[0] == DRIFTED
    refused = layer.run("--accept", "mails.queue.kms_key")
    assert refused.returncode == 6 and "holds a promise about security" in refused.stderr
    assert "--revert" in refused.stderr
    accepted = layer.run("--accept", "orders.queue.delay_seconds", "orders.queue.message_retention_seconds")
    assert accepted.returncode == 0 and "orders.queue.delay_seconds is accepted" in accepted.stdout
    _, seen = layer.look()
    assert seen["orders.queue.delay_seconds"]["accepted"]["by"].startswith("arn:")
    assert seen["mails.queue.kms_key"]["accepted"] is None
    assert layer.attribute("orders", "DelaySeconds") == "7", "an acceptance changes nothing in AWS"

    ended = layer.deploy(TWO)
    assert ended["outcome"] == "changed" and ended["plan"]["summary"]["update"] == 1
    assert layer.attribute("orders", "DelaySeconds") == "7", "a deployment does not revert it"
    assert layer.attribute("mails", "KmsMasterKeyId") != ""
    assert layer.look()[0] == 0
    modules = landfall.get(f"/layers/{layer.name}/deployments/{ended['number']}/plan")["plan"]["modules"]
    left = {one["change"]["path"]: one["why"] for module in modules for one in module.get("left", [])}
    assert left == {"delay_seconds": "accepted", "message_retention_seconds": "accepted"}, "the plan says what it leaves"
    assert layer.run("--withdraw", "orders.queue.delay_seconds").returncode == 0
    assert layer.look()[0] == DRIFTED
    assert layer.run("--accept", "orders.queue.delay_seconds").returncode == 0
    layer.set("orders", DelaySeconds=9)
    code, seen = layer.look()
    assert code == DRIFTED
    assert seen["orders.queue.delay_seconds"]["accepted"] is None
    assert seen["orders.queue.message_retention_seconds"]["accepted"]
    until(lambda: topic.drift(layer.name)[-1] == ("drift-found", ["orders.queue.delay_seconds"]), "the new value is told")
    assert layer.deploy(TWO)["outcome"] == "changed"
    assert layer.attribute("orders", "DelaySeconds") == "5"
    assert layer.attribute("orders", "MessageRetentionPeriod") == "600"


def test_what_was_deleted_is_shown_cannot_be_accepted_and_is_made_again(landfall):
    layer = Layer(landfall, "deletes")
    layer.sqs.delete_queue(QueueUrl=layer.url("orders"))

    # The journal is believed for a moment after a deployment: describes lag behind creates.
    def missed():
        code, seen = layer.look()
        return code == DRIFTED and "orders.queue" in seen

    until(missed, "that it is gone is seen")
    assert "deleted outside Landfall" in layer.run("--last").stdout
    refused = layer.run("--accept")
    assert refused.returncode == 6 and "take it out of the file" in refused.stderr
    assert layer.run("--revert", "--yes").returncode == 0
    assert layer.attribute("orders", "DelaySeconds") == "5"
    assert layer.look() == (0, {})


def test_a_look_compares_with_what_was_deployed_and_gives_way_to_deployments(landfall):
    layer = Layer(landfall, "gives")
    # A file that was refused is the newest in the bucket, and no drift.
    broken = layer.deploy(TWO.replace("type: sqs", "type: sqss"))
    assert broken["status"] == "rejected"
    layer.set("orders", DelaySeconds=7)
    assert layer.look()[0] == DRIFTED
    asks = layer.deploy("modules: []")
    assert asks["phase"] == "awaiting-approval"
    status, answer = landfall.call("POST", f"/layers/{layer.name}/drift")
    assert status == 409 and "comes first" in answer["error"]["message"]
    shown = layer.run()
    assert shown.returncode == DRIFTED and "comes first" in shown.stderr and "5 → 7" in shown.stdout
    landfall.approve(layer.name, asks)
    assert layer.look() == (0, {})


def test_a_look_that_fails_is_told_and_one_that_ends_well_is_not(landfall, topic):
    layer = Layer(landfall, "blind")
    assert layer.look()[0] == 0
    iam, role = landfall.account.client("iam"), f"{landfall.installation.stack}-{installing.REGION}-sqs"
    deny = {"Effect": "Deny", "Action": "sqs:GetQueueAttributes", "Resource": f"arn:aws:sqs:*:*:*{layer.name}*"}
    iam.put_role_policy(
        RoleName=role, PolicyName="blind", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    )
    try:
        failed = layer.run()
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="blind")
    assert failed.returncode not in (0, DRIFTED) and "sqs:GetQueueAttributes" in failed.stderr, failed.stderr

    def ends(number: int) -> list[str]:
        """What was told of a deployment itself."""
        return [one["event"] for one in topic.heard(layer.name) if one["number"] == number and "drift" not in one]

    until(lambda: ends(3) == ["failed"], "that nobody could look is told")
    assert ends(2) == [], "a look that ends well is nothing to tell"
    assert layer.look()[0] == 0


def test_looks_begin_by_themselves_when_they_are_due(landfall):
    settings = "landfall:\n  drift: {every_hours: 6}\n"
    layer = Layer(landfall, "due", TWO + settings)
    off = Layer(landfall, "off", TWO + "landfall:\n  drift: off\n")
    table = landfall.account.client("dynamodb")

    def sweep():
        answer = landfall.account.client("lambda").invoke(
            FunctionName="landfall-coordinator:live", Payload=json.dumps({"op": "sweep"})
        )
        assert "FunctionError" not in answer, answer["Payload"].read()

    def age(name: str, record: str, attribute: str, hours: float):
        """Makes it that much older; of an attribute in a map, `map.attribute`."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - hours * 3600))
        table.update_item(
            TableName=landfall.installation.table,
            Key={"pk": {"S": f"LAYER#{name}"}, "sk": {"S": record}},
            UpdateExpression="SET " + ".".join(f"#{part}" for part in attribute.split(".")) + " = :at",
            ExpressionAttributeNames={f"#{part}": part for part in attribute.split(".")},
            ExpressionAttributeValues={":at": {"S": at}},
        )

    def looked(name: str):
        return landfall.get(f"/layers/{name}/drift")["looked_at"]

    layer.set("orders", DelaySeconds=7)
    sweep()
    assert looked(layer.name) is None, "it was deployed, and so compared, just now"
    for name in (layer.name, off.name):
        age(name, "LAYER", "config.compared_at", 6.1)
    # A pipeline that plans all day long compares nothing.
    status, planned = landfall.call("POST", f"/layers/{layer.name}/deployments", {"action": "plan"})
    assert status == 202 and landfall.ended(layer.name, planned["number"])["status"] == "succeeded"
    sweep()
    first = until(lambda: looked(layer.name), "the first look comes by itself")
    assert landfall.get(f"/layers/{layer.name}")["drift"]["resources"] == 1
    sweep()
    assert looked(layer.name) == first, "the next one is not due"
    for attribute in ("tried_at", "looked_at"):
        age(layer.name, "DRIFT", attribute, 6.1)
    sweep()
    until(lambda: looked(layer.name) > first, "and the next one too")
    assert looked(off.name) is None, "nothing looks where the settings say so"
