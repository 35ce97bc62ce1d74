"""EventBridge invokes functions asynchronously: Lambda tries again twice and then sends the event where the function's
configuration says. MiniStack invokes them once. The waits between the attempts, minutes on AWS, are seconds here.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import json

from ministack.services import eventbridge, lambda_svc


def dispatch(arn, payload):
    try:
        event = json.loads(payload)
    except (json.JSONDecodeError, TypeError):
        event = {"body": payload}
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        return
    record = dict(lambda_svc._execution_record_for_config(function, config))
    qualifier = arn.rsplit(":", 1)[1] if arn.count(":") > 6 else "$LATEST"
    # A version's record does not have what belongs to the aliases.
    whole, _, _ = lambda_svc._get_base_func_record_for_ref(arn)
    record["event_invoke_config"] = ((whole or {}).get("event_invoke_configs") or {}).get(qualifier)
    lambda_svc.invoke_async_with_retry(record, event)


def install() -> None:
    eventbridge._dispatch_to_lambda = dispatch
