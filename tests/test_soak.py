"""What the soak takes for growth. The soak itself is `make soak`: its faults fall where the moment wants, so it is no test
that always says the same."""

import pytest
from samples import Samples, highs


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
