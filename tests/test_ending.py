"""Deployments that are stopped, frozen, gone on with and accounted for; approvals that bind to what is there."""

import json

import pytest
from conftest import ACCOUNT, Listener, behind_proxy, environment, service, until
from invariants import settled
from proxied import rule

# Of its own, because AWS is slow and broken in it.
SLOW = "000000000888"

TWO = """modules:
  - name: first
    type: sqs
  - name: second
    type: sqs
    depends_on: [first]
"""


@pytest.fixture(scope="module")
def slow(local_aws):
    """An installation whose functions reach AWS through the fault proxy."""
    with behind_proxy(local_aws, SLOW) as landfall:
        yield landfall


@pytest.fixture(autouse=True)
def nothing_broken(request):
    yield
    if "slow" in request.fixturenames:
        request.getfixturevalue("slow").proxy.reset()


def config(layer: str, modules: str = TWO) -> str:
    return environment(layer, modules).replace(ACCOUNT, SLOW)


def over(landfall, layer: str, number: int) -> dict:
    def look():
        one = landfall.get(f"/layers/{layer}/deployments/{number}")["deployment"]
        return one if one["status"] not in ("queued", "running") else None

    return until(look, f"{layer}/{number} is over")


def queues(landfall, layer: str) -> list[str]:
    found = landfall.account.client("sqs").list_queues(QueueNamePrefix=f"{layer}-").get("QueueUrls", [])
    return sorted(url.rsplit("-", 1)[1] for url in found)


def test_a_cancelled_deployment_ends_what_it_began_and_the_next_one_goes_on(slow):
    layer = slow.name("cancelled")
    slow.proxy.set(rule("delay", times=None, operation="CreateQueue", with_={"milliseconds": 2500}))
    begun = slow.deployment_of(layer, slow.upload(f"{layer}.yaml", config(layer)))
    number = begun["number"]
    until(lambda: slow.proxy.calls(operation="CreateQueue"), "the first queue is being made")
    said = slow.installation.landfall("cancel", layer, "--reason", "wrong file")
    assert f"{layer}/{number} ends" in said.stdout
    ended = over(slow, layer, number)
    assert ended["status"] == "cancelled" and "wrong file" in ended["message"]
    assert queues(slow, layer) == ["first"]

    report = slow.get(f"/layers/{layer}/deployments/{number}/report")
    ends = {(end["module"], end["resource"]): end["end"] for end in report["resources"]}
    assert ends["first", "queue"] == "done" and ends["second", "queue"] == "not-started"
    assert report["resumable"]
    status = slow.installation.landfall("status", layer).stdout
    assert "cancelled" in status

    slow.proxy.reset()
    resumed = slow.installation.landfall("resume", layer, "--yes")
    assert f"{layer}/{number + 1} succeeded" in resumed.stdout
    assert queues(slow, layer) == ["first", "second"]
    # What is recorded as done is not asked about, and nothing is made twice.
    urls = [json.dumps(call) for call in slow.proxy.calls(service="sqs")]
    assert len([call for call in urls if '"CreateQueue"' in call]) == 1
    assert slow.deploy(f"{layer}.yaml", config(layer), layer)["outcome"] == "no-changes"


def test_a_queue_that_aws_only_promises_to_delete_is_waited_for(slow):
    layer = slow.name("promised")
    slow.deploy(f"{layer}.yaml", config(layer, "modules:\n  - { name: orders, type: sqs }\n"), layer)
    slow.proxy.reset()
    slow.proxy.set(rule("promise", operation="DeleteQueue"))
    ended = slow.destroy(layer)
    assert (ended["status"], ended["outcome"]) == ("succeeded", "destroyed"), ended
    assert queues(slow, layer) == []
    assert len(slow.proxy.calls(operation="DeleteQueue")) == 2


