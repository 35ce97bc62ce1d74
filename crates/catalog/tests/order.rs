//! What has to be applied before what.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Around, ENVIRONMENT, layer};

fn needs(modules: &str, module: &str) -> Vec<String> {
    layer(&format!("{ENVIRONMENT}{modules}"), &Around::default()).module(module).unwrap().needs.clone()
}

#[test]
fn the_order_of_the_file_does_not_matter() {
    let forth = "  - type: base\n  - type: k8s-cluster\n  - type: k8s-base\n";
    let back = "  - type: k8s-base\n  - type: k8s-cluster\n  - type: base\n";
    assert_eq!(needs(forth, "k8sbase"), ["base", "k8scluster"]);
    assert_eq!(needs(back, "k8sbase"), ["base", "k8scluster"]);
}

#[test]
fn databases_come_after_the_network_of_their_file() {
    for kind in ["postgres", "mysql", "redis", "documentdb"] {
        assert_eq!(needs(&format!("  - {{type: {kind}, name: db}}\n  - type: base\n"), "db"), ["base"], "{kind}");
    }
}

#[test]
fn charts_come_after_what_the_cluster_needs_when_it_is_there() {
    let with =
        "  - type: base\n  - type: k8s-cluster\n  - type: k8s-base\n  - {type: helm-chart, name: a, chart: ./a}\n";
    assert_eq!(needs(with, "a"), ["k8sbase", "k8scluster"]);
    let without = "  - type: base\n  - type: k8s-cluster\n  - {type: helm-chart, name: a, chart: ./a}\n";
    assert_eq!(needs(without, "a"), ["k8scluster"]);
}

#[test]
fn depends_on_takes_names_and_addresses() {
    let modules =
        "  - {type: sqs, name: a, depends_on: [b, module.c]}\n  - {type: sqs, name: b}\n  - {type: sqs, name: c}\n";
    assert_eq!(needs(modules, "a"), ["b", "c"]);
}
