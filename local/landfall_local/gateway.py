"""Runs MiniStack as if a load balancer ended TLS in front of it.

Policies that demand TLS (`aws:SecureTransport`) are part of what Landfall deploys. On loopback there is nothing to
protect, so the calls are plain HTTP, and this says what a proxy in front would say: that they came over TLS. What
MiniStack lacks is added before it starts.
"""

import ministack.app as ministack

from landfall_local import (
    async_events,
    cloudformation,
    dynamodb,
    ec2,
    iam_policies,
    kms,
    policy_context,
    service_linked_roles,
    service_quotas,
    step_functions,
)

async_events.install()
cloudformation.install()
dynamodb.install()
ec2.install()
kms.install()
policy_context.install()
service_linked_roles.install()
service_quotas.install()
step_functions.install()
# Last: it goes on from what the others answer.
iam_policies.install()
behind_proxy = ministack.app


async def app(scope, receive, send):
    if scope["type"] == "http":
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await behind_proxy(scope, receive, send)


ministack.app = app

if __name__ == "__main__":
    ministack.main()
