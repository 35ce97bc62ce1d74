"""The life of the demo environment and its service behind the fault proxy: faults in each of its changes, then a plain
rerun, and what has to hold afterwards."""

import json
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field

from boto3.dynamodb.types import TypeDeserializer

import conftest
import installation as installing
import proxied
from inventory import inventory, more

# Nothing is asserted about time: this only ends what would never end.
DEADLINE = 900.0
RERUNS = 3
PLAIN = TypeDeserializer()

ENV = (installing.ROOT / "examples/demo/env.yaml").read_text()
SHOP = (installing.ROOT / "examples/demo/shop.yaml").read_text()
CHANGED_ENV = ENV.replace("  - type: base", "  - type: base\n    vpc_log_retention: 30")
CHANGED_SHOP = SHOP.replace("1209600", "86400").replace("- uploads: [write]", "- uploads: [read]")

# Each change of a life: its name, the layer, and what is uploaded; nothing is a destruction.
CHANGES = (
    ("create env", "demo", ENV),
    ("create shop", "shop", SHOP),
    ("update env", "demo", CHANGED_ENV),
    ("update shop", "shop", CHANGED_SHOP),
    ("destroy shop", "shop", None),
    ("destroy env", "demo", None),
)

# What has no id of its own in the journal, but is counted.
PARTS = ("association", "route", "rule")

# The SDKs try six times; what lasts longer is not hidden by them.
LASTING = 8
KINDS = {
    "500": ("fail", {"status": 500}, 1),
    "503 lasting": ("fail", {"status": 503}, LASTING),
    "throttled": ("throttle", {}, 1),
    "throttled lasting": ("throttle", {}, LASTING),
    "connection dropped": ("drop", {"place": "before"}, 1),
    "reply lost": ("drop", {"place": "after"}, 1),
    "reply lost lasting": ("drop", {"place": "after"}, LASTING),
    "killed before": ("kill", {"place": "before"}, 1),
    "killed after": ("kill", {"place": "after"}, 1),
}


@dataclass(frozen=True, order=True)
class Place:
    """A call of a change: the n-th one of a function and operation."""

    function: str
    service: str
    operation: str
    nth: int

    def __str__(self) -> str:
        return f"{self.function}: {self.service} {self.operation} #{self.nth}"


@dataclass(frozen=True)
class Fault:
    """A fault at a place, or everywhere."""

    kind: str
    place: Place | None = None
    rules: tuple = ()

    def to_rules(self) -> list[dict]:
        if not self.place:
            return list(self.rules)
        fault, settings, times = KINDS[self.kind]
        where = {name: getattr(self.place, name) for name in ("function", "service", "operation")}
        return [proxied.rule(fault, skip=self.place.nth, times=times, with_=settings, **where)]

    def __str__(self) -> str:
        return f"{self.kind} at {self.place}" if self.place else self.kind


def places(calls: list[dict]) -> list[Place]:
    """Where a recorded change can be struck. The sweep that runs each minute belongs to no change."""
    seen: Counter = Counter()
    found = []
    for call in calls:
        key = (call["function"], call["service"], call["operation"])
        if call["function"]:
            found.append(Place(*key, seen[key]))
            seen[key] += 1
    return sorted(found)


class Broken(Exception):
    """A fact that does not hold."""


@dataclass
class Shape:
    """What a change made, held and recorded."""

    created: Counter = field(default_factory=Counter)
    held: Counter = field(default_factory=Counter)
    journal: set = field(default_factory=set)
    calls: list = field(default_factory=list)
    plan: dict = field(default_factory=dict)


