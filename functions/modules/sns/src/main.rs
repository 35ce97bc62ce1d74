//! The function of module `sns`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    landfall_engine::run::<landfall_module_sns::Sns>().await
}
