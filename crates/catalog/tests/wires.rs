//! Inputs that are filled in from other modules.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Around, ENVIRONMENT, SERVICE, in_staging, layer};

fn input(text: &str, around: &Around, module: &str, input: &str) -> Value {
    layer(text, around).module(module).unwrap().inputs[input].clone()
}

#[test]
fn a_module_of_the_same_file_comes_before_the_environment() {
    let bucket = "  - {type: s3, name: uploads, bucket_name: acme-uploads}\n";
    let alone = format!("{SERVICE}{bucket}");
    assert_eq!(
        input(&alone, &in_staging(), "uploads", "s3_log_bucket_name"),
        json!("lf-staging-logging-bucket-0123456789abcdef")
    );
    let together = format!("{ENVIRONMENT}{bucket}  - type: base\n");
    assert_eq!(
        input(&together, &Around::default(), "uploads", "s3_log_bucket_name"),
        json!("${landfall:module.base.s3_log_bucket_name}")
    );
    assert_eq!(layer(&together, &Around::default()).module("uploads").unwrap().needs, ["base"]);
}

#[test]
fn what_nobody_gives_is_null() {
    let text = format!("{ENVIRONMENT}  - {{type: s3, name: uploads, bucket_name: acme-uploads}}\n");
    assert_eq!(input(&text, &Around::default(), "uploads", "s3_log_bucket_name"), Value::Null);
}

const CLUSTER: &str = "  - type: base\n  - type: k8s-cluster\n  - type: k8s-base\n  - {type: s3, name: site, bucket_name: acme-site}\n  \
                       - {type: cloudfront-distribution, name: cdn, links: [site]}\n";

#[test]
fn the_domain_goes_to_the_load_balancer_unless_another_module_is_linked() {
    let free = format!("{ENVIRONMENT}{CLUSTER}  - {{type: dns, domain: example.com}}\n");
    assert_eq!(input(&free, &Around::default(), "k8sbase", "domain"), json!("${landfall:module.dns.domain}"));
    assert_eq!(input(&free, &Around::default(), "cdn", "domain"), Value::Null);
    for linked in ["cdn", "cloudfront-distribution", "aws-cloudfront-distribution"] {
        let text = format!("{ENVIRONMENT}{CLUSTER}  - {{type: dns, domain: example.com, linked_module: {linked}}}\n");
        assert_eq!(input(&text, &Around::default(), "k8sbase", "domain"), Value::Null, "{linked}");
        assert_eq!(
            input(&text, &Around::default(), "cdn", "domain"),
            json!("${landfall:module.dns.domain}"),
            "{linked}"
        );
        assert_eq!(input(&text, &Around::default(), "cdn", "acm_cert_arn"), json!("${landfall:module.dns.cert_arn}"));
    }
}

#[test]
fn what_the_user_gives_is_left_alone() {
    let text = format!("{ENVIRONMENT}  - type: base\n  - {{type: vpn, name: vpn, vpc_id: vpc-mine}}\n");
    assert_eq!(input(&text, &Around::default(), "vpn", "vpc_id"), json!("vpc-mine"));
    assert_eq!(
        input(&text, &Around::default(), "vpn", "public_subnets_ids"),
        json!("${landfall:module.base.public_subnets_ids}")
    );
}

#[test]
fn a_default_that_a_wire_fills_is_not_pinned_to_what_it_was_filled_with() {
    let text = format!("{ENVIRONMENT}  - type: base\n  - {{type: vpn, name: vpn}}\n");
    assert_eq!(layer(&text, &Around::default()).module("vpn").unwrap().defaults["vpc_id"], Value::Null);
}
