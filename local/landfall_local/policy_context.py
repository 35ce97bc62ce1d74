"""Resources and condition keys by which Landfall's policies are narrow and that MiniStack does not fill in: resources of
EC2, subnet groups, aliases of keys, tagged topics, service-linked roles, and the tags that a request of EC2 gives to
what it makes. Calls of SQS for several messages need the permission of the call for one.
"""

import json
import re

from ministack.core import iam_actions
from ministack.services import ec2, iam

from . import ec2 as additions
from .service_linked_roles import NAMES

TAG = re.compile(r"^TagSpecification\.\d+\.Tag\.\d+\.Key$")
NEW = {"CreateVpc": "vpc", "CreateInternetGateway": "internet-gateway", "AllocateAddress": "elastic-ip"}

action_before = iam_actions.extract_iam_action
extracted_before = iam_actions.extract_resource_arn
tags_before = iam_actions.request_tag_context


def extract_iam_action(service, *request):
    action = action_before(service, *request)
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    return action.removesuffix("Batch") if service == "sqs" and action else action


def ec2_resource(params) -> str | None:
    for field in ("NatGatewayId", "FlowLogId.1", "ResourceId.1"):
        if ec2._p(params, field):
            return additions.arn_of(ec2._p(params, field))
    association = ec2._p(params, "AssociationId")
    for table in ec2._route_tables.values():
        if association and any(one["RouteTableAssociationId"] == association for one in table["Associations"]):
            return additions.arn("route-table", table["RouteTableId"])
    kind = NEW.get(ec2._p(params, "Action"))
    return additions.arn(kind, "*") if kind else None


def named(params, field: str, region: str, account: str, prefix: str) -> str | None:
    if ec2._p(params, "ResourceName"):
        return ec2._p(params, "ResourceName")
    name = ec2._p(params, field)
    whole = not name and "SubnetGroup" in ec2._p(params, "Action")
    return f"arn:aws:{prefix.format(region=region, account=account)}:{'*' if whole else name}" if name or whole else None


def service_linked_role(params, account: str) -> str | None:
    service = ec2._p(params, "AWSServiceName")
    name = NAMES.get(service, "*")
    return f"arn:aws:iam::{account}:role/aws-service-role/{service}/{name}" if service else None


def alias(body: bytes, region: str, account: str) -> str | None:
    try:
        name = json.loads(body or b"{}").get("AliasName")
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError):
        return None
    return f"arn:aws:kms:{region}:{account}:{name}" if name else None


def extract_resource_arn(service, method, path, headers, body, params, region, account):
    found = extracted_before(service, method, path, headers, body, params, region, account)
    if service == "iam" and ec2._p(params, "RoleName") in iam._roles:
        # With its path, which MiniStack leaves out.
        return iam._roles[ec2._p(params, "RoleName")]["Arn"]
    if found != "*":
        return found
    better = None
    if service == "ec2":
        better = ec2_resource(params)
    elif service == "rds":
        better = named(params, "DBSubnetGroupName", region, account, "rds:{region}:{account}:subgrp")
    elif service == "elasticache":
        better = named(params, "CacheSubnetGroupName", region, account, "elasticache:{region}:{account}:subnetgroup")
    elif service == "kms":
        better = alias(body, region, account)
    elif service == "sns":
        better = ec2._p(params, "ResourceArn")
    elif service == "iam":
        better = service_linked_role(params, account)
    return better or found


def request_tag_context(service, action, body, params):
    context = tags_before(service, action, body, params)
    if service == "iam" and ec2._p(params, "AWSServiceName"):
        context["iam:AWSServiceName"] = ec2._p(params, "AWSServiceName")
    if service == "ec2":
        for name in filter(TAG.match, params):
            value = ec2._p(params, name.removesuffix("Key") + "Value")
            context[f"aws:RequestTag/{ec2._p(params, name)}".lower()] = value
    return context


def install() -> None:
    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.request_tag_context = request_tag_context
