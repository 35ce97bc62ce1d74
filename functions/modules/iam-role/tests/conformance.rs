//! The conformance suite over the module's examples.

#[tokio::test(flavor = "multi_thread")]
async fn iam_role_conforms() {
    landfall_testkit::conformance::run::<landfall_module_iam_role::IamRole>(include_str!("../examples.json")).await;
}
