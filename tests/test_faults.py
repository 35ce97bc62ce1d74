"""The demo environment and its service survive every fault at every call: whatever breaks, a plain rerun converges,
each resource is made once, nothing is orphaned, and the journal is true.

`make test` tries a fixed part and what a seed draws while there is time; `make test-faults` tries everything, in an
order that the seed draws:

    LANDFALL_FAULTS=all            every fault at every call, however long it takes
    LANDFALL_FAULTS_PART=1/2       only the first of two halves of it, for as many machines or processes
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
SECONDS = float(os.environ.get("LANDFALL_FAULTS_SECONDS", "inf" if ALL else "40"))
PART, PARTS = map(int, os.environ.get("LANDFALL_FAULTS_PART", "1/1").split("/"))
# Faults that last are waited out, so many lives fit on a machine.
LANES = 32 if ALL else 4
# Faults in each change that is drawn.
AT_ONCE = 6 if ALL else 3

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


# Tried in each run before anything is drawn: what was not survived once, and one of each kind.
FIXED = [
    Life(
        {
            "create env": (Fault("reply lost", Place("base", "ec2", "CreateSubnet", 0)),),
            "create shop": (Fault("connection dropped", Place("s3", "s3", "CreateBucket", 0)),),
            "update env": (Fault("throttled", Place("base", "logs", "PutRetentionPolicy", 0)),),
            "update shop": (Fault("killed after", Place("intake", "dynamodb", "GetItem", 2)),),
            "destroy shop": (Fault("500", Place("sns", "sns", "DeleteTopic", 0)),),
            "destroy env": (Fault("killed after", Place("base", "ec2", "DeleteNatGateway", 0)),),
        }
    ),
    Life(
        {
            "create env": (Fault("500", Place("planner", "s3", "PutObject", 0)),),
            "create shop": (Fault("reply lost", Place("sns", "sns", "Subscribe", 0)),),
            "update env": (Fault("killed before", Place("coordinator", "states", "SendTaskSuccess", 0)),),
            "update shop": (Fault("connection dropped", Place("sqs", "sqs", "SetQueueAttributes", 0)),),
            "destroy shop": (Fault("killed before", Place("sqs", "kms", "ScheduleKeyDeletion", 0)),),
            "destroy env": (Fault("reply lost", Place("base", "ec2", "DeleteVpc", 0)),),
        }
    ),
]


def slow(*kinds: str) -> Life:
    """A life in which AWS is slow in these ways."""
    rules = tuple(one for kind in kinds for one in SLOWNESS[kind])
    return Life({name: (Fault(" and ".join(kinds), rules=rules),) for name, _, _ in CHANGES})


def broken(expected):
    """Lives with some faults in each change, so that every fault at every call comes in one of them."""
    draw = random.Random(SEED)
    cases = {}
    for name, _, _ in CHANGES:
        cases[name] = [Fault(kind, place) for place in places(expected[name].calls) for kind in KINDS]
        draw.shuffle(cases[name])
        # What lasts is mostly waited for: last, and together.
        cases[name].sort(key=lambda fault: fault.kind.endswith("lasting"))
    most = max(len(some) for some in cases.values())
    for first in range((PART - 1) * AT_ONCE, most, PARTS * AT_ONCE):
        yield Life({name: tuple(some[first : first + AT_ONCE]) for name, some in cases.items()})


@pytest.fixture(scope="module")
def sweep(local_aws):
    binaries = installing.build()
    proxied.build()
    return Sweep(local_aws, binaries, LANES)


def test_every_fault_is_survived(sweep, capsys):
    begun = time.monotonic()
    if ALL:
        slowness = [*(slow(kind) for kind in SLOWNESS), slow(*SLOWNESS)]
    else:
        slowness = [slow("describes lag", "roles are not known yet", "pages of one")]
    sweep.run([*FIXED, *slowness], broken, until=begun + SECONDS)
    with capsys.disabled():
        print(f"\n{sweep.report()}")
    # The fixed lives have each of them.
    assert set(KINDS) <= set(+sweep.struck) | {"503 lasting", "throttled lasting", "reply lost lasting"}
    assert not sweep.failures, "\n\n".join(sweep.failures)
