"""Functions die while they work: their processes are killed as the deployment goes on, and it converges all the same."""

import threading
import time

import psutil
from conftest import environment

QUEUES = "modules:\n" + "".join(f"  - name: q{n}\n    type: sqs\n" for n in range(8))


class Killer(threading.Thread):
    """Kills every process of one function, again and again, until it has killed enough."""

    def __init__(self, landfall, function: str, times: int):
        super().__init__(daemon=True)
        self.emulator = psutil.Process(landfall.account.pid)
        self.name_of_function = f"{landfall.installation.stack}-{function}"
        self.times = times
        self.killed = 0
        self.over = threading.Event()

    def run(self) -> None:
        while self.killed < self.times and not self.over.is_set():
            for process in self.emulator.children(recursive=True):
                if self.killed < self.times and self.is_the_function(process):
                    process.kill()
                    self.killed += 1
            time.sleep(0.03)

    def is_the_function(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("AWS_LAMBDA_FUNCTION_NAME") == self.name_of_function
        except psutil.Error:
            # It ended by itself in between.
            return False


def test_a_deployment_whose_functions_are_killed_makes_everything_once(landfall):
    layer = landfall.name("killed")
    killer = Killer(landfall, "sqs", times=4)
    killer.start()
    ended = landfall.deploy(f"{layer}.yaml", environment(layer, QUEUES), layer)
    killer.over.set()
    killer.join()
    assert killer.killed > 0, "nothing was killed"
    if ended["status"] == "failed":
        # Killed more often than Step Functions tries again: what the person would do next.
        ended = landfall.deploy(f"{layer}.yaml", environment(layer, QUEUES) + "# again\n", layer)
    assert ended["status"] == "succeeded", ended
    arns = landfall.tagged(layer)
    queues = [arn for arn in arns if ":sqs:" in arn]
    keys = [arn for arn in arns if ":kms:" in arn]
    assert (len(set(queues)), len(keys)) == (8, 8), arns
    again = landfall.deploy(f"{layer}.yaml", environment(layer, QUEUES) + "# and again\n", layer)
    assert again["outcome"] == "no-changes", again
    assert landfall.destroy(layer)["outcome"] == "destroyed"
    assert landfall.tagged(layer) == []
