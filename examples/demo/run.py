"""The demonstration: an environment and a service on a local AWS, from nothing to nothing, as a user would do it.

Every fact at the end of a step is read back with the AWS CLI, which knows nothing of Landfall.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug"
COLOR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


class Broken(Exception):
    """A fact that does not hold."""


class Demo:
    def __init__(self, folder: Path):
        # A state of its own: a local AWS that somebody uses stays as it is.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment |= {"XDG_CACHE_HOME": str(folder), "PATH": f"{BINARIES}:{os.environ['PATH']}"}
        self.layers = folder / "layers"
        shutil.copytree(HERE, self.layers, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        self.facts = 0

    def head(self, number: int, text: str) -> None:
        line = f"{number}. {text}"
        print(f"\n\033[1m{line}\033[0m" if COLOR else f"\n{line}\n{'=' * len(line)}", flush=True)

    def landfall(self, *words: str, ends: int = 0) -> float:
        """Runs our command in front of the reader; answers the seconds it took."""
        shown = " ".join(words)
        print(f"\033[2m$ landfall {shown}\033[0m" if COLOR else f"$ landfall {shown}", flush=True)
        begun = time.monotonic()
        # Nobody answers questions here, so that it runs alike in a terminal and elsewhere.
        ran = subprocess.run(
            ["landfall", *words], cwd=self.layers, env=self.environment, stdin=subprocess.DEVNULL, check=False)
        code = ran.returncode
        if code != ends:
            raise Broken(f"`landfall {shown}` ended with {code}, not with {ends}")
        return time.monotonic() - begun

    def aws(self, *words: str):
        command = ["aws", "--endpoint-url", self.environment["AWS_ENDPOINT_URL"], *words, "--output", "json"]
        ran = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise Broken(f"`aws {' '.join(words)}` failed: {ran.stderr.strip()}")
        return json.loads(ran.stdout) if ran.stdout.strip() else None

    def fact(self, text: str, holds) -> None:
        if not holds:
            raise Broken(f"this does not hold: {text}")
        self.facts += 1
        print(f"  \033[32m✓\033[0m {text}" if COLOR else f"  ✓ {text}", flush=True)

    def start(self) -> None:
        self.head(1, "A whole AWS on this machine, with Landfall installed in it")
        self.landfall("local", "up", "--port", "0", "--prebuilt", str(BINARIES))
        exports = subprocess.run(["landfall", "local", "env"], env=self.environment, capture_output=True, text=True)
        for line in exports.stdout.splitlines():
            name, value = line.removeprefix("export ").split("=", 1)
            self.environment[name] = value

    def stop(self) -> None:
        subprocess.run(["landfall", "local", "down"], cwd=ROOT, env=self.environment, check=False)

    def tagged(self, layer: str) -> list[str]:
        """ARNs that carry the layer's tag; a key that waits for its deletion is as good as gone."""
        found = self.aws("resourcegroupstaggingapi", "get-resources", "--tag-filters", f"Key=landfall:layer,Values={layer}")
        arns = [entry["ResourceARN"] for entry in found["ResourceTagMappingList"]]
        return [arn for arn in arns if not (":kms:" in arn and self.key_state(arn) == "PendingDeletion")]

    def key_state(self, arn: str) -> str:
        return self.aws("kms", "describe-key", "--key-id", arn)["KeyMetadata"]["KeyState"]

    def play(self) -> None:
        self.start()

        self.head(2, "An environment: what would be made")
        self.landfall("plan", "env.yaml")
        self.fact("planning made nothing", self.tagged("demo") == [])

        self.head(3, "The environment is deployed")
        self.landfall("deploy", "env.yaml")
        vpc = self.aws("ec2", "describe-vpcs", "--filters", "Name=tag:landfall:layer,Values=demo")["Vpcs"]
        self.fact("there is one VPC, and it is not the default one", [one["IsDefault"] for one in vpc] == [False])
        subnets = self.aws("ec2", "describe-subnets", "--filters", "Name=tag:landfall:layer,Values=demo")["Subnets"]
        zones = {subnet["AvailabilityZone"] for subnet in subnets}
        self.fact("its six subnets lie in three zones", (len(subnets), len(zones)) == (6, 3))

        self.head(4, "A service: a bucket, a queue, a topic and a role, linked together")
        self.landfall("deploy", "shop.yaml")
        self.landfall("outputs", "shop")
        self.read_back()

        self.head(5, "The same file again")
        seconds = self.landfall("deploy", "shop.yaml")
        self.fact(f"nothing changed, and it took {seconds:.1f} s to know", seconds < 30)

        self.head(6, "A change that loses data asks first")
        file = self.layers / "shop.yaml"
        text = file.read_text()
        file.write_text(text.replace("message_retention_seconds: 1209600", "message_retention_seconds: 3600"))
        self.landfall("deploy", "shop.yaml", ends=3)
        self.landfall("status", "shop")
        queue = self.aws("sqs", "get-queue-url", "--queue-name", "demo-shop-orders")
        self.fact("while it waits for an approval the queue is untouched", queue["QueueUrl"])
        self.landfall("reject", "shop/3", "--reason", "the queue still holds orders")
        file.write_text(text)

        self.head(7, "Destroyed, the service first")
        self.landfall("destroy", "demo", "--yes", ends=6)
        self.landfall("destroy", "shop", "--yes")
        self.landfall("destroy", "demo", "--yes")
        self.fact("nothing of the service is left", self.tagged("shop") == [])
        self.fact("nothing of the environment is left", self.tagged("demo") == [])
        self.landfall("history", "shop")

    def read_back(self) -> None:
        account = self.environment["AWS_ACCESS_KEY_ID"]
        queue = self.aws("sqs", "get-queue-url", "--queue-name", "demo-shop-orders")["QueueUrl"]
        attributes = self.aws("sqs", "get-queue-attributes", "--queue-url", queue, "--attribute-names", "All")["Attributes"]
        self.fact("the queue is encrypted with a key of its own", attributes["KmsMasterKeyId"])
        self.fact("that key rotates", self.aws(
            "kms", "get-key-rotation-status", "--key-id", attributes["KmsMasterKeyId"])["KeyRotationEnabled"])
        topic = f"arn:aws:sns:us-east-1:{account}:demo-shop-events"
        listed = self.aws("sns", "list-subscriptions-by-topic", "--topic-arn", topic)["Subscriptions"]
        self.fact("the topic delivers to the queue", [one["Endpoint"] for one in listed] == [attributes["QueueArn"]])
        bucket = f"lf-demo-shop-uploads-{account}"
        blocked = self.aws("s3api", "get-public-access-block", "--bucket", bucket)["PublicAccessBlockConfiguration"]
        self.fact("the bucket blocks public access in all four ways", list(blocked.values()) == [True] * 4)
        policy = self.aws("iam", "get-policy", "--policy-arn", f"arn:aws:iam::{account}:policy/demo-shop-worker")["Policy"]
        version = self.aws("iam", "get-policy-version", "--policy-arn", policy["Arn"], "--version-id", policy["DefaultVersionId"])
        sids = {statement["Sid"] for statement in version["PolicyVersion"]["Document"]["Statement"]}
        granted = {"WriteBuckets", "SubscribeQueues", "PublishSns"}
        self.fact("the role may write the bucket, read the queue and publish to the topic", granted <= sids)


def main() -> int:
    begun = time.monotonic()
    if not (BINARIES / "landfall").exists():
        print(f"error: there is no command at {BINARIES}; start the demonstration with `make demo`", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="landfall-demo-") as folder:
        demo = Demo(Path(folder))
        try:
            demo.play()
        except (Broken, KeyboardInterrupt) as error:
            log = Path(folder) / "landfall/local/ministack.log"
            tail = log.read_text(errors="replace").splitlines()[-40:] if log.exists() else []
            print("\n".join(["", "the end of the local AWS's log:", *tail, "", f"error: {error}"]), file=sys.stderr)
            return 1
        finally:
            demo.stop()
    print(f"\ndemo: {demo.facts} facts read back with the AWS CLI, in {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