@pytest.mark.parametrize(("status", "code"), [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")])
def test_a_bucket_name_that_is_taken_in_another_region_is_told_before_anything_is_made(slow, status, code):
    layer = slow.name("elsewhere")
    elsewhere = {"status": status, "code": code}
    slow.proxy.set(rule("error", times=None, function="s3", operation="GetBucketTagging", with_=elsewhere))
    modules = f"modules:\n  - {{ name: files, type: s3, bucket_name: {layer}-files }}\n  - {{ name: orders, type: sqs }}\n"
    ended = slow.deploy(f"{layer}.yaml", config(layer, modules), layer)
    assert (ended["status"], ended["message"]) == ("failed", "files cannot be planned"), ended
    assert "in another AWS account or region" in ended["diagnostics"], ended
    assert slow.errors("s3") == [] and slow.tagged(layer) == []


def test_a_failed_deployment_says_what_became_of_every_resource(slow):
    layer = slow.name("failed")
    refusal = {"status": 400, "code": "InvalidAttributeValue"}
    slow.proxy.set(rule("error", times=None, operation="CreateQueue", with_=refusal))
    ended = slow.deploy(f"{layer}.yaml", config(layer), layer)
    assert ended["status"] == "failed"
    report = slow.get(f"/layers/{layer}/deployments/{ended['number']}/report")
    ends = {(end["module"], end["resource"]): end for end in report["resources"]}
    failure = ends["first", "queue"]["failure"]
    assert ends["first", "queue"]["end"] == "failed"
    assert failure["operation"] == "CreateQueue" and failure["code"].endswith("InvalidAttributeValue")
    assert ends["second", "queue"]["end"] == "not-started"
    assert "first failed" in ends["second", "queue"]["reason"]
    told = slow.installation.landfall("report", layer)
    assert "CreateQueue" in told.stdout + told.stderr
    assert f"landfall resume {layer}/{ended['number']}" in told.stdout + told.stderr
    slow.proxy.reset()
    assert slow.installation.landfall("resume", f"{layer}/{ended['number']}", "--same-config", "--yes").returncode == 0
    refused = slow.installation.landfall("resume", f"{layer}/{ended['number']}", check=False)
    assert refused.returncode != 0 and "came after" in refused.stderr


def test_a_module_whose_execution_is_stopped_has_failed_and_what_needs_it_is_told(slow):
    layer = slow.name("stopped")
    slow.proxy.set(rule("delay", times=None, operation="CreateQueue", with_={"milliseconds": 2500}))
    three = TWO + "  - name: third\n    type: sqs\n    depends_on: [second]\n"
    begun = slow.deployment_of(layer, slow.upload(f"{layer}.yaml", config(layer, three)))
    sfn = slow.account.client("stepfunctions")
    machines = {machine["name"]: machine["stateMachineArn"] for machine in sfn.list_state_machines()["stateMachines"]}

    def waiting():
        running = sfn.list_executions(stateMachineArn=machines["landfall-module"], statusFilter="RUNNING")["executions"]
        return [one["executionArn"] for one in running if one["name"].endswith("-second")]

    (second,) = until(waiting, "the second module waits for the first one")
    sfn.stop_execution(executionArn=second, error="Test", cause="stopped by ana")
    ended = over(slow, layer, begun["number"])
    assert ended["status"] == "failed"
    runs = {run["module"]: run for run in slow.get(f"/layers/{layer}/deployments/{begun['number']}")["runs"]}
    assert runs["first"]["status"] == "done", runs
    assert runs["second"]["status"] == "failed" and "ABORTED" in runs["second"]["error"], runs
    assert runs["third"]["status"] == "skipped" and "second failed" in runs["third"]["reason"], runs
    slow.proxy.set()
    assert f"{layer}/{begun['number'] + 1} succeeded" in slow.installation.landfall("resume", layer, "--yes").stdout
    assert queues(slow, layer) == ["first", "second", "third"]


def test_nothing_waits_under_a_lease_that_is_lost(slow):
    layer = slow.name("robbed")
    slow.proxy.set(rule("delay", times=None, operation="CreateQueue", with_={"milliseconds": 2500}))
    begun = slow.deployment_of(layer, slow.upload(f"{layer}.yaml", config(layer)))
    until(lambda: slow.proxy.calls(operation="CreateQueue"), "the first queue is being made")
    slow.take_lease(layer, 1, "repairing it by hand")
    ended = over(slow, layer, begun["number"])
    assert ended["status"] == "failed" and "lost its lease" in ended["message"], ended
    slow.proxy.set()
    # The next one waits until no call of the first can be on its way any more, and goes on with what that one made and
    # could not record.
    again = slow.deployment_of(layer, slow.upload(f"{layer}.yaml", config(layer)))

    def waits():
        one = slow.get(f"/layers/{layer}/deployments/{again['number']}")["deployment"]
        return "no call of what ended before is still on its way" in (one["message"] or "")

    until(waits, "the next deployment says why it waits")
    assert slow.ended(layer, again["number"])["status"] == "succeeded"
    assert queues(slow, layer) == ["first", "second"]
    settled(slow, [layer])


def test_a_planner_that_dies_when_it_has_ended_a_deployment_is_not_missed(slow):
    layer = slow.name("unchanged")
    assert slow.deploy(f"{layer}.yaml", config(layer), layer)["outcome"] == "changed"
    before = len(slow.errors("planner"))
    slow.proxy.set(
        rule("kill", function="planner", operation="TransactWriteItems", names="finished_at", with_={"place": "after"})
    )
    ended = slow.deploy(f"{layer}.yaml", config(layer) + "# again\n", layer)
    assert (ended["status"], ended["outcome"]) == ("succeeded", "no-changes")
    assert slow.proxy.struck() == 1
    sfn = slow.account.client("stepfunctions")

    def over():
        status = sfn.describe_execution(executionArn=ended["execution_arn"])["status"]
        return status if status != "RUNNING" else None

    assert until(over, "its execution ends") == "SUCCEEDED"
    assert len(slow.errors("planner")) == before, "the repetition finds what was done and is no error"
    assert slow.deploy(f"{layer}.yaml", config(layer) + "# and again\n", layer)["outcome"] == "no-changes"


def test_a_planner_that_dies_when_it_has_rejected_a_change_holds_nobody_up(slow):
    layer = slow.name("moved")
    assert slow.deploy(f"{layer}.yaml", config(layer), layer)["outcome"] == "changed"
    elsewhere = config(layer).replace("region: us-east-1", "region: eu-west-1")
    assert elsewhere != config(layer)
    slow.proxy.set(
        rule("kill", function="planner", operation="TransactWriteItems", names="finished_at", with_={"place": "after"})
    )
    ended = slow.deploy(f"{layer}.yaml", elsewhere, layer)
    assert ended["status"] == "rejected" and "cannot be moved" in ended["message"], ended
    assert slow.proxy.struck() == 1
    lease = {"pk": {"S": f"LAYER#{layer}"}, "sk": {"S": "LEASE"}}

    def free():
        item = slow.account.client("dynamodb").get_item(
            TableName=slow.installation.table, Key=lease, ConsistentRead=True
        )["Item"]
        return "holder" not in item

    until(free, "the lease is given back", 20)
    assert slow.deploy(f"{layer}.yaml", config(layer) + "# again\n", layer)["outcome"] == "no-changes"


def test_what_was_approved_holds_though_whoever_had_asked_died(slow):
    layer = slow.name("approved")
    assert slow.deploy(f"{layer}.yaml", config(layer), layer)["outcome"] == "changed"
    # It dies when it has asked; its repetition comes when the plan is approved.
    slow.proxy.set(
        rule("kill", function="coordinator", operation="TransactWriteItems", names="task_token", with_={"place": "after"}),
        rule("delay", function="coordinator", service="s3", operation="GetObject", skip=1, with_={"milliseconds": 3000}),
    )
    status, asked = slow.call("POST", f"/layers/{layer}/deployments", {"action": "destroy"})
    assert status == 202, asked
    waits = slow.ended(layer, asked["number"])
    assert waits["phase"] == "awaiting-approval"
    until(lambda: [armed["struck"] for armed in slow.proxy.rules()] == [1, 1], "its repetition works")
    ended = slow.approve(layer, waits)
    assert (ended["status"], ended["outcome"]) == ("succeeded", "destroyed"), ended
    events = slow.get(f"/layers/{layer}/deployments/{asked['number']}/events")["events"]
    assert [event["kind"] for event in events].count("approved") == 1


def test_drift_that_nobody_was_told_of_is_told_by_whoever_comes_next(slow):
    layer = slow.name("untold")
    assert slow.deploy(f"{layer}.yaml", config(layer), layer)["status"] == "succeeded"
    topic, sqs = Listener(slow, f"{layer}-listener"), slow.account.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{layer}-{layer}-first")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "7"})
    # Recorded, and then: it dies before it tells; its repetition finds the topic out of order.
    slow.proxy.set(
        rule("kill", function="planner", service="sns", operation="Publish", with_={"place": "before"}),
        rule("error", function="planner", service="sns", operation="Publish", with_={"status": 400, "code": "Broken"}),
    )
    slow.installation.landfall("drift", layer, check=False)
    assert [armed["struck"] for armed in slow.proxy.rules()] == [1, 1]
    assert topic.drift(layer) == []
    for _ in range(2):
        slow.installation.landfall("drift", layer, check=False)
        until(lambda: topic.drift(layer) == [("drift-found", ["first.queue.delay_seconds"])], "it is told once")


def test_an_upload_that_nobody_could_take_is_kept_with_the_dead_letters(slow):
    layer = slow.name("lost")
    slow.proxy.set(rule("error", times=None, function="intake", service="dynamodb", with_={"status": 400, "code": "Broken"}))
    slow.upload(f"{layer}.yaml", config(layer))
    sqs = slow.account.client("sqs")
    url = sqs.get_queue_url(QueueName="landfall-dead-letters")["QueueUrl"]

    def kept():
        return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])

    letters = until(kept, "the event is kept")
    assert any(f"{layer}.yaml" in letter["Body"] for letter in letters), letters


