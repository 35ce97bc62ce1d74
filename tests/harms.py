"""Ways to break an installation by hand, one thing at a time. Each answers how to set it right again."""

import json

import installation as installing


def rules(landfall) -> list[str]:
    """The names of the rules of the installation."""
    resources = landfall.account.client("cloudformation").get_paginator("list_stack_resources")
    pages = resources.paginate(StackName=landfall.installation.stack)
    found = [one for page in pages for one in page["StackResourceSummaries"]]
    return [one["PhysicalResourceId"] for one in found if one["ResourceType"] == "AWS::Events::Rule"]


def broken_rule(landfall):
    events, name = landfall.account.client("events"), rules(landfall)[0]
    events.disable_rule(Name=name)
    return lambda: events.enable_rule(Name=name)


def broken_target(landfall):
    events, name = landfall.account.client("events"), rules(landfall)[0]
    targets = events.list_targets_by_rule(Rule=name)["Targets"]
    events.remove_targets(Rule=name, Ids=[target["Id"] for target in targets])
    return lambda: events.put_targets(Rule=name, Targets=targets)


def broken_versioning(landfall):
    def versions(status):
        landfall.s3.put_bucket_versioning(Bucket=landfall.installation.bucket, VersioningConfiguration={"Status": status})

    versions("Suspended")
    return lambda: versions("Enabled")


def broken_privacy(landfall):
    bucket = landfall.installation.bucket
    block = landfall.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    landfall.s3.delete_public_access_block(Bucket=bucket)
    return lambda: landfall.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)


def broken_notification(landfall):
    def tells(**configuration):
        landfall.s3.put_bucket_notification_configuration(
            Bucket=landfall.installation.bucket, NotificationConfiguration=configuration
        )

    tells()
    return lambda: tells(EventBridgeConfiguration={})


def broken_backups(landfall):
    def recovery(on):
        landfall.account.client("dynamodb").update_continuous_backups(
            TableName=landfall.installation.table,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": on},
        )

    recovery(False)
    return lambda: recovery(True)


def broken_protection(landfall):
    def protected(on):
        landfall.account.client("dynamodb").update_table(
            TableName=landfall.installation.table, DeletionProtectionEnabled=on
        )

    protected(False)
    return lambda: protected(True)


def broken_alias(landfall):
    functions = landfall.account.client("lambda")
    name = f"{landfall.installation.stack}-sqs"
    before = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    return lambda: functions.update_alias(FunctionName=name, Name="live", FunctionVersion=before)


def broken_destination(landfall):
    functions = landfall.account.client("lambda")
    which = {"FunctionName": f"{landfall.installation.stack}-intake", "Qualifier": "live"}
    before = functions.get_function_event_invoke_config(**which)
    functions.delete_function_event_invoke_config(**which)
    return lambda: functions.put_function_event_invoke_config(
        **which, MaximumRetryAttempts=2, DestinationConfig=before["DestinationConfig"]
    )


def broken_role(landfall):
    iam, role = landfall.account.client("iam"), f"{landfall.installation.stack}-{installing.REGION}-sqs"
    before = json.dumps(iam.get_role_policy(RoleName=role, PolicyName="function")["PolicyDocument"])
    everything = {"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="function", PolicyDocument=json.dumps(everything))
    return lambda: iam.put_role_policy(RoleName=role, PolicyName="function", PolicyDocument=before)


def broken_logging(landfall):
    sfn = landfall.account.client("stepfunctions")
    arn = next(one["stateMachineArn"] for one in sfn.list_state_machines()["stateMachines"] if one["name"].endswith("-module"))
    before = sfn.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"]
    sfn.update_state_machine(stateMachineArn=arn, loggingConfiguration={"level": "OFF"})
    return lambda: sfn.update_state_machine(stateMachineArn=arn, loggingConfiguration=before)


def alarm(landfall) -> dict:
    """The alarm on changes that wait for too long."""
    alarms = landfall.account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return next(one for one in alarms if "waits for more than an hour" in one["AlarmDescription"])


def lost_alarm(landfall):
    watch, before = landfall.account.client("cloudwatch"), alarm(landfall)
    taken = watch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    watch.delete_alarms(AlarmNames=[before["AlarmName"]])
    return lambda: watch.put_metric_alarm(**{name: value for name, value in before.items() if name in taken})


def unheard_alarm(landfall):
    watch, name = landfall.account.client("cloudwatch"), alarm(landfall)["AlarmName"]
    watch.disable_alarm_actions(AlarmNames=[name])
    return lambda: watch.enable_alarm_actions(AlarmNames=[name])


def raised_alarm(landfall):
    watch, name = landfall.account.client("cloudwatch"), alarm(landfall)["AlarmName"]
    watch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    return lambda: watch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="test")
