"""Measures the budgets of the installed system and prints each beside its limit. A benchmark, not a test: the numbers
belong to the machine they were taken on.

    bench.py             everything, with the functions as they run on AWS, which are built first
    bench.py --system    only the system, with the functions as the tests have them: slower, and nothing to wait for
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import conftest
import installation as installing
import proxied

ROUNDS = 9


def row(what: str, measured: str, limit: str, good: bool) -> None:
    print(f"  {'✓' if good else '✗'} {what:<58} {measured:>14}   limit {limit}", flush=True)


class RuntimeApi:
    """The half of Lambda's runtime API that a cold start needs: it notes when the first request is asked for
    (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html)."""

    def __init__(self):
        self.asked = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                api.moment = time.monotonic()
                api.asked.set()
                # Nothing is ever asked of the function; it ends with the measurement.
                time.sleep(5)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"


def cold_start(binary: Path) -> float:
    """Milliseconds from the start of the process to its first question for work."""
    api = RuntimeApi()
    arn = "arn:aws:states:us-east-1:000000000000:stateMachine:landfall-deploy"
    environment = {
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "landfall-bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "bench",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SECRET_ACCESS_KEY": "test",
        "LANDFALL_TABLE": "landfall",
        "LANDFALL_BUCKET": "bucket",
        "LANDFALL_RELEASE": "bench",
        "LANDFALL_STACK": "landfall",
        "LANDFALL_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:landfall-status",
        "LANDFALL_DEPLOY_MACHINE_ARN": arn,
        "LANDFALL_MODULE_MACHINE_ARN": arn.replace("deploy", "module"),
        "LANDFALL_KINDS": "[]",
        "LANDFALL_VERSIONS": "{}",
    }
    begun = time.monotonic()
    process = subprocess.Popen([str(binary)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not api.asked.wait(10):
            raise RuntimeError(f"{binary.name} did not ask for work")
        return (api.moment - begun) * 1000
    finally:
        process.kill()
        process.wait()
        api.server.shutdown()


def release_builds(architecture: str) -> Path:
    """Builds the functions as `landfall bootstrap` does, and answers the folder of their packages."""
    folder = installing.target_dir() / "lambda" / architecture
    flag = {"arm64": "--arm64", "x86_64": "--x86-64"}[architecture]
    command = ["cargo", "lambda", "build", "--release", "--locked", "--output-format", "binary", flag]
    packages = [word for name in installing.functions().values() for word in ("--package", name)]
    subprocess.run([*command, "--lambda-dir", str(folder), *packages], cwd=installing.ROOT, check=True)
    return folder


def packages(own: Path) -> None:
    """The packages that are installed by default, those for arm64, where Rust has that target; `own` are this machine's."""
    listed = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()
    arm = (Path(listed) / "lib/rustlib/aarch64-unknown-linux-gnu").exists()
    architecture = "arm64" if arm else installing.architecture()
    folder = release_builds(architecture) if architecture != installing.architecture() else own
    print(f"\nPackages of the functions, release, {architecture}")
    if architecture != "arm64":
        print("  (Rust's arm64 target is not installed here: `rustup target add aarch64-unknown-linux-gnu`)")
    with tempfile.TemporaryDirectory() as scratch:
        for name, binary in installing.functions().items():
            built = folder / binary / "bootstrap"
            packed = Path(scratch) / f"{name}.zip"
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
                archive.write(built, "bootstrap")
            megabytes = packed.stat().st_size / 1e6
            row(f"{name}: zip", f"{megabytes:.2f} MB", "4 MB", megabytes <= 4)


def cold_starts(own: Path) -> None:
    print(f"\nCold start: process start to first request taken, clients included, median of {ROUNDS}")
    for name, binary in installing.functions().items():
        times = [cold_start(own / binary / "bootstrap") for _ in range(ROUNDS)]
        median = statistics.median(times)
        row(f"{name}", f"{median:.1f} ms", "30 ms", median <= 30)


def system(binaries: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="landfall-bench-") as home:
        sys.path.insert(0, str(installing.ROOT / "local"))
        from landfall_local import server

        state = server.start(Path(home), 0, installing.REGION, conftest.ACCOUNT)
        try:
            account = installing.Account(endpoint=state["endpoint"], id=conftest.ACCOUNT)
            demonstration(conftest.Landfall(installing.install(account, binaries)))
            far = installing.Account(endpoint=state["endpoint"], id="000000000050")
            many(far, binaries)
        finally:
            server.stop(Path(home))