def test_a_deployment_that_waits_is_cancelled_at_once(landfall):
    layer = landfall.name("waits")
    landfall.deploy(f"{layer}.yaml", environment(layer, TWO), layer)
    asks = landfall.deploy(f"{layer}.yaml", environment(layer), layer)
    assert asks["phase"] == "awaiting-approval"
    landfall.installation.landfall("cancel", f"{layer}/{asks['number']}", "--reason", "not today", "--follow", check=False)
    ended = over(landfall, layer, asks["number"])
    assert ended["status"] == "cancelled" and "not today" in ended["message"]
    assert queues(landfall, layer) == ["first", "second"]
    status, answer = landfall.call("POST", f"/layers/{layer}/deployments/{asks['number']}/cancel", {})
    assert status == 409 and "is over" in answer["error"]["message"]


def test_a_frozen_environment_holds_itself_and_its_services_and_says_why(landfall):
    env, app = landfall.name("frost"), landfall.name("app")
    landfall.deploy(f"{env}/env.yaml", environment(env), env)
    frozen = landfall.installation.landfall("freeze", env, "--until", "2h", "--reason", "Black Friday")
    assert "is frozen until" in frozen.stdout
    text = service(app, "../env.yaml", "prod", TWO)
    held = landfall.deployment_of(app, landfall.upload(f"{env}/svc/app.yaml", text))

    def waits():
        one = landfall.get(f"/layers/{app}/deployments/{held['number']}")["deployment"]
        return one if "Black Friday" in (one["message"] or "") else None

    waiting = until(waits, "the service says why it waits")
    assert waiting["status"] == "queued" and f"{env} is frozen until" in waiting["message"]
    assert "Black Friday" in landfall.installation.landfall("status", env).stdout
    assert "Black Friday" in landfall.installation.landfall("status", app).stdout
    cancelled = landfall.installation.landfall("cancel", app)
    assert "had begun nothing" in cancelled.stdout
    again = landfall.deployment_of(app, landfall.upload(f"{env}/svc/app.yaml", text + "\n"))
    landfall.installation.landfall("thaw", env)
    assert landfall.ended(app, again["number"])["status"] == "succeeded"


