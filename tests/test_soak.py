"""A short soak with a fixed seed: whatever was edited and whatever broke, config, journal and inventory do not differ
in the end, and nothing grew. `make soak` runs a long one."""

import pytest
from samples import Samples, highs
from soak import Soak

import installation as installing
import proxied

SECONDS, SEED = 45, 7


def test_random_edits_under_random_faults_end_with_no_difference(local_aws, capsys):
    proxied.build()
    soak = Soak(local_aws, installing.build(), SECONDS, SEED)
    with capsys.disabled():
        print()
        soak.run(lambda line: print(line, flush=True))
    soak.lane.close()
    assert not soak.wrong, "\n".join(soak.wrong)
    assert sum(soak.edits.values()) > 0 and sum(soak.struck.values()) > 0


@pytest.mark.parametrize(
    ("processes", "largest", "said"),
    [
        ([30, 30, 31, 30, 30, 31], [900, 900, 900, 900, 900, 900], []),
        ([30, 32, 36, 40, 45, 50], [900, 900, 900, 900, 900, 900], ["the memory of intake grew from 32.0 to 50.0 MiB"]),
        ([30, 30, 30, 30, 30, 30], [900, 1500, 3000, 5000, 7000, 9000], ["the largest QUEUE grew from 1500 to 9000 bytes"]),
    ],
)
def test_what_grows_is_seen(processes, largest, said):
    samples = Samples.__new__(Samples)
    samples.processes = [(at, {"intake": value * 2**20}) for at, value in enumerate(processes)]
    samples.largest = [(at, {"QUEUE": value}) for at, value in enumerate(largest)]
    samples.records = []
    assert samples.grown() == said


def test_highs_are_those_of_the_first_and_the_last_third():
    assert highs([(0, {"a": 1}), (3, {"a": 5}), (5, {"a": 9}), (8, {"a": 4}), (9, {"a": 2, "b": 1})]) == {"a": (5, 4)}
    assert highs([]) == {}
