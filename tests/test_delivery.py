"""Events come at least once and out of order; functions die between two calls: nothing is done twice, nothing is lost."""

import json

from conftest import environment, service, until

QUEUE = "modules:\n  - name: orders\n    type: sqs\n    delay_seconds: {delay}"


def event(landfall, key: str, version: str, sequencer: str) -> dict:
    return {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": landfall.account.id,
        "region": "us-east-1",
        "detail": {
            "bucket": {"name": landfall.installation.bucket},
            "object": {"key": key, "version-id": version, "sequencer": sequencer},
            "requester": landfall.account.id,
        },
    }


def intake(landfall, delivered: dict) -> dict:
    answer = landfall.account.client("lambda").invoke(
        FunctionName=f"{landfall.installation.stack}-intake:live", Payload=json.dumps(delivered).encode()
    )
    return json.loads(answer["Payload"].read())


def test_the_same_event_twice_is_one_deployment(landfall):
    layer = landfall.name("twice")
    version = landfall.upload(f"{layer}.yaml", environment(layer, QUEUE.format(delay=0)))
    first = landfall.deployment_of(layer, version)
    landfall.ended(layer, first["number"])
    for sequencer in ("ff01", "ff02"):
        answer = intake(landfall, event(landfall, f"{layer}.yaml", version, sequencer))
        assert answer["outcome"] in ("queued", "ignored") and answer.get("duplicate", True), answer
    assert len(landfall.deployments(layer)) == 1


def test_an_older_event_that_comes_late_is_dropped(landfall):
    layer = landfall.name("late")
    key = f"{layer}.yaml"
    old = landfall.upload(key, environment(layer, QUEUE.format(delay=1)))
    landfall.ended(layer, landfall.deployment_of(layer, old)["number"])
    new = landfall.upload(key, environment(layer, QUEUE.format(delay=2)))
    landfall.ended(layer, landfall.deployment_of(layer, new)["number"])
    # S3 says: the greater sequencer, compared as text of equal length, is the newer one.
    assert intake(landfall, event(landfall, key, new, "f0" * 8))["outcome"] in ("queued", "ignored")
    late = intake(landfall, event(landfall, key, old, "0" * 16))
    assert late == {"outcome": "ignored", "reason": "a newer version of this key was seen before"}, late


def test_an_older_event_does_not_overtake_a_newer_file_that_cannot_be_read(landfall):
    layer = landfall.name("unread")
    key = f"{layer}.yaml"
    landfall.deploy(key, environment(layer, QUEUE.format(delay=1)), layer)
    older = landfall.upload(key, environment(layer, QUEUE.format(delay=1)))
    for number, broken in enumerate((b"name: [", b"replicas: 3\n"), 1):
        newer = landfall.upload(key, broken)
        answer = intake(landfall, event(landfall, key, newer, f"ff{number}2"))
        assert answer["outcome"] == "rejected", answer
        late = intake(landfall, event(landfall, key, older, f"ff{number}1"))
        assert late["outcome"] == "ignored" and "newer version" in late["reason"], late


def test_of_two_uploads_a_moment_apart_the_newest_wins(landfall):
    layer = landfall.name("burst")
    versions = [landfall.upload(f"{layer}.yaml", environment(layer, QUEUE.format(delay=n))) for n in range(6)]
    last = landfall.deployment_of(layer, versions[-1])
    landfall.ended(layer, last["number"])

    def settled():
        found = landfall.deployments(layer)
        return found if all(one["status"] not in ("queued", "running") for one in found) else None

    found = until(settled, "every deployment ended")
    statuses = {one["status"] for one in found}
    assert statuses <= {"succeeded", "superseded"}, found
    for one in found:
        if one["status"] == "superseded":
            assert one["superseded_by"] > one["number"]
    sqs = landfall.account.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{layer}-{layer}-orders")["QueueUrl"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]["DelaySeconds"] == "5"


