//! Lists in pages of one. The whole list is asked for once and answered piece by piece: requests are signed, so they
//! are not changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Call, Protocol};
use super::kinds::depth;
use super::xml::{elements, without};

/// Where a list's token goes.
#[derive(Clone, Copy, Debug)]
enum Token {
    /// EC2: an element beside the list.
    Ec2,
    /// IAM: `IsTruncated` and `Marker`.
    Truncated,
    /// An element of this name in the result.
    Xml(&'static str),
    /// S3: `IsTruncated` and elements of these names.
    S3(&'static [&'static str]),
    /// A field of the answer.
    Json(&'static str),
    /// KMS: `Truncated` and `NextMarker`.
    Kms,
    /// DynamoDB: the key to go on from.
    Key,
}

/// Operations that page, and the name of their items: the element, or the field that holds them. Without a name, all.
const PAGED: &[(&str, &str, &str, Token)] = &[
    ("ec2", "DescribeVpcs", "item", Token::Ec2),
    ("ec2", "DescribeSubnets", "item", Token::Ec2),
    ("ec2", "DescribeRouteTables", "item", Token::Ec2),
    ("ec2", "DescribeInternetGateways", "item", Token::Ec2),
    ("ec2", "DescribeNatGateways", "item", Token::Ec2),
    ("ec2", "DescribeSecurityGroups", "item", Token::Ec2),
    ("ec2", "DescribeSecurityGroupRules", "item", Token::Ec2),
    ("ec2", "DescribeFlowLogs", "item", Token::Ec2),
    ("ec2", "DescribeVpcEndpoints", "item", Token::Ec2),
    ("ec2", "DescribeNetworkInterfaces", "item", Token::Ec2),
    ("ec2", "DescribeTags", "item", Token::Ec2),
    ("iam", "ListAttachedRolePolicies", "member", Token::Truncated),
    ("iam", "ListEntitiesForPolicy", "member", Token::Truncated),
    ("iam", "ListInstanceProfilesForRole", "member", Token::Truncated),
    ("iam", "ListPolicies", "member", Token::Truncated),
    ("iam", "ListPolicyTags", "member", Token::Truncated),
    ("iam", "ListPolicyVersions", "member", Token::Truncated),
    ("iam", "ListRolePolicies", "member", Token::Truncated),
    ("iam", "ListRoleTags", "member", Token::Truncated),
    ("iam", "ListRoles", "member", Token::Truncated),
    ("sns", "ListSubscriptionsByTopic", "member", Token::Xml("NextToken")),
    ("sns", "ListSubscriptions", "member", Token::Xml("NextToken")),
    ("sns", "ListTopics", "member", Token::Xml("NextToken")),
    ("rds", "DescribeDBSubnetGroups", "DBSubnetGroup", Token::Xml("Marker")),
    ("elasticache", "DescribeCacheSubnetGroups", "CacheSubnetGroup", Token::Xml("Marker")),
    ("s3", "ListObjectsV2", "Contents", Token::S3(&["NextContinuationToken"])),
    ("s3", "ListObjects", "Contents", Token::S3(&["NextMarker"])),
    ("s3", "ListObjectVersions", "", Token::S3(&["NextKeyMarker", "NextVersionIdMarker"])),
    ("kms", "ListAliases", "Aliases", Token::Kms),
    ("kms", "ListGrants", "Grants", Token::Kms),
    ("kms", "ListKeys", "Keys", Token::Kms),
    ("kms", "ListResourceTags", "Tags", Token::Kms),
    ("logs", "DescribeLogGroups", "logGroups", Token::Json("nextToken")),
    ("sqs", "ListQueues", "QueueUrls", Token::Json("NextToken")),
    ("states", "ListExecutions", "executions", Token::Json("nextToken")),
    ("tagging", "GetResources", "ResourceTagMappingList", Token::Json("PaginationToken")),
    ("dynamodb", "Query", "Items", Token::Key),
    ("dynamodb", "Scan", "Items", Token::Key),
];

/// Elements of S3's lists that are items.
const IN_VERSIONS: [&str; 2] = ["Version", "DeleteMarker"];

/// Lists whose first pages were answered.
#[derive(Debug, Default)]
pub(super) struct Pages {
    lists: BTreeMap<u64, String>,
    next: u64,
}

impl Pages {
    /// The page that a request goes on with.
    pub(super) fn continued(&self, call: &Call) -> Option<String> {
        let at = call.text.find(MARK)? + MARK.len();
        let token: String = call.text[at..].chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
        let (list, place) = token.split_once('-')?;
        let list: u64 = list.parse().ok()?;
        page(call, self.lists.get(&list)?, list, place.parse().ok()?)
    }

