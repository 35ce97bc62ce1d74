"""Command line of the local AWS: up, down, status, env, reset."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from . import server

REGION = "us-east-1"
ACCOUNT = "000000000000"


def default_home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "landfall" / "local"


def described(state: dict) -> dict:
    """The state as programs read it."""
    return {**state, "environment": server.environment(state)}


def up(arguments: argparse.Namespace) -> int:
    home = arguments.home
    running = server.read_state(home)
    if running and server.is_healthy(running):
        if arguments.json:
            print(json.dumps(described(running)))
            return 0
        print(f"already up at {running['endpoint']} (pid {running['pid']})")
        return 0
    try:
        state = server.start(home, arguments.port, arguments.region, arguments.account)
    except server.LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(described(state)), flush=True)
    else:
        print(f"up at {state['endpoint']} (pid {state['pid']}, log {state['log']})", flush=True)
    if not arguments.watch_stdin:
        return 0
    # Whoever started us holds the other end of stdin: when it is gone, so are we.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        sys.stdin.read()
    finally:
        server.stop(home)
    return 0


def down(arguments: argparse.Namespace) -> int:
    print("stopped" if server.stop(arguments.home) else "nothing to stop")
    return 0


def status(arguments: argparse.Namespace) -> int:
    state = server.read_state(arguments.home)
    healthy = bool(state) and server.is_healthy(state)
    if arguments.json:
        print(json.dumps({**(described(state) if state else {}), "healthy": healthy}))
    elif healthy:
        print(f"up at {state['endpoint']} (pid {state['pid']}, region {state['region']}, account {state['account']})")
    else:
        print("down")
    return 0 if healthy else 1


def env(arguments: argparse.Namespace) -> int:
    state = server.read_state(arguments.home)
    if not state:
        print("error: the local AWS is down; start it with `landfall local up`", file=sys.stderr)
        return 1
    for name, value in server.environment(state).items():
        print(f"export {name}={value}")
    return 0


def reset(arguments: argparse.Namespace) -> int:
    state = server.read_state(arguments.home)
    if not state or not server.is_healthy(state):
        print("error: the local AWS is down; start it with `landfall local up`", file=sys.stderr)
        return 1
    server.reset(state)
    print("everything in the local AWS is gone")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="landfall_local", description=__doc__)
    parser.add_argument("--home", type=Path, default=default_home(), help="folder of the state file, data and log")
    commands = parser.add_subparsers(required=True)
    start = commands.add_parser("up", help="start it")
    start.add_argument("--port", type=int, default=4566, help="port on loopback; 0 picks a free one")
    start.add_argument("--region", default=REGION)
    start.add_argument("--account", default=ACCOUNT)
    start.add_argument("--watch-stdin", action="store_true", help="stay in front and stop when stdin closes")
    start.add_argument("--json", action="store_true", help="answer for programs")
    start.set_defaults(run=up)
    commands.add_parser("down", help="stop it").set_defaults(run=down)
    show = commands.add_parser("status", help="say whether it is up")
    show.add_argument("--json", action="store_true")
    show.set_defaults(run=status)
    commands.add_parser("env", help="print export lines for any AWS client").set_defaults(run=env)
    commands.add_parser("reset", help="forget everything in it").set_defaults(run=reset)
    arguments = parser.parse_args()
    return arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
