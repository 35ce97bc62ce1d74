//! The conformance suite over the module's examples.

#[tokio::test(flavor = "multi_thread")]
async fn s3_conforms() {
    landfall_testkit::conformance::run::<landfall_module_s3::S3>(include_str!("../examples.json")).await;
}