class Lane:
    """An account with an installation behind a proxy of its own. Lives follow each other in it."""

    numbers = iter(range(1, 10**6))
    guard = threading.Lock()

    def __init__(self, local_aws, binaries, every: float = 0.1):
        """Looks `every` so many seconds whether a deployment is over."""
        self.every = every
        with self.guard:
            number = next(self.numbers)
        self.account = installing.Account(endpoint=local_aws.endpoint, id=f"5{number:011}", pid=local_aws.pid)
        self.proxy = proxied.Proxy(local_aws.endpoint)
        self.installation = installing.install(self.account, binaries, behind=self.proxy.endpoint)
        self.landfall = conftest.Landfall(self.installation)
        self.table, self.sqs = self.account.client("dynamodb"), self.account.client("sqs")
        self.before = inventory(self.account)
        self.uploads = 0

    def close(self) -> None:
        self.proxy.close()

    # What is read, past the proxy and past our own code.

    def items(self, layer: str, prefix: str, **more_) -> list[dict]:
        query = {
            "TableName": self.installation.table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {":pk": {"S": f"LAYER#{layer}"}, ":sk": {"S": prefix}},
            "ConsistentRead": True,
        }
        found = self.table.query(**query, **more_)["Items"]
        return [{name: PLAIN.deserialize(value) for name, value in item.items()} for item in found]

    def journal(self) -> list[dict]:
        return [entry for layer in ("demo", "shop") for entry in self.items(layer, "RES#")]

    def newest(self, layer: str) -> dict:
        found = self.items(layer, "DEPLOYMENT#", ScanIndexForward=False, Limit=1)
        return found[0] if found else {"number": 0, "status": "none"}

    def dead_letters(self) -> int:
        url = self.sqs.get_queue_url(QueueName=f"{self.installation.stack}-dead-letters")["QueueUrl"]
        name = "ApproximateNumberOfMessages"
        return int(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])

    # What is done.

    def deploy(self, layer: str, body: str) -> dict:
        """Uploads and waits for the end of what comes of it."""
        self.uploads += 1
        before = int(self.newest(layer)["number"])
        text = body.replace(conftest.ACCOUNT, self.account.id) + f"# {self.uploads}\n"
        self.landfall.upload({"demo": "env.yaml", "shop": "shop.yaml"}[layer], text)
        return self.ended(layer, before)

    def destroy(self, layer: str) -> dict:
        before = int(self.newest(layer)["number"])
        self.asked("POST", f"/layers/{layer}/deployments", {"action": "destroy"})
        return self.ended(layer, before)

    def asked(self, method: str, path: str, body) -> None:
        """Asks the API, again when it cannot answer, as our command and whoever runs it do."""
        key = str(uuid.uuid4())
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                status, answer = self.landfall.call(method, path, body, key=key)
            except OSError as error:
                # No answer in time.
                status, answer = 504, error
            if status < 500:
                return
        raise Broken(f"{method} {path}: {status} {answer}")

    def ended(self, layer: str, before: int) -> dict:
        """The end of the first deployment after `before`, approved where it asks."""
        approved = False
        last = {}

        dead = self.dead_letters()

        def look():
            nonlocal approved, last
            last = self.newest(layer)
            if int(last["number"]) <= before:
                # Not silently: the event that nobody could handle raises an alarm.
                return {"status": "dead letter"} if self.dead_letters() > dead else None
            if last["status"] in ("succeeded", "failed", "rejected", "superseded", "cancelled"):
                return last
            if last.get("phase") == "awaiting-approval" and not approved:
                body = {"decision": "approve", "plan_hash": last["plan"]["hash"]}
                self.asked("POST", f"/layers/{layer}/deployments/{int(last['number'])}/approval", body)
                approved = True
            return None

        try:
            return conftest.until(look, "it ended", DEADLINE, self.every)
        except AssertionError:
            stuck = {name: str(last.get(name)) for name in ("number", "status", "phase", "message", "execution_arn")}
            raise Broken(f"{layer} did not end within {DEADLINE:.0f} s: {stuck}") from None

    # A change and what holds after it.

    def change(self, layer: str, body: str | None, faults: tuple[Fault, ...]) -> tuple[Shape, list[Fault]]:
        """Makes a change with faults in it, then again without until it succeeds. Answers which of them struck, too."""
        self.proxy.reset()
        make = (lambda: self.destroy(layer)) if body is None else (lambda: self.deploy(layer, body))
        shape, struck, ended = Shape(), [], {"status": "none"}
        # A fault that ends the run keeps those behind it from their calls: they wait for the next one.
        waiting, plain = faults, 0
        self.arm(waiting)
        while plain <= RERUNS:
            ended = make()
            calls = self.proxy.calls()
            if not shape.calls:
                shape.calls, shape.plan = calls, summary(ended)
            hit = self.hit(waiting)
            if not any(call["killed"] for call in calls):
                # The process had given up that call already.
                hit = [fault for fault in hit if not fault.kind.startswith("killed")]
            struck += [fault for fault in hit if fault not in struck]
            if ended["status"] == "succeeded":
                break
            if waiting and all(not fault.place for fault in waiting):
                raise Broken(f"what AWS is like fails it: {told(ended)}")
            plain += not hit or not hit[0].place
            # What struck is over; what did not strike where something else did may still come.
            waiting = tuple(fault for fault in waiting if not fault.place or hit and fault not in hit)
            self.arm(waiting)
        else:
            raise Broken(f"it does not converge: {told(ended)}")
        created = {(call["operation"], call["created"]) for call in self.proxy.calls() if call["created"]}
        shape.created = Counter(operation for operation, _ in created)
        came = more(inventory(self.account), self.before)
        shape.held = Counter({kind: len(ids) for kind, ids in came.items()})
        entries = self.journal()
        shape.journal = {f"{entry['module']}/{entry['resource']}" for entry in entries}
        self.is_true(entries, came)
        return shape, struck

    def arm(self, faults: tuple[Fault, ...]) -> None:
        self.proxy.set(*(rule for fault in faults for rule in fault.to_rules()))

    def hit(self, armed: tuple[Fault, ...]) -> list[Fault]:
        """Those of the armed faults that struck."""
        struck = iter([rule["struck"] for rule in self.proxy.rules()])
        return [fault for fault in armed if sum(next(struck) for _ in fault.to_rules())]

    def is_true(self, entries: list[dict], came: dict[str, set[str]]) -> None:
        """Everything that exists is recorded as applied."""
        open_ = [f"{e['module']}/{e['resource']} is {e['status']}" for e in entries if e["status"] != "applied"]
        if open_:
            raise Broken(f"the journal is open: {open_}")
        recorded = json.dumps([[e.get("id"), e["attributes"], e["properties"]] for e in entries], default=str)
        whole = {kind: ids for kind, ids in came.items() if kind not in PARTS}
        orphans = [f"{kind} {one}" for kind, ids in whole.items() for one in ids if one not in recorded]
        if orphans:
            raise Broken(f"orphans: {orphans}")

    def changes_nothing(self, layer: str, body: str) -> None:
        self.proxy.reset()
        ended = self.deploy(layer, body)
        if ended.get("outcome") != "no-changes":
            raise Broken(f"a further deployment of {layer} changes something: {told(ended)}")

    def forget_service_linked_roles(self) -> None:
        """They belong to the account and outlive a layer; the next life makes them anew."""
        iam = self.account.client("iam")
        for role in iam.list_roles(PathPrefix="/aws-service-role/")["Roles"]:
            iam.delete_service_linked_role(RoleName=role["RoleName"])

    def is_empty(self) -> None:
        left = more(inventory(self.account), self.before)
        if left:
            raise Broken(f"after the destruction is left: {left}")
        entries = [f"{entry['module']}/{entry['resource']}" for entry in self.journal()]
        if entries:
            raise Broken(f"after the destruction the journal holds {entries}")


