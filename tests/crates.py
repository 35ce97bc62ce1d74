"""Runs the tests of the crates: as many test programs at a time as there are processors, one that took long the last
time beside one that did not; then the examples of the documentation. `cargo test` runs one program after the other, and
most of them wait for a local AWS of their own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

sys.path.insert(0, str(Path(__file__).parent.parent / "local"))

import step

CARGO = ["cargo", "test", "--locked", "--workspace"]
PROCESSORS = os.cpu_count() or 1
ONE_AT_A_TIME = Lock()


@dataclass(frozen=True)
class Program:
    """A test program as cargo built it, to be run as cargo runs it: in the folder of its package."""

    name: str
    file: str
    folder: Path


def programs() -> list[Program]:
    built = subprocess.run(
        [*CARGO, "--no-run", "--message-format", "json-render-diagnostics"], stdout=subprocess.PIPE, text=True, check=False
    )
    if built.returncode:
        sys.exit(built.returncode)
    found = []
    for message in map(json.loads, built.stdout.splitlines()):
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            folder, target = Path(message["manifest_path"]).parent, message["target"]
            found.append(Program(f"{folder.name} {target['name']} ({target['kind'][0]})", message["executable"], folder))
    return found or sys.exit("cargo built no test program")


def run(program: Program) -> bool:
    """Whether its tests passed. What it says is told as one piece."""
    begun = time.monotonic()
    environment = os.environ | {"CARGO_MANIFEST_DIR": str(program.folder)}
    # A file, not a pipe: what a program leaves running holds nobody up.
    with tempfile.TemporaryFile() as said:
        ran = subprocess.run([program.file], cwd=program.folder, env=environment, stdout=said, stderr=said, check=False)
        took = time.monotonic() - begun
        said.seek(0)
        with ONE_AT_A_TIME:
            print(f"\n── {program.name}, {step.spoken(took)}", flush=True)
            shutil.copyfileobj(said, sys.stdout.buffer)
            sys.stdout.flush()
            step.remember(program.name, took)
    return ran.returncode == 0


def run_all(programs: list[Program]) -> set[Program]:
    """Those whose tests passed. Half of the workers begin with the first ones, half with the last ones."""
    left, passed = deque(programs), set()

    def work(take) -> None:
        # Empty once another one took the last of them.
        with suppress(IndexError):
            while program := take():
                if run(program):
                    passed.add(program)

    workers = [Thread(target=work, args=[left.pop if number % 2 else left.popleft]) for number in range(PROCESSORS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return passed


def main() -> int:
    known, built = step.remembered(), programs()
    # What is not known yet may be the longest; a conformance suite takes the time that it is given.
    built.sort(key=lambda program: (-known.get(program.name, float("inf")), "conformance" not in program.name))
    passed = run_all(built)
    documentation = subprocess.run([*CARGO, "--no-fail-fast", "--doc"], check=False).returncode
    wrong = [program.name for program in built if program not in passed]
    for name in sorted(wrong):
        print(f"failed: {name}")
    return 1 if wrong or documentation else 0


if __name__ == "__main__":
    sys.exit(main())
