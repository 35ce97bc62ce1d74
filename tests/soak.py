"""Random valid edits of several layers under random faults, for as long as one likes. Afterwards, without faults and
after one plain rerun of every layer, config, journal and inventory do not differ, and nothing has grown.

    make soak                               ten minutes
    SOAK_SECONDS=45 SOAK_SEED=7 make soak   shorter; the edits and faults that this seed draws

The seed fixes what is drawn: the edits of each environment with its services, and the faults. What meets what is a
matter of time, so a seed leads back to the kind of a failure rather than to the failure itself. What may break is in
`weather.py`, what is edited in `edits.py`, what must not grow in `samples.py`.
"""

import json
import os
import random
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import conftest
import faults
import installation as installing
import invariants
import proxied
from edits import Layer
from inventory import inventory, more
from samples import Samples
from weather import Weather

# Nothing is asserted about time: this only ends what would never end.
PATIENCE = 180.0
FAMILIES = 2
SERVICES = 2
OVER = ("succeeded", "failed", "rejected", "superseded", "cancelled")


class Soak:
    """The installation, its families of layers, and what is known of the run so far."""

    def __init__(self, local_aws, binaries, seconds: float, seed: int):
        self.seconds, self.seed = seconds, seed
        self.lane = faults.Lane(local_aws, binaries)
        self.landfall, self.account = self.lane.landfall, self.lane.account
        self.families = [Family(self, number) for number in range(1, FAMILIES + 1)]
        self.layers = [layer for family in self.families for layer in family.layers]
        self.edits: Counter = Counter()
        self.struck: Counter = Counter()
        self.longest = (0.0, "")
        self.wrong: list[str] = []
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.samples = Samples(self)

    # The run.

    def run(self, say) -> None:
        say(f"seed {self.seed}, {self.seconds:.0f} s")
        self.begun = time.monotonic()
        workers = [*self.families, Weather(self), self.samples]
        threads = [threading.Thread(target=self.guarded, args=(worker.run,), daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        while self.passed() < self.seconds and not self.wrong:
            time.sleep(min(10.0, max(0.1, self.seconds - self.passed())))
            say(self.line())
        self.over.set()
        for thread in threads:
            thread.join()
        self.samples.take()
        say(self.line())
        if not self.wrong:
            self.guarded(lambda: self.converge(say))
        self.wrong += self.invalid() + self.samples.grown()
        say(self.summary())

    def passed(self) -> float:
        return time.monotonic() - self.begun

    def guarded(self, work) -> None:
        """What goes wrong in one thread ends the run and is told."""
        try:
            work()
        except faults.Broken as broken:
            self.wrong.append(str(broken))
        except Exception as error:  # noqa: BLE001, every failure is reported at the end
            self.wrong.append("".join(traceback.format_exception(error)))

    def sweep(self) -> None:
        function = f"{self.landfall.installation.stack}-coordinator:live"
        self.account.client("lambda").invoke(FunctionName=function, Payload=b'{"op":"sweep"}')

    def waited(self, layer: str, seconds: float) -> None:
        with self.lock:
            self.longest = max(self.longest, (seconds, layer))

    # The end.

    def converge(self, say) -> None:
        """No faults any more: what lies with the dead letters is processed, and each layer deployed once more."""
        for family in self.families:
            family.settle(*family.layers)
        letters = self.lane.dead_letters()
        self.redrive()
        for family in self.families:
            family.settle(*family.layers)
        say(f"  converging: {letters} dead letters processed again, one plain rerun of {len(self.layers)} layers")
        for family in self.families:
            family.rerun()
        self.is_true()
        for family in self.families:
            for layer in family.layers:
                if layer.alive:
                    ended = family.deploy(layer)
                    if ended.get("outcome") != "no-changes":
                        raise faults.Broken(f"a further deployment of {layer.name} changes something: {faults.told(ended)}")
        say("  config, journal and inventory do not differ; destroying all of it")
        for family in self.families:
            for layer in [*family.services, family.environment]:
                layer.alive = False
            family.rerun()
        left = more(inventory(self.account), self.lane.before)
        if left:
            raise faults.Broken(f"after the destruction is left: {left}")
        entries = [f"{entry['pk']} {entry['sk']}" for entry in self.records() if entry["sk"].startswith("RES#")]
        if entries:
            raise faults.Broken(f"after the destruction the journal holds {entries}")

    def redrive(self) -> None:
        ran = self.landfall.installation.landfall("redrive", check=False)
        if ran.returncode != 0 or self.lane.dead_letters():
            raise faults.Broken(f"dead letters are left: {ran.stdout}{ran.stderr}")

    def is_true(self) -> None:
        """Config, journal and inventory say the same."""
        records = self.records()
        wrong = invariants.broken(records, {layer.name for layer in self.layers})
        entries = [one for one in records if one["sk"].startswith("RES#")]
        for layer in self.layers:
            of = {one["module"] for one in entries if one["pk"] == f"LAYER#{layer.name}"}
            wanted = set(layer.modules) if layer.alive else set()
            if of != wanted:
                wrong.append(f"{layer.name}: the file has {sorted(wanted)}, the journal {sorted(of)}")
        held = inventory(self.account)
        self.lane.is_true(entries, more(held, self.lane.before))
        everything = json.dumps({kind: sorted(ids) for kind, ids in held.items()})
        for one in entries:
            if one["kind"] in WHOLE and not any(part and part in everything for part in named(one)):
                wrong.append(f"{one['pk']} {one['sk']} is recorded and not there: {one.get('id')}")
        ran = self.landfall.installation.landfall("doctor", "--deep", "--json", check=False)
        deep = json.loads(ran.stdout)["deep"]
        wrong += [f"landfall doctor --deep says: {one}" for one in deep["broken"]]
        if wrong:
            raise faults.Broken("\n".join(wrong))

    def records(self) -> list[dict]:
        return invariants.items(self.account.client("dynamodb"), self.landfall.installation.table)

    # What is told.

    def line(self) -> str:
        with self.lock:
            edits, struck, longest = sum(self.edits.values()), sum(self.struck.values()), self.longest[0]
        ended = Counter(family.last for family in self.families)
        return (
            f"  {self.passed():>4.0f} s  {edits} edits, {struck} faults, longest wait {longest:.0f} s, "
            f"functions {self.samples.memory() / 2**20:.0f} MiB, table {self.samples.table() / 2**10:.0f} KiB  "
            f"last: {', '.join(f'{count} {status}' for status, count in sorted(ended.items()))}"
        )

    def invalid(self) -> list[str]:
        """Files that were refused, though each edit is valid: only that an environment is not there, because a fault
        kept it away or somebody cancelled it, is a reason."""
        rejected = [one for one in self.records() if one["sk"].startswith("DEPLOYMENT#") and one["status"] == "rejected"]
        return [
            f"{one['pk']} {one['sk']} was rejected: {one.get('message')}\n{one.get('diagnostics')}"
            for one in rejected
            if "is not deployed" not in str(one.get("message"))
        ]

    def summary(self) -> str:
        deployments = Counter(one["status"] for one in self.records() if one["sk"].startswith("DEPLOYMENT#"))
        lines = [
            f"seed {self.seed}, {self.passed():.0f} s",
            counted("edits", self.edits),
            counted("deployments", deployments),
            counted("faults", self.struck),
            f"  longest wait   {self.longest[0]:.1f} s ({self.longest[1] or 'none'})",
            *self.samples.told(),
        ]
        lines += ["what is wrong:", *(f"  {one}" for one in self.wrong)] if self.wrong else ["nothing differs, nothing grew"]
        return "\n".join(lines)


# Kinds of resources that the inventory lists one by one.
WHOLE = ("AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::S3::Bucket", "AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::KMS::Key")


def named(entry: dict) -> list[str]:
    """What a resource is called: its id and whatever else is known of it."""
    attributes = entry["attributes"]
    known = json.loads(attributes) if isinstance(attributes, str) else attributes
    return [str(entry.get("id") or ""), *(value for value in known.values() if isinstance(value, str))]


def counted(what: str, counts: Counter) -> str:
    parts = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    return f"  {what:<14} {sum(counts.values())}" + (f": {parts}" if parts else "")


class Family:
    """An environment and its services, edited by one person who does not always wait."""

    def __init__(self, soak: Soak, number: int):
        self.soak = soak
        self.draw = random.Random(f"{soak.seed} family {number}")
        name = f"env{number}"
        self.environment = Layer(name, random.Random(f"{soak.seed} {name}"))
        self.services = [
            Layer(f"app{number}{letter}", random.Random(f"{soak.seed} app{number}{letter}"), environment=name)
            for letter in "abcdef"[:SERVICES]
        ]
        self.layers = [self.environment, *self.services]
        self.asked: dict[tuple, float] = {}
        # The version that was uploaded last, and how many dead letters there were before.
        self.expected: dict[str, tuple[str, int]] = {}
        self.last = "nothing"

    def run(self) -> None:
        self.upload(self.environment)
        while not self.soak.over.is_set():
            kind = self.step()
            with self.soak.lock:
                self.soak.edits[kind] += 1
        self.settle(*self.layers)

    def step(self) -> str:
        """One edit. An environment goes after its services and comes before them."""
        layer = self.draw.choice(self.layers)
        alone = not any(service.alive for service in self.services)
        if not layer.alive:
            if layer.environment and not self.environment.alive:
                layer = self.environment
            self.settle(layer)
            layer.edit()
            self.upload(layer)
            return "come back"
        if self.draw.random() < 0.12 and (layer.environment or alone):
            self.settle(*self.layers)
            layer.alive = False
            self.destroy(layer)
            self.settle(layer)
            return "destroy"
        edit = layer.edit()
        self.upload(layer)
        # Otherwise the next edit meets this one while it works.
        if self.draw.random() < 0.6:
            self.settle(layer)
        return edit

    def upload(self, layer: Layer) -> None:
        layer.alive = True
        letters = self.soak.lane.dead_letters()
        version = self.soak.landfall.upload(layer.key, layer.text(self.soak.account.id))
        self.expected[layer.name] = (version, letters)

    def destroy(self, layer: Layer) -> None:
        self.expected.pop(layer.name, None)
        self.ask("POST", f"/layers/{layer.name}/deployments", {"action": "destroy"})

    def ask(self, method: str, path: str, body) -> None:
        """Asks the API, again when it cannot answer, as people do. A refusal is an answer."""
        for _ in range(6):
            try:
                status, _ = self.soak.landfall.call(method, path, body)
            except OSError:
                # No answer in time.
                status = 504
            if status < 500:
                return
            time.sleep(0.5)

    def settle(self, *layers: Layer) -> None:
        """Waits until nothing runs or waits in these layers, and approves meanwhile whatever asks in the family."""
        begun = time.monotonic()
        swept = begun

        def idle() -> bool:
            nonlocal swept
            self.approve()
            if time.monotonic() - swept > 5:
                # What the schedule does once a minute.
                swept = time.monotonic()
                self.soak.sweep()
            return all(self.is_idle(layer) for layer in layers)

        names = ", ".join(layer.name for layer in layers)
        try:
            conftest.until(idle, names, PATIENCE)
        except AssertionError:
            stuck = [f"{layer.name}: {self.state(layer)}" for layer in layers if not self.is_idle(layer)]
            raise faults.Broken(f"not over after {PATIENCE:.0f} s: {'; '.join(stuck)}") from None
        self.soak.waited(names, time.monotonic() - begun)
        self.last = self.soak.lane.newest(layers[-1].name)["status"]

    def is_idle(self, layer: Layer) -> bool:
        if layer.name in self.expected:
            # The newest upload is seen first, or lies with the dead letters because nobody could take it.
            version, letters = self.expected[layer.name]
            found = self.soak.lane.items(layer.name, "DEPLOYMENT#", ScanIndexForward=False, Limit=5)
            seen = any(one.get("source", {}).get("version_id") == version for one in found)
            if not seen and self.soak.lane.dead_letters() <= letters:
                return False
            del self.expected[layer.name]
        queue = next(iter(self.soak.lane.items(layer.name, "QUEUE")), {})
        newest = self.soak.lane.newest(layer.name)
        return queue.get("running") is None and queue.get("waiting") is None and newest["status"] in (*OVER, "none")

    def state(self, layer: Layer) -> dict:
        """What a layer waits for: its deployment, and every lease of the family with what became of its holder."""
        newest = self.soak.lane.newest(layer.name)
        shown = {name: str(newest.get(name)) for name in ("number", "status", "phase", "message", "execution_arn")}
        sfn = self.soak.account.client("stepfunctions")
        for one in self.layers:
            for record in [*self.soak.lane.items(one.name, "LEASE"), *self.soak.lane.items(one.name, "SHARED#")]:
                if holder := record.get("holder"):
                    status = sfn.describe_execution(executionArn=holder)["status"]
                    remains = int(record["expires_ms"]) / 1000 - time.time()
                    shown[f"{one.name} {record['sk']}"] = f"held by {holder.rsplit(':')[-1]}, {status}, for {remains:.0f} s"
        return shown

    def approve(self) -> None:
        for layer in self.layers:
            for one in self.soak.lane.items(layer.name, "DEPLOYMENT#", ScanIndexForward=False, Limit=2):
                if one["status"] != "running" or one.get("phase") != "awaiting-approval":
                    continue
                asks = (layer.name, int(one["number"]), one["plan"]["hash"])
                # Nobody knows whether an approval arrived that was not answered.
                if time.monotonic() - self.asked.get(asks, -60.0) < 5:
                    continue
                self.asked[asks] = time.monotonic()
                body = {"decision": "approve", "plan_hash": asks[2]}
                self.ask("POST", f"/layers/{layer.name}/deployments/{asks[1]}/approval", body)

    # Without faults.

    def rerun(self) -> None:
        """Brings every layer to what its owner wants, once: environments come first and go last."""
        alive = [layer for layer in self.layers if layer.alive]
        for layer in alive:
            ended = self.deploy(layer)
            if ended["status"] != "succeeded":
                raise faults.Broken(f"a plain rerun of {layer.name} does not converge: {faults.told(ended)}")
        for layer in [layer for layer in [*self.services, self.environment] if not layer.alive]:
            if self.soak.lane.items(layer.name, "MODULE#"):
                self.destroy(layer)
                self.settle(layer)
                ended = self.soak.lane.newest(layer.name)
                if ended["status"] != "succeeded":
                    raise faults.Broken(f"{layer.name} is not destroyed: {faults.told(ended)}")

    def deploy(self, layer: Layer) -> dict:
        layer.version += 1
        self.upload(layer)
        self.settle(layer)
        return self.soak.lane.newest(layer.name)


def main() -> int:
    sys.path.insert(0, str(installing.ROOT / "local"))
    from landfall_local import server

    seconds = float(os.environ.get("SOAK_SECONDS") or 600)
    seed = int(os.environ.get("SOAK_SEED") or random.randrange(10**6))
    binaries = installing.build()
    proxied.build()
    with tempfile.TemporaryDirectory(prefix="landfall-soak-") as home:
        state = server.start(Path(home), 0, installing.REGION, conftest.ACCOUNT)
        try:
            account = installing.Account(endpoint=state["endpoint"], id=conftest.ACCOUNT, pid=state["pid"])
            soak = Soak(account, binaries, seconds, seed)
            soak.run(lambda line: print(line, flush=True))
            soak.lane.close()
        finally:
            server.stop(Path(home))
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
