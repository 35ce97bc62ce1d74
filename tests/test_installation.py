"""What the template made, read back from the account; and a second version over a running first one."""

import dataclasses
import json
import re

import installation as installing
import pytest
import yaml
from botocore.exceptions import ClientError
from conftest import ACCOUNT, Landfall, environment, until

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
        # IAM is one for all regions: without the region, a second installation elsewhere would find its names taken.
        assert config["Role"].endswith(f":role/{stack}-{installing.REGION}-{name}"), config["Role"]
        assert config["Runtime"] == "provided.al2023"
        assert functions.get_alias(FunctionName=f"{stack}-{name}", Name="live")["FunctionVersion"] != "$LATEST"
        group = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{stack}-{name}")["logGroups"][0]
        assert group["retentionInDays"] > 0
        assert f"{stack}-{name}" in watched, name
    assert len(roles) == len(installing.functions())


def test_a_sweep_that_does_not_run_any_more_raises_an_alarm(landfall):
    alarms = landfall.account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    (stopped,) = [alarm for alarm in alarms if "the sweep does not run" in alarm["AlarmDescription"]]
    # It is told by what does not come.
    assert (stopped["TreatMissingData"], stopped["ComparisonOperator"]) == ("breaching", "LessThanThreshold")
    counted = {"Namespace": stopped["Namespace"], "MetricName": stopped["MetricName"]}
    assert counted == {"Namespace": "Landfall", "MetricName": "LeasesExpired"}
    logs = landfall.account.client("logs")

    def counts():
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{landfall.installation.stack}-coordinator", filterPattern="LeasesExpired"
        )
        return [event["message"] for page in pages for event in page["events"] if "LeasesExpired" in event["message"]]

    # It comes although nothing expired.
    landfall.account.client("lambda").invoke(
        FunctionName=f"{landfall.installation.stack}-coordinator:live", Payload=b'{"op":"sweep"}'
    )
    assert until(counts, "a sweep counts")


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
        role = f"{landfall.installation.stack}-{installing.REGION}-machine-{name}"
        policy = landfall.account.client("iam").get_role_policy(RoleName=role, PolicyName="machine")["PolicyDocument"]
        traces = next(one["Action"] for one in policy["Statement"] if one["Sid"] == "Trace")
        # https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html
        wanted = {"GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords", "PutTraceSegments"}
        assert set(traces) == {f"xray:{action}" for action in wanted}


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


def test_there_is_an_alarm_on_everything_that_may_end_silently_and_somebody_hears_it(landfall):
    stack = landfall.installation.stack
    pages = landfall.account.client("cloudwatch").get_paginator("describe_alarms").paginate()
    alarms = [one for page in pages for one in page["MetricAlarms"] if one["AlarmName"].startswith(f"{stack}-")]
    topics = landfall.account.client("sns").list_topics()["Topics"]
    (topic,) = [one["TopicArn"] for one in topics if one["TopicArn"].endswith(f":{stack}-alarms")]
    for one in alarms:
        assert one["ActionsEnabled"] and one["AlarmActions"] == [topic], one
    on = {(one["MetricName"], one["Dimensions"][0]["Value"].rsplit(":", 1)[-1]) for one in alarms}
    assert on == {
        *(("Errors", f"{stack}-{name}") for name in installing.functions()),
        ("ApproximateNumberOfMessagesVisible", f"{stack}-dead-letters"),
        ("ExecutionsFailed", f"{stack}-deploy"),
        ("ExecutionsDied", stack),
        ("LeasesExpired", stack),
        ("ChangesWaitingTooLong", stack),
    }
    # That the sweep does not run is the alarm on a count of its that does not come.
    (stopped,) = [one for one in alarms if one["Statistic"] == "SampleCount"]
    assert (stopped["TreatMissingData"], stopped["ComparisonOperator"]) == ("breaching", "LessThanThreshold")


