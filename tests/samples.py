"""What the functions and the table take during a soak, over time.

What must not grow:

- The memory of the functions. Of each function the largest of its processes is measured again and again. A process
  that worked once is larger than one that began, and faults kill processes, so highs are compared: that of the last
  third of the time with that of the first. Some 6 MiB of growth are allowed: a leak of 20 KiB a call is seen after
  300 calls of one process.
- The records that stand for a layer, not for one of its deployments: queue, lease, modules, resources. Their largest
  in the last third is compared with that in the first. Layers have at most as many modules later as before.
- What a deployment leaves behind for ever: its records, all together, in the last third of the deployments of all
  layers against those in the first. The table as a whole grows by them, which is history, and is only told.
"""

import json
import statistics
import time
from collections import defaultdict

import psutil

# The records of one deployment; every other one stands for a layer.
HISTORY = ("DEPLOYMENT", "RUN", "EVENT", "CHANGE", "APPROVAL")


class Samples:
    """What the functions and the table take, over time."""

    EVERY = 2.0

    def __init__(self, soak):
        self.soak = soak
        self.emulator = psutil.Process(soak.account.pid)
        # By time: the largest process of each function; the largest record of each kind that stands for a layer.
        self.processes: list[tuple[float, dict[str, int]]] = []
        self.largest: list[tuple[float, dict[str, int]]] = []
        self.records: list[dict] = []

    def run(self) -> None:
        scanned = 0.0
        while not self.soak.over.wait(self.EVERY):
            self.processes.append((self.soak.passed(), self.resident()))
            if time.monotonic() - scanned > self.soak.seconds / 20:
                self.scan()
                scanned = time.monotonic()

    def take(self) -> None:
        self.processes.append((self.soak.passed(), self.resident()))
        self.scan()

    def resident(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for process in self.emulator.children(recursive=True):
            try:
                environment = process.environ()
                # Other accounts of the same local AWS have functions of the same names.
                if environment.get("LANDFALL_BUCKET") == self.soak.landfall.installation.bucket:
                    name = environment["AWS_LAMBDA_FUNCTION_NAME"]
                    found[name] = max(found.get(name, 0), process.memory_info().rss)
            except (psutil.Error, KeyError):
                # It ended in between.
                continue
        return found

    def scan(self) -> None:
        self.records = self.soak.records()
        largest: dict[str, int] = {}
        for one in self.records:
            kind = one["sk"].split("#")[0]
            if kind not in HISTORY:
                largest[kind] = max(largest.get(kind, 0), size(one))
        self.largest.append((self.soak.passed(), largest))

    def memory(self) -> int:
        return sum(self.processes[-1][1].values()) if self.processes else 0

    def table(self) -> int:
        return sum(size(one) for one in self.records)

    def told(self) -> list[str]:
        by_function = [f"{name} {first / 2**20:.0f} → {last / 2**20:.0f}" for name, (first, last) in highs(self.processes).items()]
        by_kind: dict[str, int] = defaultdict(int)
        for one in self.records:
            kind = one["sk"].split("#")[0]
            by_kind[kind] = max(by_kind[kind], size(one))
        largest = sorted(by_kind.items(), key=lambda one: -one[1])[:5]
        first, last = self.per_deployment()
        return [
            f"  memory, MiB    {', '.join(by_function)}",
            f"  largest items  {', '.join(f'{kind} {bytes_ / 1024:.1f} KiB' for kind, bytes_ in largest)}",
            f"  table          {self.table() / 1024:.0f} KiB in {len(self.records)} items; "
            f"of a deployment {first / 1024:.1f} → {last / 1024:.1f} KiB",
        ]

    def per_deployment(self) -> tuple[float, float]:
        """Bytes that deployments left behind which did something, in the middle: of the first and the last third."""
        sizes: dict[tuple, int] = defaultdict(int)
        for one in self.records:
            if one["sk"].split("#")[0] in HISTORY and one.get("number") is not None:
                sizes[one["pk"], int(one["number"])] += size(one)
        began = {
            (one["pk"], int(one["number"])): one["started_at"]
            for one in self.records
            if one["sk"].startswith("DEPLOYMENT#") and one.get("started_at") and one["status"] == "succeeded"
        }
        ordered = [sizes[key] for key in sorted(began, key=lambda key: began[key])]
        third = len(ordered) // 3
        if not third:
            return 0.0, 0.0
        return statistics.median(ordered[:third]), statistics.median(ordered[-third:])

    def grown(self) -> list[str]:
        """What grew beyond what chance does."""
        wrong = [
            f"the memory of {name} grew from {first / 2**20:.1f} to {last / 2**20:.1f} MiB"
            for name, (first, last) in highs(self.processes).items()
            if last > first * 1.15 + 2 * 2**20
        ]
        wrong += [
            f"the largest {kind} grew from {first} to {last} bytes"
            for kind, (first, last) in highs(self.largest).items()
            if last > first * 1.5 + 2048
        ]
        first, last = self.per_deployment()
        if first and last > first * 1.5 + 4096:
            wrong.append(f"what a deployment leaves behind grew from {first:.0f} to {last:.0f} bytes")
        return wrong


def size(record: dict) -> int:
    return len(json.dumps(record, default=str))


def highs(samples: list[tuple[float, dict[str, int]]]) -> dict[str, tuple[int, int]]:
    """The highest values of the first and of the last third of the time, of what was there in both."""
    if not samples:
        return {}
    begin, end = samples[0][0], samples[-1][0]
    third = (end - begin) / 3
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for at, values in samples:
        part = first if at <= begin + third else last if at >= end - third else {}
        for name, value in values.items():
            part[name] = max(part.get(name, 0), value)
    return {name: (first[name], last[name]) for name in sorted(first.keys() & last.keys())}
