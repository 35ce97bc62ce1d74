"""A task's TimeoutSeconds may be an expression. MiniStack takes it for a number.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
"""

from ministack.services import stepfunctions as sfn

execute_task = sfn._execute_task


def execute(state_def, raw_input, execution, ctx):
    if isinstance(state_def.get("TimeoutSeconds"), str):
        seconds = sfn._jsonata_state_field(state_def, "TimeoutSeconds", "number", raw_input, ctx)
        state_def = {**state_def, "TimeoutSeconds": seconds}
    return execute_task(state_def, raw_input, execution, ctx)


def install() -> None:
    sfn._execute_task = execute
