"""The fault proxy does what its rules say, as a client sees it that knows nothing of it."""

import os
import socket
import subprocess
import sys
import time
import urllib.error

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

import installation as installing
import proxied
from proxied import rule


@pytest.fixture(scope="module")
def proxy(local_aws):
    proxied.build()
    proxy = proxied.Proxy(local_aws.endpoint)
    yield proxy
    proxy.close()


@pytest.fixture
def client(proxy, request):
    """Clients of an account of their own, that try nothing twice."""
    proxy.reset()
    account = f"3{abs(hash(request.node.name)) % 10**11:011}"

    def make(service: str):
        return boto3.client(
            service,
            endpoint_url=proxy.endpoint,
            region_name=installing.REGION,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    return make


def code_of(error) -> tuple[int, str]:
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"], error.value.response["Error"]["Code"]


SERVICES = [
    ("ec2", lambda c: c.describe_vpcs()),
    ("iam", lambda c: c.list_roles()),
    ("sqs", lambda c: c.list_queues()),
    ("sns", lambda c: c.list_topics()),
    ("s3", lambda c: c.list_buckets()),
    ("kms", lambda c: c.list_keys()),
    ("dynamodb", lambda c: c.list_tables()),
    ("logs", lambda c: c.describe_log_groups()),
    ("stepfunctions", lambda c: c.list_state_machines()),
    ("lambda", lambda c: c.list_functions()),
    ("rds", lambda c: c.describe_db_subnet_groups()),
    ("elasticache", lambda c: c.describe_cache_subnet_groups()),
    ("resourcegroupstaggingapi", lambda c: c.get_resources()),
    ("cloudwatch", lambda c: c.describe_alarms()),
]


@pytest.mark.parametrize(("service", "read"), SERVICES, ids=[name for name, _ in SERVICES])
def test_a_call_is_recognised_passed_on_and_refused_in_its_own_protocol(proxy, client, service, read):
    made = client(service)
    read(made)
    (call,) = proxy.calls()
    assert (call["reached"], call["status"], call["mutating"], call["region"]) == (True, 200, False, "us-east-1")
    operation = call["operation"]
    assert " " not in operation, f"{operation} is not known"
    for status in (500, 503):
        proxy.set(rule("fail", operation=operation, with_={"status": status}))
        with pytest.raises(ClientError) as error:
            read(made)
        assert code_of(error)[0] == status
        assert code_of(error)[1] not in ("", str(status), "Unknown"), code_of(error)
    proxy.set(rule("throttle", operation=operation))
    with pytest.raises(ClientError) as error:
        read(made)
    words = ("Throttl", "SlowDown", "TooManyRequests", "RequestLimitExceeded", "ThroughputExceeded")
    assert any(word in code_of(error)[1] for word in words), code_of(error)
    read(made)
    assert [call["reached"] for call in proxy.calls()] == [True, False, False, False, True]


def queues(client) -> int:
    return len(client("sqs").list_queues().get("QueueUrls", []))


def test_a_connection_breaks_before_the_call(proxy, client):
    proxy.set(rule("drop", operation="CreateQueue", with_={"place": "before"}))
    with pytest.raises(ConnectionClosedError):
        client("sqs").create_queue(QueueName="q")
    assert queues(client) == 0
    assert [call["reached"] for call in proxy.calls(operation="CreateQueue")] == [False]


def test_the_reply_is_lost_after_the_call(proxy, client):
    proxy.set(rule("drop", operation="CreateQueue", with_={"place": "after"}))
    with pytest.raises(ConnectionClosedError):
        client("sqs").create_queue(QueueName="q")
    assert queues(client) == 1
    (call,) = proxy.calls(operation="CreateQueue")
    assert (call["reached"], call["status"], call["created"]) == (True, 200, "q")


def test_a_rule_strikes_the_nth_call(proxy, client):
    proxy.set(rule("error", skip=1, operation="CreateQueue", with_={"status": 400, "code": "QueueDeletedRecently"}))
    sqs = client("sqs")
    sqs.create_queue(QueueName="a")
    with pytest.raises(sqs.exceptions.ClientError) as error:
        sqs.create_queue(QueueName="b")
    assert code_of(error) == (400, "QueueDeletedRecently")
    sqs.create_queue(QueueName="b")
    assert proxy.struck() == 1


def test_a_call_is_delayed(proxy, client):
    sqs = client("sqs")
    sqs.list_queues()
    proxy.set(rule("delay", times=None, with_={"milliseconds": 300}))
    begun = time.monotonic()
    sqs.list_queues()
    assert time.monotonic() - begun > 0.3


def test_a_new_vpc_is_not_seen_at_first(proxy, client):
    proxy.set(rule("lag", times=None, with_={"looks": 2}))
    ec2 = client("ec2")
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def seen():
        return made in [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]]

    assert not seen()
    with pytest.raises(ClientError) as error:
        ec2.describe_vpcs(VpcIds=[made])
    assert code_of(error) == (400, "InvalidVpcID.NotFound")
    assert seen()


def test_a_new_role_and_queue_are_not_found_at_first(proxy, client):
    proxy.set(rule("lag", times=None, with_={"looks": 1}))
    iam, sqs = client("iam"), client("sqs")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="worker")
    iam.get_role(RoleName="worker")
    sqs.create_queue(QueueName="q")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="q")
    sqs.get_queue_url(QueueName="q")


def test_a_nat_gateway_stays_pending_and_deleting(proxy, client):
    proxy.set(rule("linger", times=None, with_={"looks": 1}))
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]

    def state():
        return ec2.describe_nat_gateways(NatGatewayIds=[made])["NatGateways"][0]["State"]

    assert [state(), state()] == ["pending", "available"]
    ec2.delete_nat_gateway(NatGatewayId=made)
    assert [state(), state()] == ["deleting", "deleted"]


