//! The conformance suite over the module's examples.

#[tokio::test(flavor = "multi_thread")]
async fn s3_conforms() {
    landfall_testkit::conformance::run::<landfall_module_s3::S3>(include_str!("../examples.json")).await;
}

#[test]
fn the_function_may_do_what_its_resources_say_they_need() {
    landfall_testkit::conformance::actions_are_allowed::<landfall_module_s3::S3>(include_str!("../policy.json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_of_the_function_gives_no_false_alarm() {
    let (examples, policy) = (include_str!("../examples.json"), include_str!("../policy.json"));
    landfall_testkit::conformance::no_false_alarms::<landfall_module_s3::S3>(examples, policy).await;
}