def test_an_execution_that_is_stopped_ends_its_deployment_and_frees_the_layer(landfall):
    layer = landfall.name("killed")
    key = f"{layer}.yaml"
    landfall.deploy(key, environment(layer, QUEUE.format(delay=0)), layer)
    asks = landfall.deploy(key, environment(layer), layer)
    assert asks["phase"] == "awaiting-approval"
    sfn = landfall.account.client("stepfunctions")
    sfn.stop_execution(executionArn=asks["execution_arn"], error="Test", cause="somebody stopped it")

    def ended():
        # What the schedule and the rule on died executions do on their own, without waiting a minute for it.
        landfall.account.client("lambda").invoke(
            FunctionName=f"{landfall.installation.stack}-coordinator:live", Payload=b'{"op":"sweep"}'
        )
        one = landfall.get(f"/layers/{layer}/deployments/{asks['number']}")["deployment"]
        return one if one["status"] != "running" else None

    one = until(ended, "the deployment ended")
    assert one["status"] == "failed" and "ABORTED" in one["message"], one
    again = landfall.deploy(key, environment(layer, QUEUE.format(delay=4)), layer)
    assert again["status"] == "succeeded", again


def test_a_deployment_waits_for_a_lease_that_somebody_holds_and_says_for_whom(landfall):
    layer = landfall.name("held")
    key = f"{layer}.yaml"
    landfall.deploy(key, environment(layer, QUEUE.format(delay=0)), layer)
    landfall.take_lease(layer, 6, "repairing it by hand")
    found = landfall.deployment_of(layer, landfall.upload(key, environment(layer, QUEUE.format(delay=9))))

    def waits():
        one = landfall.get(f"/layers/{layer}/deployments/{found['number']}")["deployment"]
        return one if "repairing it by hand" in (one.get("message") or "") else None

    until(waits, "the deployment says for whom it waits")
    assert landfall.ended(layer, found["number"])["status"] == "succeeded"


def test_a_service_waits_while_its_environment_is_held(landfall):
    env, app = landfall.name("busy"), landfall.name("guest")
    landfall.deploy(f"{env}.yaml", environment(env, QUEUE.format(delay=0)), env)
    asks = landfall.deploy(f"{env}.yaml", environment(env), env)
    assert asks["phase"] == "awaiting-approval"
    # While people think, nobody is held up.
    ended = landfall.deploy(f"{app}.yaml", service(app, f"{env}.yaml", "x", QUEUE.format(delay=0)), app)
    assert ended["status"] == "succeeded", ended
    assert landfall.approve(env, asks)["status"] == "succeeded"


def test_a_service_waits_for_the_first_deployment_of_its_environment(landfall):
    env, app = landfall.name("young"), landfall.name("eager")
    many = "modules:\n" + "".join(f"  - name: q{n}\n    type: sqs\n" for n in range(12))
    landfall.upload(f"{env}.yaml", environment(env, many))
    until(lambda: landfall.deployments(env), "the environment's change was seen")
    text = service(app, f"{env}.yaml", "prod", QUEUE.format(delay=0))
    ended = landfall.deploy(f"{app}.yaml", text, app)
    assert ended["status"] == "succeeded", ended
    first = landfall.deployments(env)[0]
    assert first["finished_at"] <= landfall.get(f"/layers/{app}/deployments/{ended['number']}")["runs"][0]["started_at"]


def test_a_layer_lives_in_the_region_that_its_file_names(landfall):
    layer = landfall.name("abroad")
    text = environment(layer, QUEUE.format(delay=0)).replace("us-east-1", "eu-central-1")
    ended = landfall.deploy(f"{layer}.yaml", text, layer)
    assert ended["status"] == "succeeded", ended
    sqs = landfall.account.client("sqs", region_name="eu-central-1")
    assert sqs.get_queue_url(QueueName=f"{layer}-{layer}-orders")["QueueUrl"]
    home = landfall.account.client("sqs").list_queues(QueueNamePrefix=f"{layer}-").get("QueueUrls", [])
    assert home == []
