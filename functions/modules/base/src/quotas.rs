//! The small quotas of a network: how many the account may have, and how many it has.
//!
//! Codes and names are those of Service Quotas (`aws service-quotas list-service-quotas --service-code vpc`); what they
//! count is told in <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::NatGatewayState;
use landfall_engine::{Aws, Explain, Quota, Result};

use crate::ec2::{ec2, filter};
use crate::zones;

landfall_aws::client!(servicequotas: aws_sdk_servicequotas);

/// A quota of Service Quotas.
#[derive(Clone, Copy, Debug)]
struct Known {
    service: &'static str,
    code: &'static str,
    name: &'static str,
}

const VPCS: Known = Known { service: "vpc", code: "L-F678F1CE", name: "VPCs per Region" };
const GATEWAYS: Known = Known { service: "vpc", code: "L-A4707A72", name: "internet gateways per Region" };
const ADDRESSES: Known = Known { service: "ec2", code: "L-0263D0A3", name: "EC2-VPC Elastic IPs" };
const NAT_GATEWAYS: Known = Known { service: "vpc", code: "L-FE5A380F", name: "NAT gateways per Availability Zone" };

/// VPCs, of which `more` are to be made.
pub(crate) async fn vpcs(aws: &Aws, more: usize) -> Result<Vec<Quota>> {
    let limit = limit(aws, VPCS).await?;
    let pages = ec2(aws).describe_vpcs().into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeVpcs", "VPCs")?;
    Ok(vec![quota(aws, VPCS, limit, found.len(), more)])
}

/// Internet gateways, of which `more` are to be made.
pub(crate) async fn internet_gateways(aws: &Aws, more: usize) -> Result<Vec<Quota>> {
    let limit = limit(aws, GATEWAYS).await?;
    let pages = ec2(aws).describe_internet_gateways().into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeInternetGateways", "internet gateways")?;
    Ok(vec![quota(aws, GATEWAYS, limit, found.len(), more)])
}

/// Elastic addresses, of which `more` are to be made.
pub(crate) async fn addresses(aws: &Aws, more: usize) -> Result<Vec<Quota>> {
    let limit = limit(aws, ADDRESSES).await?;
    let found = ec2(aws).describe_addresses().send().await.explain("DescribeAddresses", "addresses")?;
    Ok(vec![quota(aws, ADDRESSES, limit, found.addresses().len(), more)])
}

/// NAT gateways in the fullest of the zones that an environment would take. Of `more` to be made each stands in a zone
/// of its own.
pub(crate) async fn nat_gateways(aws: &Aws, more: usize) -> Result<Vec<Quota>> {
    let limit = limit(aws, NAT_GATEWAYS).await?;
    let counting = [NatGatewayState::Pending, NatGatewayState::Available, NatGatewayState::Deleting];
    let states = filter("state", counting.iter().map(NatGatewayState::as_str));
    let pages = ec2(aws).describe_nat_gateways().filter(states).into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeNatGateways", "NAT gateways")?;
    let mut by_zone: BTreeMap<String, usize> = zones::choose(aws).await?.into_iter().map(|zone| (zone, 0)).collect();
    let subnets: Vec<&str> = found.iter().filter_map(|gateway| gateway.subnet_id()).collect();
    if !subnets.is_empty() {
        let by_id = filter("subnet-id", subnets.iter().copied());
        let pages = ec2(aws).describe_subnets().filters(by_id).into_paginator().items().send();
        let places = pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeSubnets", "subnets")?;
        let zone_of: BTreeMap<&str, &str> =
            places.iter().filter_map(|subnet| Some((subnet.subnet_id()?, subnet.availability_zone_id()?))).collect();
        for zone in subnets.iter().filter_map(|subnet| zone_of.get(subnet)) {
            by_zone.entry((*zone).to_owned()).and_modify(|count| *count += 1);
        }
    }
    let fullest = by_zone.values().copied().max().unwrap_or_default();
    Ok(vec![quota(aws, NAT_GATEWAYS, limit, fullest, more.div_ceil(zones::COUNT))])
}

fn quota(aws: &Aws, of: Known, limit: u64, used: usize, more: usize) -> Quota {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let region = &aws.target().region;
    let page = format!(
        "https://{region}.{}/servicequotas/home/services/{}/quotas/{}",
        console(&aws.target().partition),
        of.service,
        of.code
    );
    Quota { name: of.name.to_owned(), limit, used: count(used), more: count(more), page }
}

/// Where the console of a partition is.
fn console(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    }
}

/// What is applied to the account; where nothing was ever applied, the default
/// (<https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html>).
async fn limit(aws: &Aws, of: Known) -> Result<u64> {
    let client = servicequotas(aws);
    let asked = client.get_service_quota().service_code(of.service).quota_code(of.code).send().await;
    let quota = match asked.explain("GetServiceQuota", of.name) {
        Ok(answer) => answer.quota,
        Err(error) if error.is_code("NoSuchResourceException") => {
            let asked = client.get_aws_default_service_quota().service_code(of.service).quota_code(of.code);
            asked.send().await.explain("GetAWSDefaultServiceQuota", of.name)?.quota
        }
        Err(error) => return Err(error),
    };
    // Quotas of things are whole numbers; one that is not told is no limit.
    let value = quota.and_then(|quota| quota.value).unwrap_or(f64::INFINITY);
    Ok(value.clamp(0.0, 1e15) as u64)
}
