"""Secrets stay where they belong. A value that is found nowhere else stands in every secret that a deployment meets;
a layer lives through a creation, an update, a failure, an approval, drift and its destruction; then every place in
which somebody could read is searched for each of them, in every form that it may have been written in.

That the search finds what is there is shown by values that are not secret: they have to be found in each kind of place.
"""

import base64
import json
import subprocess
import threading
import time
import urllib.parse

import canaries
import proxied
import pytest
from botocore.credentials import Credentials
from conftest import ACCOUNT, Landfall, environment, until
from proxied import rule

import installation as installing

CAREFUL = "000000000666"

# With everything that some encoding writes in another way.
MARK = 'cnry/+="\\é'
CLEAR = f"api-key-in-the-file-{MARK}"
STORED = f"stored-{MARK}"
NOT_SECRET = "ThisStatementIsNotSecret"

MODULES = """modules:
  - name: orders
    type: sqs
    delay_seconds: {delay}
  - name: uploads
    type: s3
    bucket_name: lf-careful-uploads
    bucket_policy:
      Statement:
        - Sid: {sid}
          Effect: Deny
          Principal: "*"
          Action: s3:GetObject
          Resource: arn:aws:s3:::lf-careful-uploads/never/*
  - name: worker
    type: iam-role
    allowed_services: [events.amazonaws.com]
    links:
      - orders: [publish]
"""

WITH_KEYS = """modules:
  - type: base
  - type: k8s-cluster
  - type: k8s-base
  - name: clear
    type: datadog
    api_key: {clear}
  - name: stored
    type: datadog
    api_key: {arn}
"""


class Caller(installing.Account):
    """Somebody with a session of a role, as people and pipelines have it."""

    def __init__(self, account: installing.Account, session: dict):
        super().__init__(endpoint=account.endpoint, id=account.id, pid=account.pid)
        self.session = session

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "AWS_ACCESS_KEY_ID": self.session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self.session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": self.session["SessionToken"],
        }

    def client(self, service: str, **credentials):
        given = {
            "aws_access_key_id": self.session["AccessKeyId"],
            "aws_secret_access_key": self.session["SecretAccessKey"],
            "aws_session_token": self.session["SessionToken"],
        }
        return super().client(service, **(given | credentials))


