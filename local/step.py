"""Runs one long step: says what it does, how long it took the last time and so how long is left, and how it ended.

    step.py NAME -- COMMAND ...
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

# What the step does, and the seconds it takes the first time on two cores.
STEPS = {
    "build": ("building the command and the functions", 300),
    "test-build": ("building the tests", 240),
    "test-rust": ("running the tests of the crates", 240),
    "test-system": ("running the tests of the installed system", 180),
    "format": ("checking the format", 3),
    "clippy": ("checking the lints", 180),
    "deny": ("checking licences and sources of dependencies", 10),
    "template": ("checking that the template is fresh", 60),
    "cfn-lint": ("checking the template", 15),
    "statelint": ("checking the state machines", 3),
    "bench-pure": ("measuring the pure parts", 300),
    "venv": ("installing the Python tools", 60),
    "cargo-deny": ("installing cargo-deny", 240),
    "dynamodb-local": ("fetching DynamoDB Local", 30),
}
QUIET_FOR = 20


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "landfall"


def remembered() -> dict[str, float]:
    try:
        return json.loads((cache() / "durations.json").read_text())
    except (OSError, json.JSONDecodeError):
        return {}


def remember(name: str, seconds: float) -> None:
    durations = remembered() | {name: round(seconds, 1)}
    try:
        cache().mkdir(parents=True, exist_ok=True)
        (cache() / "durations.json").write_text(json.dumps(durations))
    except OSError:
        # Without a memory the next estimate is the first one again.
        pass


def spoken(seconds: float) -> str:
    seconds = max(int(seconds), 0)
    return f"{seconds} s" if seconds < 100 else f"{seconds // 60} min {seconds % 60:02d} s"


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(name: str, command: list[str]) -> int:
    what, first_time = STEPS.get(name, (name, 60))
    expected = remembered().get(name, first_time)
    known = "last time" if name in remembered() else "the first time"
    tell(f"── {what} (about {spoken(expected)}, as {known})" if expected >= 10 else f"── {what}")
    begun = time.monotonic()
    over = threading.Event()

    def remind() -> None:
        while not over.wait(QUIET_FOR):
            spent = time.monotonic() - begun
            left = expected - spent
            hope = f"about {spoken(left)} left" if left > 5 else "longer than expected"
            tell(f"   … {what}: {spoken(spent)}, {hope}")

    threading.Thread(target=remind, daemon=True).start()
    # Ctrl-C reaches the command as well: it ends, and so do we. The command would inherit that a signal is ignored.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = subprocess.run(command, check=False).returncode
    except FileNotFoundError:
        tell(f"error: {command[0]} was not found; run `make setup`, and see the README for what must be there")
        code = 127
    over.set()
    spent = time.monotonic() - begun
    if code == 0:
        remember(name, spent)
        tell(f"   done in {spoken(spent)}" if spent >= 1 else "   done")
    else:
        tell(f"   failed after {spoken(spent)} with {code}: {' '.join(command)}")
    return code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[sys.argv.index("--") + 1 :]))
