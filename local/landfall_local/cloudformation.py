"""A bucket that a new stack takes over is no conflict: MiniStack looks for existing buckets before it looks at what the
change set imports.
"""

from ministack.services.cloudformation import stacks

found_before = stacks._validation_errors


def validation_errors(resources, *more, **named):
    """Without the names of buckets that stay when a stack goes and are written as a plain text, as for an import."""

    def taken_over(name: str) -> bool:
        resource = resources[name]
        return resource.get("DeletionPolicy") == "Retain" and isinstance(resource["Properties"].get("BucketName"), str)

    errors = found_before(resources, *more, **named)
    return [error for error in errors if error[2] != "NAME_CONFLICT_VALIDATION" or not taken_over(error[0])]


def install() -> None:
    stacks._validation_errors = validation_errors
