"""Installs what the other commands need into the cache folder, once per version of the lists.

    setup.py          Python tools with pinned versions, DynamoDB Local where Java and Maven are there
    setup.py --lint   also cargo-deny
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import step

HERE = Path(__file__).resolve().parent
LISTS = [HERE / "requirements.txt", HERE / "requirements-dev.txt"]
CARGO_DENY = "0.20.2"
RUST = (1, 95)


def fail(text: str) -> None:
    print(f"error: {text}", file=sys.stderr)
    sys.exit(1)


def check_machine() -> None:
    if sys.version_info < (3, 11):
        fail(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    if not shutil.which("cargo"):
        fail("cargo was not found; install Rust from https://rustup.rs")
    version = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=False).stdout.split()[1]
    if tuple(int(part) for part in version.split(".")[:2]) < RUST:
        fail(f"Rust {RUST[0]}.{RUST[1]} or newer is needed, this is {version}; run `rustup update`")
    if not shutil.which("cc"):
        fail("a C compiler and linker (`cc`) were not found; install gcc, on Debian: apt-get install build-essential")


def venv() -> None:
    import os

    folder = Path(os.environ.get("LANDFALL_VENV") or step.cache() / "venv")
    fingerprint = hashlib.sha256(b"".join(path.read_bytes() for path in LISTS)).hexdigest()
    mark = folder / "landfall-lists"
    if mark.exists() and mark.read_text() == fingerprint:
        return
    if not (folder / "bin/python").exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            fail(f"no virtual environment can be made at {folder}; on Debian: apt-get install python3-venv\n{made.stderr}")
    requirements = [word for path in LISTS for word in ("-r", str(path))]
    command = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if step.run("venv", [*command, *requirements]) != 0:
        fail("the Python tools could not be installed; is PyPI reachable?")
    mark.write_text(fingerprint)


def cargo_deny() -> None:
    tools = step.cache() / "tools"
    binary = tools / "bin/cargo-deny"
    if binary.exists():
        found = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False).stdout
        if CARGO_DENY in found:
            return
    # Its own build folder: its dependencies have other features than ours.
    target = step.cache() / "tools-target"
    command = ["cargo", "install", f"cargo-deny@{CARGO_DENY}", "--locked", "--quiet", "--root", str(tools)]
    if step.run("cargo-deny", [*command, "--target-dir", str(target)]) != 0:
        fail("cargo-deny could not be installed; is crates.io reachable?")
    shutil.rmtree(target, ignore_errors=True)


if __name__ == "__main__":
    check_machine()
    venv()
    if "--lint" in sys.argv:
        cargo_deny()