class Heard(Landfall):
    """A Landfall of which every answer is kept, of the API and of the command."""

    def __init__(self, installation, traces: canaries.Traces):
        super().__init__(installation)
        self.traces = traces

    def call(self, method: str, path: str, body=None, credentials: Credentials | None = None):
        session = self.account.session
        who = Credentials(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
        answer = super().call(method, path, body, credentials or who)
        self.traces.add(f"answer: {method} {path}", answer)
        return answer

    def say(self, *arguments: str) -> subprocess.CompletedProcess:
        ran = self.installation.landfall(*arguments, check=False)
        self.traces.add(f"command: landfall {' '.join(arguments)}", ran.stdout + ran.stderr)
        return ran


class Tokens(threading.Thread):
    """Sees the task tokens that lie in the table while something waits for them."""

    def __init__(self, account, table: str):
        super().__init__(daemon=True)
        self.client, self.table = account.client("dynamodb"), table
        self.seen: dict[str, str] = {}
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            found = self.client.scan(
                TableName=self.table, FilterExpression="attribute_exists(task_token)", ConsistentRead=True
            )
            for item in found["Items"]:
                self.seen[item["task_token"]["S"]] = f"{item['pk']['S']} {item['sk']['S']}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def root(local_aws):
    return installing.Account(endpoint=local_aws.endpoint, id=CAREFUL, pid=local_aws.pid)


@pytest.fixture(scope="module")
def heard(local_aws, root, tmp_path_factory):
    """An installation behind the fault proxy, its topics and all events of the account in one queue, and a caller with
    a session of a role."""
    proxied.build()
    proxy = proxied.Proxy(local_aws.endpoint)
    installation = installing.install(root, installing.build(), behind=proxy.endpoint)
    iam = root.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{CAREFUL}:root"}, "Action": "sts:AssumeRole"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=policy(trust))
    iam.put_role_policy(RoleName="deployer", PolicyName="all", PolicyDocument=policy(everything))
    session = root.client("sts").assume_role(RoleArn=f"arn:aws:iam::{CAREFUL}:role/deployer", RoleSessionName="ana")
    installation.account = Caller(root, session["Credentials"])
    landfall = Heard(installation, canaries.Traces())
    landfall.proxy, landfall.inbox = proxy, inbox(root)
    landfall.tokens = Tokens(root, installation.table)
    landfall.tokens.start()
    yield landfall
    landfall.tokens.over.set()
    proxy.close()


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def inbox(account) -> str:
    """A queue that gets whatever is announced, and every event."""
    sqs, sns, events = (account.client(name) for name in ("sqs", "sns", "events"))
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for topic in sns.list_topics()["Topics"]:
        sns.subscribe(TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=arn)
    events.put_rule(Name="inbox", EventPattern=json.dumps({"account": [account.id]}))
    events.put_targets(Rule="inbox", Targets=[{"Id": "inbox", "Arn": arn}])
    return url


def config(layer: str, **values) -> str:
    return environment(layer, MODULES.format(**values)).replace(ACCOUNT, CAREFUL)


def live(heard: Heard, root, folder) -> str:
    """A life in which everything happens that can happen. Answers the layer's name."""
    layer, key = "careful", folder / "careful.yaml"

    def deploy(*arguments: str, **values) -> subprocess.CompletedProcess:
        key.write_text(config(layer, **values))
        return heard.say("deploy", str(key), "--yes", *arguments)

    # Long enough that the role is seen waiting for the queue.
    heard.proxy.set(rule("delay", times=None, operation="CreateQueue", with_={"milliseconds": 700}))
    assert deploy(delay=1, sid=NOT_SECRET).returncode == 0
    heard.proxy.reset()
    assert deploy(delay=2, sid=NOT_SECRET).returncode == 0
    key.write_text(config(layer, delay=3, sid=NOT_SECRET))
    assert "delay_seconds" in heard.say("plan", str(key)).stdout
    refusal = {"status": 400, "code": "InvalidAttributeValue"}
    heard.proxy.set(rule("error", times=None, operation="SetQueueAttributes", with_=refusal))
    assert deploy(delay=3, sid=NOT_SECRET).returncode != 0
    heard.say("report", layer)
    heard.proxy.reset()
    assert heard.say("resume", layer, "--yes").returncode == 0

    # Drift, seen and set right.
    sqs = root.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{layer}-{layer}-orders")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "77"})
    assert "77" in heard.say("drift", layer).stdout
    heard.say("drift", layer, "--revert", "--yes")

    # A plan that loses data waits for somebody; the one is cancelled, the other approved.
    for decide in ("cancel", "approve"):
        version = heard.upload(f"{layer}.yaml", environment(layer).replace(ACCOUNT, CAREFUL) + f"# {decide}\n")
        found = heard.deployment_of(layer, version)
        asks = heard.ended(layer, found["number"])
        assert asks["phase"] == "awaiting-approval"
        until(lambda: any("APPROVAL" in place for place in heard.tokens.seen.values()), "its token lies in the table")
        heard.say("status", layer)
        heard.get(f"/layers/{layer}/deployments/{asks['number']}/plan")
        heard.say(decide, f"{layer}/{asks['number']}", *(["--yes"] if decide == "approve" else ["--reason", "no"]))
        heard.ended(layer, asks["number"])
    return layer


def test_secrets_are_found_nowhere(heard, root, tmp_path):
    traces, installation = heard.traces, heard.installation
    secret = root.client("secretsmanager").create_secret(Name="datadog", SecretString=STORED)
    root.client("ssm").put_parameter(Name="/datadog", Value=STORED, Type="SecureString")

    layer = live(heard, root, tmp_path)
    # A file that a person put a key into, and one that refers to a key as it should be.
    refused = environment("keys", WITH_KEYS.format(clear=json.dumps(CLEAR), arn=secret["ARN"])).replace(ACCOUNT, CAREFUL)
    (tmp_path / "keys.yaml").write_text(refused)
    heard.say("validate", str(tmp_path / "keys.yaml"))
    heard.say("plan", str(tmp_path / "keys.yaml"))
    heard.deploy("keys.yaml", refused, "keys")
    for command in ("status", "history", "events", "outputs", "report"):
        heard.say(command, layer)
    heard.say("doctor", "--deep")
    heard.say("status")
    for one in heard.deployments(layer):
        for part in ("", "/plan", "/events", "/report"):
            heard.call("GET", f"/layers/{layer}/deployments/{one['number']}{part}")
    assert heard.say("destroy", layer, "--yes").returncode == 0
    heard.tokens.over.set()
    heard.tokens.join()

    traces.collect(root, installation.table)
    traces.messages(root.client("sqs"), heard.inbox)

    # What is not secret is found wherever it has to be.
    kinds = {place.split(":")[0] for place in traces.holding(layer)}
    assert kinds >= {"table", "bucket", "execution", "parcel", "log", "message", "answer", "command"}, kinds
    marked = traces.holding(NOT_SECRET)
    assert {place.split(":")[0] for place in marked} >= {"bucket", "answer"}, marked
    assert any("/plans/" in place or "plan" in place for place in marked), marked

    session = installation.account.session
    secrets = {
        "the caller's secret access key": session["SecretAccessKey"],
        "the caller's session token": session["SessionToken"],
        "a value in Secrets Manager and SSM": STORED,
        "a key in a file": CLEAR,
    }
    waited = {place.split(" ")[1].split("#")[0] for place in heard.tokens.seen.values()}
    assert waited >= {"APPROVAL", "RUN"}, heard.tokens.seen
    secrets |= {f"the task token of {place}": token for token, place in heard.tokens.seen.items()}
    leaks = [
        f"{what} is in {place}, {form}"
        for what, value in secrets.items()
        for place, form in traces.holding(value).items()
        if not (value == CLEAR and is_the_file(place, installation.bucket))
    ]
    assert not leaks, "\n".join(leaks)


def is_the_file(place: str, bucket: str) -> bool:
    """A file holds what the person put into it, where it was uploaded and where a plan of it is made from."""
    return place.startswith((f"bucket: {bucket}/keys.yaml ", f"bucket: {bucket}/.landfall/uploads/")) and "keys.yaml" in place


def test_every_form_of_a_value_is_found():
    value = f"value-{MARK}"
    raw = value.encode()
    for text in (
        raw,
        urllib.parse.quote(value, safe="").encode(),
        json.dumps({"a": value}).encode(),
        json.dumps(json.dumps({"a": value})).encode(),
        raw.hex().encode(),
        *(base64.b64encode(b"{" + b"x" * offset + raw + b"}") for offset in range(3)),
        *(base64.urlsafe_b64encode(b"{" + b"x" * offset + raw + b"}") for offset in range(3)),
    ):
        traces = canaries.Traces()
        traces.add("log: one", b"before " + text + b" after")
        assert traces.holding(value), text
        assert not traces.holding(f"another-{MARK}"), text
