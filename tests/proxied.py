"""The fault proxy of the testkit before a local AWS: started, given rules, asked for its log."""

import json
import subprocess
import urllib.request

import installation as installing


class Proxy:
    """A fault proxy. It ends with us, because it watches its stdin."""

    def __init__(self, upstream: str, stack: str = "landfall", profile: str = "debug"):
        binary = installing.target_dir() / profile / "landfall-fault-proxy"
        self.process = subprocess.Popen(
            [str(binary), upstream, stack], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        listens = json.loads(self.process.stdout.readline())
        self.endpoint, self.admin = listens["endpoint"], listens["admin"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=30)

    def ask(self, method: str, path: str, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.admin}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def set(self, *rules: dict) -> None:
        """Sets the rules; without any, nothing is broken."""
        self.ask("PUT", "/rules", list(rules))

    def rules(self) -> list[dict]:
        return self.ask("GET", "/rules")

    def struck(self) -> int:
        """How many calls the rules struck."""
        return sum(rule["struck"] for rule in self.rules())

    def calls(self, **wanted) -> list[dict]:
        """The log, of the calls that have these fields."""
        return [call for call in self.ask("GET", "/calls") if all(call[name] == value for name, value in wanted.items())]

    def reset(self) -> None:
        self.ask("POST", "/reset")


def rule(fault: str, *, skip: int = 0, times: int | None = 1, each: bool = False, with_=None, **match) -> dict:
    """A rule: `fault` with its settings `with_`, for the calls that `match` fits."""
    return {"match": match, "skip": skip, "times": times, "each": each, "do": {"fault": fault, **(with_ or {})}}


def build(profile: str = "debug") -> None:
    command = ["cargo", "build", "--quiet", "--locked", "--package", "landfall-testkit", "--bins"]
    subprocess.run([*command, *(["--release"] if profile == "release" else [])], cwd=installing.ROOT, check=True)