def test_a_change_that_a_freeze_holds_keeps_nobody_from_looking_and_planning(landfall):
    env, app = landfall.name("frost"), landfall.name("app")
    landfall.deploy(f"{env}/env.yaml", environment(env), env)
    landfall.deploy(f"{env}/svc/app.yaml", service(app, "../env.yaml", "prod", TWO), app)
    landfall.installation.landfall("freeze", env, "--until", "2h", "--reason", "Black Friday")
    held = landfall.deployment_of(env, landfall.upload(f"{env}/env.yaml", environment(env) + "# newer\n"))
    status, planned = landfall.call("POST", f"/layers/{app}/deployments", {"action": "plan"})
    assert status == 202 and landfall.ended(app, planned["number"])["status"] == "succeeded"
    assert landfall.installation.landfall("drift", app).returncode == 0
    assert landfall.get(f"/layers/{env}/deployments/{held['number']}")["deployment"]["status"] == "queued"
    landfall.installation.landfall("thaw", env)
    assert landfall.ended(env, held["number"])["status"] == "succeeded"


def test_an_approved_plan_that_does_not_fit_any_more_is_planned_and_asked_about_again(landfall):
    layer = landfall.name("moved")
    landfall.deploy(f"{layer}.yaml", environment(layer, TWO), layer)
    one = TWO.split("  - name: second")[0]
    asks = landfall.deploy(f"{layer}.yaml", environment(layer, one), layer)
    assert asks["phase"] == "awaiting-approval"
    sqs = landfall.account.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{layer}-{layer}-first")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "77"})
    body = {"decision": "approve", "plan_hash": asks["plan"]["hash"]}
    path = f"/layers/{layer}/deployments/{asks['number']}"
    assert landfall.call("POST", f"{path}/approval", body)[0] == 200

    def asks_again():
        now = landfall.get(path)["deployment"]
        return now if now["phase"] == "awaiting-approval" and now["plan"]["hash"] != asks["plan"]["hash"] else None

    again = until(asks_again, "it asks about the new plan")
    assert queues(landfall, layer) == ["first", "second"], "nothing of what was approved was done"
    events = [event["message"] for event in landfall.get(f"{path}/events")["events"] if event["kind"] == "plan-changed"]
    assert events and "does not fit any more" in events[0]
    assert landfall.approve(layer, again)["status"] == "succeeded"
    assert queues(landfall, layer) == ["first"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]["DelaySeconds"] == "0"