    /// The first page of a list; none where the answer is no list of several.
    pub(super) fn first(&mut self, call: &Call, answer: &str) -> Option<String> {
        // EC2 does not page what is asked for by ids.
        let by_id = |name: &str| name.contains("Id.") && !name.starts_with("Filter");
        if call.protocol == Protocol::Ec2 && call.parameters.iter().any(|(name, _)| by_id(name)) {
            return None;
        }
        let first = page(call, answer, self.next, 0)?;
        self.lists.insert(self.next, answer.to_owned());
        self.next += 1;
        Some(first)
    }
}

/// What every token begins with.
const MARK: &str = "fault-proxy-page-";

fn page(call: &Call, answer: &str, list: u64, place: usize) -> Option<String> {
    let (_, _, items, token) =
        PAGED.iter().find(|(service, operation, ..)| *service == call.service && *operation == call.operation)?;
    let next = format!("{MARK}{list}-{}", place + 1);
    if call.protocol == Protocol::Json {
        return json_page(answer, items, *token, place, &next);
    }
    let all = elements(answer, depth(call));
    let is_item = |name: &str| if items.is_empty() { IN_VERSIONS.contains(&name) } else { name == *items };
    let all: Vec<_> = all.into_iter().filter(|element| is_item(element.name(answer))).collect();
    if place >= all.len() || all.len() < 2 {
        return None;
    }
    let others: Vec<_> =
        all.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, one)| one.clone()).collect();
    let kept = without(answer, &others);
    if place + 1 == all.len() {
        return Some(kept);
    }
    Some(match token {
        Token::Ec2 => before_end(&kept, 0, &format!("<nextToken>{next}</nextToken>")),
        Token::Truncated => {
            before_end(&untruncated(&kept), 1, &format!("<IsTruncated>true</IsTruncated><Marker>{next}</Marker>"))
        }
        Token::Xml(name) => before_end(&kept, 1, &format!("<{name}>{next}</{name}>")),
        Token::S3(names) => {
            let tokens: String = names.iter().map(|name| format!("<{name}>{next}</{name}>")).collect();
            before_end(&untruncated(&kept), 0, &format!("<IsTruncated>true</IsTruncated>{tokens}"))
        }
        Token::Json(_) | Token::Kms | Token::Key => return None,
    })
}

fn untruncated(text: &str) -> String {
    text.replace("<IsTruncated>false</IsTruncated>", "")
}

/// Puts something before the end of the first element at a depth.
fn before_end(text: &str, depth: usize, what: &str) -> String {
    let Some(element) = elements(text, depth).into_iter().next() else { return text.to_owned() };
    let at = element.content.end;
    format!("{}{what}{}", &text[..at], &text[at..])
}

fn json_page(answer: &str, items: &str, token: Token, place: usize, next: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(answer).ok()?;
    let all = value.get(items)?.as_array()?.clone();
    if place >= all.len() || all.len() < 2 {
        return None;
    }
    let item = all[place].clone();
    let last = place + 1 == all.len();
    value[items] = json!([item]);
    match token {
        Token::Json(name) if !last => value[name] = json!(next),
        Token::Kms => {
            value["Truncated"] = json!(!last);
            if !last {
                value["NextMarker"] = json!(next);
            }
        }
        Token::Key => {
            value["Count"] = json!(1);
            if !last {
                value["LastEvaluatedKey"] = json!({ "pk": { "S": next } });
            }
        }
        _ => {}
    }
    Some(value.to_string())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn call(service: &str, target: Option<&str>, body: &str) -> Call {
        let scope = format!("AWS4-HMAC-SHA256 Credential=A/20261125/us-east-1/{service}/aws4_request, SignedHeaders=x");
        let mut request = Request::post("/").header("authorization", scope);
        request = match target {
            Some(target) => request.header("x-amz-target", target),
            None => request.header("content-type", "application/x-www-form-urlencoded"),
        };
        Call::of(&request.body(()).expect("a request").into_parts().0, body.as_bytes())
    }

    #[test]
    fn a_list_in_xml_comes_one_by_one() {
        let answer = "<R><vpcSet><item><vpcId>a</vpcId></item><item><vpcId>b</vpcId></item></vpcSet></R>";
        let mut pages = Pages::default();
        let first = pages.first(&call("ec2", None, "Action=DescribeVpcs"), answer).expect("a page");
        assert_eq!(
            first,
            "<R><vpcSet><item><vpcId>a</vpcId></item></vpcSet><nextToken>fault-proxy-page-0-1</nextToken></R>"
        );
        let second = call("ec2", None, "Action=DescribeVpcs&NextToken=fault-proxy-page-0-1");
        assert_eq!(pages.continued(&second).as_deref(), Some("<R><vpcSet><item><vpcId>b</vpcId></item></vpcSet></R>"));
        assert_eq!(pages.first(&call("ec2", None, "Action=DescribeVpcs&VpcId.1=a"), answer), None);
    }

    #[test]
    fn a_list_in_json_comes_one_by_one() {
        let target = Some("DynamoDB_20120810.Query");
        let answer = r#"{"Items":[{"sk":{"S":"a"}},{"sk":{"S":"b"}}],"Count":2}"#;
        let mut pages = Pages::default();
        let first = pages.first(&call("dynamodb", target, "{}"), answer).expect("a page");
        let first: Value = serde_json::from_str(&first).expect("JSON");
        assert_eq!((&first["Items"], &first["Count"]), (&json!([{ "sk": { "S": "a" } }]), &json!(1)));
        let body = json!({ "ExclusiveStartKey": first["LastEvaluatedKey"] }).to_string();
        let second = pages.continued(&call("dynamodb", target, &body)).expect("a page");
        let second: Value = serde_json::from_str(&second).expect("JSON");
        assert_eq!(second["Items"], json!([{ "sk": { "S": "b" } }]));
        assert_eq!(second.get("LastEvaluatedKey"), None);
    }
}
