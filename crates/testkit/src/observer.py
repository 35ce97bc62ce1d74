"""Reads and changes a local AWS for the tests, with botocore: a client that shares no code with what is tested.

One request per line on stdin, one answer per line on stdout, both JSON. Ends with its stdin.
"""

import json
import sys

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

ENDPOINT = sys.argv[1]
SESSION = botocore.session.Session()
CREDENTIALS = Credentials("none", "test")
SESSION._credentials = CREDENTIALS
CLIENTS: dict = {}


def client(service: str, region: str):
    if (service, region) not in CLIENTS:
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2})
        CLIENTS[service, region] = SESSION.create_client(
            service, region_name=region, endpoint_url=ENDPOINT, config=config
        )
    return CLIENTS[service, region]


def plain(tags) -> dict[str, str]:
    if isinstance(tags, dict):
        return tags
    return {tag.get("Key", tag.get("TagKey")): tag.get("Value", tag.get("TagValue")) for tag in tags}


def key_lives(kms, arn: str) -> bool:
    return kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] != "PendingDeletion"


def by_tagging_api(region: str, layer: str) -> dict[str, dict]:
    pages = client("resourcegroupstaggingapi", region).get_paginator("get_resources")
    found = {}
    for page in pages.paginate(TagFilters=[{"Key": "landfall:layer", "Values": [layer]}]):
        for entry in page["ResourceTagMappingList"]:
            arn = entry["ResourceARN"]
            if ":ec2:" in arn or (":kms:" in arn and not key_lives(client("kms", region), arn)):
                continue
            found[arn] = plain(entry["Tags"])
    return found


def by_ec2(region: str, layer: str) -> dict[str, dict]:
    ec2 = client("ec2", region)
    ids = {}
    for page in ec2.get_paginator("describe_tags").paginate(Filters=[{"Name": "tag:landfall:layer", "Values": [layer]}]):
        for tag in page["Tags"]:
            ids[tag["ResourceId"]] = {}
    # NAT gateways stay visible for an hour after they are gone.
    gone = {
        gateway["NatGatewayId"]
        for page in ec2.get_paginator("describe_nat_gateways").paginate()
        for gateway in page["NatGateways"]
        if gateway["State"] == "deleted"
    } if any(found.startswith("nat-") for found in ids) else set()
    found = {id_: {} for id_ in ids if id_ not in gone}
    if found:
        filters = [{"Name": "resource-id", "Values": list(found)}]
        for page in ec2.get_paginator("describe_tags").paginate(Filters=filters):
            for tag in page["Tags"]:
                if tag["ResourceId"] in found:
                    found[tag["ResourceId"]][tag["Key"]] = tag["Value"]
    return found


def by_iam(region: str, layer: str) -> dict[str, dict]:
    """Roles and policies, which the tagging API does not know."""
    iam = client("iam", region)
    found = {}
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            found[role["Arn"]] = plain(iam.list_role_tags(RoleName=role["RoleName"])["Tags"])
    for page in iam.get_paginator("list_policies").paginate(Scope="Local"):
        for policy in page["Policies"]:
            found[policy["Arn"]] = plain(iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"])
    return {arn: tags for arn, tags in found.items() if tags.get("landfall:layer") == layer}


def by_logs(region: str, layer: str) -> dict[str, dict]:
    logs = client("logs", region)
    found = {}
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            arn = group["arn"].removesuffix(":*")
            tags = logs.list_tags_for_resource(resourceArn=arn)["tags"]
            if tags.get("landfall:layer") == layer:
                found[arn] = tags
    return found


def inventory(region: str, layer: str) -> dict[str, dict]:
    """Everything that carries the layer's tag: ARN or id to tags."""
    found = by_tagging_api(region, layer)
    for more in (by_ec2, by_iam, by_logs):
        found.update(more(region, layer))
    return found


def tag(region: str, arn: str, key: str, value: str) -> dict:
    pair = [{"Key": key, "Value": value}]
    if not arn.startswith("arn:"):
        client("ec2", region).create_tags(Resources=[arn], Tags=pair)
    elif ":iam:" in arn and ":role/" in arn:
        client("iam", region).tag_role(RoleName=arn.rsplit("/", 1)[1], Tags=pair)
    elif ":iam:" in arn:
        client("iam", region).tag_policy(PolicyArn=arn, Tags=pair)
    elif ":logs:" in arn:
        client("logs", region).tag_resource(resourceArn=arn, tags={key: value})
    else:
        api = client("resourcegroupstaggingapi", region)
        failed = api.tag_resources(ResourceARNList=[arn], Tags={key: value}).get("FailedResourcesMap")
        if failed:
            raise ValueError(json.dumps(failed))
    return {}


def call(region: str, service: str, operation: str, parameters: dict) -> dict:
    answer = getattr(client(service, region), operation)(**parameters)
    answer.pop("ResponseMetadata", None)
    return answer


WORDS = {"inventory": inventory, "tag": tag, "call": call}

for line in sys.stdin:
    request = json.loads(line)
    CREDENTIALS.access_key = request["account"]
    try:
        answer = {"ok": WORDS[request["do"]](request["region"], **request["with"])}
    except (BotoCoreError, ClientError, ValueError) as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, default=str), flush=True)
