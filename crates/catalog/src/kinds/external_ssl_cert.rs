//! `external-ssl-cert`: a certificate from elsewhere for the load balancer of the cluster.

use super::shared::DOMAIN;
use crate::kind::{Input, Kind, Output};
use crate::ty::Type;

pub(crate) const KIND: Kind = Kind {
    name: "external-ssl-cert",
    type_names: &["external-ssl-cert"],
    unique: true,
    summary: "A certificate from elsewhere, taken by k8s-base",
    inputs: &[
        Input::required("domain", Type::Pattern(&DOMAIN), "Domain of the certificate"),
        Input::required("private_key_file", Type::Path, "Key as PEM, relative to this file"),
        Input::required("certificate_body_file", Type::Path, "Certificate as PEM, relative to this file"),
        Input::required("certificate_chain_file", Type::Path, "Chain as PEM, relative to this file"),
    ],
    outputs: &[
        Output::secret("private_key", "The key"),
        Output::local("certificate_body", "The certificate"),
        Output::local("certificate_chain", "The chain"),
        Output::exported("domain", "Domain of the certificate"),
    ],
    ..Kind::BLANK
};
