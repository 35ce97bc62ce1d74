//! Calls that are not sent: of a plan whatever writes, and what would make a second thing when an answer is lost or late.

use std::time::{Duration, Instant};

use landfall_aws::{Aws, Explain, Kind, Leftover, sent_by};
use landfall_testkit::LocalAws;
use landfall_testkit::proxy::{Effect, Match, Options, Place, Proxy, Rule};

landfall_aws::client!(dynamodb: aws_sdk_dynamodb);

/// An account whose calls of an operation lose their first reply, and the proxy that loses it.
async fn losing(operation: &str) -> (Aws, Proxy) {
    behind(operation, Some(1), Effect::Drop { place: Place::After }).await
}

/// An account whose calls of an operation break in a way, so many times, and the proxy that breaks them.
async fn behind(operation: &str, times: Option<u64>, effect: Effect) -> (Aws, Proxy) {
    let local = LocalAws::shared();
    let options =
        Options { upstream: local.endpoint().to_owned(), port: 0, admin_port: 0, stack: "landfall".to_owned() };
    let proxy = Proxy::start(options).await.expect("a port is free");
    proxy.set_rules(vec![Rule {
        matches: Match { operation: Some(operation.to_owned()), ..Match::default() },
        skip: 0,
        times,
        each: false,
        probability: None,
        seed: 0,
        effect,
    }]);
    let account = local.account();
    let config = account.sdk_config().await.to_builder().endpoint_url(&proxy.endpoint).build();
    let aws = Aws::new(&config, account.target());
    aws.watch().begin(landfall_aws::Mode::WriteUntil(Instant::now() + Duration::from_secs(60)));
    (aws, proxy)
}

fn asked(proxy: &Proxy, operation: &str) -> usize {
    proxy.calls().iter().filter(|call| call.operation == operation && call.reached).count()
}

#[tokio::test]
async fn what_may_have_been_made_is_not_made_twice() {
    let (aws, proxy) = losing("CreateBackup").await;
    let lost = dynamodb(&aws).create_backup().table_name("table").backup_name("backup").send().await;
    let error = lost.explain("CreateBackup", "the table").expect_err("nothing says that it was made");
    assert_eq!((error.kind, error.leftover), (Kind::NotReady, Leftover::Unknown), "{error}");
    assert_eq!(asked(&proxy, "CreateBackup"), 1);
}

#[tokio::test]
async fn what_may_be_repeated_is_tried_again() {
    let (aws, proxy) = losing("ListTables").await;
    dynamodb(&aws).list_tables().send().await.explain("ListTables", "the account").expect("the second answer comes");
    assert_eq!(asked(&proxy, "ListTables"), 2);
}

#[tokio::test]
async fn what_only_plans_sends_no_call_that_writes() {
    let (aws, proxy) = behind("CreateBackup", None, Effect::Throttle).await;
    aws.watch().begin(landfall_aws::Mode::Read);
    dynamodb(&aws).list_tables().send().await.explain("ListTables", "the account").expect("reading is allowed");
    let refused = dynamodb(&aws).create_backup().table_name("table").backup_name("backup").send().await;
    let error = refused.explain("CreateBackup", "the table").expect_err("it writes");
    assert!(error.to_string().contains("CreateBackup"), "{error}");
    assert_eq!(proxy.calls().iter().filter(|call| call.operation == "CreateBackup").count(), 0);
}

#[tokio::test]
async fn what_was_held_up_for_too_long_is_not_sent_any_more() {
    let (aws, proxy) = behind("CreateBackup", None, Effect::Throttle).await;
    let soon = Instant::now() + Duration::from_millis(20);
    let making = async { dynamodb(&aws).create_backup().table_name("table").backup_name("backup").send().await };
    let error = sent_by(soon, making).await.explain("CreateBackup", "the table").expect_err("it is throttled");
    assert_eq!((error.kind, error.leftover, error.is_refusal()), (Kind::NotReady, Leftover::Nothing, true), "{error}");
    let asked = proxy.calls().iter().filter(|call| call.operation == "CreateBackup").count();
    assert!(asked < 2, "the SDK would have tried six times: {asked}");
    let looking = async { dynamodb(&aws).list_tables().send().await };
    sent_by(soon, looking).await.explain("ListTables", "the account").expect("who only looks is never late");
}
