//! The three zones of an environment, chosen once. A zone that AWS opens later changes nothing: the recorded choice
//! is the identity of this resource.

use aws_sdk_ec2::types::{AvailabilityZone, AvailabilityZoneOptInStatus, AvailabilityZoneState};
use landfall_engine::{
    Aws, Changes, Error, Explain, Intent, Kind, Leftover, Progress, Resource, Result, Seen, Wanted, async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ec2::ec2;

/// How many zones an environment spans.
pub const COUNT: usize = 3;

/// Zones in which EKS cannot place a control plane, taken only where there is no choice
/// (<https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html>).
const UNLOVED: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

/// Three standard zones of the region. Its id is the choice; attributes `zone-1` to `zone-3` are the zones' ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Zones {
    /// Region.
    pub region: String,
}

#[async_trait]
impl Resource for Zones {
    const KIND: &'static str = "Landfall::EC2::Zones";
    const TAGGED: bool = false;

    fn name(_properties: &Value) -> Option<String> {
        None
    }

    async fn observe(aws: &Aws, wanted: &[Wanted<'_>]) -> Result<Vec<Option<Seen>>> {
        let mut seen = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            seen.push(match wanted.id {
                Some(chosen) => Some(chosen_before(chosen, wanted.properties)),
                // Too few zones are known while planning, not in the middle of the deployment.
                None if !wanted.leaving => choose(aws).await.map(|_| None)?,
                None => None,
            });
        }
        Ok(seen)
    }

    async fn create(&self, aws: &Aws, _intent: &Intent) -> Result<Progress> {
        let zones = choose(aws).await?;
        let named = zones.iter().enumerate();
        Ok(named
            .fold(Progress::done(zones.join(",")), |done, (index, zone)| done.with(&attribute(index), zone.as_str())))
    }

    async fn update(&self, _aws: &Aws, changes: &Changes<'_>) -> Result<Progress> {
        Ok(Progress::done(changes.id()))
    }

    async fn delete(_aws: &Aws, seen: &Seen, _recorded: &Value) -> Result<Progress> {
        Ok(Progress::done(&seen.id))
    }
}

/// Name of the attribute that holds the zone of that index, from 0.
pub(crate) fn attribute(index: usize) -> String {
    format!("zone-{}", index + 1)
}

fn chosen_before(chosen: &str, properties: &Value) -> Seen {
    let region = properties.get("region").cloned().unwrap_or_default();
    let seen = Seen::ready(chosen, json!({ "region": region }));
    chosen.split(',').enumerate().fold(seen, |seen, (index, zone)| seen.with(&attribute(index), zone))
}

/// The zones that an environment would take now.
pub(crate) async fn choose(aws: &Aws) -> Result<Vec<String>> {
    let region = &aws.target().region;
    let answer = ec2(aws).describe_availability_zones().send().await.explain("DescribeAvailabilityZones", region)?;
    let zones = best(answer.availability_zones());
    if zones.len() == COUNT {
        return Ok(zones);
    }
    let what = format!("{region} offers {} standard zones to this account, an environment spans {COUNT}", zones.len());
    Err(Error::new(Kind::Unsupported, "choose zones", what)
        .hint("deploy to another region, or use an existing network: vpc_id, public_subnet_ids and private_subnet_ids")
        .leaves(Leftover::Nothing))
}

/// The first three standard zones by id. Local and Wavelength zones have to be opted in, and are no place for an
/// environment.
fn best(zones: &[AvailabilityZone]) -> Vec<String> {
    let mut ids: Vec<&str> = zones
        .iter()
        .filter(|zone| zone.zone_type().is_none_or(|kind| kind == "availability-zone"))
        .filter(|zone| zone.state().is_none_or(|state| *state == AvailabilityZoneState::Available))
        .filter(|zone| {
            zone.opt_in_status().is_none_or(|status| *status == AvailabilityZoneOptInStatus::OptInNotRequired)
        })
        .filter_map(|zone| zone.zone_id())
        .collect();
    ids.sort_by_key(|id| (UNLOVED.contains(id), *id));
    ids.truncate(COUNT);
    ids.sort_unstable();
    ids.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(id: &str) -> AvailabilityZone {
        AvailabilityZone::builder().zone_id(id).zone_type("availability-zone").build()
    }

    #[test]
    fn zones_are_taken_by_id_and_those_without_eks_last() {
        let all: Vec<_> = ["use1-az4", "use1-az3", "use1-az2", "use1-az1"].map(zone).into();
        assert_eq!(best(&all), ["use1-az1", "use1-az2", "use1-az4"]);
        assert_eq!(best(&all[1..]), ["use1-az1", "use1-az2", "use1-az3"]);
    }

    #[test]
    fn local_and_closed_zones_do_not_count() {
        let local = AvailabilityZone::builder()
            .zone_id("use1-bos1-az1")
            .zone_type("local-zone")
            .opt_in_status(AvailabilityZoneOptInStatus::OptedIn)
            .build();
        let closed = AvailabilityZone::builder().zone_id("use1-az9").state(AvailabilityZoneState::Unavailable).build();
        assert_eq!(best(&[local, closed, zone("use1-az1")]), ["use1-az1"]);
    }
}
