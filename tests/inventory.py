"""Everything that an account of the local AWS holds, listed service by service: also what carries no tag of ours."""


def inventory(account) -> dict[str, set[str]]:
    """Ids by kind of resource, without what every account has and what waits for its deletion."""
    found = networks(account.client("ec2"))
    found |= identities(account.client("iam"))
    kms = account.client("kms")
    keys = [key["KeyId"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]]
    states = {key: kms.describe_key(KeyId=key)["KeyMetadata"] for key in keys}
    found["key"] = {
        key for key, shown in states.items()
        if shown["KeyState"] != "PendingDeletion" and shown.get("KeyManager") == "CUSTOMER"
    }
    aliases = [one for page in kms.get_paginator("list_aliases").paginate() for one in page["Aliases"]]
    found["alias"] = {one["AliasName"] for one in aliases if not one["AliasName"].startswith("alias/aws/")}
    found["bucket"] = {bucket["Name"] for bucket in account.client("s3").list_buckets()["Buckets"]}
    found["queue"] = set(account.client("sqs").list_queues().get("QueueUrls", []))
    sns = account.client("sns")
    found["topic"] = {topic["TopicArn"] for topic in sns.list_topics()["Topics"]}
    found["subscription"] = {one["SubscriptionArn"] for one in sns.list_subscriptions()["Subscriptions"]}
    groups = account.client("logs").get_paginator("describe_log_groups").paginate()
    found["log group"] = {group["logGroupName"] for page in groups for group in page["logGroups"]}
    databases = account.client("rds").describe_db_subnet_groups()["DBSubnetGroups"]
    found["database subnet group"] = {group["DBSubnetGroupName"] for group in databases}
    caches = account.client("elasticache").describe_cache_subnet_groups()["CacheSubnetGroups"]
    found["cache subnet group"] = {group["CacheSubnetGroupName"] for group in caches}
    return found


def networks(ec2) -> dict[str, set[str]]:
    vpcs = ec2.describe_vpcs()["Vpcs"]
    own = {vpc["VpcId"] for vpc in vpcs if not vpc["IsDefault"]}
    others = {vpc["VpcId"] for vpc in vpcs} - own
    tables = [one for one in ec2.describe_route_tables()["RouteTables"] if one["VpcId"] not in others]
    groups = [one for one in ec2.describe_security_groups()["SecurityGroups"] if one.get("VpcId") not in others]
    subnets = [one for one in ec2.describe_subnets()["Subnets"] if one["VpcId"] not in others]
    gateways = ec2.describe_internet_gateways()["InternetGateways"]
    return {
        "vpc": own,
        "subnet": {one["SubnetId"] for one in subnets},
        "internet gateway": {
            one["InternetGatewayId"] for one in gateways
            if not any(attached.get("VpcId") in others for attached in one.get("Attachments", []))
        },
        # The main table comes and goes with its VPC.
        "route table": {
            one["RouteTableId"] for one in tables
            if not any(association.get("Main") for association in one.get("Associations", []))
        },
        "association": {
            association["RouteTableAssociationId"] for one in tables for association in one.get("Associations", [])
            if not association.get("Main")
        },
        "route": {
            f"{one['RouteTableId']} {route.get('DestinationCidrBlock')}" for one in tables
            for route in one.get("Routes", []) if route.get("GatewayId") != "local"
        },
        "security group": {one["GroupId"] for one in groups if one["GroupName"] != "default"},
        "rule": {
            f"{one['GroupId']} {permission.get('IpProtocol')} {permission.get('FromPort')}"
            for one in groups for permission in one.get("IpPermissions", []) if one["GroupName"] != "default"
        },
        "address": {one["AllocationId"] for one in ec2.describe_addresses()["Addresses"]},
        "nat gateway": {
            one["NatGatewayId"] for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] != "deleted"
        },
        "flow log": {one["FlowLogId"] for one in ec2.describe_flow_logs()["FlowLogs"]},
    }


def identities(iam) -> dict[str, set[str]]:
    roles = [role for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
    policies = [one for page in iam.get_paginator("list_policies").paginate(Scope="Local") for one in page["Policies"]]
    # Service-linked roles belong to the account, not to who made them first.
    own = {role["RoleName"] for role in roles if not role["Path"].startswith("/aws-service-role/")}
    return {"role": own, "policy": {policy["Arn"] for policy in policies}}


def more(now: dict[str, set[str]], before: dict[str, set[str]]) -> dict[str, set[str]]:
    """What came since."""
    came = {kind: ids - before.get(kind, set()) for kind, ids in now.items()}
    return {kind: ids for kind, ids in came.items() if ids}
