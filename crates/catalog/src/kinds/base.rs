//! `base`: network, key, subnet groups, security groups, log bucket of an environment.

use std::net::Ipv4Addr;

use crate::check::Check;
use crate::kind::{Default, Input, Kind, Letters, NameRule, Output, Place};
use crate::ty::{Pattern, Type};

const VPC: Pattern =
    Pattern { regex: "^vpc-([0-9a-z]{8}|[0-9a-z]{17})$", what: "a VPC id", example: "vpc-0a1b2c3d4e5f60718" };
const SUBNET: Pattern =
    Pattern { regex: "^subnet-([0-9a-z]{8}|[0-9a-z]{17})$", what: "a subnet id", example: "subnet-0a1b2c3d4e5f60718" };

const EXISTING: [&str; 3] = ["vpc_id", "public_subnet_ids", "private_subnet_ids"];

pub(crate) const KIND: Kind = Kind {
    name: "base",
    type_names: &["base", "aws-base"],
    place: Place::Environment,
    unique: true,
    summary: "Network of an environment: VPC over three zones, key, subnet groups, security groups, log bucket",
    inputs: &[
        Input::optional("total_ipv4_cidr_block", Type::Cidr, Default::Text("10.0.0.0/16"), "Range of the VPC"),
        Input::optional(
            "private_ipv4_cidr_blocks",
            Type::List { of: &Type::Cidr, min: 3, max: 3, distinct: true },
            Default::Texts(&["10.0.128.0/21", "10.0.136.0/21", "10.0.144.0/21"]),
            "Ranges of the private subnets, one per zone",
        ),
        Input::optional(
            "public_ipv4_cidr_blocks",
            Type::List { of: &Type::Cidr, min: 3, max: 3, distinct: true },
            Default::Texts(&["10.0.0.0/21", "10.0.8.0/21", "10.0.16.0/21"]),
            "Ranges of the public subnets, one per zone",
        ),
        Input::optional(
            "vpc_log_retention",
            Type::Int { min: 1, max: 3653 },
            Default::Int(90),
            "Days the flow log is kept",
        ),
        Input::optional("vpc_id", Type::Pattern(&VPC), Default::Null, "An existing VPC to use"),
        Input::optional(
            "public_subnet_ids",
            Type::List { of: &Type::Pattern(&SUBNET), min: 1, max: 100, distinct: true },
            Default::Null,
            "Public subnets of the existing VPC",
        ),
        Input::optional(
            "private_subnet_ids",
            Type::List { of: &Type::Pattern(&SUBNET), min: 2, max: 100, distinct: true },
            Default::Null,
            "Private subnets of the existing VPC",
        ),
    ],
    outputs: &[
        Output::exported("kms_account_key_arn", "ARN of the environment's key"),
        Output::exported("kms_account_key_id", "Id of the environment's key"),
        Output::exported("vpc_id", "Id of the VPC"),
        Output::exported("private_subnet_ids", "Ids of the private subnets"),
        Output::exported("public_subnets_ids", "Ids of the public subnets"),
        Output::exported("s3_log_bucket_name", "Name of the log bucket"),
        Output::exported("public_nat_ips", "Addresses from which the environment reaches out"),
    ],
    names: &[NameRule {
        what: "S3 log bucket",
        limit: 63,
        letters: Letters::Bucket,
        name: |parts| Some(format!("lf-{}-logging-bucket-0123456789abcdef", parts.environment.to_lowercase())),
        input: None,
    }],
    check: Some(check),
    ..Kind::BLANK
};

fn check(check: &mut Check<'_, '_>) {
    super::shared::retention(check, "vpc_log_retention");
    if EXISTING.iter().any(|input| check.has_key(input)) {
        for input in EXISTING {
            if !check.is_given(input) {
                let help = "an existing VPC needs vpc_id, public_subnet_ids and private_subnet_ids, all three";
                check.error(input, format!("`{input}` is missing"), help);
            }
        }
        return;
    }
    let whole = check.text("total_ipv4_cidr_block").unwrap_or_default().to_owned();
    let Some(total) = range(&whole) else { return };
    size(check, "total_ipv4_cidr_block", &whole);
    let mut blocks: Vec<(String, (u32, u32))> = Vec::new();
    for input in ["public_ipv4_cidr_blocks", "private_ipv4_cidr_blocks"] {
        for (index, block) in check.items(input).to_vec().iter().enumerate() {
            let Some(text) = block.as_str() else { continue };
            let Some(block) = range(text) else { continue };
            let path = format!("{input}[{index}]");
            size(check, &path, text);
            if block.0 < total.0 || block.1 > total.1 {
                check.error(
                    &path,
                    format!("{text} lies outside of {whole}"),
                    "choose a range inside total_ipv4_cidr_block, or enlarge that",
                );
            }
            if let Some((other, _)) = blocks.iter().find(|(_, other)| block.0 <= other.1 && other.0 <= block.1) {
                check.error(&path, format!("{text} overlaps {other}"), "subnets may not overlap: choose another range");
            }
            blocks.push((text.to_owned(), block));
        }
    }
}

/// AWS makes networks and subnets from /16 down to /28.
fn size(check: &mut Check<'_, '_>, path: &str, cidr: &str) {
    let bits = cidr.split_once('/').and_then(|(_, bits)| bits.parse::<u8>().ok());
    if bits.is_some_and(|bits| !(16..=28).contains(&bits)) {
        check.error(path, format!("AWS does not take {cidr} for a network"), "choose a size from /16 to /28");
    }
}

/// First and last address of a range.
fn range(cidr: &str) -> Option<(u32, u32)> {
    let (address, bits) = cidr.split_once('/')?;
    let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    Some((address & mask, address | !mask))
}
