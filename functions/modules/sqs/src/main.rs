//! The function of module `sqs`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    landfall_engine::run::<landfall_module_sqs::Sqs>().await
}
