//! `ses`: sending mail from the domain of an environment.

use super::shared::iam_name;
use crate::check::Check;
use crate::kind::{Default, Input, Kind, NameRule, Need, Place, When, Wire};
use crate::ty::{Pattern, Type};

const LABEL: Pattern =
    Pattern { regex: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", what: "a part of a domain", example: "mail" };

pub(crate) const KIND: Kind = Kind {
    name: "ses",
    type_names: &["aws-ses", "ses"],
    place: Place::Environment,
    summary: "Sends mail from the domain of the dns module, with DKIM and SPF",
    inputs: &[Input::optional(
        "mail_from_prefix",
        Type::Pattern(&LABEL),
        Default::Text("mail"),
        "Subdomain that bounces come back to",
    )],
    wires: &[
        Wire { name: "domain", kind: "dns", output: "domain", when: When::SameFile },
        Wire { name: "zone_id", kind: "dns", output: "zone_id", when: When::SameFile },
    ],
    needs: &[Need::same_file("dns")],
    names: &[NameRule {
        name: |parts| Some(format!("{}-{}-{}-sender", parts.environment, parts.layer, parts.module)),
        ..iam_name("IAM policy", 128)
    }],
    check: Some(delegated),
    ..Kind::BLANK
};

/// Mail is refused everywhere until the world sees the records of the zone.
fn delegated(check: &mut Check<'_, '_>) {
    let Some(dns) = check.entry_of("dns") else { return };
    let is_false = match dns.inputs.get("delegated").map(landfall_config::Node::to_json) {
        None => true,
        Some(value) => value.is_null() || value == false,
    };
    if is_false {
        let help = "set the zone's name servers at the registrar, then `delegated: true` in the dns module";
        check.error("", "the domain of the dns module is not delegated yet", help);
    }
}
