//! Names of resources are computed while a file is checked, with the limits of AWS and Kubernetes.

mod support;

use support::{Around, ENVIRONMENT, SERVICE, in_staging, rendered, rendered_with};

#[test]
fn names_that_are_exactly_as_long_as_allowed_are_accepted() {
    // lf-E-logging-bucket-hex16 has 63 characters when E has 28.
    let longest = ENVIRONMENT.replace("staging", &"e".repeat(28)) + "  - type: base\n";
    assert_eq!(rendered(&longest), "accepted\n");
    let longer = longest.replace("name: e", "name: ee");
    assert!(rendered(&longer).contains("64 characters, 63 are allowed"), "{}", rendered(&longer));
}

#[test]
fn a_cache_has_the_shortest_names() {
    // lf-L-M-xxxx has 40 characters when L and M together have 31.
    let text = |module: &str| format!("{SERVICE}  - {{type: redis, name: {module}}}\n");
    assert_eq!(rendered_with(&text(&"m".repeat(27)), &in_staging()), "accepted\n");
    insta::assert_snapshot!(rendered_with(&text(&"m".repeat(28)), &in_staging()));
}

#[test]
fn a_fifo_queue_has_five_characters_less() {
    // staging-shop-M.fifo
    let text = |fifo: bool| format!("{SERVICE}  - {{type: sqs, name: {}, fifo: {fifo}}}\n", "m".repeat(67));
    assert_eq!(rendered_with(&text(false), &in_staging()), "accepted\n");
    insta::assert_snapshot!(rendered_with(&text(true), &in_staging()));
}

#[test]
fn without_its_environment_a_name_is_refused_only_when_no_environment_could_make_it_fit() {
    let text = |length: usize| format!("{SERVICE}  - {{type: sqs, name: {}}}\n", "m".repeat(length));
    assert_eq!(rendered(&text(73)), "accepted\n");
    insta::assert_snapshot!(rendered(&text(74)));
}

#[test]
fn kubernetes_takes_lower_case_only() {
    let text = format!("{SERVICE}  - {{type: k8s-service, name: App, image: AUTO}}\n").replace("shop", "Shop-");
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn databases_are_named_in_lower_case_whatever_the_file_says() {
    let text = format!("{SERVICE}  - {{type: postgres, name: ordersDb}}\n");
    assert_eq!(rendered_with(&text, &in_staging()), "accepted\n");
    let doubled = text.replace("shop", "shop--eu");
    insta::assert_snapshot!(rendered_with(&doubled, &in_staging()));
}

#[test]
fn a_bucket_whose_name_is_known_later_is_not_judged() {
    let text = format!("{SERVICE}  - {{type: s3, bucket_name: \"{{parent.domain}}-UPLOADS\"}}\n");
    assert_eq!(rendered_with(&text, &Around::default()), "accepted\n");
}

#[test]
fn names_that_s3_keeps_for_itself_are_refused() {
    for (name, why) in [
        ("192.168.5.4", "look like an IP address"),
        ("xn--shop", "begins with `xn--`"),
        ("sthree-shop", "begins with `sthree-`"),
        ("amzn-s3-demo-shop", "begins with `amzn-s3-demo-`"),
        ("shop-s3alias", "those of access points"),
        ("shop--ol-s3", "those of Object Lambda access points"),
        ("shop.mrap", "those of Multi-Region access points"),
        ("shop--use1-az4--x-s3", "those of directory buckets"),
        ("shop--table-s3", "those of table buckets"),
    ] {
        let said = rendered_with(&format!("{SERVICE}  - {{type: s3, bucket_name: \"{name}\"}}\n"), &in_staging());
        let said = said.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(&format!("would be named `{name}`: ")) && said.contains(why), "{name}: {said}");
    }
    for name in ["192.168.5.4a", "1.2.3.4.5", "192.168.5.4000", "acme.xn--shop", "shop-mrap", "s3alias"] {
        let text = format!("{SERVICE}  - {{type: s3, bucket_name: \"{name}\"}}\n");
        assert_eq!(rendered_with(&text, &in_staging()), "accepted\n", "{name}");
    }
}

#[test]
fn two_buckets_of_one_name_are_refused_at_the_second() {
    let text = format!(
        "{SERVICE}  - {{type: s3, name: a, bucket_name: acme-x, same_region_replication: true}}
  - {{type: s3, name: b, bucket_name: acme-x}}
  - {{type: s3, name: c, bucket_name: acme-x-replica}}
  - {{type: s3, name: d, bucket_name: acme-y}}
"
    );
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn names_that_iam_does_not_tell_apart_are_refused_at_the_second() {
    let role = |name: &str| format!("  - {{type: iam-role, name: {name}, allowed_services: [events.amazonaws.com]}}\n");
    let roles = format!("{SERVICE}{}{}", role("worker"), role("Worker"));
    insta::assert_snapshot!(rendered(&roles));
    // A user and a role may have one name, but each of them makes a policy that has it too.
    let policies = format!("{SERVICE}{}  - {{type: iam-user, name: WORKER}}\n", role("worker"));
    insta::assert_snapshot!(rendered_with(&policies, &in_staging()));
    // Queues are told apart.
    let queues = format!("{SERVICE}  - {{type: sqs, name: jobs}}\n  - {{type: sqs, name: Jobs}}\n");
    assert_eq!(rendered_with(&queues, &in_staging()), "accepted\n");
}

#[test]
fn modules_of_one_name_are_reported_as_such_only() {
    let text = format!("{SERVICE}  - {{type: iam-user, name: ops}}\n  - {{type: iam-user, name: ops}}\n");
    let said = rendered_with(&text, &in_staging());
    assert!(said.contains("duplicate-module") && !said.contains("duplicate-name"), "{said}");
}
