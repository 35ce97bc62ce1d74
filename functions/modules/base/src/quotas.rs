//! The small quotas of a network, and how many of each there are. What they count is told in
//! <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::NatGatewayState;
use landfall_engine::{Aws, Explain, Quota, Result};
use landfall_resources::ServiceQuota;

use crate::ec2::{ec2, filter};
use crate::zones;

const VPCS: ServiceQuota = ServiceQuota::of_region("vpc", "L-F678F1CE", "VPCs per Region");
const GATEWAYS: ServiceQuota = ServiceQuota::of_region("vpc", "L-A4707A72", "internet gateways per Region");
const ADDRESSES: ServiceQuota = ServiceQuota::of_region("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs");
const NAT_GATEWAYS: ServiceQuota = ServiceQuota::of_region("vpc", "L-FE5A380F", "NAT gateways per Availability Zone");

/// VPCs, of which `more` are to be made.
pub(crate) async fn vpcs(aws: &Aws, more: usize) -> Result<Vec<Quota>> {
    let pages = ec2(aws).describe_vpcs().into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeVpcs", "VPCs")?;
    Ok(vec![VPCS.room(aws, found.len(), more).await?])
}

/// Internet gateways, of which `more` are to be made.
pub(crate) async fn internet_gateways(aws: &Aws, more: usize) -> Result<Vec<Quota>> {
    let pages = ec2(aws).describe_internet_gateways().into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.explain("DescribeInternetGateways", "internet gateways")?;
    Ok(vec![GATEWAYS.room(aws, found.len(), more).await?])
}

/// Elastic addresses, of which `more` are to be made.
pub(crate) async fn addresses(aws: &Aws, more: usize) -> Result<Vec<Quota>> {
    let found = ec2(aws).describe_addresses().send().await.explain("DescribeAddresses", "addresses")?;
    Ok(vec![ADDRESSES.room(aws, found.addresses().len(), more).await?])
}

/// NAT gateways in the fullest of the zones that an environment would take. Of `more` to be made each stands in a zone
/// of its own.
pub(crate) async fn nat_gateways(aws: &Aws, more: usize) -> Result<Vec<Quota>> {
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
    Ok(vec![NAT_GATEWAYS.room(aws, fullest, more.div_ceil(zones::COUNT)).await?])
}