def test_a_new_role_cannot_be_passed_at_first(proxy, client):
    proxy.set(rule("unassumable", times=None, with_={"tries": 1}))
    role = client("iam").create_role(
        RoleName="worker", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}'
    )["Role"]["Arn"]
    kms = client("kms")
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"kms:*","Resource":"*"}]}'
        % role
    )
    with pytest.raises(kms.exceptions.MalformedPolicyDocumentException):
        kms.create_key(Policy=policy)
    kms.create_key(Policy=policy)


def test_what_drains_refuses_each_deletion_for_a_while(proxy, client):
    ec2 = client("ec2")
    made = [ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(2)]
    refuses = {"status": 400, "code": "DependencyViolation"}
    proxy.set(rule("error", times=2, each=True, operation="DeleteVpc|DeleteSubnet", with_=refuses))
    for vpc in made:
        for _ in range(2):
            with pytest.raises(ClientError) as error:
                ec2.delete_vpc(VpcId=vpc)
            assert code_of(error)[1] == "DependencyViolation"
        ec2.delete_vpc(VpcId=vpc)


def test_lists_come_in_pages_of_one(proxy, client):
    proxy.set(rule("pages", times=None))
    ec2, s3, kms, dynamodb, iam = (client(name) for name in ("ec2", "s3", "kms", "dynamodb", "iam"))
    vpcs = {ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(3)}
    pages = list(ec2.get_paginator("describe_vpcs").paginate())
    assert all(len(page["Vpcs"]) == 1 for page in pages)
    assert vpcs <= {page["Vpcs"][0]["VpcId"] for page in pages}

    s3.create_bucket(Bucket="paged")
    s3.put_bucket_versioning(Bucket="paged", VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "b", "c", "c"):
        s3.put_object(Bucket="paged", Key=key, Body=b"x")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="paged"))
    assert [[one["Key"] for one in page["Contents"]] for page in pages] == [["a"], ["b"], ["c"]]
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket="paged"))
    assert [len(page["Versions"]) for page in pages] == [1, 1, 1, 1]

    keys = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)}
    pages = list(kms.get_paginator("list_keys").paginate())
    assert {page["Keys"][0]["KeyId"] for page in pages} == keys

    for name in ("a", "b"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    pages = list(iam.get_paginator("list_roles").paginate())
    assert [[role["RoleName"] for role in page["Roles"]] for page in pages] == [["a"], ["b"]]

    dynamodb.create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    for sort in ("a", "b", "c"):
        dynamodb.put_item(TableName="table", Item={"pk": {"S": "p"}, "sk": {"S": sort}})
    query = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}}
    pages = list(dynamodb.get_paginator("query").paginate(TableName="table", **query))
    assert [[item["sk"]["S"] for item in page["Items"]] for page in pages] == [["a"], ["b"], ["c"]]


def test_objects_pass_unharmed(client):
    s3 = client("s3")
    s3.create_bucket(Bucket="whole")
    body = bytes(range(256)) * 5000
    s3.put_object(Bucket="whole", Key="ä b+c", Body=body)
    assert s3.get_object(Bucket="whole", Key="ä b+c")["Body"].read() == body
    assert s3.head_object(Bucket="whole", Key="ä b+c")["ContentLength"] == len(body)


# Binds the first of its ports (0 is any), says which it got, and connects from it to all the others. What it reads then
# goes to the first of those; it ends with its stdin.
CALLER = """
import socket, sys
port, *others = map(int, sys.argv[1:])
connections = []
for other in others:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    port = one.getsockname()[1]
    one.connect(("127.0.0.1", other))
    connections.append(one)
print(port, flush=True)
connections[0].sendall(sys.stdin.buffer.read())
connections[0].recv(1)
"""


class Caller:
    """A process that looks like a function's, with connections from one port to several others."""

    def __init__(self, function: str, port: int, others: list[int]):
        self.process = subprocess.Popen(
            [sys.executable, "-c", CALLER, *map(str, [port, *others])],
            env={**os.environ, "AWS_LAMBDA_FUNCTION_NAME": f"landfall-{function}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.port = int(self.process.stdout.readline())

    def lists_queues(self, key: str) -> int:
        """Asks with the key of a role, and answers how the process ended."""
        scope = f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
        head = f"GET /?Action=ListQueues HTTP/1.1\r\nHost: sqs\r\nAuthorization: {scope}\r\n\r\n"
        self.process.communicate(head.encode(), timeout=30)
        return self.process.returncode


def test_a_function_is_told_from_one_that_shares_its_port_to_another_address(proxy):
    """Linux lets connections to different addresses have one local port, and a worker has some to other servers."""
    proxy.reset()
    proxy.set(rule("kill", operation="ListQueues", with_={"place": "before"}))
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(16)]
    other = Caller("other", 0, [server.getsockname()[1] for server in servers])
    try:
        wanted = int(proxy.endpoint.rsplit(":", 1)[1])
        assert Caller("worker", other.port, [wanted]).lists_queues("ASIATOLDAPART") == -9
        assert other.process.poll() is None, "the wrong process was killed"
        (call,) = proxy.calls(operation="ListQueues")
        assert (call["function"], call["killed"]) == ("worker", True)
    finally:
        other.process.kill()
        other.process.wait()
        for server in servers:
            server.close()


def test_a_wrong_rule_is_refused(proxy):
    with pytest.raises(urllib.error.HTTPError, match="400"):
        proxy.set({"do": {"fault": "explode"}})
