//! `vpn`: a client VPN into the network of an environment.

use crate::check::Check;
use crate::kind::{Default, Input, Kind, Output, Wire};
use crate::ty::Type;

pub(crate) const KIND: Kind = Kind {
    name: "vpn",
    type_names: &["aws-vpn", "vpn"],
    summary: "Client VPN into the VPC, with certificates of its own",
    inputs: &[
        Input::optional(
            "client_cidr_block",
            Type::Cidr,
            Default::Text("10.2.0.0/22"),
            "Addresses of the clients; outside of the VPC's range, from /22 to /12",
        ),
        Input::optional("vpc_id", Type::NonEmpty, Default::Null, "VPC; the base module's when absent"),
        Input::optional("kms_account_key_arn", Type::NonEmpty, Default::Null, "Key; the base module's when absent"),
        Input::optional("public_subnets_ids", Type::TEXTS, Default::Null, "Subnets; the base module's when absent"),
    ],
    wires: &[
        Wire::anywhere("vpc_id", "base", "vpc_id"),
        Wire::anywhere("kms_account_key_arn", "base", "kms_account_key_arn"),
        Wire::anywhere("public_subnets_ids", "base", "public_subnets_ids"),
    ],
    outputs: &[
        Output::exported("vpn_dns_name", "Host name of the endpoint"),
        Output::exported("ovpn_profile_parameter_arn", "SSM parameter that holds the client profile"),
        Output::local("vpn_ca_cert_parameter_arn", "SSM parameter that holds the certificate of the authority"),
        Output::local("vpn_ca_key_parameter_arn", "SSM parameter that holds the key of the authority"),
    ],
    check: Some(check),
    ..Kind::BLANK
};

fn check(check: &mut Check<'_, '_>) {
    let bits = check
        .text("client_cidr_block")
        .and_then(|cidr| cidr.split_once('/'))
        .and_then(|(_, bits)| bits.parse::<u8>().ok());
    if bits.is_some_and(|bits| !(12..=22).contains(&bits)) {
        check.error("client_cidr_block", "AWS takes ranges from /12 to /22", "for example 10.2.0.0/22");
    }
    if !check.is_reachable("base") {
        for input in ["vpc_id", "kms_account_key_arn", "public_subnets_ids"] {
            if !check.is_given(input) {
                check.error(input, format!("`{input}` is missing"), "give it, or add a base module to the environment");
            }
        }
    }
}
