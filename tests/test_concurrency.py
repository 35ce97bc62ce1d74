"""Many at once: bursts of one layer, many layers, every event twice and in any order. One deployment of a layer at a
time, the newest config wins, every change ends in a status, and the table is true afterwards.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

import invariants
from conftest import environment, service, until
from invariants import settled
from test_delivery import event, intake

QUEUE = "modules:\n  - name: orders\n    type: sqs\n    delay_seconds: {delay}"
SEED = 11


def delay(landfall, layer: str) -> str:
    sqs = landfall.account.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{layer}-{layer}-orders")["QueueUrl"]
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]["DelaySeconds"]


@contextmanager
def redelivered(landfall, keys: dict[str, str]):
    """While it lasts, the events of the files of these layers come again and again, several at a time, in any order."""
    draw, over, answers = random.Random(SEED), Event(), []

    def deliver() -> None:
        with ThreadPoolExecutor(4) as pool:
            while not over.is_set():
                known = [
                    event(landfall, key, one["source"]["version_id"], one["source"]["sequencer"])
                    for layer, key in keys.items()
                    for one in landfall.deployments(layer)
                ]
                twice = known * 2
                draw.shuffle(twice)
                answers.extend(pool.map(lambda one: intake(landfall, one), twice[:40]))

    with ThreadPoolExecutor(1) as postman:
        delivered = postman.submit(deliver)
        try:
            yield
        finally:
            over.set()
        delivered.result()
    assert answers and all(answer.get("outcome") in ("queued", "ignored") for answer in answers), answers


def test_of_fifty_uploads_in_a_burst_the_newest_wins_and_every_one_ends(landfall):
    layer = landfall.name("fifty")
    with redelivered(landfall, {layer: f"{layer}.yaml"}):
        # One after the other, so that there is a newest one; none waits for what becomes of it.
        versions = [landfall.upload(f"{layer}.yaml", environment(layer, QUEUE.format(delay=n))) for n in range(50)]
        landfall.deployment_of(layer, versions[-1])
    settled(landfall, [layer])
    assert delay(landfall, layer) == "49"
    found = landfall.deployments(layer)
    assert {one["status"] for one in found} <= {"succeeded", "superseded"}
    newest = max(found, key=lambda one: one["number"])
    assert (newest["status"], newest["source"]["version_id"]) == ("succeeded", versions[-1])


def test_every_event_twice_and_in_any_order_changes_nothing(landfall):
    layer = landfall.name("shuffled")
    key = f"{layer}.yaml"
    versions = [landfall.upload(key, environment(layer, QUEUE.format(delay=n))) for n in range(8)]
    landfall.deployment_of(layer, versions[-1])
    settled(landfall, [layer])
    found = landfall.deployments(layer)
    before = {one["number"]: one["status"] for one in found}
    events = [event(landfall, key, one["source"]["version_id"], one["source"]["sequencer"]) for one in found]
    shuffled = [one for one in events for _ in range(2)]
    random.Random(SEED).shuffle(shuffled)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: intake(landfall, one), shuffled))
    assert all(answer.get("outcome") in ("queued", "ignored") for answer in answers), answers
    settled(landfall, [layer])
    assert delay(landfall, layer) == "7"
    assert {one["number"]: one["status"] for one in landfall.deployments(layer)} == before


def test_twenty_layers_at_once(landfall):
    env = landfall.name("crowd")
    landfall.deploy(f"{env}/env.yaml", environment(env), env)
    alone = [landfall.name("alone") for _ in range(10)]
    services = [landfall.name("guest") for _ in range(10)]
    files = {f"{layer}.yaml": environment(layer, QUEUE.format(delay=3)) for layer in alone}
    files |= {f"{env}/svc/{layer}.yaml": service(layer, "../env.yaml", "prod", QUEUE.format(delay=4)) for layer in services}
    keys = {key.rsplit("/", 1)[-1].removesuffix(".yaml"): key for key in files}
    with redelivered(landfall, keys), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda file: landfall.upload(*file), files.items()))
        for layer in alone + services:
            until(lambda layer=layer: landfall.deployments(layer), f"{layer} has a deployment")
    settled(landfall, [env, *alone, *services])
    for layer in alone + services:
        assert [one["status"] for one in landfall.deployments(layer)] == ["succeeded"], layer
    assert {delay(landfall, layer) for layer in alone} == {"3"}


@pytest.mark.parametrize("first", ["service", "environment"])
def test_a_service_and_its_environment_begin_in_the_order_in_which_they_wait(landfall, first):
    env, app = landfall.name("home"), landfall.name("guest")
    files = {
        env: (f"{env}/env.yaml", lambda delay: environment(env, QUEUE.format(delay=delay))),
        app: (f"{env}/app.yaml", lambda delay: service(app, "env.yaml", "prod", QUEUE.format(delay=delay))),
    }
    for layer, (key, text) in files.items():
        assert landfall.deploy(key, text(1), layer)["status"] == "succeeded"
    landfall.take_lease(env, 600, "being tested")
    numbers = {}
    for layer in [app, env] if first == "service" else [env, app]:
        key, text = files[layer]
        numbers[layer] = landfall.deployment_of(layer, landfall.upload(key, text(2)))["number"]
        path = f"/layers/{layer}/deployments/{numbers[layer]}"
        # It has looked, and says for whom it waits.
        until(lambda: (landfall.get(path)["deployment"]["message"] or "").startswith("waits for"), f"{layer} waits")
    landfall.take_lease(env, 0, "being tested")
    planned = {}
    for layer, number in numbers.items():
        assert landfall.ended(layer, number)["outcome"] == "changed"
        events = landfall.get(f"/layers/{layer}/deployments/{number}/events")["events"]
        (planned[layer],) = [event["at"] for event in events if event["kind"] == "planned"]
    assert list(planned) == sorted(planned, key=planned.get), planned
    settled(landfall, [env, app])


def test_the_checker_sees_what_is_not_true():
    layer = {"pk": "LAYER#shop", "sk": "LAYER", "counter": 2}
    one = {"pk": "LAYER#shop", "sk": "DEPLOYMENT#1", "number": 1, "status": "succeeded", "finished_at": "12:05", "started_at": "12:00"}
    two = {**one, "sk": "DEPLOYMENT#2", "number": 2, "started_at": "12:05", "finished_at": "12:06"}
    changes = [{"pk": "LAYER#shop", "sk": f"CHANGE#{n}", "number": n} for n in (1, 2)]
    good = [layer, one, two, *changes]
    assert invariants.broken(good, {"shop"}) == []
    for wrong, said in [
        ([{"pk": "LAYER#shop", "sk": "QUEUE", "running": 2}], "2 is still running"),
        ([{"pk": "LAYER#shop", "sk": "LEASE", "holder": "x"}], "its lease is held by x"),
        ([{**two, "started_at": "12:04"}], "deployment 2 began at 12:04, before 1 ended at 12:05"),
        ([{**two, "status": "running"}], "deployment 2 is running"),
        ([{**two, "status": "superseded", "superseded_by": 1}], "deployment 2 was superseded by 1"),
        ([{"pk": "LAYER#shop", "sk": "RES#a#b", "status": "intent"}], "RES#a#b is intent"),
        ([{"pk": "LAYER#shop", "sk": "SHARED#app"}], "SHARED#app is left"),
        ([{**layer, "counter": 3}], "it counts 3 deployments and has 2, and 0 forgotten looks"),
    ]:
        assert f"shop: {said}" in invariants.broken(good + wrong, {"shop"}), said
