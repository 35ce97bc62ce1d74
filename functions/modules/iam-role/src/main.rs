//! The function of module `iam-role`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    landfall_engine::run::<landfall_module_iam_role::IamRole>().await
}
