//! Links: what they grant, and every way to write one that is refused.
#![allow(clippy::unwrap_used)]

mod support;

use landfall_catalog::Link;
use serde_json::json;
use support::{SERVICE, in_staging, layer, rendered_with};

const TARGETS: &str = "  - {type: postgres, name: db}
  - {type: redis, name: cache}
  - {type: s3, name: uploads, bucket_name: acme-uploads}
  - {type: sqs, name: orders}
  - {type: sns, name: events}
  - {type: dynamodb, name: carts, hash_key: id, attributes: [{name: id, type: S}]}
";

fn app(links: &str) -> String {
    format!("{SERVICE}  - type: k8s-service\n    name: app\n    image: nginx\n    links:\n{links}{TARGETS}")
}

fn links(text: &str) -> Vec<Link> {
    layer(&app(text), &in_staging()).modules[0].links.clone()
}

#[test]
fn a_name_alone_grants_what_is_usual() {
    let found = links("      - uploads\n      - orders\n      - events\n      - carts\n      - db\n      - cache\n");
    let permissions: Vec<_> = found.iter().map(|link| link.permissions.join("+")).collect();
    assert_eq!(permissions, ["write", "publish+subscribe", "publish", "write", "", ""]);
    assert_eq!(
        json!(found[4].secrets),
        json!({"db_host": "db_db_host", "db_name": "db_db_name", "db_password": "db_db_password", "db_user": "db_db_user"})
    );
    assert_eq!(
        json!(found[5].secrets),
        json!({"cache_auth_token": "cache_cache_auth_token", "cache_host": "cache_cache_host"})
    );
}

#[test]
fn an_empty_list_and_null_mean_what_is_usual() {
    assert_eq!(links("      - uploads: []\n      - db: []\n"), links("      - uploads:\n      - db:\n"));
    assert_eq!(links("      - uploads: []\n"), links("      - uploads\n"));
}

#[test]
fn permissions_are_granted_once_and_as_asked() {
    let found = links("      - uploads: [read, read]\n      - orders: [subscribe]\n");
    assert_eq!(
        (found[0].permissions.as_slice(), found[1].permissions.as_slice()),
        (&["read".to_owned()][..], &["subscribe".to_owned()][..])
    );
}

#[test]
fn secrets_can_be_renamed() {
    let found = links("      - cache: [{cache_host: HOST, cache_auth_token: TOKEN}]\n");
    assert_eq!(json!(found[0].secrets), json!({"cache_host": "HOST", "cache_auth_token": "TOKEN"}));
}

#[test]
fn what_is_linked_to_comes_first() {
    assert_eq!(layer(&app("      - orders\n      - db\n"), &in_staging()).modules[0].needs, ["db", "orders"]);
}

#[test]
fn every_wrong_link() {
    let text = app("      - databse
      - base
      - uploads: [delete]
      - uploads: read
      - orders: publish
      - carts: everything
      - orders: [{a: b}]
      - events: [publish, subscribe]
      - db: [read]
      - db: [{db_user: U}]
      - db: [{db_user: U, db_host: H, db_name: N, db_password: 5, db_port: P}]
      - db: [read, {db_user: U}]
      - db: secrets
      - [orders]
      - {orders: [], events: []}
      - app
");
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn links_that_no_role_can_hold() {
    let text = format!(
        "{SERVICE}  - type: iam-role\n    name: worker\n    allowed_iams: [\"arn:aws:iam::123456789012:root\"]\n    links: [db, app, worker]\n  - {{type: iam-user, links: uploads}}\n  \
         - {{type: sqs, name: lone, links: [db]}}\n  - {{type: k8s-service, name: app, image: nginx}}\n{TARGETS}"
    );
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn a_distribution_has_one_link_to_something_with_content() {
    let text = format!(
        "{SERVICE}  - {{type: cloudfront-distribution, name: one, links: [orders]}}\n  - {{type: cloudfront-distribution, name: two, links: [uploads, uploads]}}\n  \
         - {{type: cloudfront-distribution, name: three, links: [{{uploads: [read]}}]}}\n{TARGETS}"
    );
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn variables_that_two_links_set() {
    let text = app(
        "      - cache: [{cache_host: HOST, cache_auth_token: TOKEN}]\n      - db: [{db_host: HOST, db_user: U, db_name: N, db_password: P}]\n",
    );
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn a_wrong_type_is_one_mistake_whatever_refers_to_the_module() {
    let text = format!(
        "{SERVICE}  - {{type: sqz, name: orders}}\n  \
         - {{type: iam-role, name: worker, allowed_iams: [\"arn:aws:iam::123456789012:root\"], links: [{{orders: [subscribe]}}], depends_on: [orders]}}\n  \
         - {{type: sns, name: events, sqs_subscribers: [\"${{{{module.orders.queue_arn}}}}\"]}}\n"
    );
    insta::assert_snapshot!(rendered_with(&text, &in_staging()));
}

#[test]
fn a_near_name_is_that_of_a_module_whatever_is_wrong_with_its_type() {
    let text = format!(
        "{SERVICE}  - {{name: orders, type: sqss}}\n  - {{name: worker, type: iam-role, allowed_iams: [], links: [order]}}\n  - {{name: other, type: sqs, depends_on: [wroker]}}\n"
    );
    let said = rendered_with(&text, &in_staging());
    assert!(
        said.contains("there is no module `order` in this file") && said.contains("did you mean `orders`?"),
        "{said}"
    );
    assert!(said.contains("did you mean `worker`?"), "{said}");
}
