"""A bucket that a new stack takes over is no conflict: MiniStack looks for existing buckets before it looks at what the
change set imports. A table's point-in-time recovery and a state machine's logging are as its template says, and shown:
MiniStack forgets the one and keeps the other in the template's spelling.

Sources: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeContinuousBackups.html,
https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html
"""

from ministack.services import dynamodb, stepfunctions
from ministack.services.cloudformation import provisioners, stacks

found_before = stacks._validation_errors


def validation_errors(resources, *more, **named):
    """Without the names of buckets that stay when a stack goes and are written as a plain text, as for an import."""

    def taken_over(name: str) -> bool:
        resource = resources[name]
        return resource.get("DeletionPolicy") == "Retain" and isinstance(resource["Properties"].get("BucketName"), str)

    errors = found_before(resources, *more, **named)
    return [error for error in errors if error[2] != "NAME_CONFLICT_VALIDATION" or not taken_over(error[0])]


def recoverable(name, properties) -> None:
    specification = properties.get("PointInTimeRecoverySpecification") or {}
    dynamodb._pitr_settings[name] = str(specification.get("PointInTimeRecoveryEnabled", False)).lower() == "true"


def logging(arn, properties) -> None:
    if properties.get("LoggingConfiguration") and arn in stepfunctions._state_machines:
        stepfunctions._state_machines[arn]["loggingConfiguration"] = lowered(properties["LoggingConfiguration"])


def lowered(value):
    """The API spells the names of the template with a small letter first."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: lowered(one) for name, one in value.items()}
    return [lowered(one) for one in value] if isinstance(value, list) else value


def then(kind: str, made) -> None:
    """Calls `made` with the id and the properties of every resource of a type that is created or updated."""
    handlers = provisioners._RESOURCE_HANDLERS[kind]
    create, update = handlers["create"], handlers["update"]

    def created(logical_id, properties, *more, **named):
        answer = create(logical_id, properties, *more, **named)
        made(answer[0], properties)
        return answer

    def updated(physical_id, before, properties, *more, **named):
        answer = update(physical_id, before, properties, *more, **named)
        made(answer[0] if isinstance(answer, tuple) else physical_id, properties)
        return answer

    handlers.update(create=created, update=updated)


def install() -> None:
    stacks._validation_errors = validation_errors
    then("AWS::DynamoDB::Table", recoverable)
    then("AWS::StepFunctions::StateMachine", logging)
