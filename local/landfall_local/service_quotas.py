"""Service Quotas, which MiniStack lacks: the quotas that a plan looks at, with AWS's defaults, and an account that was
granted plenty. What is asked for is granted at once.

Source: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_Operations.html
"""

import json

import ministack.app as ministack
from ministack.core import iam_actions, router
from ministack.core.responses import AccountScopedDict, error_response_json

DEFAULTS = {
    ("ec2", "L-0263D0A3"): ("EC2-VPC Elastic IPs", 5),
    ("s3", "L-DC2B2D3D"): ("General purpose buckets", 10_000),
    ("vpc", "L-A4707A72"): ("Internet gateways per Region", 5),
    ("vpc", "L-F678F1CE"): ("VPCs per Region", 5),
    ("vpc", "L-FE5A380F"): ("NAT gateways per Availability Zone", 5),
}
PLENTY = 10_000
granted = AccountScopedDict()


def quota(key: tuple[str, str], value: float) -> dict:
    return {"ServiceCode": key[0], "QuotaCode": key[1], "QuotaName": DEFAULTS[key][0], "Value": float(value)}


def answer(operation: str, asked: dict) -> dict:
    key = (asked.get("ServiceCode"), asked.get("QuotaCode"))
    if operation == "GetAWSDefaultServiceQuota":
        return {"Quota": quota(key, DEFAULTS[key][1])}
    if operation == "GetServiceQuota":
        return {"Quota": quota(key, granted.get(key, PLENTY))}
    granted[key] = asked["DesiredValue"]
    return {"RequestedQuota": {**quota(key, 0), "DesiredValue": float(asked["DesiredValue"]), "Status": "APPROVED"}}


async def handle(_method, _path, headers, body, _query):
    operation = headers["x-amz-target"].partition(".")[2]
    asked = json.loads(body or b"{}")
    if operation not in ("GetAWSDefaultServiceQuota", "GetServiceQuota", "RequestServiceQuotaIncrease"):
        return error_response_json("UnknownOperationException", f"{operation} is not known here", 400)
    if (asked.get("ServiceCode"), asked.get("QuotaCode")) not in DEFAULTS:
        return error_response_json("NoSuchResourceException", "The specified quota does not exist", 400)
    content = json.dumps(answer(operation, asked)).encode()
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, content


def install() -> None:
    router.SERVICE_PATTERNS["servicequotas"] = {
        "target_prefixes": ["ServiceQuotasV20190624"],
        "host_patterns": [r"servicequotas\."],
        "credential_scope": "servicequotas",
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE["servicequotas"] = "servicequotas"
    ministack.SERVICE_HANDLERS["servicequotas"] = handle
