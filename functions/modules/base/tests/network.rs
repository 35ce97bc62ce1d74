//! What an environment promises about its network, its key and its log bucket, read back with the AWS CLI.

mod common;

use std::collections::BTreeSet;

use common::{deploy, destroy, inputs, texts};
use landfall_testkit::World;
use serde_json::{Value, json};

const RANGE: &str = "10.0.0.0/16";

/// Everything of one kind that carries the layer's tag.
fn ours(world: &World, command: &str, list: &str) -> Vec<Value> {
    let answer = world.account.cli(&["ec2", command, filters(command), "Name=tag:landfall:layer,Values=layer"]);
    answer[list].as_array().expect("a list").clone()
}

fn filters(command: &str) -> &'static str {
    if matches!(command, "describe-nat-gateways" | "describe-flow-logs") { "--filter" } else { "--filters" }
}

fn tag<'a>(thing: &'a Value, key: &str) -> Option<&'a str> {
    thing["Tags"].as_array()?.iter().find(|tag| tag["Key"] == key)?["Value"].as_str()
}

fn of_type(subnets: &[Value], kind: &str) -> Vec<Value> {
    subnets.iter().filter(|subnet| tag(subnet, "type") == Some(kind)).cloned().collect()
}

/// Routes of the table that a subnet is associated with.
fn routes_of(tables: &[Value], subnet: &Value) -> Vec<Value> {
    let uses = |table: &&Value| {
        table["Associations"].as_array().is_some_and(|all| all.iter().any(|one| one["SubnetId"] == subnet["SubnetId"]))
    };
    let used: Vec<&Value> = tables.iter().filter(uses).collect();
    assert_eq!(used.len(), 1, "a subnet uses one table");
    used[0]["Routes"].as_array().expect("routes").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_keeps_what_it_promises() {
    let mut world = World::new().await;
    let outputs = deploy(&mut world, &inputs()).await.expect("it is deployed");

    // S3: a VPC of its own.
    let vpcs = ours(&world, "describe-vpcs", "Vpcs");
    assert_eq!(vpcs.len(), 1);
    let vpc = &vpcs[0];
    assert_eq!((&vpc["IsDefault"], &vpc["CidrBlock"]), (&json!(false), &json!(RANGE)));
    assert_eq!(tag(vpc, "Name"), Some("lf-layer"));
    assert_eq!(outputs["vpc_id"], vpc["VpcId"]);
    let vpc_id = vpc["VpcId"].as_str().expect("an id").to_owned();
    for attribute in ["enableDnsSupport", "enableDnsHostnames"] {
        let asked = ["ec2", "describe-vpc-attribute", "--vpc-id", &vpc_id, "--attribute", attribute];
        let answer = world.account.cli(&asked);
        let name = format!("{}{}", attribute[..1].to_uppercase(), &attribute[1..]);
        assert_eq!(answer[name]["Value"], true, "{attribute}");
    }

    // S1: what has a region in its name has that of the layer.
    for arn in world.left_behind().iter().filter(|name| name.starts_with("arn:")) {
        let region = arn.split(':').nth(3).expect("ARNs have a place for it");
        assert!(region.is_empty() || region == world.account.region, "{arn}");
    }

    // S2, S4, S5: three public and three private subnets, each in a zone of its own.
    let subnets = ours(&world, "describe-subnets", "Subnets");
    let tables = ours(&world, "describe-route-tables", "RouteTables");
    let (public, private) = (of_type(&subnets, "public"), of_type(&subnets, "private"));
    for (side, role, launch) in
        [(&public, "kubernetes.io/role/elb", true), (&private, "kubernetes.io/role/internal-elb", false)]
    {
        assert_eq!(side.len(), 3);
        let zones: BTreeSet<_> = side.iter().map(|subnet| subnet["AvailabilityZoneId"].to_string()).collect();
        assert_eq!(zones.len(), 3, "three zones");
        for subnet in side {
            assert_eq!(subnet["MapPublicIpOnLaunch"], launch);
            assert_eq!(tag(subnet, role), Some("1"));
            assert_eq!(tag(subnet, "kubernetes.io/cluster/lf-layer"), Some("shared"));
        }
    }
    let gateways = ours(&world, "describe-internet-gateways", "InternetGateways");
    assert_eq!(gateways.len(), 1);
    assert_eq!(gateways[0]["Attachments"][0]["VpcId"], vpc["VpcId"]);
    for subnet in &public {
        let routes = routes_of(&tables, subnet);
        let out = routes.iter().find(|route| route["DestinationCidrBlock"] == "0.0.0.0/0").expect("a way out");
        assert_eq!(out["GatewayId"], gateways[0]["InternetGatewayId"]);
    }

    // S26: out of a private subnet only through the NAT gateway of its zone.
    let nats = ours(&world, "describe-nat-gateways", "NatGateways");
    assert_eq!(nats.len(), 3);
    for subnet in &private {
        let routes = routes_of(&tables, subnet);
        let beyond: Vec<_> = routes.iter().filter(|route| route["GatewayId"] != "local").collect();
        assert_eq!(beyond.len(), 1, "one way out: {routes:?}");
        let nat = nats.iter().find(|nat| nat["NatGatewayId"] == beyond[0]["NatGatewayId"]).expect("a NAT gateway");
        let stands_in = public.iter().find(|one| one["SubnetId"] == nat["SubnetId"]).expect("in a public subnet");
        assert_eq!(stands_in["AvailabilityZoneId"], subnet["AvailabilityZoneId"], "of the same zone");
    }
    let addresses: BTreeSet<_> = texts(&outputs["public_nat_ips"]).into_iter().collect();
    let allocated = world.account.cli(&["ec2", "describe-addresses"]);
    let allocated: BTreeSet<_> = allocated["Addresses"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["PublicIp"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((addresses.len(), &addresses), (3, &allocated));

    // S6: databases find private subnets only.
    let private_ids: BTreeSet<String> =
        private.iter().map(|one| one["SubnetId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts(&outputs["private_subnet_ids"]).into_iter().collect::<BTreeSet<_>>(), private_ids);
    assert_eq!(texts(&outputs["public_subnets_ids"]).len(), 3);
    for group in ["lf-layer", "lf-layer-docdb"] {
        let found = world.account.cli(&["rds", "describe-db-subnet-groups", "--db-subnet-group-name", group]);
        assert_eq!(subnets_of(&found["DBSubnetGroups"][0]), private_ids, "{group}");
    }
    let found =
        world.account.cli(&["elasticache", "describe-cache-subnet-groups", "--cache-subnet-group-name", "lf-layer"]);
    assert_eq!(subnets_of(&found["CacheSubnetGroups"][0]), private_ids);

    // S26, S32: security groups open their own ports to the VPC only, and let nothing out.
    let groups = ours(&world, "describe-security-groups", "SecurityGroups");
    for (name, ports) in [
        ("lf-layer-db-sg", vec![3306, 5432]),
        ("lf-layer-elasticache-sg", vec![6379]),
        ("lf-layer-documentdb-sg", vec![27017]),
        ("default", vec![]),
    ] {
        let group = groups.iter().find(|group| group["GroupName"] == name).expect(name);
        assert_eq!(group["IpPermissionsEgress"], json!([]), "{name} lets nothing out");
        let mut open: Vec<i64> = Vec::new();
        for rule in group["IpPermissions"].as_array().expect("a list") {
            assert_eq!((&rule["IpProtocol"], &rule["FromPort"]), (&json!("tcp"), &rule["ToPort"]), "{name}");
            assert_eq!(rule["IpRanges"], json!([{ "CidrIp": RANGE }]), "{name}");
            assert!(rule["UserIdGroupPairs"].as_array().is_none_or(Vec::is_empty), "{name}");
            open.push(rule["FromPort"].as_i64().expect("a port"));
        }
        open.sort_unstable();
        assert_eq!(open, ports, "{name}");
    }
    assert_eq!(groups.len(), 4);

    // The flow log records everything, encrypted, for the configured time.
    let logs = ours(&world, "describe-flow-logs", "FlowLogs");
    assert_eq!((logs.len(), &logs[0]["TrafficType"], &logs[0]["ResourceId"]), (1, &json!("ALL"), &vpc["VpcId"]));
    let group = logs[0]["LogDestination"].as_str().expect("a log group");
    assert!(group.starts_with("lf-layer-vpc-flow-"), "{group}");
    let found = world.account.cli(&["logs", "describe-log-groups", "--log-group-name-prefix", group]);
    let found = &found["logGroups"][0];
    assert_eq!((&found["retentionInDays"], &found["kmsKeyId"]), (&json!(90), &outputs["kms_account_key_arn"]));
    let role = logs[0]["DeliverLogsPermissionArn"].as_str().and_then(|arn| arn.split('/').next_back()).expect("a role");
    let trust = &world.account.cli(&["iam", "get-role", "--role-name", role])["Role"]["AssumeRolePolicyDocument"];
    assert_eq!(
        trust["Statement"][0]["Principal"]["Service"].to_string().trim_matches(['[', ']']),
        "\"vpc-flow-logs.amazonaws.com\""
    );
    assert!(trust.to_string().contains("aws:SourceAccount") && trust.to_string().contains(&world.account.id));
    let policy = world.account.cli(&["iam", "get-role-policy", "--role-name", role, "--policy-name", "write"]);
    for statement in policy["PolicyDocument"]["Statement"].as_array().expect("statements") {
        assert!(!texts(&statement["Resource"]).contains(&"*".to_owned()), "{statement}");
        if texts(&statement["Action"]).contains(&"logs:PutLogEvents".to_owned()) {
            assert!(texts(&statement["Resource"]).iter().all(|resource| resource.contains(group)), "{statement}");
        }
    }

    // The key rotates and has its alias.
    let key = outputs["kms_account_key_arn"].as_str().expect("an ARN");
    let aliased = world.account.cli(&["kms", "describe-key", "--key-id", "alias/lf-layer"]);
    assert_eq!(aliased["KeyMetadata"]["Arn"], key);
    assert_eq!(aliased["KeyMetadata"]["KeyId"], outputs["kms_account_key_id"]);
    let rotation = world.account.cli(&["kms", "get-key-rotation-status", "--key-id", key]);
    assert_eq!(rotation["KeyRotationEnabled"], true);
    let policy = world.account.cli(&["kms", "get-key-policy", "--key-id", key, "--policy-name", "default"]);
    let policy = policy["Policy"].as_str().expect("a policy");
    for who in [
        "AWSServiceRoleForAutoScaling",
        "sns.amazonaws.com",
        "logs.us-east-1.amazonaws.com",
        "kms:GrantIsForAWSResource",
    ] {
        assert!(policy.contains(who), "{who}");
    }
    world.account.cli(&["iam", "get-role", "--role-name", "AWSServiceRoleForAutoScaling"]);

    // S34: volumes are encrypted with the environment's key.
    assert_eq!(world.account.cli(&["ec2", "get-ebs-encryption-by-default"])["EbsEncryptionByDefault"], true);
    assert_eq!(world.account.cli(&["ec2", "get-ebs-default-kms-key-id"])["KmsKeyId"], key);

    // S29: the log bucket is encrypted, private, and takes requests over TLS only.
    let bucket = outputs["s3_log_bucket_name"].as_str().expect("a name");
    assert!(bucket.starts_with("lf-layer-logging-bucket-") && bucket.len() == "lf-layer-logging-bucket-".len() + 16);
    let encryption = world.account.cli(&["s3api", "get-bucket-encryption", "--bucket", bucket]);
    let rule = &encryption["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"];
    assert_eq!(rule["SSEAlgorithm"], "AES256");
    let block = world.account.cli(&["s3api", "get-public-access-block", "--bucket", bucket]);
    let block = block["PublicAccessBlockConfiguration"].as_object().expect("settings").clone();
    assert!(block.len() == 4 && block.values().all(|on| on == true));
    let owner = world.account.cli(&["s3api", "get-bucket-ownership-controls", "--bucket", bucket]);
    assert_eq!(owner["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced");
    assert_eq!(world.account.cli(&["s3api", "get-bucket-versioning", "--bucket", bucket])["Status"], "Enabled");
    let policy = world.account.cli(&["s3api", "get-bucket-policy", "--bucket", bucket]);
    let policy = policy["Policy"].as_str().expect("a policy").to_owned();
    for part in
        ["delivery.logs.amazonaws.com", "logging.s3.amazonaws.com", "aws:SecureTransport", "bucket-owner-full-control"]
    {
        assert!(policy.contains(part), "{part}");
    }

    destroy(&mut world).await.expect("it is destroyed");
    assert_eq!(world.left_behind(), Vec::<String>::new(), "nothing is left");
    assert_eq!(world.account.cli(&["ec2", "get-ebs-default-kms-key-id"])["KmsKeyId"], "alias/aws/ebs", "given back");
    assert_eq!(
        world.account.cli(&["ec2", "get-ebs-encryption-by-default"])["EbsEncryptionByDefault"],
        true,
        "stays on"
    );
    world.account.cli(&["iam", "get-role", "--role-name", "AWSServiceRoleForAutoScaling"]);
}

fn subnets_of(group: &Value) -> BTreeSet<String> {
    let subnets = group["Subnets"].as_array().expect("a list");
    subnets.iter().map(|subnet| subnet["SubnetIdentifier"].as_str().expect("an id").to_owned()).collect()
}
