"""Modules of one kind that begin together share an invocation of their function; each has an end of its own."""

import pytest
from conftest import ACCOUNT, behind_proxy, environment, until
from proxied import rule
from test_ending import over, queues

# Of its own: two installations behind two proxies in one account would be one.
BATCHES = "000000000889"

THREE = "modules:\n" + "".join(f"  - {{ name: {name}, type: sqs }}\n" for name in ("a", "b", "c"))
FED = """modules:
  - { name: a, type: sqs }
  - { name: b, type: sqs }
  - { name: feda, type: sns, sqs_subscribers: ["${{module.a.queue_arn}}"] }
  - { name: fedb, type: sns, sqs_subscribers: ["${{module.b.queue_arn}}"] }
"""


@pytest.fixture(scope="module")
def slow(local_aws):
    """An installation whose functions reach AWS through the fault proxy."""
    with behind_proxy(local_aws, BATCHES) as landfall:
        yield landfall


@pytest.fixture(autouse=True)
def nothing_broken(slow):
    yield
    slow.proxy.reset()


def config(layer: str, modules: str) -> str:
    return environment(layer, modules).replace(ACCOUNT, BATCHES)


def executions(landfall, name: str) -> list[str]:
    """Names of the executions of modules that end with `name`."""
    sfn = landfall.account.client("stepfunctions")
    machines = {machine["name"]: machine["stateMachineArn"] for machine in sfn.list_state_machines()["stateMachines"]}
    found = sfn.list_executions(stateMachineArn=machines["landfall-module"])["executions"]
    return [one["name"] for one in found if one["name"].endswith(name)]


def test_one_that_fails_keeps_none_of_the_others_from_its_end(slow):
    layer = slow.name("batch")
    slow.proxy.reset()
    slow.proxy.set(rule("error", operation="CreateQueue", with_={"status": 400, "code": "InvalidAttributeValue"}))
    ended = slow.deploy(f"{layer}.yaml", config(layer, THREE), layer)
    assert ended["status"] == "failed"
    # The run when they are planned, the run and the plan when they are made: one invocation each for the three of them.
    assert len(slow.proxy.calls(function="sqs", service="s3", operation="GetObject")) == 3
    assert not executions(slow, "-a-and-2-more"), "what waits for nothing needs no execution of its own"
    runs = {run["module"]: run["status"] for run in slow.get(f"/layers/{layer}/deployments/{ended['number']}")["runs"]}
    assert sorted(runs.values()) == ["done", "done", "failed"]
    assert queues(slow, layer) == sorted(name for name, status in runs.items() if status == "done")
    failed = next(name for name, status in runs.items() if status == "failed")
    report = slow.get(f"/layers/{layer}/deployments/{ended['number']}/report")
    ends = {(end["module"], end["resource"]): end["end"] for end in report["resources"]}
    assert [module for (module, resource), end in ends.items() if resource == "queue" and end == "failed"] == [failed]

    slow.proxy.set()
    assert f"{layer}/{ended['number'] + 1} succeeded" in slow.installation.landfall("resume", layer, "--yes").stdout
    assert queues(slow, layer) == ["a", "b", "c"]
    made = [call for call in slow.proxy.calls(service="sqs", operation="CreateQueue") if call["created"]]
    assert len(made) == 3, "each was made once"
    assert slow.deploy(f"{layer}.yaml", config(layer, THREE), layer)["outcome"] == "no-changes"


def test_what_needs_one_of_them_does_not_wait_for_the_others(slow):
    layer = slow.name("fed")
    slow.proxy.set(rule("delay", skip=1, operation="CreateQueue", with_={"milliseconds": 4000}))
    begun = slow.deployment_of(layer, slow.upload(f"{layer}.yaml", config(layer, FED)))
    ended = over(slow, layer, begun["number"])
    assert ended["status"] == "succeeded", ended
    events = slow.get(f"/layers/{layer}/deployments/{begun['number']}/events")["events"]
    done = [event["module"] for event in events if event["kind"] == "module-done"]
    quick, slower = done[0], {"a": "b", "b": "a"}[done[0]]
    assert done == [quick, f"fed{quick}", slower, f"fed{slower}"]


def test_what_waits_for_others_waits_in_one_execution(slow):
    layer = slow.name("waits")
    waiting = "".join(f"  - {{ name: {name}, type: sqs, depends_on: [first] }}\n" for name in ("wa", "wb", "wc"))
    text = config(layer, "modules:\n  - { name: first, type: sqs }\n" + waiting)
    assert slow.deploy(f"{layer}.yaml", text, layer)["status"] == "succeeded"
    assert queues(slow, layer) == ["first", "wa", "wb", "wc"]
    assert len(executions(slow, "-wa-and-2-more")) == 1 and not executions(slow, "-first")


def test_what_aws_takes_its_time_for_goes_on_in_an_execution_of_its_own(slow):
    layer = slow.name("patient")
    slow.proxy.reset()
    slow.proxy.set(rule("error", operation="CreateQueue", with_={"status": 400, "code": "QueueDeletedRecently"}))
    begun = slow.deployment_of(layer, slow.upload(f"{layer}.yaml", config(layer, "modules:\n  - { name: tardy, type: sqs }\n")))
    ended = over(slow, layer, begun["number"])
    assert ended["status"] == "succeeded", ended
    assert queues(slow, layer) == ["tardy"]
    assert len(executions(slow, "-tardy")) == 1
    assert slow.proxy.struck() == 1


def test_few_calls_of_the_table_for_many_modules(slow):
    layer = slow.name("many")
    many = "modules:\n" + "".join(f"  - {{ name: q{number}, type: sqs }}\n" for number in range(12))
    slow.proxy.reset()
    assert slow.deploy(f"{layer}.yaml", config(layer, many), layer)["status"] == "succeeded"
    assert until(lambda: len(queues(slow, layer)) == 12, "all are there")
    writes = slow.proxy.calls(function="sqs", service="dynamodb", operation="TransactWriteItems")
    # 24 resources are 48 entries of the journal, and 12 modules begin and end.
    assert len(writes) <= 30, len(writes)