def test_only_rules_of_the_installation_put_something_into_the_dead_letter_queue(landfall):
    stack, sqs = landfall.installation.stack, landfall.account.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{stack}-dead-letters")["QueueUrl"]
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    allowed = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    assert [one["Principal"] for one in allowed] == [{"Service": "events.amazonaws.com"}]
    rules = landfall.account.client("events").list_rules()["Rules"]
    ours = {rule["Arn"] for rule in rules if rule["Name"].startswith(f"{stack}-")}
    assert len(ours) == 3
    assert set(allowed[0]["Condition"]["ArnEquals"]["aws:SourceArn"]) == ours
    assert allowed[0]["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_logs_are_kept_for_as_long_as_cloudwatch_can_and_no_other_number(landfall):
    cloudformation, stack = landfall.account.client("cloudformation"), landfall.installation.stack
    names = [one["ParameterKey"] for one in cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Parameters"]]
    kept = [{"ParameterKey": name, "UsePreviousValue": True} for name in names if name != "LogRetentionDays"]

    def change(days: str):
        return cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=f"days-{days}",
            UsePreviousTemplate=True,
            Parameters=[*kept, {"ParameterKey": "LogRetentionDays", "ParameterValue": days}],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )

    with pytest.raises(ClientError, match="LogRetentionDays"):
        change("91")
    made = change("365")
    cloudformation.delete_change_set(StackName=stack, ChangeSetName=made["Id"])


def test_a_name_that_is_too_long_is_refused_before_anything_is_made(landfall):
    long = "a-name-of-twenty-six-chars"
    ran = bootstrap(landfall, long, check=False)
    assert ran.returncode == 1 and "at most 25 lower-case letters" in ran.stderr, ran.stderr
    assert not [name for name in buckets(landfall) if name.startswith(long)]


def test_what_an_installation_leaves_is_taken_over_by_the_next_one_of_its_name(landfall):
    bootstrap(landfall, "twice")
    first = Landfall(installed(landfall, "twice"))
    layer, key = landfall.name("kept"), "kept.yaml"
    text = environment(layer, QUEUE.format(delay=0))
    assert first.deploy(key, text, layer)["status"] == "succeeded"

    cloudformation = landfall.account.client("cloudformation")
    cloudformation.delete_stack(StackName="twice")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="twice", WaiterConfig={"Delay": 1})
    assert first.installation.bucket in buckets(landfall)
    assert landfall.account.client("dynamodb").describe_table(TableName=first.installation.table)

    ran = bootstrap(landfall, "twice")
    assert f"left: {first.installation.bucket}, {first.installation.table}" in ran.stdout + ran.stderr, ran
    second = Landfall(installed(landfall, "twice"))
    assert (second.installation.bucket, second.installation.table) == (first.installation.bucket, first.installation.table)
    assert second.get(f"/layers/{layer}")["layer"] == layer
    assert second.deploy(key, text, layer)["outcome"] == "no-changes"


def test_a_change_that_is_rejected_is_no_error_of_a_function(landfall):
    layer = landfall.name("moved")
    text = environment(layer, QUEUE.format(delay=0))
    assert landfall.deploy(f"{layer}.yaml", text, layer)["status"] == "succeeded"
    before = landfall.errors("planner")
    # Only the planner knows where the layer lives.
    ended = landfall.deploy(f"{layer}.yaml", text.replace(installing.REGION, "eu-west-1"), layer)
    assert ended["status"] == "rejected" and "cannot be moved" in ended["message"], ended
    assert landfall.errors("planner") == before
    # The lease was given back: the next one runs.
    assert landfall.deploy(f"{layer}.yaml", text, layer)["outcome"] == "no-changes"


def test_whatever_is_allowed_on_everything_is_explained():
    shared = (installing.ROOT / "docs/security.md").read_text().split("## What is allowed on `*`")[1].split("\n## ")[0]
    for name, resource in template().items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        kind = resource["Properties"].get("Description", "").split(" ")
        readme = installing.ROOT / "functions/modules" / (kind[4] if len(kind) > 4 else "") / "README.md"
        own = readme.read_text().split("## What its policy allows on `*`")[-1] if readme.is_file() else ""
        explained = set(re.findall(r"`([\w-]+:\w+)`", shared + own))
        for policy in resource["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                missing = set(actions) - explained if statement.get("Resource") == "*" else set()
                assert not missing, f"{name} allows {sorted(missing)} on *: narrow it, or say why in {readme} or docs/security.md"


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


def bootstrap(landfall, stack: str, check: bool = True):
    """Installs with our own command."""
    installation = dataclasses.replace(landfall.installation, stack=stack)
    prebuilt = ("--prebuilt", str(installation.binaries), "--arch", installing.architecture())
    return installation.landfall("bootstrap", *prebuilt, check=check)


def installed(landfall, stack: str):
    """The installation of a stack."""
    described = landfall.account.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    return dataclasses.replace(landfall.installation, stack=stack, outputs=outputs)


def buckets(landfall) -> list[str]:
    return [bucket["Name"] for bucket in landfall.s3.list_buckets()["Buckets"]]


def template() -> dict:
    """Resources of the template: for what the local AWS does not show once it is made (local/README.md)."""
    return yaml.safe_load((installing.ROOT / "bootstrap/template.yaml").read_text())["Resources"]


def versions(landfall, layer: str, number: int) -> set[str]:
    """Versions of the functions that a deployment ran on, from its run document."""
    run = landfall.get(f"/layers/{layer}/deployments/{number}")["deployment"]["run"]
    body = landfall.s3.get_object(Bucket=landfall.installation.bucket, Key=run["key"])["Body"].read()
    return {module["function"].rsplit(":", 1)[1] for module in json.loads(body)["modules"]}
