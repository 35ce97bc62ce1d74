"""The MiniStack process: started on loopback with IAM enforcement, known by a state file, stopped by process id."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

START_SECONDS = 60


class LocalError(Exception):
    """Something a user can act on."""


def state_file(home: Path) -> Path:
    return home / "state.json"


def read_state(home: Path) -> dict | None:
    try:
        state = json.loads(state_file(home).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return state if is_alive(state["pid"]) else None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A child of ours that ended but was not waited for is not alive.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, IndexError):
        return True


def is_healthy(state: dict) -> bool:
    try:
        with urllib.request.urlopen(f"{state['endpoint']}/_ministack/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def environment(state: dict) -> dict[str, str]:
    """What any AWS client needs to work with it. A 12-digit access key is the root of that account."""
    return {
        "AWS_ENDPOINT_URL": state["endpoint"],
        "AWS_ACCESS_KEY_ID": state["account"],
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": state["region"],
        "AWS_DEFAULT_REGION": state["region"],
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalError(
                f"port {port} on 127.0.0.1 is taken; stop what listens there, or choose another with --port (0 picks a free one)"
            ) from error


def start(home: Path, port: int, region: str, account: str) -> dict:
    home.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    refuse_taken(port)
    log = home / "ministack.log"
    settings = {
        # MiniStack checks every call against the caller's policies, as AWS does.
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": region,
        "MINISTACK_ACCOUNT_ID": account,
        "LAMBDA_EXECUTOR": "local",
        # Its MQTT listener would not stay on loopback.
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": os.environ.get("LANDFALL_LOCAL_LOG", "INFO"),
        "TMPDIR": str(home / "tmp"),
        "S3_DATA_DIR": str(home / "s3"),
        "STATE_DIR": str(home / "state"),
    }
    (home / "tmp").mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LANDFALL_"))}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "landfall_local.gateway"],
            env={**inherited, **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Found there whatever folder the launcher was called from.
            cwd=Path(__file__).resolve().parent.parent,
        )
    state = {
        "pid": process.pid,
        "port": port,
        "endpoint": f"http://localhost:{port}",
        "region": region,
        "account": account,
        "log": str(log),
    }
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(state):
        if process.poll() is not None:
            raise LocalError(f"MiniStack ended with code {process.returncode}; see {log}")
        if time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            raise LocalError(f"MiniStack did not answer within {START_SECONDS} s; see {log}")
        time.sleep(0.1)
    state_file(home).write_text(json.dumps(state))
    return state


def stop(home: Path) -> bool:
    state = read_state(home)
    state_file(home).unlink(missing_ok=True)
    if not state:
        return False
    # Its own session: the functions that it runs are in the same process group.
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(state["pid"], sent)
        except ProcessLookupError:
            return True
        for _ in range(50):
            if not is_alive(state["pid"]):
                return True
            reap(state["pid"])
            time.sleep(0.1)
    return True


def reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def reset(state: dict) -> None:
    request = urllib.request.Request(f"{state['endpoint']}/_ministack/reset", method="POST")
    urllib.request.urlopen(request, timeout=30).close()
