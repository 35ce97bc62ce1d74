//! The conformance suite over the module's examples.

#[tokio::test(flavor = "multi_thread")]
async fn sqs_conforms() {
    landfall_testkit::conformance::run::<landfall_module_sqs::Sqs>(include_str!("../examples.json")).await;
}
