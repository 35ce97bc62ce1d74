//! `cloudfront-distribution`: a bucket or the load balancer of the cluster, behind CloudFront.

use super::shared::{DOMAIN, LOG_BUCKET};
use crate::check::Check;
use crate::kind::{Default, Holds, Input, Kind, Output, When, Wire};
use crate::ty::{Enum, Pattern, Type};

const CERTIFICATE: Pattern = Pattern {
    regex: "^(arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[!-~]+)?$",
    what: "the ARN of a certificate in us-east-1 (CloudFront takes no others)",
    example: "arn:aws:acm:us-east-1:123456789012:certificate/0123",
};
const PRICE_CLASS: Enum = Enum { words: &["PriceClass_100", "PriceClass_200", "PriceClass_All"], former: &[] };
const METHOD: Enum = Enum { words: &["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"], former: &[] };
const METHODS: Type = Type::List { of: &Type::Enum(&METHOD), min: 2, max: 7, distinct: true };
const READING: Default = Default::Texts(&["GET", "HEAD", "OPTIONS"]);

pub(crate) const KIND: Kind = Kind {
    name: "cloudfront-distribution",
    type_names: &["cloudfront-distribution", "aws-cloudfront-distribution"],
    summary: "CloudFront in front of a bucket or of the cluster's load balancer",
    inputs: &[
        Input::optional("links", Type::Links, Default::Texts(&[]), "The module it serves: one of type s3 or k8s-base"),
        Input::optional("bucket_name", Type::Text, Default::Text(""), "Bucket it serves, when none is linked"),
        Input::optional(
            "origin_access_identity_path",
            Type::Text,
            Default::Text(""),
            "Identity that reads that bucket, when none is linked",
        ),
        Input::optional("default_page_file", Type::Text, Default::Text("index.html"), "Page at the root"),
        Input::optional("status_404_page_file", Type::Text, Default::Null, "Page for what is not found"),
        Input::optional("status_500_page_file", Type::Text, Default::Null, "Page for errors"),
        Input::optional(
            "price_class",
            Type::Enum(&PRICE_CLASS),
            Default::Text("PriceClass_200"),
            "Where it serves from",
        ),
        Input::optional(
            "acm_cert_arn",
            Type::Pattern(&CERTIFICATE),
            Default::Text(""),
            "Certificate of the domains, in us-east-1",
        ),
        Input::optional("domains", Type::list(&Type::Pattern(&DOMAIN)), Default::Texts(&[]), "Domains it serves"),
        Input::optional("zone_id", Type::Text, Default::Text(""), "Hosted zone of the domains"),
        Input::optional("allowed_methods", METHODS, READING, "Methods that reach the origin"),
        Input::optional("cached_methods", METHODS, READING, "Methods whose answers are kept"),
        Input::optional("extra_headers", Type::TEXTS, Default::Texts(&[]), "More headers that reach the origin"),
        Input::optional("web_acl_id", Type::NonEmpty, Default::Null, "Firewall: the ARN of a web ACL"),
    ],
    wires: &[
        LOG_BUCKET,
        Wire::dns("zone_id", "zone_id", When::DomainIsOurs),
        Wire::dns("acm_cert_arn", "cert_arn", When::DomainIsOurs),
        Wire::dns("domain", "domain", When::DomainIsOurs),
    ],
    outputs: &[Output::exported("cloudfront_domain", "Host name of the distribution")],
    holds: Holds::Origin(&["s3", "k8s-base"]),
    check: Some(check),
    missed: &[
        ("forward_https", "every visitor is sent to HTTPS"),
        ("enable_auto_dns", "let the dns module name this module in `linked_module`"),
    ],
    ..Kind::BLANK
};

fn check(check: &mut Check<'_, '_>) {
    if check.is_empty("links") {
        for input in ["bucket_name", "origin_access_identity_path"] {
            if check.value(input) == "" {
                let help = "link a module of type s3 or k8s-base, or give bucket_name and origin_access_identity_path";
                check.error(input, "nothing says what is served", help);
                break;
            }
        }
    }
    // CloudFront takes these three sets and no others.
    let methods = |check: &Check<'_, '_>, input: &str| {
        let mut found: Vec<String> =
            check.items(input).iter().filter_map(|item| item.as_str()).map(str::to_owned).collect();
        found.sort_unstable();
        found
    };
    for (input, sets) in [("allowed_methods", &[2, 3, 7][..]), ("cached_methods", &[2, 3][..])] {
        if check.is_unknown(input) {
            continue;
        }
        let found = methods(check, input);
        let expected = &["GET", "HEAD", "OPTIONS"][..found.len().min(3)];
        if !sets.contains(&found.len()) || !expected.iter().all(|method| found.iter().any(|found| found == method)) {
            let all = if sets.contains(&7) { ", or all seven" } else { "" };
            let help = format!("use [GET, HEAD], [GET, HEAD, OPTIONS]{all}");
            check.error(input, "CloudFront does not take this set of methods", help);
        }
    }
    if !check.items("domains").is_empty() && check.value("acm_cert_arn") == "" {
        check.warn("domains", "domains are served only with a certificate", "add `acm_cert_arn`");
    }
}
