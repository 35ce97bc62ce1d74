"""What Landfall relies on in EC2 and MiniStack does not have: EBS encryption settings, addresses of NAT gateways, the
role of a flow log, internet gateways that are attached, a region with only two zones, and the tags of EC2 resources in
policies and in the tagging service.
`install()` adds them before MiniStack starts.
"""

import re

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import ec2, tagging

# A region that offers two zones to new accounts.
REGION_OF_TWO_ZONES = "us-west-1"

ebs_settings = AccountRegionScopedDict()
flow_log_roles = AccountRegionScopedDict()


def respond(action: str, inner: str):
    return ec2._xml(200, f"{action}Response", inner)


def rewritten(answer, rewrite):
    status, headers, body = answer
    return status, headers, rewrite(body.decode()).encode()


# EBS encryption


def enable_encryption(_params):
    ebs_settings["encrypted"] = True
    return respond("EnableEbsEncryptionByDefault", "<ebsEncryptionByDefault>true</ebsEncryptionByDefault>")


def disable_encryption(_params):
    ebs_settings["encrypted"] = False
    return respond("DisableEbsEncryptionByDefault", "<ebsEncryptionByDefault>false</ebsEncryptionByDefault>")


def get_encryption(_params):
    on = "true" if ebs_settings.get("encrypted") else "false"
    return respond("GetEbsEncryptionByDefault", f"<ebsEncryptionByDefault>{on}</ebsEncryptionByDefault>")


def default_key() -> str:
    return ebs_settings.get("key") or "alias/aws/ebs"


def get_key(_params):
    return respond("GetEbsDefaultKmsKeyId", f"<kmsKeyId>{default_key()}</kmsKeyId>")


def modify_key(params):
    ebs_settings["key"] = ec2._p(params, "KmsKeyId")
    return respond("ModifyEbsDefaultKmsKeyId", f"<kmsKeyId>{default_key()}</kmsKeyId>")


def reset_key(_params):
    ebs_settings["key"] = None
    return respond("ResetEbsDefaultKmsKeyId", f"<kmsKeyId>{default_key()}</kmsKeyId>")


# NAT gateways and flow logs


def describe_nat_gateways(params):
    def with_address(found):
        gateway = ec2._nat_gateways.get(found.group(2), {})
        allocation = gateway.get("AllocationId")
        address = ec2._addresses.get(allocation, {}).get("PublicIp", "")
        return (
            f"{found.group(1)}<natGatewayAddressSet><item><allocationId>{allocation}</allocationId>"
            f"<publicIp>{address}</publicIp></item></natGatewayAddressSet>"
        )

    pattern = re.compile(r"(<natGatewayId>(nat-\w+)</natGatewayId>(?:(?!<natGatewayId>).)*?)<natGatewayAddressSet/>", re.S)
    return rewritten(ec2._describe_nat_gateways(params), lambda body: pattern.sub(with_address, body))


def create_flow_logs(params):
    answer = ec2._create_flow_logs(params)
    for flow_log in re.findall(r"<item>(fl-\w+)</item>", answer[2].decode()):
        flow_log_roles[flow_log] = ec2._p(params, "DeliverLogsPermissionArn")
        # MiniStack looks for the tags of another type.
        ec2._parse_tag_specs(params, "vpc-flow-log", flow_log)
    return answer


def describe_flow_logs(params):
    def with_role(found):
        role = flow_log_roles.get(found.group(1)) or ""
        return f"{found.group(0)}<deliverLogsPermissionArn>{role}</deliverLogsPermissionArn>"

    pattern = re.compile(r"<flowLogId>(fl-\w+)</flowLogId>")
    return rewritten(ec2._describe_flow_logs(params), lambda body: pattern.sub(with_role, body))


# Internet gateways


def delete_internet_gateway(params):
    name = ec2._p(params, "InternetGatewayId")
    if ec2._internet_gateways.get(name, {}).get("Attachments"):
        told = f"The internetGateway '{name}' has dependencies and cannot be deleted."
        return ec2._error("DependencyViolation", told, 400)
    return ec2._delete_internet_gateway(params)


# Zones


def describe_zones(params):
    answer = ec2._describe_availability_zones(params)
    if get_region() != REGION_OF_TWO_ZONES:
        return answer
    third = re.compile(r"<item>\s*<zoneName>[^<]*c</zoneName>.*?</item>", re.S)
    return rewritten(answer, lambda body: third.sub("", body))


# Tags. AWS shows none of what is gone.

KINDS = {
    "vpc": "vpc",
    "subnet": "subnet",
    "igw": "internet-gateway",
    "rtb": "route-table",
    "sg": "security-group",
    "eipalloc": "elastic-ip",
    "nat": "natgateway",
    "fl": "vpc-flow-log",
}


def arn(kind: str, name: str) -> str:
    return f"arn:aws:ec2:{get_region()}:{get_account_id()}:{kind}/{name}"


def arn_of(resource: str) -> str | None:
    kind = KINDS.get(resource.split("-", 1)[0])
    return arn(kind, resource) if kind else None


def exists(resource: str) -> bool:
    gateway = ec2._nat_gateways.get(resource)
    if gateway:
        return gateway["State"] != "deleted"
    stores = (
        ec2._vpcs, ec2._subnets, ec2._internet_gateways, ec2._route_tables, ec2._security_groups, ec2._addresses,
        ec2._flow_logs,
    )
    return any(resource in store for store in stores)


def tagged_resources():
    for resource, tags in ec2._tags.items():
        name = arn_of(resource)
        if name and exists(resource):
            yield name, [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in tags]


def forgetting_tags(delete):
    def deleting(params):
        answer = delete(params)
        for resource in [resource for resource in ec2._tags if arn_of(resource) and not exists(resource)]:
            del ec2._tags[resource]
        return answer

    return deleting


DELETIONS = ("DeleteInternetGateway", "DeleteRouteTable", "DeleteSecurityGroup", "DeleteSubnet", "DeleteVpc")


def install() -> None:
    ec2._ACTION_MAP.update(
        {
            "EnableEbsEncryptionByDefault": enable_encryption,
            "DisableEbsEncryptionByDefault": disable_encryption,
            "GetEbsEncryptionByDefault": get_encryption,
            "GetEbsDefaultKmsKeyId": get_key,
            "ModifyEbsDefaultKmsKeyId": modify_key,
            "ResetEbsDefaultKmsKeyId": reset_key,
            "DescribeNatGateways": describe_nat_gateways,
            "CreateFlowLogs": create_flow_logs,
            "DescribeFlowLogs": describe_flow_logs,
            "DeleteInternetGateway": delete_internet_gateway,
            "DescribeAvailabilityZones": describe_zones,
        }
    )
    ec2._ACTION_MAP.update({action: forgetting_tags(ec2._ACTION_MAP[action]) for action in DELETIONS})
    tagging._COLLECTORS["ec2"] = tagged_resources
    tagging._RESOURCE_TAG_COLLECTORS["ec2"] = tagged_resources