BROKEN = """landfall:
  on_failure: rollback
modules:
  - name: orders
    type: sqs
    delay_seconds: 5
  - name: events
    type: sns
  - name: site
    type: s3
    bucket_name: {layer}-site
    bucket_policy:
      Statement:
        - Effect: Allow
          Principal: "*"
          Action: s3:GetObject
          Resource: arn:aws:s3:::{layer}-site/*"""


def rollback_of(landfall, layer: str, number: int) -> dict:
    until(lambda: len(landfall.deployments(layer)) > number, "the rollback is queued")
    return over(landfall, layer, number + 1)


def topics(landfall, layer: str) -> list[str]:
    found = landfall.account.client("sns").list_topics()["Topics"]
    return [topic["TopicArn"] for topic in found if layer in topic["TopicArn"]]


def test_a_failure_is_rolled_back_to_what_was_deployed_last_and_no_data_is_deleted(landfall):
    layer = landfall.name("back")
    key = f"{layer}.yaml"
    queue = "modules:\n  - name: orders\n    type: sqs\n    delay_seconds: 0"
    assert landfall.deploy(key, environment(layer, queue), layer)["status"] == "succeeded"
    failed = landfall.deploy(key, environment(layer, BROKEN.format(layer=layer)), layer)
    assert (failed["status"], failed["message"]) == ("failed", f"site failed; rolled back by {layer}/3"), failed
    back = rollback_of(landfall, layer, 2)
    assert (back["action"], back["status"], back["outcome"]) == ("rollback", "succeeded", "rolled-back"), back

    sqs = landfall.account.client("sqs")
    (url,) = sqs.list_queues(QueueNamePrefix=f"{layer}-")["QueueUrls"]
    delay = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]["DelaySeconds"]
    assert delay == "0", "what was changed is changed back"
    assert topics(landfall, layer) == [], "what was made is removed"
    assert landfall.s3.head_bucket(Bucket=f"{layer}-site"), "a bucket may hold data"
    plan = landfall.get(f"/layers/{layer}/deployments/3/plan")["plan"]
    (site,) = [module for module in plan["modules"] if module["module"] == "site"]
    assert any("every object in the bucket" in note for note in site["notes"]), site["notes"]
    assert landfall.get(f"/layers/{layer}")["status"] == "deployed"

    assert landfall.destroy(layer)["outcome"] == "destroyed"
    assert landfall.tagged(layer) == [], "what was left is known and goes with the layer"


def test_what_was_never_deployed_whole_is_gone_after_its_rollback(slow):
    layer = slow.name("gone")
    modules = """landfall:
  on_failure: rollback
modules:
  - name: events
    type: sns
  - name: worker
    type: iam-role
    allowed_services: [lambda.amazonaws.com]"""
    slow.proxy.set(rule("error", times=None, operation="CreateRole", with_={"status": 400, "code": "InvalidInput"}))
    failed = slow.deploy(f"{layer}.yaml", config(layer, modules), layer)
    assert (failed["status"], failed["message"]) == ("failed", f"worker failed; rolled back by {layer}/2"), failed
    assert rollback_of(slow, layer, 1)["outcome"] == "rolled-back"
    assert slow.tagged(layer) == []
    assert slow.get(f"/layers/{layer}")["status"] == "destroyed"
