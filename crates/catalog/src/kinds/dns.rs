//! `dns`: the hosted zone of an environment and its certificate.

use super::shared::DOMAIN;
use crate::check::Check;
use crate::kind::{Default, Input, Kind, Output, Place};
use crate::ty::Type;

/// Kinds that take the domain of a dns module.
const TAKERS: [&str; 3] = ["k8s-base", "cloudfront-distribution", "global-accelerator"];

pub(crate) const KIND: Kind = Kind {
    name: "dns",
    type_names: &["dns", "aws-dns"],
    place: Place::Environment,
    unique: true,
    summary: "Public hosted zone of a domain, and a certificate once the domain is delegated to it",
    inputs: &[
        Input::required("domain", Type::Pattern(&DOMAIN), "Domain of the zone"),
        Input::optional(
            "delegated",
            Type::Bool,
            Default::Bool(false),
            "Whether the domain's registrar names the name servers of this zone; first deploy with false, then set \
             them there, then true",
        ),
        Input::optional("upload_cert", Type::Bool, Default::Bool(false), "Takes a certificate of your own")
            .deprecated("use a module of type external-ssl-cert"),
        Input::optional(
            "linked_module",
            Type::Text,
            Default::Text(""),
            "Name or type of the module that takes the domain; k8s-base when absent",
        ),
    ],
    outputs: &[
        Output::exported("zone_id", "Id of the zone"),
        Output::exported("name_servers", "Name servers to set at the registrar"),
        Output::exported("domain", "The domain"),
        Output::exported("cert_arn", "ARN of the certificate; empty until the domain is delegated"),
    ],
    check: Some(linked_module),
    ..Kind::BLANK
};

fn linked_module(check: &mut Check<'_, '_>) {
    let Some(linked) = check.text("linked_module").filter(|linked| !linked.is_empty()).map(str::to_owned) else {
        return;
    };
    let kind = crate::kinds::by_type(&linked).map(|kind| kind.name);
    let matches: Vec<_> =
        check.modules.iter().filter(|(of, name)| *name == linked || kind == Some(of)).copied().collect();
    let takers: Vec<_> =
        check.modules.iter().filter(|(of, _)| TAKERS.contains(of)).map(|(_, name)| format!("`{name}`")).collect();
    let help = if takers.is_empty() {
        format!("add one of type {}, or remove linked_module", TAKERS.join(", "))
    } else {
        format!("name one of {}", takers.join(", "))
    };
    match matches.as_slice() {
        [] if check.is_mistyped(&linked) => {}
        [] => check.error("linked_module", format!("there is no module `{linked}` in this file"), help),
        [(of, name)] if !TAKERS.contains(of) => {
            check.error("linked_module", format!("`{name}` is of type {of}, which takes no domain"), help);
        }
        [_] => {}
        _ => check.error("linked_module", format!("several modules are of type {linked}"), help),
    }
}
