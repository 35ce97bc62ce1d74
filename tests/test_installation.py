"""What the template made, read back from the account; and a second version over a running first one."""

import json

import installation as installing
import yaml
from conftest import ACCOUNT, Landfall, environment

QUEUE = "modules:\n  - name: orders\n    type: sqs\n    delay_seconds: {delay}"


def test_the_config_bucket_is_private_encrypted_versioned_and_tls_only(landfall):
    s3, bucket = landfall.s3, landfall.installation.bucket
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert list(blocked.values()) == [True] * 4
    owner = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
    assert owner == "BucketOwnerEnforced"
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    denied = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
    assert denied[0]["Condition"]["Bool"]["aws:SecureTransport"] in ("false", False)


def test_the_table_can_be_restored_and_not_deleted_by_accident(landfall):
    ddb, table = landfall.account.client("dynamodb"), landfall.installation.table
    described = ddb.describe_table(TableName=table)["Table"]
    assert described["DeletionProtectionEnabled"] is True
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    declared = template()["Table"]["Properties"]
    assert declared["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert declared["SSESpecification"]["SSEEnabled"] is True


def test_every_function_has_a_role_logs_with_an_end_an_alias_and_an_alarm(landfall):
    stack = landfall.installation.stack
    functions, logs = landfall.account.client("lambda"), landfall.account.client("logs")
    alarms = landfall.account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = {one["Value"] for alarm in alarms for one in alarm["Dimensions"]}
    roles = set()
    for name in installing.functions():
        config = functions.get_function_configuration(FunctionName=f"{stack}-{name}")
        roles.add(config["Role"])
        assert config["Runtime"] == "provided.al2023"
        assert functions.get_alias(FunctionName=f"{stack}-{name}", Name="live")["FunctionVersion"] != "$LATEST"
        group = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{stack}-{name}")["logGroups"][0]
        assert group["retentionInDays"] > 0
        assert f"{stack}-{name}" in watched, name
    assert len(roles) == len(installing.functions())


def test_the_state_machines_log_without_data_and_trace(landfall):
    sfn = landfall.account.client("stepfunctions")
    for name in ("deploy", "module"):
        arn = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{landfall.installation.stack}-{name}"
        assert sfn.describe_state_machine(stateMachineArn=arn)["status"] == "ACTIVE"
        declared = template()[f"{name.capitalize()}Machine"]["Properties"]
        assert declared["LoggingConfiguration"]["Level"] in ("ALL", "ERROR")
        # Inputs and outputs may name what a config says: the log has states and errors, not data.
        assert declared["LoggingConfiguration"]["IncludeExecutionData"] is False
        assert declared["TracingConfiguration"] == {"Enabled": True}


def test_every_asynchronous_hop_has_a_dead_letter_queue(landfall):
    events, functions = landfall.account.client("events"), landfall.account.client("lambda")
    stack = landfall.installation.stack
    targets = [
        target
        for rule in events.list_rules()["Rules"]
        if rule["Name"].startswith(f"{stack}-")
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    ]
    assert len(targets) == 3
    for target in targets:
        assert target["Arn"].endswith(":live"), target
        assert target["DeadLetterConfig"]["Arn"].endswith(f":{stack}-dead-letters"), target
    for name in ("intake", "coordinator"):
        config = functions.get_function_event_invoke_config(FunctionName=f"{stack}-{name}", Qualifier="live")
        assert config["DestinationConfig"]["OnFailure"]["Destination"].endswith(f":{stack}-dead-letters")


def test_a_deployment_that_began_stays_on_its_version_while_a_new_one_is_installed(landfall, monkeypatch):
    first = Landfall(installing.install(landfall.account, landfall.installation.binaries, stack="upgraded"))
    layer, key = landfall.name("inflight"), "inflight.yaml"
    assert first.deploy(key, environment(layer, QUEUE.format(delay=0)), layer)["status"] == "succeeded"
    asks = first.deploy(key, environment(layer), layer)
    assert asks["phase"] == "awaiting-approval"

    # The same binaries with a byte more are another version as far as AWS is concerned.
    packed = installing.package
    monkeypatch.setattr(installing, "package", lambda binary: packed(binary) + b"\0")
    second = Landfall(installing.install(landfall.account, landfall.installation.binaries, stack="upgraded"))
    functions = landfall.account.client("lambda")
    assert functions.get_alias(FunctionName="upgraded-sqs", Name="live")["FunctionVersion"] == "2"

    assert second.approve(layer, asks)["outcome"] == "changed"
    assert second.tagged(layer) == []
    assert versions(second, layer, asks["number"]) == {"1"}
    after = second.deploy(key, environment(layer, QUEUE.format(delay=5)), layer)
    assert after["status"] == "succeeded", after
    assert versions(second, layer, after["number"]) == {"2"}


def test_a_new_version_of_one_module_alone_is_used(landfall, monkeypatch):
    first = Landfall(installing.install(landfall.account, landfall.installation.binaries, stack="partial"))
    layer, key = landfall.name("partial"), "partial.yaml"
    ended = first.deploy(key, environment(layer, QUEUE.format(delay=0)), layer)
    assert versions(first, layer, ended["number"]) == {"1"}

    packed = installing.package
    more = {"landfall-module-sqs": b"\0"}
    monkeypatch.setattr(installing, "package", lambda binary: packed(binary) + more.get(binary.name, b""))
    second = Landfall(installing.install(landfall.account, landfall.installation.binaries, stack="partial"))
    functions = landfall.account.client("lambda")
    assert functions.get_alias(FunctionName="partial-sqs", Name="live")["FunctionVersion"] == "2"
    assert functions.get_alias(FunctionName="partial-sns", Name="live")["FunctionVersion"] == "1"
    after = second.deploy(key, environment(layer, QUEUE.format(delay=5)), layer)
    assert after["status"] == "succeeded", after
    assert versions(second, layer, after["number"]) == {"2"}


def template() -> dict:
    """Resources of the template: for what the local AWS does not show once it is made (local/README.md)."""
    return yaml.safe_load((installing.ROOT / "bootstrap/template.yaml").read_text())["Resources"]


def versions(landfall, layer: str, number: int) -> set[str]:
    """Versions of the functions that a deployment ran on, from its run document."""
    run = landfall.get(f"/layers/{layer}/deployments/{number}")["deployment"]["run"]
    body = landfall.s3.get_object(Bucket=landfall.installation.bucket, Key=run["key"])["Body"].read()
    return {module["function"].rsplit(":", 1)[1] for module in json.loads(body)["modules"]}
