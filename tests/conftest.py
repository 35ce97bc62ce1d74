"""One local AWS per test session, Landfall installed in it with the checked-in template, an independent client."""

import itertools
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, str(Path(__file__).parent))

import installation as installing  # noqa: E402
import proxied  # noqa: E402

ACCOUNT = "000000000000"
DEADLINE = 60.0


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory):
    """The local AWS on a free port; it ends with us, because the launcher watches its stdin."""
    home = tmp_path_factory.mktemp("local-aws")
    launcher = subprocess.Popen(
        [sys.executable, "-u", "-m", "landfall_local", "--home", str(home), "up", "--port", "0", "--watch-stdin"],
        cwd=installing.ROOT / "local",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    line = launcher.stdout.readline()
    endpoint = next((word for word in line.split() if word.startswith("http")), None)
    assert endpoint, f"the local AWS did not start: {line}"
    account = installing.Account(endpoint=endpoint, id=ACCOUNT)
    account.pid = json.loads((home / "state.json").read_text())["pid"]
    yield account
    launcher.stdin.close()
    launcher.wait(timeout=30)


@pytest.fixture(scope="session")
def landfall(local_aws):
    """An installed Landfall."""
    return Landfall(installing.install(local_aws, installing.build()))


class Landfall:
    """What tests do with an installation: upload, ask the API with a signature of their own, wait, read back."""

    numbers = itertools.count(1)

    def __init__(self, installation):
        self.installation = installation
        self.account = installation.account
        self.s3, self.dynamodb = self.account.client("s3"), self.account.client("dynamodb")

    def name(self, stem: str) -> str:
        """A layer name that no other test uses."""
        return f"{stem}{next(self.numbers)}"

    def upload(self, key: str, body: str | bytes, **metadata: str) -> str:
        """Puts an object into the config bucket and answers its version."""
        data = body.encode() if isinstance(body, str) else body
        tags = {name.replace("_", "-"): value for name, value in metadata.items()}
        put = self.s3.put_object(Bucket=self.installation.bucket, Key=key, Body=data, Metadata=tags)
        return put["VersionId"]

    def call(self, method: str, path: str, body=None, credentials: Credentials | None = None, key: str | None = None):
        """Status and answer of the API, to a request signed by botocore; by `key` it knows the request again."""
        url = f"{self.installation.api}{path}"
        data = json.dumps(body).encode() if body is not None else b""
        headers = {"content-type": "application/json"} if body is not None else {}
        if key:
            headers["idempotency-key"] = key
        signed = AWSRequest(method=method, url=url, data=data, headers=headers)
        who = credentials or Credentials(self.account.id, "test")
        SigV4Auth(who, "execute-api", installing.REGION).add_auth(signed)
        request = urllib.request.Request(local(url), data=data or None, method=method, headers=dict(signed.headers))
        request.add_header("host", url.split("/")[2])
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            text = error.read()
            try:
                return error.code, json.loads(text or b"null")
            except json.JSONDecodeError:
                return error.code, text.decode()

    def get(self, path: str):
        status, answer = self.call("GET", path)
        assert status == 200, f"GET {path}: {status} {answer}"
        return answer

    def deployments(self, layer: str) -> list[dict]:
        status, answer = self.call("GET", f"/layers/{layer}/deployments?limit=100")
        return answer["deployments"] if status == 200 else []

    def deployment_of(self, layer: str, version: str) -> dict:
        """The deployment of a version of the layer's file, once it is seen."""
        return until(
            lambda: next((one for one in self.deployments(layer) if one["source"].get("version_id") == version), None),
            f"the upload {version} became a deployment of {layer}",
        )

    def ended(self, layer: str, number: int, seconds: float = DEADLINE) -> dict:
        """The deployment once it ended, or once it asks for an approval."""

        def look():
            one = self.get(f"/layers/{layer}/deployments/{number}")["deployment"]
            asks = one.get("phase") == "awaiting-approval"
            return one if asks or one["status"] not in ("queued", "running") else None

        return until(look, f"deployment {layer}/{number} ended", seconds)

    def deploy(self, key: str, body: str | bytes, layer: str, **metadata: str) -> dict:
        """Uploads and waits for the end."""
        found = self.deployment_of(layer, self.upload(key, body, **metadata))
        return self.ended(layer, found["number"])

    def approve(self, layer: str, deployment: dict) -> dict:
        """Approves a plan that waits, and waits for the end."""
        number = deployment["number"]
        body = {"decision": "approve", "plan_hash": deployment["plan"]["hash"]}
        status, answer = self.call("POST", f"/layers/{layer}/deployments/{number}/approval", body)
        assert status == 200, answer

        def look():
            one = self.get(f"/layers/{layer}/deployments/{number}")["deployment"]
            return one if one["status"] not in ("queued", "running") else None

        return until(look, f"deployment {layer}/{number} ended after its approval")

    def destroy(self, layer: str) -> dict:
        """Destroys a layer, approving the plan."""
        status, answer = self.call("POST", f"/layers/{layer}/deployments", {"action": "destroy"})
        assert status == 202, answer
        ended = self.ended(layer, answer["number"])
        return self.approve(layer, ended) if ended.get("phase") == "awaiting-approval" else ended

    def recorded(self, layer: str) -> dict:
        """The newest deployment of a layer as the table has it: number, status, phase, version of its file."""
        found = self.dynamodb.query(
            TableName=self.installation.table,
            KeyConditionExpression="pk = :layer AND begins_with(sk, :deployment)",
            ExpressionAttributeValues={":layer": {"S": f"LAYER#{layer}"}, ":deployment": {"S": "DEPLOYMENT#"}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )["Items"]
        if not found:
            return {"number": 0, "status": "", "phase": None, "version": None}
        (item,) = found
        return {
            "number": int(item["number"]["N"]),
            "status": item["status"]["S"],
            "phase": item.get("phase", {}).get("S"),
            "version": item["source"]["M"].get("version_id", {}).get("S"),
        }

    def take_lease(self, layer: str, seconds: float, doing: str) -> None:
        """Lets somebody else have the layer's lease for some time, whoever has it now."""
        now = int(time.time() * 1000)
        self.dynamodb.update_item(
            TableName=self.installation.table,
            Key={"pk": {"S": f"LAYER#{layer}"}, "sk": {"S": "LEASE"}},
            UpdateExpression="SET holder = :h, expires_ms = :e, since = :s, doing = :d ADD #token :one",
            ExpressionAttributeNames={"#token": "token"},
            ExpressionAttributeValues={
                ":h": {"S": "somebody"},
                ":e": {"N": str(now + int(seconds * 1000))},
                ":s": {"N": str(now)},
                ":d": {"S": doing},
                ":one": {"N": "1"},
            },
        )

    def tagged(self, layer: str) -> list[str]:
        """ARNs that carry the layer's tag, without keys that wait for their deletion."""
        found = self.account.client("resourcegroupstaggingapi").get_resources(
            TagFilters=[{"Key": "landfall:layer", "Values": [layer]}]
        )["ResourceTagMappingList"]
        kms = self.account.client("kms")

        def waits_for_deletion(arn: str) -> bool:
            return ":kms:" in arn and kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "PendingDeletion"

        return [entry["ResourceARN"] for entry in found if not waits_for_deletion(entry["ResourceARN"])]

    def errors(self, function: str) -> list[str]:
        """What a function could not answer: Lambda counts it as an error, which raises the function's alarm."""
        pages = self.account.client("logs").get_paginator("filter_log_events")
        group = f"/aws/lambda/{self.installation.stack}-{function}"
        lines = [event["message"] for page in pages.paginate(logGroupName=group) for event in page["events"]]
        assert lines, "the function logs"
        return [line for line in lines if '"ERROR"' in line]


class Listener:
    """A queue that hears what the topic of an installation tells."""

    def __init__(self, landfall, name: str):
        self.sqs, sns = landfall.account.client("sqs"), landfall.account.client("sns")
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sender = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [{**sender, "Resource": arn}]}
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": json.dumps(policy)})
        sns.subscribe(TopicArn=landfall.installation.outputs["Topic"], Protocol="sqs", Endpoint=arn)
        self.messages: list[dict] = []

    def heard(self, layer: str) -> list[dict]:
        """Everything that was told of a layer so far."""
        while batch := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            for message in batch:
                self.messages.append(json.loads(json.loads(message["Body"])["Message"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [one for one in self.messages if one["layer"] == layer]

    def drift(self, layer: str) -> list[tuple[str, list[str]]]:
        """What was told of its drift: found or ended, and the names."""
        return [(one["event"], one["drift"]) for one in self.heard(layer) if "drift" in one]


@contextmanager
def behind_proxy(local_aws, account: str):
    """An installation of its own whose functions reach AWS through a fault proxy."""
    proxied.build()
    proxy = proxied.Proxy(local_aws.endpoint)
    where = installing.Account(endpoint=local_aws.endpoint, id=account)
    landfall = Landfall(installing.install(where, installing.build(), behind=proxy.endpoint))
    landfall.proxy = proxy
    try:
        yield landfall
    finally:
        proxy.close()


def until(look, what: str, seconds: float = DEADLINE, every: float = 0.1):
    """The first truthy answer of `look`, which is asked `every` so many seconds."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(every)


def local(url: str) -> str:
    """Names under `localhost` are this machine (RFC 6761), which not every resolver knows."""
    scheme, rest = url.split("://", 1)
    host, _, path = rest.partition("/")
    port = host.rpartition(":")[2]
    return f"{scheme}://127.0.0.1:{port}/{path}"


def environment(name: str, modules: str = "modules: []") -> str:
    """An environment file; `modules` is the rest of it."""
    return (
        f'name: {name}\norg_name: tests\nproviders:\n  aws:\n    region: {installing.REGION}\n'
        f'    account_id: "{ACCOUNT}"\n{modules}\n'
    )


def service(name: str, path: str, environment_name: str, modules: str) -> str:
    """A service file."""
    return f"name: {name}\nenvironments:\n  - name: {environment_name}\n    path: {path}\n{modules}\n"