def told(ended: dict) -> str:
    """How a deployment ended, in words."""
    parts = (ended["status"], ended.get("outcome"), summary(ended), ended.get("message"))
    return f"{', '.join(str(part) for part in parts if part)}\n{ended.get('diagnostics') or ''}"


def summary(ended: dict) -> dict:
    plan = ended.get("plan") or {}
    return {name: int(count) for name, count in plan.get("summary", {}).items()}


def same(what: str, found: Counter | set | dict, expected: Counter | set | dict) -> None:
    if found == expected:
        return
    if isinstance(found, set):
        raise Broken(f"{what}: missing {sorted(expected - found)}, too much {sorted(found - expected)}")
    differ = {key: (found.get(key, 0), expected.get(key, 0)) for key in {*found, *expected}}
    raise Broken(f"{what} (found, expected): { {key: both for key, both in differ.items() if both[0] != both[1]} }")


class Life:
    """A life from nothing to nothing, with faults in each change."""

    def __init__(self, faults: dict[str, tuple[Fault, ...]]):
        self.faults = faults
        self.struck: Counter = Counter()
        self.tried: Counter = Counter()

    def live(self, lane: Lane) -> dict[str, Shape]:
        """Lives it; answers what each change made."""
        shapes = {}
        for name, layer, body in CHANGES:
            faults = self.faults.get(name, ())
            try:
                shapes[name], struck = lane.change(layer, body, faults)
                self.tried.update(fault.kind for fault in faults)
                self.struck.update(fault.kind for fault in struck)
                if name.startswith("update"):
                    lane.changes_nothing(layer, body)
            except Broken as broken:
                raise Broken(f"{self.told(name)}: {broken}") from None
        lane.proxy.reset()
        try:
            lane.is_empty()
        except Broken as broken:
            raise Broken(f"{self.told('destroy env')}: {broken}") from None
        lane.forget_service_linked_roles()
        return shapes

    def compare(self, shapes: dict[str, Shape], expected: dict[str, Shape]) -> None:
        """Each change made, held, recorded and planned what it does undisturbed."""
        for name, shape in shapes.items():
            whole = expected[name]
            try:
                same("created", shape.created, whole.created)
                same("held", shape.held, whole.held)
                same("recorded", shape.journal, whole.journal)
                if shape.plan:
                    same("planned", shape.plan, whole.plan)
            except Broken as broken:
                raise Broken(f"{self.told(name)}: {broken}") from None

    def told(self, name: str) -> str:
        return f"{name}, {', '.join(map(str, self.faults.get(name, ()))) or 'undisturbed'}"


