//! The function of module `s3`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    landfall_engine::run::<landfall_module_s3::S3>().await
}
