"""A task's TimeoutSeconds may be an expression; MiniStack takes it for a number. A task that waits for its token fails
when the function that got the token fails; MiniStack goes on waiting.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html,
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

import threading

from ministack.services import stepfunctions as sfn

execute_task = sfn._execute_task
invoke_with_callback = sfn._invoke_with_callback
call_lambda = sfn._call_lambda
# The token that the call of a function in this thread hands out.
handed = threading.local()


def execute(state_def, raw_input, execution, ctx):
    if isinstance(state_def.get("TimeoutSeconds"), str):
        seconds = sfn._jsonata_state_field(state_def, "TimeoutSeconds", "number", raw_input, ctx)
        state_def = {**state_def, "TimeoutSeconds": seconds}
    return execute_task(state_def, raw_input, execution, ctx)


def invoke(resource, input_data, token, state_def):
    handed.token = token
    try:
        return invoke_with_callback(resource, input_data, token, state_def)
    finally:
        handed.token = None


def call(func_ref, event):
    try:
        return call_lambda(func_ref, event)
    except sfn._ExecutionError as error:
        waiting = sfn._task_tokens.get(getattr(handed, "token", None))
        # Answered already: the function failed only afterwards.
        if waiting and not waiting["event"].is_set():
            waiting["error"] = {"Error": error.error, "Cause": error.cause}
            waiting["event"].set()
        raise


def install() -> None:
    sfn._execute_task = execute
    sfn._invoke_with_callback = invoke
    sfn._call_lambda = call