def demonstration(landfall) -> None:
    print("\nThe demo environment, from upload to result on the local AWS")
    text = (installing.ROOT / "examples/demo/env.yaml").read_text()

    seconds, first = timed(landfall, "demo", text)
    plan = landfall.get(f"/layers/demo/deployments/{first['number']}")["deployment"]["plan"]
    made = plan["summary"]["create"]
    row(f"created, {made} resources", f"{seconds:.2f} s", "none set", first["status"] == "succeeded")
    rounds = [timed(landfall, "demo", text) for _ in range(5)]
    outcomes = [landfall.get(f"/layers/demo/deployments/{ended['number']}")["deployment"]["outcome"] for _, ended in rounds]
    unchanged = set(outcomes) == {"no-changes"}
    best = statistics.median(seconds for seconds, _ in rounds)
    row("nothing changed, median of 5", f"{best:.2f} s", "2 s", unchanged and best <= 2)
    print("  of which are the emulator's own: 0.15 s before the execution, 0.05 s per call of a function without a log line")


DELAY = 50


def settled(landfall, layer: str, version: str | None = None) -> dict:
    """The newest deployment of a layer, once it is over or asks for an approval, and serves this version of the file.
    Read from the table: asking the API costs the functions' time and its own delays."""

    def look():
        one = landfall.recorded(layer)
        ours = version is None or one["version"] == version
        over = one["status"] not in ("", "queued", "running") or one["phase"] == "awaiting-approval"
        return one if ours and over else None

    return conftest.until(look, f"the deployment of {layer} ended", 120, every=0.02)


def timed(landfall, layer: str, text: str) -> tuple[float, dict]:
    """Seconds from the upload of a file to the result of its deployment."""
    begun = time.monotonic()
    ended = settled(landfall, layer, landfall.upload(f"{layer}.yaml", text))
    return time.monotonic() - begun, ended


def many(account, binaries: Path) -> None:
    """24 queues and 24 topics, with a delay in every call that the functions make."""
    # One that takes as little of the machine as it can: it is no part of what is measured.
    proxied.build("release")
    proxy = proxied.Proxy(account.endpoint, profile="release")
    try:
        landfall = conftest.Landfall(installing.install(account, binaries, behind=proxy.endpoint))
        proxy.set(proxied.rule("delay", times=None, with_={"milliseconds": DELAY}))
        print(f"\nA layer of 24 sqs and 24 sns, {DELAY} ms added to every call of AWS, from upload to result")
        modules = [f"  - {{ name: {kind}{n}, type: {kind} }}" for kind in ("sqs", "sns") for n in range(24)]
        text = conftest.environment("many", "\n".join(["modules:", *modules])).replace(conftest.ACCOUNT, account.id)
        seconds, ended = timed(landfall, "many", text)
        row("created", f"{seconds:.2f} s", "3 s", ended["status"] == "succeeded" and seconds <= 3)
        made = landfall.get(f"/layers/many/deployments/{ended['number']}")["deployment"]["plan"]["summary"]["create"]
        per = writes(proxy.calls()) / made
        row(f"writes of journal and lease for each of {made} resources made", f"{per:.2f}", "2", per <= 2)
        rounds = []
        for _ in range(7):
            before = len(proxy.calls())
            rounds.append(timed(landfall, "many", text))
        calls = proxy.calls()[before:]
        seconds, well = statistics.median(one for one, _ in rounds), {ended["status"] for _, ended in rounds}
        row("nothing changed, median of 7", f"{seconds:.2f} s", "1.3 s", well == {"succeeded"} and seconds <= 1.3)
        row("writes of journal and lease where nothing changes", str(writes(calls)), "0", writes(calls) == 0)
        emulators_own(calls)
        status, answer = landfall.call("POST", "/layers/many/deployments", {"action": "destroy"})
        asks = landfall.ended("many", answer["number"], 120) if status == 202 else {}
        begun = time.monotonic()
        body = {"decision": "approve", "plan_hash": asks["plan"]["hash"]}
        landfall.call("POST", f"/layers/many/deployments/{asks['number']}/approval", body)
        conftest.until(lambda: landfall.recorded("many")["status"] == "succeeded", "it is destroyed", 120, every=0.02)
        seconds = time.monotonic() - begun
        row("destroyed, from the approval", f"{seconds:.2f} s", "3 s", seconds <= 3)
        calls = proxy.calls()
        row("calls of AWS in all of it", str(len(calls)), "none set", True)
        wide(landfall, proxy)
        dead(landfall, proxy)
    finally:
        proxy.close()


