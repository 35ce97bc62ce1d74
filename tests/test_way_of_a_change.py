"""From an object in the config bucket to resources that exist, and back."""

from conftest import environment, service, until

QUEUE = "modules:\n  - name: orders\n    type: sqs\n    delay_seconds: {delay}"


def test_an_upload_alone_makes_what_the_file_says(landfall):
    layer = landfall.name("upload")
    ended = landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE.format(delay=3)), layer)
    assert (ended["status"], ended["outcome"]) == ("succeeded", "changed")
    sqs = landfall.account.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{layer}-{layer}-orders")["QueueUrl"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]["DelaySeconds"] == "3"


def test_the_same_file_again_changes_nothing(landfall):
    layer = landfall.name("again")
    text = environment(layer, QUEUE.format(delay=0))
    landfall.deploy(f"{layer}.yaml", text, layer)
    ended = landfall.deploy(f"{layer}.yaml", text, layer)
    assert (ended["status"], ended["outcome"]) == ("succeeded", "no-changes")
    # It is told like any other: what was planned, and how it ended.
    path = f"/layers/{layer}/deployments/{ended['number']}"
    kinds = [event["kind"] for event in landfall.get(f"{path}/events")["events"]]
    assert kinds[-2:] == ["planned", "succeeded"], kinds
    assert {module["change"] for module in landfall.get(f"{path}/plan")["plan"]["modules"]} == {"unchanged"}


def test_a_changed_file_updates_in_place(landfall):
    layer = landfall.name("update")
    landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE.format(delay=0)), layer)
    ended = landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE.format(delay=7)), layer)
    assert (ended["outcome"], ended["plan"]["summary"]["update"]) == ("changed", 1)
    events = landfall.get(f"/layers/{layer}/deployments/{ended['number']}/events")["events"]
    # What does not happen is not counted.
    assert [event["message"] for event in events if event["kind"] == "planned"] == ["1 to update"]
    sqs = landfall.account.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{layer}-{layer}-orders")["QueueUrl"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]["DelaySeconds"] == "7"


def test_losing_data_asks_for_an_approval_that_names_the_plan(landfall):
    layer = landfall.name("risky")
    landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE.format(delay=0)), layer)
    asks = landfall.deploy(f"{layer}.yaml", environment(layer), layer)
    assert (asks["phase"], asks["plan"]["risk"]) == ("awaiting-approval", "high")
    path = f"/layers/{layer}/deployments/{asks['number']}/approval"
    status, answer = landfall.call("POST", path, {"decision": "approve", "plan_hash": "another"})
    assert status == 409, answer
    ended = landfall.approve(layer, asks)
    assert (ended["status"], ended["outcome"]) == ("succeeded", "changed")
    assert landfall.tagged(layer) == []


def test_a_rejected_plan_changes_nothing(landfall):
    layer = landfall.name("refused")
    landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE.format(delay=0)), layer)
    asks = landfall.deploy(f"{layer}.yaml", environment(layer), layer)
    body = {"decision": "reject", "plan_hash": asks["plan"]["hash"], "reason": "we still need it"}
    status, _ = landfall.call("POST", f"/layers/{layer}/deployments/{asks['number']}/approval", body)
    assert status == 200

    def look():
        one = landfall.get(f"/layers/{layer}/deployments/{asks['number']}")["deployment"]
        return one if one["status"] != "running" else None

    ended = until(look, "the deployment ended")
    assert ended["status"] == "cancelled" and "we still need it" in ended["message"]
    assert landfall.account.client("sqs").get_queue_url(QueueName=f"{layer}-{layer}-orders")


def test_destroy_leaves_nothing_and_says_so(landfall):
    layer = landfall.name("gone")
    landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE.format(delay=0)), layer)
    ended = landfall.destroy(layer)
    assert (ended["status"], ended["outcome"]) == ("succeeded", "destroyed")
    assert landfall.tagged(layer) == []
    assert landfall.get(f"/layers/{layer}")["status"] == "destroyed"


def test_an_environment_with_services_is_not_destroyed(landfall):
    env, app = landfall.name("env"), landfall.name("app")
    landfall.deploy(f"{env}/env.yaml", environment(env), env)
    text = service(app, "../env.yaml", "prod", QUEUE.format(delay=0))
    ended = landfall.deploy(f"{env}/apps/{app}.yaml", text, app)
    assert ended["status"] == "succeeded", ended
    status, answer = landfall.call("POST", f"/layers/{env}/deployments", {"action": "destroy"})
    assert status == 409 and app in answer["error"]["message"], answer
    assert landfall.destroy(app)["outcome"] == "destroyed"
    assert landfall.destroy(env)["outcome"] == "destroyed"


def test_deleting_the_file_destroys_nothing(landfall):
    layer = landfall.name("kept")
    landfall.deploy(f"{layer}.yaml", environment(layer, QUEUE.format(delay=0)), layer)
    landfall.s3.delete_object(Bucket=landfall.installation.bucket, Key=f"{layer}.yaml")
    landfall.upload(f"{layer}-other.yaml", "just: values\n")
    assert landfall.account.client("sqs").get_queue_url(QueueName=f"{layer}-{layer}-orders")
    assert len(landfall.deployments(layer)) == 1
