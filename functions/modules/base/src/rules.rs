//! Rules of security groups as they are compared: ports to sorted sources, and the calls that bring one set to the
//! other.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use landfall_engine::{Aws, Explain, Result, tolerate};
use serde_json::Value;

use crate::ec2::{ec2, settling};

/// Sources by protocol and ports, such as `tcp 5432`; `all` is everything. The sources are a list of ranges, or a
/// reference to one.
pub type Rules = BTreeMap<String, Value>;

/// Direction of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

/// Rules as AWS shows them.
pub(crate) fn seen(permissions: &[IpPermission]) -> Rules {
    let mut rules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for permission in permissions {
        let ranges = permission.ip_ranges().iter().filter_map(|range| range.cidr_ip());
        let ranges6 = permission.ipv6_ranges().iter().filter_map(|range| range.cidr_ipv6());
        let lists = permission.prefix_list_ids().iter().filter_map(|list| list.prefix_list_id());
        let groups = permission.user_id_group_pairs().iter().filter_map(|pair| pair.group_id());
        let sources = rules.entry(ports(permission)).or_default();
        sources.extend(ranges.chain(ranges6).chain(lists).chain(groups).map(str::to_owned));
    }
    rules
        .into_iter()
        .map(|(ports, mut sources)| {
            sources.sort();
            sources.dedup();
            (ports, Value::from(sources))
        })
        .collect()
}

fn ports(permission: &IpPermission) -> String {
    match (permission.ip_protocol().unwrap_or("-1"), permission.from_port(), permission.to_port()) {
        ("-1", _, _) => "all".to_owned(),
        (protocol, Some(from), Some(to)) if from == to => format!("{protocol} {from}"),
        (protocol, Some(from), Some(to)) => format!("{protocol} {from}-{to}"),
        (protocol, _, _) => protocol.to_owned(),
    }
}

/// One rule of one source.
type Rule = (String, String);

fn flat(rules: &Rules) -> Vec<Rule> {
    rules
        .iter()
        .flat_map(|(ports, sources)| {
            let sources = sources.as_array().into_iter().flatten().filter_map(Value::as_str);
            sources.map(move |source| (ports.clone(), source.to_owned()))
        })
        .collect()
}

fn permission((ports, source): &Rule) -> IpPermission {
    let rule = IpPermission::builder();
    let rule = match ports.split_once(' ') {
        Some((protocol, range)) => {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            rule.ip_protocol(protocol).set_from_port(from.parse().ok()).set_to_port(to.parse().ok())
        }
        None if ports == "all" => rule.ip_protocol("-1"),
        None => rule.ip_protocol(ports),
    };
    if source.starts_with("sg-") {
        rule.user_id_group_pairs(UserIdGroupPair::builder().group_id(source).build()).build()
    } else if source.starts_with("pl-") {
        rule.prefix_list_ids(PrefixListId::builder().prefix_list_id(source).build()).build()
    } else if source.contains(':') {
        rule.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(source).build()).build()
    } else {
        rule.ip_ranges(IpRange::builder().cidr_ip(source).build()).build()
    }
}

/// Brings the rules of one direction from `now` to `wanted`: what goes goes first, so that nothing is open longer
/// than it has to be.
pub(crate) async fn bring(aws: &Aws, group: &str, direction: Direction, now: &Rules, wanted: &Rules) -> Result<()> {
    let (now, wanted) = (flat(now), flat(wanted));
    let revoked: Vec<_> = now.iter().filter(|rule| !wanted.contains(rule)).map(permission).collect();
    let allowed: Vec<_> = wanted.iter().filter(|rule| !now.contains(rule)).map(permission).collect();
    if !revoked.is_empty() {
        let sent = match direction {
            Direction::Ingress => {
                let call = ec2(aws).revoke_security_group_ingress().group_id(group);
                let sent = call.set_ip_permissions(Some(revoked)).send().await;
                sent.explain("RevokeSecurityGroupIngress", group).map(drop)
            }
            Direction::Egress => {
                let call = ec2(aws).revoke_security_group_egress().group_id(group);
                let sent = call.set_ip_permissions(Some(revoked)).send().await;
                sent.explain("RevokeSecurityGroupEgress", group).map(drop)
            }
        };
        // A rule that is not there any more is what was asked for.
        settling(tolerate(sent, &["InvalidPermission.NotFound"]))?;
    }
    if !allowed.is_empty() {
        let sent = match direction {
            Direction::Ingress => {
                let call = ec2(aws).authorize_security_group_ingress().group_id(group);
                let sent = call.set_ip_permissions(Some(allowed)).send().await;
                sent.explain("AuthorizeSecurityGroupIngress", group).map(drop)
            }
            Direction::Egress => {
                let call = ec2(aws).authorize_security_group_egress().group_id(group);
                let sent = call.set_ip_permissions(Some(allowed)).send().await;
                sent.explain("AuthorizeSecurityGroupEgress", group).map(drop)
            }
        };
        // A rule that is there already is what was asked for.
        settling(tolerate(sent, &["InvalidPermission.Duplicate"]))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_sent_is_what_is_seen() {
        let rules = Rules::from([
            ("all".to_owned(), json!(["sg-1"])),
            ("tcp 1-9".to_owned(), json!(["::/0", "pl-1"])),
            ("tcp 5432".to_owned(), json!(["10.0.0.0/16", "10.1.0.0/16"])),
        ]);
        let sent: Vec<IpPermission> = flat(&rules).iter().map(permission).collect();
        assert_eq!(seen(&sent), rules);
    }
}