class Sweep:
    """Many lives, several at a time. One of them is undisturbed: the others are measured by it."""

    def __init__(self, local_aws, binaries, lanes: int):
        # So many that look often would leave the local AWS no time for anything else.
        self.make = lambda: Lane(local_aws, binaries, every=max(0.1, lanes / 48))
        self.lanes = lanes
        self.failures: list[str] = []
        self.tried: Counter = Counter()
        self.struck: Counter = Counter()
        self.lock = threading.Lock()
        self.undisturbed = Life({})
        self.expected: Future = Future()

    def run(self, known: list[Life], drawn, until: float | None = None) -> None:
        """Lives those that are known, then those that `drawn` makes of the undisturbed one. None begins too late."""

        def lives():
            yield from [self.undisturbed, *known]
            yield from drawn(self.expected.result())

        waiting = lives()

        def take() -> Life | None:
            with self.lock:
                return next(waiting, None) if until is None or time.monotonic() < until else None

        threads = [threading.Thread(target=self.work, args=(take,), daemon=True) for _ in range(self.lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def work(self, take) -> None:
        """Lives what `take` gives, one after the other in one lane."""
        lane = None
        while life := take():
            try:
                lane = lane or self.make()
                shapes = life.live(lane)
                if life is self.undisturbed:
                    self.expected.set_result(shapes)
                life.compare(shapes, self.expected.result())
            except Exception as error:  # noqa: BLE001, every failure is reported at the end
                if life is self.undisturbed and not self.expected.done():
                    self.expected.set_exception(error)
                with self.lock:
                    told = f"{error!r} in a life with {[life.told(name) for name in life.faults]}"
                    self.failures.append(str(error) if isinstance(error, Broken) else told)
                if lane:
                    lane.close()
                # What it left would disturb the next life.
                lane = None
            with self.lock:
                self.tried += life.tried
                self.struck += life.struck
        if lane:
            lane.close()

    def report(self) -> str:
        kinds = "\n".join(f"  {count:>5}  {kind}" for kind, count in sorted(self.struck.items()))
        return f"faults that struck: {sum(self.struck.values())} of {sum(self.tried.values())} tried\n{kinds}"
