//! The conformance suite over the module's examples.

#[tokio::test(flavor = "multi_thread")]
async fn sns_conforms() {
    landfall_testkit::conformance::run::<landfall_module_sns::Sns>(include_str!("../examples.json")).await;
}
