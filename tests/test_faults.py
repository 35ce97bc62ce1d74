"""The demo environment and its service survive every fault at every call: whatever breaks, a plain rerun converges, each
resource is made once, nothing is orphaned, and the journal is true.

`make test` tries a part that a seed draws; `make test-faults` tries everything, in an order that is drawn as well:

    LANDFALL_FAULTS=all            every fault at every call, however long it takes
    LANDFALL_FAULTS_SECONDS=3600   begins no new life after that time
    LANDFALL_FAULTS_SEED=7         another order
"""

import os
import random
import time

import pytest

import faults
import installation as installing
import proxied
from faults import CHANGES, KINDS, Fault, Life, Place, Sweep, places
from proxied import rule

SEED = int(os.environ.get("LANDFALL_FAULTS_SEED", "4"))
ALL = os.environ.get("LANDFALL_FAULTS") == "all"
SECONDS = float(os.environ.get("LANDFALL_FAULTS_SECONDS", "inf" if ALL else "35"))
LANES = 6 if ALL else 4

DRAINS = {"status": 400, "code": "DependencyViolation"}
HOLDERS = "DeleteVpc|DeleteSubnet|DeleteSecurityGroup|DetachInternetGateway"

# What the real AWS has, all through a life.
SLOWNESS = {
    "describes lag": (rule("lag", times=None, with_={"looks": 2}),),
    "states linger": (rule("linger", times=None, with_={"looks": 2}),),
    "roles are not known yet": (rule("unassumable", times=None, with_={"tries": 2}),),
    "pages of one": (rule("pages", times=None),),
    "deletions drain": (rule("error", times=2, each=True, service="ec2", operation=HOLDERS, with_=DRAINS),),
    "slow calls": (rule("delay", times=None, with_={"milliseconds": 50}),),
}
SLOWNESS["all of it"] = tuple(one for rules in SLOWNESS.values() for one in rules if one["do"]["fault"] != "delay")


# What was not survived once: the first life of each run.
FOUND = {
    "create env": Fault("reply lost lasting", Place("base", "ec2", "CreateSubnet", 0)),
    "create shop": Fault("reply lost lasting", Place("sqs", "kms", "CreateKey", 0)),
    "update env": Fault("503 lasting", Place("coordinator", "states", "SendTaskSuccess", 0)),
    "update shop": Fault("killed after", Place("intake", "dynamodb", "GetItem", 2)),
}


def slow(kind: str) -> Life:
    """A life in which AWS is slow in one way."""
    return Life({name: Fault(kind, rules=SLOWNESS[kind]) for name, _, _ in CHANGES})


def broken(expected) -> list[Life]:
    """Lives with one fault in each change, so that every fault at every call comes in one of them."""
    draw = random.Random(SEED)
    cases = {}
    for name, _, _ in CHANGES:
        cases[name] = [Fault(kind, place) for place in places(expected[name].calls) for kind in KINDS]
        draw.shuffle(cases[name])
    most = max(len(some) for some in cases.values())
    return [
        Life({name: some[number] for name, some in cases.items() if number < len(some)}) for number in range(most)
    ]


@pytest.fixture(scope="module")
def sweep(local_aws):
    binaries = installing.build()
    proxied.build()
    return Sweep(local_aws, binaries, LANES)


@pytest.fixture(scope="module")
def expected(sweep):
    """An undisturbed life."""
    return sweep.record()


def test_every_fault_is_survived(sweep, expected, capsys):
    begun = time.monotonic()
    slowness = SLOWNESS if ALL else ["all of it"]
    lives = [Life(FOUND), *(slow(kind) for kind in slowness), *broken(expected)]
    sweep.run(lives, expected, until=begun + SECONDS)
    with capsys.disabled():
        print(f"\n{sweep.report()}")
    assert sum(sweep.struck.values()) > 0
    assert not sweep.failures, "\n\n".join(sweep.failures)