def writes(calls: list[dict]) -> int:
    """How often the functions of modules wrote to the state: what they do under a lease, and for their journals."""
    modules = {folder.name for folder in (installing.ROOT / "functions/modules").iterdir()}
    return sum(call["function"] in modules and call["operation"] == "TransactWriteItems" for call in calls)


def emulators_own(calls: list[dict]) -> None:
    """How long a deployment that changes nothing waited for the emulator alone, by when its calls were sent."""

    def sent(which) -> list[int]:
        return [call["at"] for call in calls if which(call)]

    (started,) = sent(lambda call: call["operation"] == "StartExecution")
    begun = min(sent(lambda call: call["function"] == "planner" and call["at"] > started))
    looks = sent(lambda call: call["function"] in ("sqs", "sns") and call["service"] in ("sqs", "sns", "kms"))
    looked = min(sent(lambda call: call["function"] == "planner" and call["at"] > max(looks)))
    print(
        f"  of which the emulator took {(begun - started - DELAY) / 1000:.2f} s to begin the execution, and "
        f"{(looked - min(looks) - DELAY) / 1000:.2f} s to answer {len(looks)} looks that AWS answers at the same time"
    )


def independent(count: int) -> str:
    """So many modules, half of them queues and half topics, none of which needs another one."""
    return "\n".join(["modules:", *(f"  - {{ name: {kind}{n}, type: {kind} }}" for kind in ("sqs", "sns") for n in range(count // 2))])


def wide(landfall, proxy) -> None:
    """Whether many modules take longer than few, when AWS is slow."""
    print("\nIndependent modules with 200 ms added to every call of AWS, from upload to result")
    proxy.set(proxied.rule("delay", times=None, with_={"milliseconds": 200}))
    taken, made = {}, {}
    for count in (2, 40):
        layer = f"wide{count}"
        text = conftest.environment(layer, independent(count)).replace(conftest.ACCOUNT, landfall.account.id)
        before = len(proxy.calls())
        taken[count], ended = timed(landfall, layer, text)
        made[count] = len(proxy.calls()) - before
        row(f"{count} modules created", f"{taken[count]:.2f} s", "none set", ended["status"] == "succeeded")
    print(f"  the emulator answers one call after the other: {made[2]} calls for 2 of them, {made[40]} for 40")
    more = 100 * (taken[40] / taken[2] - 1)
    row("40 take longer than 2 by", f"{more:.0f} %", "10 %", more <= 10)


def dead(landfall, proxy) -> None:
    """How long an execution that is killed in the middle of a module keeps the next deployment from its start."""
    print("\nA deployment whose execution is stopped while a function of it works")
    proxy.reset()
    proxy.set(proxied.rule("delay", times=None, operation="CreateQueue", with_={"milliseconds": 3000}))
    text = conftest.environment("dead", independent(2)).replace(conftest.ACCOUNT, landfall.account.id)
    first = landfall.deployment_of("dead", landfall.upload("dead.yaml", text))
    conftest.until(lambda: proxy.calls(operation="CreateQueue"), "a queue is being made")
    arn = landfall.get(f"/layers/dead/deployments/{first['number']}")["deployment"]["execution_arn"]
    landfall.account.client("stepfunctions").stop_execution(executionArn=arn, error="Bench", cause="stopped")
    begun = time.monotonic()
    proxy.set()
    second = landfall.deployment_of("dead", landfall.upload("dead.yaml", text + "\n"))

    def planned():
        phase = landfall.get(f"/layers/dead/deployments/{second['number']}")["deployment"].get("phase")
        return phase not in (None, "admitting")

    conftest.until(planned, "the next deployment has begun", 120)
    seconds = time.monotonic() - begun
    row("from its death to the next deployment's start", f"{seconds:.1f} s", "60 s", seconds <= 60)


def runnable(folder: Path) -> Path:
    """The packaged functions under the names of their binaries."""
    binaries = folder / "binaries"
    binaries.mkdir(exist_ok=True)
    for name in installing.functions().values():
        link = binaries / name
        link.unlink(missing_ok=True)
        link.symlink_to(folder / name / "bootstrap")
    return binaries


def main() -> int:
    print(f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}")
    if "--system" in sys.argv:
        system(installing.build())
        return 0
    own = release_builds(installing.architecture())
    system(runnable(own))
    cold_starts(own)
    packages(own)
    return 0


if __name__ == "__main__":
    sys.exit(main())
