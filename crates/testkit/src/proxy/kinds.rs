//! What calls create, and where an answer names it: needed to count what exists twice, and to hide what is fresh.

use super::call::Call;
use super::xml;

/// A kind of resource.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) service: &'static str,
    pub(super) create: &'static str,
    id: Id,
    /// What lists it, and the field of an item that is its id. Without a field, items that name it anywhere.
    pub(super) lists: &'static [(&'static str, &'static str)],
    /// How it shows that it is not ready.
    pub(super) state: Option<State>,
}

/// Where its id is.
#[derive(Clone, Copy, Debug)]
enum Id {
    /// In the element of the answer.
    Xml(&'static str),
    /// In the answer's JSON.
    Json(&'static str),
    /// In the request.
    Request(&'static str),
}

/// The words that a describe has for a resource's state.
#[derive(Debug)]
pub(super) struct State {
    pub(super) field: &'static str,
    pub(super) delete: &'static str,
    pub(super) id_of_delete: &'static str,
    pub(super) words: &'static [(&'static str, &'static str)],
}

const BECOMES_AVAILABLE: &[(&str, &str)] = &[("available", "pending")];
const COMES_AND_GOES: &[(&str, &str)] = &[("available", "pending"), ("deleted", "deleting")];

macro_rules! ec2 {
    ($create:literal, $id:literal, $describe:literal) => {
        Kind { service: "ec2", create: $create, id: Id::Xml($id), lists: &[($describe, $id)], state: None }
    };
    ($create:literal, $id:literal, $describe:literal, $delete:literal, $id_of_delete:literal, $words:expr) => {
        Kind {
            service: "ec2",
            create: $create,
            id: Id::Xml($id),
            lists: &[($describe, $id)],
            state: Some(State { field: "state", delete: $delete, id_of_delete: $id_of_delete, words: $words }),
        }
    };
}

macro_rules! other {
    ($service:literal, $create:literal, $id:expr, $lists:expr) => {
        Kind { service: $service, create: $create, id: $id, lists: $lists, state: None }
    };
}

const KINDS: &[Kind] = &[
    ec2!("CreateVpc", "vpcId", "DescribeVpcs", "DeleteVpc", "VpcId", BECOMES_AVAILABLE),
    ec2!("CreateSubnet", "subnetId", "DescribeSubnets", "DeleteSubnet", "SubnetId", BECOMES_AVAILABLE),
    ec2!("CreateNatGateway", "natGatewayId", "DescribeNatGateways", "DeleteNatGateway", "NatGatewayId", COMES_AND_GOES),
    ec2!(
        "CreateVpcEndpoint",
        "vpcEndpointId",
        "DescribeVpcEndpoints",
        "DeleteVpcEndpoints",
        "VpcEndpointId.1",
        COMES_AND_GOES
    ),
    ec2!("CreateInternetGateway", "internetGatewayId", "DescribeInternetGateways"),
    ec2!("CreateRouteTable", "routeTableId", "DescribeRouteTables"),
    ec2!("CreateSecurityGroup", "groupId", "DescribeSecurityGroups"),
    ec2!("AllocateAddress", "allocationId", "DescribeAddresses"),
    // Its answer lists ids without a name of their own.
    Kind {
        service: "ec2",
        create: "CreateFlowLogs",
        id: Id::Xml("item"),
        lists: &[("DescribeFlowLogs", "flowLogId")],
        state: None,
    },
    other!("kms", "CreateKey", Id::Json("/KeyMetadata/KeyId"), &[("ListKeys", "KeyId")]),
    other!("kms", "CreateAlias", Id::Request("AliasName"), &[("ListAliases", "AliasName")]),
    other!("iam", "CreateRole", Id::Request("RoleName"), &[("ListRoles", "RoleName")]),
    other!("iam", "CreatePolicy", Id::Xml("Arn"), &[("ListPolicies", "Arn")]),
    other!("iam", "CreateInstanceProfile", Id::Request("InstanceProfileName"), &[]),
    other!("iam", "CreateServiceLinkedRole", Id::Xml("RoleName"), &[("ListRoles", "RoleName")]),
    other!("sqs", "CreateQueue", Id::Request("QueueName"), &[("ListQueues", "")]),
    other!("sns", "CreateTopic", Id::Xml("TopicArn"), &[("ListTopics", "TopicArn")]),
    other!(
        "sns",
        "Subscribe",
        Id::Xml("SubscriptionArn"),
        &[("ListSubscriptionsByTopic", "SubscriptionArn"), ("ListSubscriptions", "SubscriptionArn")]
    ),
    other!("logs", "CreateLogGroup", Id::Request("logGroupName"), &[("DescribeLogGroups", "logGroupName")]),
    other!("s3", "CreateBucket", Id::Request("Bucket"), &[("ListBuckets", "Name")]),
    other!(
        "rds",
        "CreateDBSubnetGroup",
        Id::Request("DBSubnetGroupName"),
        &[("DescribeDBSubnetGroups", "DBSubnetGroupName")]
    ),
    other!(
        "elasticache",
        "CreateCacheSubnetGroup",
        Id::Request("CacheSubnetGroupName"),
        &[("DescribeCacheSubnetGroups", "CacheSubnetGroupName")]
    ),
];

impl Kind {
    /// The kind that a call creates.
    pub(super) fn created_by(call: &Call) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.service == call.service && kind.create == call.operation)
    }

    /// The kind that a call deletes, where a state shows the deletion, and the id of what it deletes.
    pub(super) fn deleted_by(call: &Call) -> Option<(&'static Self, String)> {
        KINDS.iter().filter(|kind| kind.service == call.service).find_map(|kind| {
            let state = kind.state.as_ref().filter(|state| state.delete == call.operation)?;
            Some((kind, call.parameter(state.id_of_delete)?))
        })
    }

    /// The id of what a call created, from its answer.
    pub(super) fn id(&self, call: &Call, answer: &str) -> Option<String> {
        match self.id {
            Id::Xml(name) => xml::first(answer, name).map(str::to_owned),
            Id::Request(name) => call.parameter(name),
            Id::Json(pointer) => {
                let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
                answer.pointer(pointer)?.as_str().map(str::to_owned)
            }
        }
    }

    /// The field that is its id in the items of a list, if the call lists it.
    pub(super) fn listed_by(&self, call: &Call) -> Option<&'static str> {
        let list = self.lists.iter().find(|(operation, _)| *operation == call.operation);
        list.filter(|_| self.service == call.service).map(|(_, field)| *field)
    }
}

/// How deep the items of a service's lists lie in its XML.
pub(super) fn depth(call: &Call) -> usize {
    match call.service.as_str() {
        "ec2" => 2,
        "s3" => 1,
        _ => 3,
    }
}
