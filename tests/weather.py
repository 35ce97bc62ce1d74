"""What goes wrong during a soak: calls of AWS that fail, executions that are stopped, deployments that somebody cancels,
events that come again."""

import random

import faults
from botocore.exceptions import ClientError
from proxied import rule
from test_delivery import event, intake

KINDS = faults.KINDS | {
    "slow": ("delay", {"milliseconds": 300}, 40),
    "describes lag": ("lag", {"looks": 2}, None),
    "roles not known yet": ("unassumable", {"tries": 2}, None),
}
FUNCTIONS = ("intake", "planner", "coordinator", "api", "sqs", "sns", "s3", "iam-role")


class Weather:
    """Draws what goes wrong next, and counts it by kind."""

    def __init__(self, soak):
        self.soak = soak
        self.draw = random.Random(f"{soak.seed} weather")
        self.sfn = soak.account.client("stepfunctions")
        self.machines: list[str] = []
        # Of the rules that are set, in their order.
        self.kinds: list[str] = []

    def run(self) -> None:
        self.machines = [one["stateMachineArn"] for one in self.sfn.list_state_machines()["stateMachines"]]
        happenings = [self.break_calls] * 6 + [self.stop, self.cancel, self.again, self.calm]
        while not self.soak.over.wait(self.draw.uniform(0.5, 2.0)):
            self.draw.choice(happenings)()
        self.clear()

    def clear(self) -> None:
        """Counts what the rules struck, and breaks nothing from now on."""
        for one, kind in zip(self.soak.lane.proxy.rules(), self.kinds, strict=True):
            if one["struck"]:
                with self.soak.lock:
                    self.soak.struck[kind] += one["struck"]
        self.kinds = []
        self.soak.lane.proxy.reset()

    def calm(self) -> None:
        self.clear()
        self.soak.over.wait(2.0)

    def break_calls(self) -> None:
        self.clear()
        rules = []
        for _ in range(self.draw.randint(1, 4)):
            kind = self.draw.choice(sorted(KINDS))
            fault, settings, times = KINDS[kind]
            function = self.draw.choice(FUNCTIONS)
            skip = self.draw.randrange(8) if times else 0
            rules.append(rule(fault, skip=skip, times=times, with_=settings, function=function))
            self.kinds = [*self.kinds, kind]
        self.soak.lane.proxy.set(*rules)

    def stop(self) -> None:
        machine = self.draw.choice(sorted(self.machines))
        running = self.sfn.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
        if running:
            chosen = self.draw.choice(sorted(one["executionArn"] for one in running))
            try:
                self.sfn.stop_execution(executionArn=chosen, error="Soak", cause="somebody stopped it")
            except ClientError as error:
                # It ended in this moment.
                if error.response["Error"]["Code"] not in ("ExecutionDoesNotExist", "ValidationException"):
                    raise
                return
            self.count(f"{machine.rsplit('-', 1)[1]} execution stopped")

    def cancel(self) -> None:
        layer = self.draw.choice(self.soak.layers)
        newest = self.soak.lane.newest(layer.name)
        if newest["status"] in ("queued", "running"):
            path = f"/layers/{layer.name}/deployments/{int(newest['number'])}/cancel"
            try:
                status, _ = self.soak.landfall.call("POST", path, {"reason": "soak"})
            except OSError:
                return
            if status == 200:
                self.count("cancelled")

    def again(self) -> None:
        """An event comes again, late as may be."""
        layer = self.draw.choice(self.soak.layers)
        found = self.soak.lane.items(layer.name, "DEPLOYMENT#", ScanIndexForward=False, Limit=5)
        sources = [one["source"] for one in found if one.get("source", {}).get("sequencer")]
        if sources:
            source = self.draw.choice(sources)
            intake(self.soak.landfall, event(self.soak.landfall, layer.key, source["version_id"], source["sequencer"]))
            self.count("event again")

    def count(self, what: str) -> None:
        with self.soak.lock:
            self.soak.struck[what] += 1
