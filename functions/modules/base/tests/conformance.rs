//! The conformance suite over the module's examples.

#[tokio::test(flavor = "multi_thread")]
async fn base_conforms() {
    landfall_testkit::conformance::run::<landfall_module_base::Base>(include_str!("../examples.json")).await;
}
